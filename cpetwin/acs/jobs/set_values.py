"""``set``: SetParameterValues (TR-069 A.3.2.1), verified by reading again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...datamodel import Condition, Value, is_secret, parse_condition, same_value
from ...queue.command import Command
from ...twin.report import CommandUpdate
from ...twin.store.base import StoredCommand
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Job, Lost
from .condition import Fresh, precondition, read_fresh
from .delivery import claim, unanswered

UNREADABLE = "unreadable"


def set_values(contact: Contact, stored: StoredCommand) -> Job:
    """Deliver, or go on verifying what an earlier session delivered."""
    command = contact.decode(stored)
    values: dict[str, str] = dict(command.args["values"])  # type: ignore[call-overload]
    if stored.state == "verifying":
        yield from verify(contact, stored, command, values)
        return
    if not (yield from precondition(contact, stored, parse_condition(command.condition))):
        return
    types: dict[str, str] = dict(command.args.get("types") or {})  # type: ignore[call-overload]
    unknown = [path for path in values if path not in types]
    if unknown:
        fresh, _ = yield from read_fresh(contact, unknown, stored.id)
        types |= {path: value.type for path, value in fresh.values.items()}
    if not (yield from claim(contact, stored)):
        return
    rows = [(path, text, types.get(path) or "string") for path, text in values.items()]
    answer = yield Call("SetParameterValues", messages.SetParameterValues(rows, contact.key(stored)))
    status = 0
    if isinstance(answer, messages.Fault):
        yield Commit(contact.report(updates=(contact.faulted(stored, answer),), cause=stored.id))
        return
    if isinstance(answer, Lost):
        if not (yield from unanswered(contact, stored, answer)):
            return
    else:
        status = answer.status
    yield from verify(contact, stored, command, values, status)


def verify(
    contact: Contact, stored: StoredCommand, command: Command, values: dict[str, str], status: int = 0
) -> Generator[Any, Any, None]:
    """Read what was set (and what ``--verify`` names) and commit the outcome with the values."""
    wanted = parse_condition(command.verify)
    fresh, read = yield from read_fresh(contact, (*values, *wanted.paths), stored.id)
    if fresh.lost:
        return
    again = sum(1 for attempt in stored.attempts if attempt.get("action") == "not applied yet")
    step = judge(contact, stored, fresh, values, wanted, deferred=status == 1 or (again == 0 and bool(status)))
    yield Commit(contact.report(values=read, updates=(step,), cause=stored.id))


def judge(
    contact: Contact,
    stored: StoredCommand,
    fresh: Fresh,
    values: dict[str, str],
    wanted: Condition,
    deferred: bool = False,
) -> CommandUpdate:
    """The outcome of a verification. ``deferred``: the device said that it applies the change later (status 1)."""
    expect = ("sent", "verifying")
    if fresh.fault is not None:
        attempt = contact.attempt("verify", fresh.fault)
        return CommandUpdate(stored.id, expect, "done", attempt, {"reason": "set, but it could not be read again"})
    wrong = [_mismatch(path, text, fresh.values.get(path)) for path, text in values.items() if not is_secret(path)]
    reasons = [reason for reason in (*wrong, fresh.failing(wanted)) if reason is not None]
    if reasons and deferred:
        return CommandUpdate(stored.id, expect, "verifying", contact.attempt("not applied yet"))
    if reasons:
        attempt = contact.attempt("verify")
        return CommandUpdate(stored.id, expect, "failed", attempt, {"reason": "; ".join(reasons)}, verified=False)
    secret = any(is_secret(path) for path in values)
    verified: bool | str = UNREADABLE if secret else True
    return CommandUpdate(stored.id, expect, "done", contact.attempt("verified"), verified=verified)


def _mismatch(path: str, text: str, value: Value | None) -> str | None:
    if value is None:
        return f"{path} was not answered"
    if same_value(value.text, text, value.type):
        return None
    return f"{path} reads {value.text!r} after it was set to {text!r}"
