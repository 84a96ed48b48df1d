"""Devices over REST: list, search, show, tag, approve, deny, forget; and the inventory."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ..access.inventory import apply, parse_inventory
from ..access.inventory_file import MAX_FILE
from ..acs.endpoint import QUIRKS
from ..acs.quirks import model_key
from ..datamodel import parse_condition
from ..errors import BadInput
from ..twin.store.base import ACTIVE_STATES, Device
from . import columns, shapes
from .operation import DEVICE, Answer, Call, Operation, Parameter, etag
from .schema import BOOLEAN, INTEGER, TEXT, array, integer, mapping, nullable, record, text

MAX_PAGE = 10_000
MAX_TAGS = 50
SEARCH_LIMIT = 50
_TECHNICAL = ("ip", "wan_ip", "mac")

DEFAULT_COLUMNS = ",".join(columns.DEFAULT)


def conditions(expression: str) -> dict[str, str]:
    """``COLUMN == VALUE`` joined by ``&&`` as columns and the texts they must have. Raises BadInput."""
    if not expression.strip():
        return {}
    found: dict[str, str] = {}
    for comparison in parse_condition(expression).comparisons:
        name = columns.stored(comparison.path, "select")
        if found.get(name, comparison.expected) != comparison.expected:
            raise BadInput(f"{comparison.path} cannot be two things at once")
        found[name] = comparison.expected
    return found


async def list_devices(call: Call) -> Any:
    wanted = [name.strip() for name in call.get("columns", DEFAULT_COLUMNS).split(",") if name.strip()]
    if "columns" not in call.parameters:
        wanted = [name for name in wanted if name not in columns.PERSONAL or call.principal.may("inventory.read")]
    where = conditions(call.get("where", ""))
    sort = call.get("sort", "id")
    descending, by = sort.startswith("-"), sort.removeprefix("-")
    columns.check_seen(call.principal, *wanted, *where, by)
    for name in wanted:
        columns.column(name)
    order = ("-" if descending else "") + columns.stored(by, "sort")
    rows, total, following = await call.services.store.devices(where, order, call.get("limit", 100), call.get("cursor"))
    return shapes.table(wanted, rows, total, following, call.now)


async def search(call: Call) -> Any:
    wanted = list(columns.DEFAULT)
    rows = await call.services.store.search(call.parameters["q"].strip(), SEARCH_LIMIT)
    if not call.principal.may("inventory.read"):
        wanted = [name for name in wanted if name not in columns.PERSONAL]
        rows = [row for row in rows if found_by_technical(row, call.parameters["q"])]
    return shapes.table(wanted, rows, len(rows), None, call.now)


def found_by_technical(device: Device, wanted: str) -> bool:
    """Whether a device was found by something technical: others must not be confirmed to who may not see them."""
    seen = (device.id, device.serial, *(device.facts.get(name, "") for name in _TECHNICAL))
    return any(wanted.strip().lower() in part.lower() for part in seen)


async def _answer(call: Call, device: Device) -> Answer:
    twin = await call.services.store.twin(device.key)
    commands = await call.services.store.commands(device.key, ACTIVE_STATES, limit=1000)
    quirks = await call.services.store.record(QUIRKS, model_key(*_model(device)))
    learnt = msgspec.json.decode(quirks) if quirks else {}
    shown = shapes.device(device, twin, commands, learnt, call.principal, call.now)
    return Answer(shown, headers={"ETag": etag(device.revision)})


def _model(device: Device) -> tuple[str, str, str]:
    return device.oui, device.product_class, device.facts.get("firmware", "")


async def show(call: Call) -> Answer:
    return await _answer(call, await call.device())


async def tag(call: Call) -> Answer:
    device = await call.device()
    call.check_revision(device.revision)
    tags: dict[str, str | None] = call.body["tags"]
    if len(device.tags | tags) > MAX_TAGS:
        raise BadInput(f"a device has at most {MAX_TAGS} tags", "remove one with NAME=")
    entry = call.entry("device.tag", device.id, tags=tags)
    return await _answer(call, await call.services.store.update_device(device.key, tags=tags, audit=entry))


async def approve(call: Call) -> Answer:
    """Also lets a device that lost its own credential come with the bootstrap credential once more."""
    device = await call.device()
    call.check_revision(device.revision)
    if await call.services.credentials.is_proven(device.identity):
        await call.services.credentials.reopen(device.identity, call.principal)
    entry = call.entry("device.approve", device.id, was=device.state)
    return await _answer(call, await call.services.store.update_device(device.key, state="active", audit=entry))


async def deny(call: Call) -> Answer:
    device = await call.device()
    call.check_revision(device.revision)
    entry = call.entry("device.deny", device.id, was=device.state)
    return await _answer(call, await call.services.store.update_device(device.key, state="denied", audit=entry))


async def forget(call: Call) -> Any:
    device = await call.device()
    call.check_revision(device.revision)
    await call.services.store.forget(device.key, call.entry("device.forget", device.id))
    await call.services.credentials.forget(device.identity, call.principal)
    return {"id": device.id, "forgotten": True}


async def import_inventory(call: Call) -> Any:
    name = call.get("name", "the inventory")
    parsed = await asyncio.to_thread(parse_inventory, call.body, name)
    services = call.services
    result = await apply(services.store, services.credentials, parsed.rows, call.principal, call.now)
    errors = sorted([*parsed.errors, *result.errors])
    return {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "errors": [{"line": error.line, "reason": error.reason} for error in errors],
        "unknown_columns": parsed.unknown_columns,
    }


_TAGS = record({"tags": mapping(nullable(text(200)), MAX_TAGS)})
_IMPORTED = record(
    {
        "created": INTEGER, "updated": INTEGER, "unchanged": INTEGER,
        "errors": array(record({"line": INTEGER, "reason": TEXT})), "unknown_columns": array(TEXT),
    }
)  # fmt: skip
_SHOWN = {200: ("the device", shapes.DEVICE)}

OPERATIONS = (
    Operation(
        "GET", "/api/v1/devices", "listDevices", "device.read", "a page of devices", list_devices,
        {200: ("columns and rows", shapes.TABLE)},
        (
            Parameter("where", "COLUMN == VALUE, joined by &&", text(4096)),
            Parameter("columns", "names of columns, separated by commas", text(2048)),
            Parameter("sort", "a column; with - before it descending", text(64)),
            Parameter("limit", "devices a page, 0 is all", integer(0, MAX_PAGE)),
            Parameter("cursor", "the field next of the page before", text(512)),
        ),
    ),
    Operation(
        "GET", "/api/v1/search", "search", "device.read", "find by phone, account, serial, MAC, IP, address, name",
        search, {200: ("what was found", shapes.TABLE)},
        (Parameter("q", "the text to look for", text(256, 1), required=True),),
    ),
    Operation("GET", "/api/v1/devices/{device}", "showDevice", "device.read", "one device", show, _SHOWN, (DEVICE,)),
    Operation(
        "PATCH", "/api/v1/devices/{device}", "tagDevice", "device.write", "set tags; null removes one", tag, _SHOWN,
        (DEVICE,), body=_TAGS, writes=True,
    ),
    Operation(
        "POST", "/api/v1/devices/{device}/approve", "approveDevice", "device.approve", "let a device in", approve,
        _SHOWN, (DEVICE,), writes=True,
    ),
    Operation(
        "POST", "/api/v1/devices/{device}/deny", "denyDevice", "device.approve", "keep a device out", deny, _SHOWN,
        (DEVICE,), writes=True,
    ),
    Operation(
        "DELETE", "/api/v1/devices/{device}", "forgetDevice", "device.forget",
        "remove a device with its twin, history and commands", forget,
        {200: ("it is gone", record({"id": TEXT, "forgotten": BOOLEAN}))}, (DEVICE,), writes=True,
    ),
    Operation(
        "POST", "/api/v1/inventory", "importInventory", "inventory.write", "import who lives where, as CSV",
        import_inventory, {200: ("what became of it, bad lines by number", _IMPORTED)},
        (Parameter("name", "name of the file, for messages", text(256)),), content="text/csv", limit=MAX_FILE,
    ),
)  # fmt: skip
