"""The composition root: the only place that builds and wires objects."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import hashlib
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from . import __version__
from .access.credentials import Credentials, preset_bootstrap
from .access.secrets import SecretBox, open_box
from .access.tokens import Tokens
from .access.users import Users
from .acs import reactor
from .acs.authentication import Authentication
from .acs.digest import Nonces
from .acs.endpoint import QUIRKS, Endpoint
from .acs.http import HttpLimits, Listener, listen
from .acs.quirks import QuirkBook
from .acs.wake import Waker
from .acs.waking import Waking
from .api.app import build_app
from .api.services import Services
from .clock import Clock, ManualClock, SystemClock
from .config import Settings
from .errors import CpetwinError
from .queue import Queue
from .twin.store.sqlite import SqliteStore

log = logging.getLogger("cpetwin")

SERVER_FILE = "server.json"
TOKEN_FILE = "cli.token"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
NONCE_LIFETIME_MS = 5 * 60 * 1000
SESSION_GRACE_S = 4.0
"""Seconds that sessions under way get to end when the server stops, and below the readers of REST and the
connections that are left; together less than the ten seconds that a stop may take."""
_READER_GRACE_S = 1.0
_CONNECTION_GRACE_S = 1.5
_EXPIRE_EVERY_S = 2.0


class Ports:
    """The addresses in use, once the listeners are open."""

    def __init__(self, settings: Settings) -> None:
        self._host = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
        if settings.listen in ("0.0.0.0", "::"):
            self._host = "127.0.0.1"
        self.cwmp: Listener | None = None
        self.http = 0

    def addresses(self) -> dict[str, str]:
        found = {}
        if self.cwmp is not None:
            found["cwmp"] = f"http://{self._host}:{self.cwmp.port}/"
        if self.http:
            found["api"] = f"http://{self._host}:{self.http}"
        return found


async def serve(settings: Settings) -> None:
    """Run until cancelled. Prints ``ready {json}`` when every listener is up."""
    async with AsyncExitStack() as stack:
        clock: Clock = ManualClock(SystemClock().now()) if settings.clock == "manual" else SystemClock()
        with _opening(f"the data folder {settings.data}", "name a folder that can be written with --data"):
            store = SqliteStore(settings.data)
        stack.push_async_callback(store.close)
        box = open_box(settings.data)
        credentials = Credentials(store, box, clock)
        bootstrap = await credentials.prepare(preset_bootstrap(settings.cpe_user, settings.cpe_password))
        tokens = Tokens(store, clock)
        users = Users(store, clock, tokens)
        one_time = await users.prepare(settings.data / TOKEN_FILE)
        queue = Queue(store, clock, box)
        counters: Counter[str] = Counter()
        ports = Ports(settings)
        endpoint = await _acs(stack, settings, store, queue, credentials, clock, box, counters, ports)
        registry = CollectorRegistry()
        registry.register(_Metrics(endpoint, counters, store))  # type: ignore[arg-type]
        services = Services(
            store=store, queue=queue, users=users, tokens=tokens, credentials=credentials, clock=clock,
            settings=settings, addresses=ports.addresses,
            readiness=lambda: {"store": True, "cwmp": ports.cwmp is not None, "api": bool(ports.http)},
            metrics=registry,
        )  # fmt: skip
        ports.http = await _http(stack, settings, services)
        await stack.enter_async_context(_expiring(queue))
        ready = {
            "pid": os.getpid(),
            "version": __version__,
            **ports.addresses(),
            "usp_ws": None,
            "files": None,
            "mqtt": settings.mqtt or None,
            "token_file": str((settings.data / TOKEN_FILE).absolute()),
            "usp_endpoint_id": settings.usp_endpoint_id,
            "usp_topic": settings.usp_topic,
        }
        _write_private(
            settings.data / SERVER_FILE, {**ready, "cpe_user": bootstrap.username, "cpe_password": bootstrap.password}
        )
        stack.callback((settings.data / SERVER_FILE).unlink, missing_ok=True)
        if one_time is not None:
            print(f"login: admin / {one_time}   (one-time password, shown only now)", flush=True)
        print(f"ready {json.dumps(ready)}", flush=True)
        await asyncio.Event().wait()


async def _acs(
    stack: AsyncExitStack,
    settings: Settings,
    store: SqliteStore,
    queue: Queue,
    credentials: Credentials,
    clock: Clock,
    box: SecretBox,
    counters: Counter[str],
    ports: Ports,
) -> Endpoint:
    """The CWMP endpoint with its wake-ups."""
    authentication = Authentication(
        credentials, Nonces(os.urandom(32), NONCE_LIFETIME_MS), clock, settings.basic_over_http
    )
    tag = hashlib.sha256(store.id.encode()).hexdigest()[:6]
    endpoint = Endpoint(
        store, queue, credentials, authentication, clock, settings.cpe_auth, settings.reenrol, tag,  # type: ignore[arg-type]
        QuirkBook(await store.records(QUIRKS)), counters,
    )  # fmt: skip
    waker = Waker()
    waking = Waking(store, credentials, waker, clock, counters)
    endpoint.wake, endpoint.wake_again = waking, waking.again
    stack.push_async_callback(waker.close)
    stack.push_async_callback(waking.close)
    with _opening(f"{settings.listen} port {settings.cwmp_port} for CWMP", "give another with --cwmp-port, 0 is any"):
        ports.cwmp = await listen(
            settings.listen, settings.cwmp_port, endpoint, HttpLimits(), counters, overloaded=endpoint.overloaded
        )
    await waking.resume()
    stack.push_async_callback(ports.cwmp.close, _CONNECTION_GRACE_S)
    stack.push_async_callback(endpoint.close, SESSION_GRACE_S)
    stack.push_async_callback(ports.cwmp.stop_accepting)
    return endpoint


async def _http(stack: AsyncExitStack, settings: Settings, services: Services) -> int:
    """REST and the page; returns the port."""
    runner = web.AppRunner(build_app(services), access_log=None, shutdown_timeout=_READER_GRACE_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.listen, settings.http_port)
    with _opening(f"{settings.listen} port {settings.http_port} for REST", "give another with --http-port, 0 is any"):
        await site.start()
    port: int = runner.addresses[0][1]
    return port


@contextmanager
def _opening(what: str, hint: str) -> Iterator[None]:
    """What the system refuses is said in a sentence."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CpetwinError(f"cannot open {what}: {reason}", hint) from error


@asynccontextmanager
async def _expiring(queue: Queue) -> AsyncIterator[None]:
    """Expire commands on time, as long as the server runs."""

    async def work() -> None:
        while True:
            for command in await queue.expire():
                log.info("expired command=%s", command.id)
            await asyncio.sleep(_EXPIRE_EVERY_S)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class _Metrics:
    """Counters of the wire and gauges of the process, as Prometheus reads them."""

    def __init__(self, endpoint: Endpoint, counters: Counter[str], store: SqliteStore) -> None:
        self._endpoint = endpoint
        self._counters = counters
        self._store = store

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily("cpetwin_cwmp", "What happened at the CWMP endpoint", labels=["what"])
        for name, number in sorted(self._counters.items()):
            counted.add_metric([name], number)
        yield counted
        yield GaugeMetricFamily("cpetwin_cwmp_sessions", "CWMP sessions in memory", len(self._endpoint.sessions))
        times = os.times()
        yield CounterMetricFamily("cpetwin_cpu_seconds", "CPU time of the server", times.user + times.system)
        writes, groups = self._store.write_counts()
        yield CounterMetricFamily("cpetwin_store_writes", "Writes to the store", writes)
        yield CounterMetricFamily("cpetwin_store_commits", "Transactions they were grouped into", groups)


def _write_private(file: Path, content: dict[str, Any]) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = file.with_name(file.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump(content, opened)
        opened.write("\n")
    os.replace(temporary, file)


def _tune_memory() -> None:
    """A server allocates much and keeps little: collect rarely, and do not return memory only to ask for it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(parameter, 64 << 20)


def main(settings: Settings) -> int:
    """Run the server until SIGTERM or SIGINT; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _tune_memory()
    reactor.run(serve(settings))
    return 0
