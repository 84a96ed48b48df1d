"""The one loop: Twisted's reactor on asyncio on uvloop, beside aiohttp and everything else.

Only this module installs a reactor, and nothing of cpetwin imports ``twisted.internet.reactor`` while it is being
imported itself (a test keeps it so): whoever imports it first would otherwise install Twisted's default one.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop
from twisted.internet import asyncioreactor

T = TypeVar("T")

_REACTOR = "twisted.internet.reactor"


def install() -> asyncio.AbstractEventLoop:
    """Make the process's loop and put Twisted on it; called again, it returns the same loop.

    Raises RuntimeError when another reactor is installed already.
    """
    present: Any = sys.modules.get(_REACTOR)
    if present is None:
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
        return loop
    if not isinstance(present, asyncioreactor.AsyncioSelectorReactor):
        raise RuntimeError(f"{type(present).__name__} was installed before cpetwin.acs.reactor.install()")
    loop = present._asyncioEventloop
    return loop


def run(main: Coroutine[Any, Any, T]) -> T | None:
    """Run ``main`` with asyncio and Twisted until it returns; SIGTERM or SIGINT cancels it.

    Returns what ``main`` returned, None when a signal ended it; raises what it raised. Once per process: a Twisted
    reactor does not start twice. Whatever ``main`` left behind is closed: reactor, tasks, generators, threads, loop.
    """
    loop = install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    signalled = False
    task: asyncio.Task[T] | None = None

    def stop(*_: object) -> None:
        nonlocal signalled
        signalled = True
        if task is not None:
            task.cancel()

    def start() -> None:
        nonlocal task
        task = loop.create_task(main)
        task.add_done_callback(lambda _: reactor.stop())

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    reactor.callWhenRunning(start)
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        _clear(loop)
    assert task is not None
    if task.cancelled() and signalled:
        return None
    return task.result()


def _clear(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
