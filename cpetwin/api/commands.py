"""Commands over REST: queue, list, show (also waiting for the end), cancel, retry."""

from __future__ import annotations

from typing import Any

from ..clock import SECOND, from_iso
from ..errors import BadInput
from ..queue import KINDS, TRANSITIONS, Command
from ..twin.store.base import Device, StoredCommand
from . import shapes
from .operation import DEVICE, Answer, Call, Operation, Parameter
from .schema import ANY, BOOLEAN, INSTANT, TEXT, integer, mapping, one_of, record, text

LONGEST_WAIT = 60
"""Seconds one request may wait; a client that wants to wait longer asks again."""

MAX_EXPIRY = 10 * 366 * 86_400
MAX_LIST = 1000

NEEDED = {"reboot": "command.reboot", "factory-reset": "command.reset"}
"""kind -> permission, where it is not that of the operation."""


def submitted(call: Call, stored: StoredCommand, device: Device) -> Answer:
    """The answer to a command that was accepted: 202, and where to look."""
    body = shapes.command(stored, device, call.now)
    return Answer(body, 202, {"Location": f"/api/v1/commands/{stored.id}"})


async def queue(call: Call) -> Answer:
    wish: dict[str, Any] = call.body
    kind = wish["kind"]
    if kind in NEEDED:
        call.principal.require(NEEDED[kind])
    device = await call.device()
    call.check_revision(device.revision)
    key = wish.get("key") or call.request.headers.get("Idempotency-Key")
    stored = await call.services.queue.submit(
        device,
        Command(
            kind=kind,
            args=wish.get("args", {}),
            when=wish.get("when", "now"),
            condition=wish.get("if", ""),
            verify=wish.get("verify", ""),
            reason=wish.get("reason", ""),
        ),
        actor=call.principal.user,
        expires_in=wish["expires_in"] * SECOND if "expires_in" in wish else None,
        key=key,
        not_before=_instant(wish.get("not_before")),
    )
    return submitted(call, stored, device)


def _instant(given: str | None) -> int:
    try:
        return from_iso(given) if given else 0
    except ValueError:
        raise BadInput(f"not_before: {given!r} is no instant", "ISO 8601 with offset or Z") from None


async def list_commands(call: Call) -> Any:
    device = await call.services.store.resolve(call.parameters["device"]) if call.get("device") else None
    actor = call.principal.user if call.get("mine", False) else call.get("actor")
    state = call.get("state")
    found = await call.services.queue.list(
        device.key if device else None,
        (state,) if state else None,
        actor,
        _instant(call.get("since")),
        call.get("limit", 100),
    )
    rows: dict[int, Device] = {}
    for stored in found:
        if stored.device not in rows:
            rows[stored.device] = await call.services.store.device(stored.device)
    return [shapes.command(stored, rows[stored.device], call.now) for stored in found]


async def _shown(call: Call, stored: StoredCommand) -> Any:
    return shapes.command(stored, await call.services.store.device(stored.device), call.now)


async def show(call: Call) -> Any:
    id = call.parameters["command"]
    seconds = call.get("wait", 0)
    queue = call.services.queue
    return await _shown(call, await (queue.wait(id, seconds) if seconds else queue.show(id)))


async def _own(call: Call) -> str:
    """The command's id, if it is one's own or one may manage those of others."""
    id: str = call.parameters["command"]
    stored = await call.services.queue.show(id)
    if stored.actor != call.principal.user:
        call.principal.require("command.manage")
    if stored.kind in NEEDED:
        call.principal.require(NEEDED[stored.kind])
    return id


async def cancel(call: Call) -> Any:
    return await _shown(call, await call.services.queue.cancel(await _own(call), call.principal.user))


async def retry(call: Call) -> Any:
    return await _shown(call, await call.services.queue.retry(await _own(call), call.principal.user))


_COMMAND = Parameter("command", "id of a command", text(64), place="path", required=True)
_WISH = record(
    {"kind": one_of(*KINDS)},
    {
        "args": mapping(ANY), "when": text(64), "not_before": INSTANT, "expires_in": integer(1, MAX_EXPIRY),
        "if": text(4096), "verify": text(4096), "key": text(128, 1), "reason": text(1000),
    },
)  # fmt: skip

OPERATIONS = (
    Operation(
        "POST", "/api/v1/devices/{device}/commands", "queueCommand", "command.queue",
        "queue a command; the same key (or header Idempotency-Key) gives the command that was queued first", queue,
        {202: ("durably queued", shapes.COMMAND)}, (DEVICE,), body=_WISH, writes=True,
    ),
    Operation(
        "GET", "/api/v1/commands", "listCommands", "command.read", "queued and past commands", list_commands,
        {200: ("oldest first of one device, newest first of all", shapes.COMMANDS)},
        (
            Parameter("device", "only those of this device", TEXT),
            Parameter("state", "only those in this state", one_of(*TRANSITIONS)),
            Parameter("actor", "only those that this user queued", text(64)),
            Parameter("mine", "only those that I queued", BOOLEAN),
            Parameter("since", "queued since this instant", INSTANT),
            Parameter("limit", "at most so many", integer(1, MAX_LIST)),
        ),
        errors=(404, 409),
    ),
    Operation(
        "GET", "/api/v1/commands/{command}", "showCommand", "command.read", "one command", show,
        {200: ("the command", shapes.COMMAND)},
        (_COMMAND, Parameter("wait", "answer when it is finished, or after so many seconds", integer(0, LONGEST_WAIT))),
        errors=(404,),
    ),
    Operation(
        "POST", "/api/v1/commands/{command}/cancel", "cancelCommand", "command.queue", "take it back before delivery",
        cancel, {200: ("the command", shapes.COMMAND)}, (_COMMAND,), errors=(404, 409),
    ),
    Operation(
        "POST", "/api/v1/commands/{command}/retry", "retryCommand", "command.queue", "queue it again", retry,
        {200: ("the command", shapes.COMMAND)}, (_COMMAND,), errors=(404, 409),
    ),
)  # fmt: skip
