"""Reading names and values in pieces that the device bears.

Values are asked for by partial path where the device allows it, in batches that grow while they are
answered and are halved or bisected when they are not (9004, 9005, no answer). What was learnt is
kept per model.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from ...twin.report import Names, Observations
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Learn, Lost

MAX_CALLS = 2000
"""RPCs of one reading at most; a device that faults on everything must not hold a session for ever."""
MAX_NAMES = 60_000


class Batch(NamedTuple):
    """``paths`` to ask for and the parameters ``expected`` in the answer."""

    paths: tuple[str, ...]
    expected: tuple[str, ...]


class Reading(NamedTuple):
    """What was read. ``unreadable`` exist by name, but the device faults on them alone."""

    values: Observations
    unreadable: tuple[str, ...]


Answers = Generator[Any, Any, Reading]


def units(prefix: str, leaves: Sequence[str], limit: int) -> Iterator[Batch]:
    """Cut sorted parameters below ``prefix`` into the largest subtrees of at most ``limit``."""
    if prefix and len(leaves) <= limit:
        yield Batch((prefix,), tuple(leaves))
        return
    start = len(prefix)

    def child(path: str) -> str:
        head, dot, _ = path[start:].partition(".")
        return head + dot

    for name, members in groupby(leaves, child):
        if name.endswith("."):
            yield from units(prefix + name, list(members), limit)
        else:
            yield from (Batch((path,), (path,)) for path in members)


class Listing(NamedTuple):
    """The leaves among names that were answered, and how they were cut last."""

    paths: Sequence[str]
    leaves: tuple[str, ...]
    cuts: dict[tuple[str, int, bool], tuple[Batch, ...]]


_LISTINGS: OrderedDict[int, Listing] = OrderedDict()
_MAX_LISTINGS = 128


def listing(paths: Sequence[str]) -> Listing:
    """The leaves of a names answer; the same answer (the codec gives the same object) is worked out once."""
    known = _LISTINGS.get(id(paths))
    if known is not None and known.paths is paths:
        return known
    made = _LISTINGS[id(paths)] = Listing(paths, tuple(sorted(p for p in paths if not p.endswith("."))), {})
    if len(_LISTINGS) > _MAX_LISTINGS:
        _LISTINGS.popitem(last=False)
    return made


def batches(prefix: str, leaves: Iterable[str], limit: int, partial: bool) -> Iterator[Batch]:
    """Requests for ``leaves``, each for at most ``limit`` values."""
    ordered = sorted(leaves)
    pieces = units(prefix, ordered, limit) if partial else (Batch((path,), (path,)) for path in ordered)
    paths: list[str] = []
    expected: list[str] = []
    for piece in pieces:
        if paths and len(expected) + len(piece.expected) > limit:
            yield Batch(tuple(paths), tuple(expected))
            paths, expected = [], []
        paths += piece.paths
        expected += piece.expected
    if paths:
        yield Batch(tuple(paths), tuple(expected))


def read_values(
    contact: Contact, prefix: str, leaves: Sequence[str], into: Observations, listed: Listing | None = None
) -> Answers:
    """Read parameters that are known by name; values are appended to ``into`` (lists) as they come.

    ``listed``: the listing that ``leaves`` are of, so that its cut can be used again.
    """
    unreadable: list[str] = []
    waiting = deque(_first_cut(contact, prefix, leaves, listed))
    calls = 0
    while waiting and calls < MAX_CALLS:
        batch = waiting.popleft()
        calls += 1
        answer = yield Call("GetParameterValues", messages.GetParameterValues(batch.paths))
        if isinstance(answer, messages.GetParameterValuesResponse):
            missing = _take(answer.parameters, batch, into)
            if not missing:
                grown = contact.quirks.worked(len(batch.expected))
                if grown != contact.quirks:
                    contact.quirks = grown
                    waiting = deque(_cut(contact, prefix, [path for b in waiting for path in b.expected]))
            elif any(path.endswith(".") for path in batch.paths):
                if len(missing) == len(batch.expected):
                    contact.quirks = msgspec.structs.replace(contact.quirks, partial_paths=False)
                waiting.extendleft(batches("", missing, contact.quirks.batch, False))
            else:
                unreadable += missing
        else:
            waiting.extendleft(reversed(_smaller(contact, batch, answer)))
            if len(batch.expected) <= 1 and not any(path.endswith(".") for path in batch.paths):
                unreadable += batch.expected
    unreadable += [path for batch in waiting for path in batch.expected]
    yield Learn(contact.quirks)
    return Reading(into, tuple(unreadable))


def _first_cut(contact: Contact, prefix: str, leaves: Sequence[str], listed: Listing | None) -> Iterable[Batch]:
    if listed is None:
        return _cut(contact, prefix, leaves)
    key = (prefix, contact.quirks.batch, contact.quirks.partial_paths)
    cut = listed.cuts.get(key)
    if cut is None:
        cut = listed.cuts[key] = tuple(_cut(contact, prefix, leaves))
    return cut


def _cut(contact: Contact, prefix: str, leaves: Sequence[str]) -> Iterator[Batch]:
    return batches(prefix, leaves, contact.quirks.batch, contact.quirks.partial_paths)


def _take(read: Observations, batch: Batch, into: Observations) -> list[str]:
    """Append what was read; returns what was expected and did not come."""
    got = set(read.names)
    if len(read.names) == len(batch.expected) == len(got) and got.issuperset(batch.expected):
        into.names.extend(read.names), into.texts.extend(read.texts), into.types.extend(read.types)  # type: ignore[attr-defined]
        return []
    wanted = set(batch.expected)
    prefixes = tuple(path for path in batch.paths if path.endswith("."))
    for name, text, type_ in zip(*read, strict=True):
        if not name.endswith(".") and type_ != "object" and (name in wanted or name.startswith(prefixes)):
            into.names.append(name), into.texts.append(text), into.types.append(type_)  # type: ignore[attr-defined]
    return [path for path in batch.expected if path not in got]


def _smaller(contact: Contact, batch: Batch, answer: object) -> list[Batch]:
    """What to ask instead of a batch that was refused or not answered; empty when it cannot be cut."""
    size = len(batch.expected)
    too_much = isinstance(answer, Lost) or (isinstance(answer, messages.Fault) and answer.code != 9005)
    if too_much and size > 1:
        contact.quirks = contact.quirks.failed(size)
        return list(batches("", batch.expected, contact.quirks.batch, False))
    if len(batch.paths) > 1:
        middle = len(batch.paths) // 2
        return [_part(batch, batch.paths[:middle]), _part(batch, batch.paths[middle:])]
    if batch.paths[0].endswith("."):
        return list(batches("", batch.expected, max(1, (size + 1) // 2), False))
    return []


def _part(batch: Batch, paths: tuple[str, ...]) -> Batch:
    objects = tuple(path for path in paths if path.endswith("."))
    names = set(paths)
    return Batch(paths, tuple(p for p in batch.expected if p in names or (objects and p.startswith(objects))))


def read_names(contact: Contact, under: str) -> Generator[Any, Any, Names | messages.Fault | Lost]:
    """All names below an object in one call, or level by level where the device cannot. The first
    refusal of ``under`` itself is returned as it is."""
    if contact.quirks.whole_names:
        answer = yield Call("GetParameterNames", messages.GetParameterNames(under, False))
        if isinstance(answer, messages.GetParameterNamesResponse):
            return Names(under, answer.paths, answer.writable)
        if isinstance(answer, messages.Fault) and answer.code == 9005:
            return answer
        contact.quirks = msgspec.structs.replace(contact.quirks, whole_names=False)
        yield Learn(contact.quirks)
    paths: dict[str, bool] = {}
    waiting = deque([under])
    calls = 0
    while waiting and calls < MAX_CALLS and len(paths) < MAX_NAMES:
        path = waiting.popleft()
        calls += 1
        answer = yield Call("GetParameterNames", messages.GetParameterNames(path, True))
        if isinstance(answer, messages.GetParameterNamesResponse):
            for name, writable in zip(answer.paths, answer.writable, strict=True):
                if name.endswith(".") and name not in paths and name != path and name.startswith(path):
                    waiting.append(name)
                paths.setdefault(name, writable)
        elif path == under:
            return answer if isinstance(answer, messages.Fault) else Lost(None)
    return Names(under, list(paths), list(paths.values()))
