"""``get`` and ``refresh``: read parameters and subtrees into the twin (TR-069 A.3.2.2, A.3.2.3)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...datamodel import MASK, is_secret, parse_condition
from ...twin.report import CommandUpdate, Names, Observations
from ...twin.store.base import StoredCommand
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Job, Lost, SessionLost
from .condition import precondition
from .delivery import claim
from .reading import listing, read_names, read_values

MAX_SHOWN = 500
"""Values kept with the command; the twin has them all."""


def get_values(contact: Contact, stored: StoredCommand) -> Job:
    """The values go into the twin and, masked, into the result."""
    command = contact.decode(stored)
    if not (yield from precondition(contact, stored, parse_condition(command.condition))):
        return
    if not (yield from claim(contact, stored)):
        return
    paths = tuple(str(p) for p in command.args["paths"])  # type: ignore[attr-defined]
    answer = yield Call("GetParameterValues", messages.GetParameterValues(paths))
    if isinstance(answer, messages.Fault):
        yield Commit(contact.report(updates=(contact.faulted(stored, answer),), cause=stored.id))
    elif isinstance(answer, Lost):
        yield Commit(contact.report(updates=(_again(contact, stored),), cause=stored.id))
    else:
        read = answer.parameters
        shown = {n: MASK if is_secret(n) else t for n, t in zip(read.names[:MAX_SHOWN], read.texts, strict=False)}
        result: dict[str, object] = {"values": shown, "count": len(read.names)}
        subtrees = tuple(path for path in paths if path.endswith("."))
        step = CommandUpdate(stored.id, ("sent",), "done", contact.attempt("answered"), result)
        yield Commit(contact.report(values=read, complete=subtrees, updates=(step,), cause=stored.id))


def refresh(contact: Contact, stored: StoredCommand) -> Job:
    """Read whole subtrees with their structure; everything when no path is given."""
    command = contact.decode(stored)
    if not (yield from claim(contact, stored)):
        return
    paths = [str(p) for p in command.args["paths"]] or [contact.root]  # type: ignore[attr-defined]
    count = 0
    for path in paths:
        if path.endswith("."):
            read = yield from read_subtree(contact, path, stored.id)
            if isinstance(read, messages.Fault):
                yield Commit(contact.report(updates=(contact.faulted(stored, read),), cause=stored.id))
                return
            count += read
        else:
            values = Observations([], [], [])
            yield from read_values(contact, "", [path], values)
            yield Commit(contact.report(values=values, cause=stored.id))
            count += len(values.names)
    step = CommandUpdate(stored.id, ("sent",), "done", contact.attempt("answered"), {"count": count})
    yield Commit(contact.report(updates=(step,), cause=stored.id))


def read_subtree(
    contact: Contact, path: str, cause: str, sweep_due: int | None = None
) -> Generator[Any, Any, int | messages.Fault]:
    """Names, then values below ``path``, committed in one Report; what was read stays when the session breaks.

    ``sweep_due`` is set (and the root counts as discovered) only when everything was asked for.

    Returns the number of values, or the fault with which the device refused the path.
    """
    found = yield from read_names(contact, path)
    if isinstance(found, messages.Fault):
        return found
    if isinstance(found, Lost):
        return 0
    names = Names(path, found.paths, found.writable)
    listed = listing(found.paths)
    values = Observations([], [], [])
    try:
        yield from read_values(contact, path, listed.leaves, values, listed)
    except SessionLost:
        yield Commit(contact.report(names=names, values=values, cause=cause))
        raise
    whole = path == contact.root
    yield Commit(contact.report(names=names, values=values, cause=cause, sweep_due=sweep_due, discovered=whole))
    return len(values.names)


def _again(contact: Contact, stored: StoredCommand) -> CommandUpdate:
    deliveries = sum(1 for attempt in stored.attempts if attempt.get("action") == "sent")
    state = "queued" if deliveries < 2 else "failed"
    return CommandUpdate(stored.id, ("sent",), state, contact.attempt("no answer"))
