"""Twins over REST: values with their age, tree, export, history, refresh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..clock import from_iso
from ..datamodel import root_of
from ..errors import BadInput, NotFound
from ..queue import Command
from ..twin.store.base import Device, TwinView
from ..twin.store.base import Parameter as Value
from . import shapes
from .commands import submitted
from .operation import DEVICE, Answer, Call, Operation, Parameter, etag
from .schema import BOOLEAN, INSTANT, array, integer, record, text

MAX_PATHS = 500
MAX_HISTORY = 10_000
_SEARCH = re.compile(r"[\w\-.{}]*\*[\w\-.*]*\Z")
_PATH = text(256, 1)


def check_native(device: Device, path: str) -> None:
    """A Device:2 path of a device with another root needs the view, which this version does not have."""
    own = device.facts.get("root")
    if own and root_of(path) == "Device." and own != "Device.":
        raise BadInput(
            f"{device.id} keeps its parameters below {own}; the Device:2 view of such devices is not there yet",
            f"use its own paths: cpetwin twin tree {device.id}",
        )


def matching(twin: TwinView, path: str) -> list[Value] | None:
    """The parameters that a path stands for: one, all below an object, or all that fit its ``*``; None for none."""
    if "*" in path:
        if not _SEARCH.match(path):
            raise BadInput(f"{path!r} is no search path", "write * for an instance number: Device.WiFi.SSID.*.SSID")
        pattern = re.compile(re.escape(path).replace(r"\*", r"\d+") + (".*" if path.endswith(".") else "") + r"\Z")
        start = path.partition("*")[0]
        return [found for found in twin.parameters(start) if pattern.match(found.path)] or None
    if path.endswith("."):
        return twin.parameters(path) or None
    found = twin.get(path)
    return None if found is None else [found]


async def values(call: Call) -> Answer:
    device = await call.device()
    twin = await call.services.store.twin(device.key)
    lines: list[Any] = []
    for path in call.parameters["path"]:
        known = matching(twin, path)
        if known is None:
            lines.append(shapes.unknown_value(path, "unsupported" if twin.first_seen else "never-read"))
        else:
            lines += [shapes.value(parameter, call.now) for parameter in known]
    return Answer(lines, headers={"ETag": etag(twin.revision)})


async def export(call: Call) -> Answer:
    secrets = call.get("secrets", False)
    device = await call.device()
    if not call.get("native", False):
        check_native(device, "Device.")
    twin = await call.services.store.twin(device.key)
    if secrets:
        call.principal.require("secrets")
        await call.services.store.add_audit(
            call.entry("twin.secrets", device.id, read=True, under=call.get("under", ""))
        )
    body = shapes.export(device, twin, call.get("under", ""), secrets, call.now)
    return Answer(body, headers={"ETag": etag(twin.revision)})


async def tree(call: Call) -> Answer:
    device = await call.device()
    under = call.get("under", "")
    if under and not under.endswith("."):
        under += "."
    twin = await call.services.store.twin(device.key)
    nodes = list(_nodes(twin, under, call.get("depth", 0)))
    if under and not nodes:
        check_native(device, under)
        raise NotFound(f"{device.id} has nothing below {under}", f"cpetwin twin tree {device.id}")
    return Answer(nodes, headers={"ETag": etag(twin.revision)})


def _nodes(twin: TwinView, under: str, depth: int) -> Iterator[Any]:
    """Objects and parameters below a path, each object before what is in it. ``depth`` 0 is all of them."""
    writable = twin.objects(under)
    below: dict[str, int] = {}
    lines: list[tuple[str, Any]] = []
    limit = under.count(".") + depth if depth else 1 << 30
    for parameter in twin.parameters(under):
        segments = parameter.path.split(".")
        for end in range(under.count(".") + 1, len(segments)):
            path = ".".join(segments[:end]) + "."
            if path not in below and end <= limit:
                lines.append((path, None))
            below[path] = below.get(path, 0) + 1
        if len(segments) <= limit:
            lines.append((parameter.path, parameter))
    shown = {path for path, _ in lines}
    empty = [path for path in writable if path not in shown and path != under and path.count(".") <= limit]
    for path, leaf in [*lines, *((path, None) for path in empty)]:
        if leaf is None:
            yield {"path": path, "kind": "object", "writable": writable.get(path, False), "below": below.get(path, 0)}
        else:
            yield {"path": path, "kind": "parameter", "writable": leaf.writable, "type": leaf.type}


async def history(call: Call) -> Any:
    device = await call.device()
    since = instant_of(call.get("since", ""))
    changes = await call.services.store.history(device.key, call.get("path"), since)
    return [shapes.change(line) for line in changes[-call.get("limit", MAX_HISTORY) :]]


def instant_of(text_: str) -> int:
    """A parameter of type INSTANT; empty is 0. Raises BadInput."""
    try:
        return from_iso(text_) if text_ else 0
    except ValueError:
        raise BadInput(f"{text_[:64]!r} is no instant", "ISO 8601 with offset or Z: 2026-01-31T18:00:00Z") from None


async def refresh(call: Call) -> Answer:
    device = await call.device()
    wish = Command(kind="refresh", args={"paths": call.body.get("paths", [])}, reason=call.body.get("reason", ""))
    stored = await call.services.queue.submit(device, wish, actor=call.principal.user)
    return submitted(call, stored, device)


_UNDER = Parameter("under", "only what is below this object", text(256))

OPERATIONS = (
    Operation(
        "GET", "/api/v1/devices/{device}/twin", "exportTwin", "twin.read", "all parameters with values and ages",
        export,
        {200: ("the twin", shapes.EXPORT)},
        (
            DEVICE,
            _UNDER,
            Parameter("native", "the device's own paths, all of them", BOOLEAN),
            Parameter("secrets", "secrets in clear; needs the permission secrets and is audited", BOOLEAN),
        ),
    ),
    Operation(
        "GET", "/api/v1/devices/{device}/twin/values", "getValues", "twin.read", "values of some paths", values,
        {200: ("one line a parameter", shapes.VALUES)},
        (DEVICE, Parameter("path", "a parameter, an object, or * for instances", _PATH, required=True, many=True)),
    ),
    Operation(
        "GET", "/api/v1/devices/{device}/twin/tree", "showTree", "twin.read", "which objects and parameters there are",
        tree, {200: ("objects and parameters in order", shapes.NODES)},
        (DEVICE, _UNDER, Parameter("depth", "levels below, 0 is all", integer(0, 32))),
    ),
    Operation(
        "GET", "/api/v1/devices/{device}/twin/history", "showHistory", "twin.read", "what changed when, and why",
        history, {200: ("changes in order of time", shapes.CHANGES)},
        (
            DEVICE,
            Parameter("path", "a parameter, or an object for all below it", text(256)),
            Parameter("since", "from this instant on", INSTANT),
            Parameter("limit", "the newest ones only", integer(1, MAX_HISTORY)),
        ),
    ),
    Operation(
        "POST", "/api/v1/devices/{device}/twin/refresh", "refreshTwin", "command.queue", "read subtrees anew", refresh,
        {202: ("durably queued", shapes.COMMAND)}, (DEVICE,),
        body=record({}, {"paths": array(text(256), MAX_PATHS), "reason": text(1000)}),
    ),
)  # fmt: skip
