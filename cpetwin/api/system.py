"""The server itself over REST: health, status, metrics, store, enrolment, audit and the log of events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import generate_latest

from .. import __version__
from ..clock import SECOND, ManualClock
from ..datamodel import parse_condition
from ..errors import BadInput, NotFound, Unauthenticated, Unavailable
from ..twin.event import Event
from . import shapes
from .columns import instant
from .operation import PUBLIC, Answer, Call, Operation, Parameter
from .schema import ANY, BOOLEAN, INSTANT, INTEGER, NUMBER, TEXT, Schema, integer, mapping, nullable, record, text
from .shapes import component
from .twins import instant_of

MAX_AUDIT = 10_000
MAX_EVENTS = 1000
MAX_ADVANCE_S = 10 * 365 * 86400
MAX_STREAMS = 100
STREAM_EVERY_S = 0.5
"""How often a stream looks for new events."""
HEARTBEAT_S = 15.0
_FILTERS: dict[str, Callable[[Event], str]] = {"id": lambda event: event.device, "kind": lambda event: event.kind}


async def health(call: Call) -> Any:
    return {"status": "ok"}


async def ready(call: Call) -> Answer:
    parts = call.services.readiness()
    up = all(parts.values())
    return Answer({"ready": up, "parts": parts}, 200 if up else 503)


async def metrics(call: Call) -> web.Response:
    return web.Response(
        body=generate_latest(call.services.metrics), headers={"Content-Type": "text/plain; version=0.0.4"}
    )


async def status(call: Call) -> Any:
    services = call.services
    settings = services.settings
    stats = await services.store.stats()
    addresses = services.addresses()
    parts = services.readiness()
    return {
        "pid": os.getpid(),
        "version": __version__,
        **{name: addresses.get(name) for name in ("api", "cwmp", "usp_ws", "files", "mqtt")},
        "usp_endpoint_id": settings.usp_endpoint_id,
        "usp_topic": settings.usp_topic,
        "cpe_auth": settings.cpe_auth,
        "clock": settings.clock,
        "now": instant(call.now),
        "ready": all(parts.values()),
        "parts": parts,
        "store": {"kind": settings.store, **stats},
        "devices": stats["devices"],
        "contacts": await services.store.count_contacts(call.now),
        "queue": stats["queue"],
    }


async def store_stats(call: Call) -> Any:
    return await call.services.store.stats()


async def advance_clock(call: Call) -> Any:
    """Move the domain clock; only a server started with ``--clock manual`` has one that moves."""
    clock = call.services.clock
    if not isinstance(clock, ManualClock):
        raise NotFound("the clock of this server cannot be moved", "start it with --clock manual")
    seconds: float = call.body["seconds"]
    before = clock.now()
    await call.services.store.add_audit(call.entry("clock.advance", "clock", seconds=seconds))
    clock.advance(round(seconds * SECOND))
    return {"before": instant(before), "now": instant(clock.now())}


async def enrol(call: Call) -> Any:
    login = call.services.credentials.bootstrap
    await call.services.store.add_audit(call.entry("enrol.show", login.username, read=True))
    settings = call.services.settings
    url = settings.public_url or call.services.addresses().get("cwmp")
    return {"url": url, "username": login.username, "password": login.password}


async def show_audit(call: Call) -> Any:
    since, reads = instant_of(call.get("since", "")), call.get("reads", False)
    found = await call.services.store.audit(since, call.get("subject"), reads, call.get("limit", 1000))
    return [shapes.audit(line) for line in found]


async def verify_audit(call: Call) -> Any:
    entries, broken = await call.services.store.verify_audit()
    return {"ok": broken is None, "entries": entries, "broken": broken}


async def events(call: Call) -> Any:
    """Server-sent events; a page as JSON for who accepts nothing else."""
    cursor = call.request.headers.get("Last-Event-ID") or call.get("from")
    keep = _filter(call.get("where", ""))
    if call.request.headers.get("Accept", "").startswith("application/json"):
        found, following = await call.services.store.events(cursor, call.get("limit", MAX_EVENTS))
        return {"events": [shapes.event(event) for event in found if keep(event)], "next": following}
    return await _stream(call, cursor, keep)


def _filter(where: str) -> Callable[[Event], bool]:
    if not where.strip():
        return lambda event: True
    wanted = parse_condition(where).comparisons
    for comparison in wanted:
        if comparison.path not in _FILTERS:
            raise BadInput(f"events have no {comparison.path!r}", "they can be chosen by: " + ", ".join(_FILTERS))
    return lambda event: all(_FILTERS[c.path](event) == c.expected for c in wanted)


class Streams(set[asyncio.Task[Any]]):
    """Streams that are open; they end when the server stops."""


STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)


async def _stream(call: Call, cursor: str | None, keep: Callable[[Event], bool]) -> web.StreamResponse:
    streams = call.request.app[STREAMS]
    if len(streams) >= MAX_STREAMS:
        raise Unavailable("too many streams are open", "try again later, or read pages with Accept: application/json")
    store = call.services.store
    found, following = await store.events(cursor, MAX_EVENTS)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(call.request)
    task = asyncio.current_task()
    assert task is not None
    streams.add(task)
    quiet = 0.0
    try:
        while True:
            lines = b"".join(_event_lines(event) for event in found if keep(event))
            if found:
                # The cursor stands behind the batch: who is cut off within it gets the batch again, never too little.
                lines += b"id: " + following.encode() + b"\nevent: cursor\ndata: {}\n\n"
            elif quiet >= HEARTBEAT_S:
                lines, quiet = b": still here\n\n", 0.0
            if lines:
                await response.write(lines)
            if len(found) < MAX_EVENTS:
                await asyncio.sleep(STREAM_EVERY_S)
                quiet = 0.0 if lines else quiet + STREAM_EVERY_S
            await call.services.tokens.authenticate(bearer(call.request))
            found, following = await store.events(following, MAX_EVENTS)
    except (ConnectionResetError, Unauthenticated):
        # The reader went away, or the token was revoked or expired: the stream ends here.
        return response
    finally:
        streams.discard(task)


def _event_lines(event: Event) -> bytes:
    kind = "".join(c for c in event.kind if c.isprintable())
    return f"event: {kind}\n".encode() + b"data: " + msgspec.json.encode(shapes.event(event)) + b"\n\n"


def bearer(request: web.Request) -> str:
    """The bearer token of a request, empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


_STATS: Schema = component(
    "StoreStats",
    {
        "type": "object",
        "properties": {
            "devices": INTEGER, "bytes": INTEGER, "bytes_per_device": nullable(NUMBER), "shapes": INTEGER,
            "history_bytes": INTEGER, "queue": INTEGER, "with_full_tree": INTEGER,
        },
        "required": ["devices", "bytes", "bytes_per_device", "shapes", "history_bytes", "queue", "with_full_tree"],
    },
)  # fmt: skip
_STATUS = component(
    "Status",
    record(
        {
            "pid": INTEGER, "version": TEXT, "api": nullable(TEXT), "cwmp": nullable(TEXT), "usp_ws": nullable(TEXT),
            "files": nullable(TEXT), "mqtt": nullable(TEXT), "usp_endpoint_id": TEXT, "usp_topic": TEXT,
            "cpe_auth": TEXT, "clock": TEXT, "now": INSTANT, "ready": BOOLEAN, "parts": mapping(BOOLEAN),
            "store": mapping(ANY), "devices": INTEGER, "contacts": mapping(INTEGER), "queue": INTEGER,
        }
    ),
)  # fmt: skip
_READY = record({"ready": BOOLEAN, "parts": mapping(BOOLEAN)})

OPERATIONS = (
    Operation(
        "GET", "/healthz", "health", PUBLIC, "the process answers", health, {200: ("it does", record({"status": TEXT}))}
    ),
    Operation(
        "GET", "/readyz", "ready", PUBLIC, "store recovered and every listener up", ready,
        {200: ("ready", _READY), 503: ("not ready", _READY)},
    ),
    Operation(
        "GET", "/metrics", "metrics", PUBLIC, "figures for Prometheus", metrics, {200: ("text", TEXT)},
        stream="text/plain",
    ),
    Operation(
        "GET", "/api/v1/status", "status", "status.read", "addresses, store and counts", status,
        {200: ("the status", _STATUS)},
    ),
    Operation(
        "GET", "/api/v1/store", "storeStats", "store.read", "figures of the store", store_stats,
        {200: ("the figures", _STATS)},
    ),
    Operation(
        "POST", "/api/v1/clock/advance", "advanceClock", "clock.admin", "move the domain clock (--clock manual only)",
        advance_clock, {200: ("the times", record({"before": INSTANT, "now": INSTANT}))},
        body=record({"seconds": {"type": "number", "minimum": 0, "maximum": MAX_ADVANCE_S}}), errors=(404,),
    ),
    Operation(
        "GET", "/api/v1/enrol", "showEnrol", "enrol.read", "what to enter in a new gateway; audited", enrol,
        {200: ("URL and bootstrap credential", record({"url": nullable(TEXT), "username": TEXT, "password": TEXT}))},
    ),
    Operation(
        "GET", "/api/v1/audit", "showAudit", "audit.read", "who did what", show_audit,
        {200: ("oldest first", shapes.AUDIT)},
        (
            Parameter("subject", "only what was done to this device, user or command", text(256)),
            Parameter("since", "from this instant on", INSTANT),
            Parameter("reads", "reads of secrets and personal data too", BOOLEAN),
            Parameter("limit", "the newest ones only", integer(1, MAX_AUDIT)),
        ),
    ),
    Operation(
        "GET", "/api/v1/audit/verify", "verifyAudit", "audit.read", "recompute the chain of the audit record",
        verify_audit,
        {200: ("whether it is whole", record({"ok": BOOLEAN, "entries": INTEGER, "broken": nullable(TEXT)}))},
    ),
    Operation(
        "GET", "/api/v1/events", "events", "event.read",
        "the log of events: server-sent events, or one page with Accept: application/json", events,
        {200: ("events in order of each device", shapes.EVENTS)},
        (
            Parameter("from", "cursor: the field next, or an id of the stream (header Last-Event-ID too)", text(512)),
            Parameter("where", 'id == "..." && kind == "..."', text(1024)),
            Parameter("limit", "of one page", integer(1, MAX_EVENTS)),
        ),
        stream="text/event-stream",
    ),
)  # fmt: skip
