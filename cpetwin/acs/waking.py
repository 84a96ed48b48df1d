"""From a queued command to a Connection Request: who is woken, with what, and what is said when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from ..access.credentials import Credentials
from ..clock import Clock
from ..errors import CpetwinError
from ..queue import Command
from ..queue.codec import masked_command
from ..twin.report import CommandUpdate
from ..twin.store.base import Store
from .wake import Waker

log = logging.getLogger("cpetwin.acs.wake")

BUSY_S = (1.0, 4.0, 15.0)
"""Seconds after which a device that was busy is asked again: its session may have ended without taking the command."""
MAX_AGAIN = 3
"""A device that falls silent in its session is woken again at most so often, until something new is queued for it."""
MAX_WAITING = 10_000
"""Devices whose wake-up may be under way at one time; further ones wait for their next contact."""


class Waking:
    """Wakes the device of a command with ``--when now``; without success the command stays for the next contact."""

    def __init__(
        self, store: Store, credentials: Credentials, waker: Waker, clock: Clock, counters: Counter[str]
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._waker = waker
        self._clock = clock
        self._counters = counters
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: Counter[int] = Counter()

    def __call__(self, device: int, command: Command) -> None:
        """Start a wake-up in the background."""
        if command.when == "now":
            self._again.pop(device, None)
            self._start(self._wake(device))

    def again(self, device: int) -> None:
        """The device fell silent in a session: wake it for what is still queued and was to happen now."""
        if self._again[device] < MAX_AGAIN:
            if len(self._again) > MAX_WAITING:
                self._again.clear()
            self._again[device] += 1
            self._start(self._wake_for_rest(device))

    async def resume(self) -> None:
        """After a start: wake the devices whose commands should have happened now when the server went away."""
        waiting = await self._store.commands(states=("queued", "sent"), limit=MAX_WAITING)
        for device in {command.device for command in waiting}:
            self._start(self._wake_for_rest(device))

    async def _wake_for_rest(self, key: int) -> None:
        now = self._clock.now()
        queued = await self._store.commands(key, ("queued", "sent"))
        if any(masked_command(command.body).when == "now" and command.not_before <= now for command in queued):
            await self._wake(key)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MAX_WAITING:
            work.close()
            self._counters["wake.too-many"] += 1
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a wake-up failed", exc_info=task.exception())

    async def _wake(self, key: int) -> None:
        device = await self._store.device(key)
        url = device.facts.get("connection_request_url", "")
        if not url or not device.last_contact:
            await self._tell(key, "the device has not told a ConnectionRequestURL yet")
            return
        login = await self._credentials.connection_request_credentials(device.identity)
        user, password = (login.username, login.password) if login is not None else ("", "")
        result = await self._waker.wake(key, url, user, password, device.facts.get("ip", ""))
        for pause in BUSY_S:
            if result.reason != "busy":
                break
            await asyncio.sleep(pause)
            if not await self._store.commands(key, ("queued",), limit=1):
                return
            result = await self._waker.wake(key, url, user, password, device.facts.get("ip", ""))
        self._counters["wake.ok" if result.ok else "wake.failed"] += 1
        if not result.ok:
            log.info("not woken device=%s reason=%s", device.id, result.reason)
            await self._tell(key, result.reason)

    async def _tell(self, key: int, reason: str) -> None:
        """Write the reason to the commands that wait for the device."""
        now = self._clock.now()
        attempt: dict[str, object] = {"at": now, "action": "wake", "fault": reason}
        for command in await self._store.commands(key, ("queued",)):
            if any(a.get("action") == "wake" and a.get("fault") == reason for a in command.attempts):
                continue
            try:
                await self._store.update_command(CommandUpdate(command.id, ("queued",), "queued", attempt), now)
            except CpetwinError as error:
                log.info("command=%s went on meanwhile: %s", command.id, error.message)

    async def close(self) -> None:
        """Give up the wake-ups under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
