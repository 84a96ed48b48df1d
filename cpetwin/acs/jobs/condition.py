"""Preconditions and verification: conditions evaluated on values read just now."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, NamedTuple

from ...datamodel import Condition, Value
from ...twin.report import Observations
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Lost


class Fresh(NamedTuple):
    """Values read just now; ``fault`` is the device's when it refused, ``lost`` when it did not answer."""

    values: dict[str, Value]
    fault: messages.Fault | None = None
    lost: bool = False

    def failing(self, condition: Condition) -> str | None:
        """A sentence about the first comparison that does not hold, None when the condition does."""
        comparison = condition.failing(self.values.get)
        if comparison is None:
            return None
        value = self.values.get(comparison.path)
        found = f"is {value.text!r}" if value is not None else "could not be read"
        return f"{comparison.path} {found}, not {comparison.expected!r}"


def read_fresh(contact: Contact, paths: Iterable[str], cause: str) -> Generator[Any, Any, tuple[Fresh, Observations]]:
    """Ask the device for a few parameters by full name."""
    answer = yield Call("GetParameterValues", messages.GetParameterValues(tuple(dict.fromkeys(paths))))
    if isinstance(answer, messages.GetParameterValuesResponse):
        read = answer.parameters
        values = {n: Value(t, y) for n, t, y in zip(*read, strict=True)}
        return Fresh(values), read
    nothing = Observations((), (), ())
    if isinstance(answer, messages.Fault):
        return Fresh({}, fault=answer), nothing
    assert isinstance(answer, Lost)
    return Fresh({}, lost=True), nothing


def precondition(contact: Contact, command: Any, condition: Condition) -> Generator[Any, Any, bool]:
    """Whether the command may go out now. When not, its outcome is committed."""
    if not condition.comparisons:
        return True
    fresh, read = yield from read_fresh(contact, condition.paths, command.id)
    if fresh.lost:
        return False
    if fresh.fault is not None:
        step = contact.faulted(command, fresh.fault, {"reason": "the precondition could not be read"})
        yield Commit(contact.report(updates=(step,), cause=command.id))
        return False
    reason = fresh.failing(condition)
    if reason is None:
        yield Commit(contact.report(values=read, cause=command.id))
        return True
    step = contact.failed(command, f"precondition not met: {reason}")
    yield Commit(contact.report(values=read, updates=(step,), cause=command.id))
    return False
