"""``add`` and ``delete``: rows of tables (TR-069 A.3.2.6, A.3.2.7), verified by listing the table again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from ...datamodel import parse_condition
from ...twin.report import CommandUpdate, Names, Observations
from ...twin.store.base import StoredCommand
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Job, LoadTwin, Lost
from ..evidence import VALUES_SUFFIX
from .condition import Fresh, precondition, read_fresh
from .delivery import claim, unanswered
from .reading import read_names, read_values
from .set_values import judge


def add_row(contact: Contact, stored: StoredCommand) -> Job:
    """AddObject, then SetParameterValues on the new row, then read it back. Which row it is is kept with the command
    as soon as the device has told it: nothing else could tell after a crash."""
    command = contact.decode(stored)
    table = str(command.args["table"])
    given: dict[str, str] = dict(command.args.get("values") or {})  # type: ignore[call-overload]
    filled = False
    row = _kept_row(stored)
    if stored.state == "verifying":
        row = row or (yield from _new_row(contact, stored, table))
        filled = contact.parameter_key == contact.key(stored) + VALUES_SUFFIX
        if row is None:
            return
    else:
        if not (yield from precondition(contact, stored, parse_condition(command.condition))):
            return
        if not (yield from claim(contact, stored)):
            return
        answer = yield Call("AddObject", messages.ObjectCall(table, contact.key(stored)))
        if isinstance(answer, messages.Fault):
            yield Commit(contact.report(updates=(contact.faulted(stored, answer),), cause=stored.id))
            return
        if isinstance(answer, Lost):
            if not (yield from unanswered(contact, stored, answer)):
                return
            row = yield from _new_row(contact, stored, table)
            if row is None:
                return
        else:
            row = f"{table}{answer.instance_number}."
        stored = yield from _keep_row(contact, stored, row)
    values = {row + name: text for name, text in given.items()}
    if values and not filled and not (yield from _fill(contact, stored, row, values)):
        return
    yield from _verify_row(contact, stored, command.verify, row, values)


def _kept_row(stored: StoredCommand) -> str | None:
    path = stored.result.get("path") if isinstance(stored.result, dict) else None
    return str(path) if path else None


def _keep_row(contact: Contact, stored: StoredCommand, row: str) -> Generator[Any, Any, StoredCommand]:
    result: dict[str, object] = {"path": row, "instance": int(row.split(".")[-2])}
    step = CommandUpdate(stored.id, ("sent", "verifying"), "verifying", contact.attempt("added"), result)
    yield Commit(contact.report(updates=(step,), cause=stored.id))
    return msgspec.structs.replace(stored, state="verifying", result=result)


def _fill(contact: Contact, stored: StoredCommand, row: str, values: dict[str, str]) -> Generator[Any, Any, bool]:
    fresh, _ = yield from read_fresh(contact, values, stored.id)
    rows = [(path, text, fresh.values[path].type if path in fresh.values else "") for path, text in values.items()]
    key = contact.key(stored) + VALUES_SUFFIX
    answer = yield Call("SetParameterValues", messages.SetParameterValues(rows, key))
    if isinstance(answer, messages.Fault):
        removed = yield Call("DeleteObject", messages.ObjectCall(row, key))
        left = {} if isinstance(removed, messages.StatusResponse) else {"row_left": row}
        step = contact.faulted(stored, answer, {"reason": "the new row could not be filled", **left})
        yield Commit(contact.report(updates=(step,), cause=stored.id))
        return False
    return not isinstance(answer, Lost) or answer.parameter_key == key


def _verify_row(
    contact: Contact, stored: StoredCommand, verify: str, row: str, values: dict[str, str]
) -> Generator[Any, Any, None]:
    names = yield from read_names(contact, row)
    read = Observations([], [], [])
    found: Names | None = None
    if isinstance(names, Names):
        found = Names(row, list(names.paths), list(names.writable))
        yield from read_values(contact, row, [p for p in names.paths if not p.endswith(".")], read)
    wanted = parse_condition(verify)
    fresh, more = Fresh({}), Observations((), (), ())
    if values or verify:
        fresh, more = yield from read_fresh(contact, (*values, *wanted.paths), stored.id)
    if fresh.lost:
        return
    judged = judge(contact, stored, fresh, values, wanted)
    result = {"path": row, "instance": int(row.split(".")[-2]), **_as_dict(judged.result)}
    verified = judged.verified if found is not None else False
    step = CommandUpdate(stored.id, judged.expect, judged.state, judged.attempt, result, verified)
    both = Observations(*([*one, *other] for one, other in zip(read, more, strict=True)))
    yield Commit(contact.report(names=found, values=both, updates=(step,), cause=stored.id))


def _as_dict(result: object) -> dict[str, object]:
    return dict(result) if isinstance(result, dict) else {}


def _rows(contact: Contact, table: str) -> Generator[Any, Any, dict[str, bool] | None]:
    """The rows that the device has now, None when it does not tell."""
    answer = yield Call("GetParameterNames", messages.GetParameterNames(table, True))
    if not isinstance(answer, messages.GetParameterNamesResponse):
        return None
    listed = zip(answer.paths, answer.writable, strict=True)
    return {p: w for p, w in listed if p.startswith(table) and p[len(table) : -1].isdecimal()}


def _new_row(contact: Contact, stored: StoredCommand, table: str) -> Generator[Any, Any, str | None]:
    """The row that an AddObject made whose answer was lost: the only one there that the twin does not know.

    Somebody else may have added rows since the twin was read; then nobody can tell, and nobody guesses.
    """
    now = yield from _rows(contact, table)
    if now is None:
        return None
    twin = yield LoadTwin()
    known = twin.objects(table)
    fresh = [path for path in now if path not in known]
    if len(fresh) == 1:
        return fresh[0]
    step = CommandUpdate(
        stored.id, ("sent", "verifying"), "unknown", contact.attempt("executed"),
        {"reason": f"the device added a row to {table}, but it cannot be told which"},
    )  # fmt: skip
    yield Commit(contact.report(updates=(step,), cause=stored.id))
    return None


def delete_row(contact: Contact, stored: StoredCommand) -> Job:
    """DeleteObject, then make sure that the row is gone."""
    command = contact.decode(stored)
    path = str(command.args["path"])
    table = path[: path[:-1].rindex(".") + 1]
    if stored.state != "verifying":
        if not (yield from precondition(contact, stored, parse_condition(command.condition))):
            return
        if not (yield from claim(contact, stored)):
            return
        answer = yield Call("DeleteObject", messages.ObjectCall(path, contact.key(stored)))
        if isinstance(answer, messages.Fault):
            yield Commit(contact.report(updates=(contact.faulted(stored, answer),), cause=stored.id))
            return
        if isinstance(answer, Lost) and not (yield from unanswered(contact, stored, answer)):
            return
    rows = yield from _rows(contact, table)
    verified = None if rows is None else path not in rows
    state = "failed" if verified is False else "done"
    gone = (path,) if verified is not False else ()
    step = CommandUpdate(stored.id, ("sent", "verifying"), state, contact.attempt("verify"), verified=verified)
    yield Commit(contact.report(gone=gone, updates=(step,), cause=stored.id))
