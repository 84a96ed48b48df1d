"""New documents: the first full read, sweeps of the structure, and folding what gathered beside the document.

Three ways lead to the same result, from the quickest: the structure stays (``_in_place``), the Report
lists the whole tree (``_snapshot``, whose cut is remembered for devices that are alike), or anything (``_mixed``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter, ne
from typing import NamedTuple

from ..datamodel import is_volatile
from .document import Document
from .layout import Layout, plan
from .merge import MAX_NAME
from .report import Names, Observations, Report
from .store.base import Change
from .twin import Twin

MAX_PARAMETERS = 50_000
"""Parameters and objects of one device at most (a hostile device must not grow a twin without bound)."""
SLIM_CHARACTERS = 2 << 20
"""Characters that ``slim`` leaves of a document that is too large (4 bytes each at most)."""
_PLAN_LIMIT = 256
_MET_LIMIT = 100_000
_PLAN_PARAMETERS = 8192
"""Larger trees are cut anew each time, so that what is remembered stays small."""

_MANY = 64
"""Changed values, or ages of groups, that fill an overlay."""

_NOTHING = Observations((), (), ())


class Rewrite(NamedTuple):
    """A new document and the history that the fold released. ``dropped`` counts what was over a limit."""

    document: Document
    history: list[Change]
    dropped: int


def rewrite(twin: Twin, report: Report | None, first: bool = False) -> Rewrite:
    """Fold overlay and last Inform into the document and apply what a structural Report says.

    ``names`` replaces what exists below its path, a ``complete`` subtree loses parameters that were
    not read, unless ``names`` or the last Inform just named them; ``gone`` objects vanish; values are
    taken over. History gets every change with its old value, but no first reports when it is the
    ``first`` listing of the tree.
    """
    if report is None or report.names is None:
        made = _in_place(twin, report)
        if made is not None:
            return made
    elif not report.gone and _lists_everything(twin, report.names):
        key = _key(twin, report, report.names)
        cut = _PLANS.get(key)
        made = _relisted(twin, report, report.names, first) if cut is None else None
        made = made or _snapshot(twin, report, cut or _snapshot_plan(key), first)
        if made is not None:
            return made
    return _mixed(twin, report, first)


def moves_much(twin: Twin, read: Observations) -> bool:
    """Whether these values would fill the overlay, with what changed or with ages, so that it is folded at once."""
    layout, values = twin.document.layout, twin.document.values
    if len(layout.groups) > _MANY and len(read.names) > layout.size // 2:
        return True
    now = list(map(dict(zip(layout.paths, values, strict=True)).get, read.names))
    return list(map(ne, now, read.texts)).count(True) > _MANY


def slim(document: Document) -> Rewrite:
    """The document without its largest values, for one that would be too large to be written."""
    values = list(document.values)
    left = sum(len(text) for text in values if text)
    dropped = 0
    for position in sorted(range(len(values)), key=lambda p: -len(values[p] or "")):
        if left <= SLIM_CHARACTERS:
            break
        left -= len(values[position] or "")
        values[position] = None
        dropped += 1
    return Rewrite(document._replace(values=values), [], dropped)


# -- the structure stays


def _in_place(twin: Twin, report: Report | None) -> Rewrite | None:
    """The document with new values, None when something comes, goes or changes its type."""
    document = twin.document
    layout = document.layout
    index, attributes = layout.index, layout.attributes
    values, seen = _flat(twin)
    if values is None:
        return None
    changes: list[Change] = []
    if report is not None:
        if report.gone:
            return None
        names, texts, types = report.values or _NOTHING
        positions = list(map(index.get, names))
        if report.complete:
            read, known_by_inform = set(names), set(twin.inform.names)
            below = (path for path in layout.paths if path.startswith(report.complete))
            if any(path not in read and path not in known_by_inform for path in below):
                return None
        before = list(values)
        if not _put(positions, texts, types, attributes, report.at, values, seen):
            return None
        changes = _differences(layout, before, values, report)
    history = twin.recent_changes() + changes
    times, exceptions = settle(layout, values, seen, twin)
    return Rewrite(Document(layout, times, values, exceptions), history, 0)


def _put(
    positions: Sequence[int | None],
    texts: Sequence[str],
    types: Sequence[str],
    attributes: Sequence[tuple[str, bool]],
    at: int,
    values: list[str | None],
    seen: list[int],
) -> bool:
    """Write values that were read over flat ones; False when the document lacks one of them, or has another type."""
    for position, text, type_ in zip(positions, texts, types, strict=True):
        if position is None or (type_ != attributes[position][0] and type_):
            return False
        values[position] = text
        seen[position] = at
    return True


def _flat(twin: Twin) -> tuple[list[str | None] | None, list[int]]:
    """Values and times of the document with overlay and last Inform written over them; no values when those
    hold parameters, or types, that the document does not have."""
    document = twin.document
    index, attributes = document.layout.index, document.layout.attributes
    values = list(document.values)
    seen = document.seen(twin.overlay.ages)
    for path, (text, at, type_) in twin.changed.items():
        position = index.get(path)
        if position is None or type_ not in ("", attributes[position][0]):
            return None, seen
        values[position] = text
        seen[position] = at
    inform = twin.inform
    for path, type_, text in zip(inform.names, inform.types, inform.texts, strict=True):
        position = index.get(path)
        if position is None or type_ not in ("", attributes[position][0]):
            return None, seen
        values[position] = text
        seen[position] = max(seen[position], inform.at)
    return values, seen


def _differences(
    layout: Layout, before: Sequence[str | None], after: Sequence[str | None], report: Report
) -> list[Change]:
    if before == after:
        return []
    paths = layout.paths
    return [
        Change(report.at, paths[position], before[position], after[position], report.cause)
        for position in compress(range(len(paths)), map(ne, before, after))
        if not is_volatile(paths[position])
    ]


def settle(
    layout: Layout, values: Sequence[str | None], seen: Sequence[int], twin: Twin | None = None
) -> tuple[list[int], dict[int, int]]:
    """Flat times -> the commonest time of each group and the exceptions.

    Parameters of the last Inform that are younger than their group need no exception: they are as old as the Inform.
    """
    times: list[int] = []
    exceptions: dict[int, int] = {}
    informed: set[int] = set()
    if twin is not None:
        index = layout.index
        informed = {index[name] for name in twin.inform.names if name in index}
    for first, end in layout.bounds:
        part = seen[first:end]
        if part.count(part[0]) == len(part) if end > first else True:
            times.append(part[0] if part else 0)
            continue
        counted = Counter(seen[p] for p in range(first, end) if values[p] is not None and p not in informed) or Counter(
            seen[p] for p in range(first, end) if values[p] is not None
        )
        time = counted.most_common(1)[0][0] if counted else 0
        times.append(time)
        for position in range(first, end):
            own = seen[position]
            if own != time and values[position] is not None and not (position in informed and own > time):
                exceptions[position] = own
    return times, exceptions


# -- the Report lists the whole tree


def _relisted(twin: Twin, report: Report, names: Names, first: bool) -> Rewrite | None:
    """The document of a tree whose listing and types are those that are stored; None when anything differs."""
    layout = twin.document.layout
    if first or not layout.groups or len(names.paths) != layout.size + len(layout.objects):
        return None
    listed = dict(zip(names.paths, names.writable, strict=True))
    if list(map(listed.get, layout.paths)) != [writable for _, writable in layout.attributes]:
        return None
    if list(map(listed.get, layout.objects)) != list(layout.objects.values()):
        return None
    values, seen = _flat(twin)
    if values is None:
        return None
    read = report.values or _NOTHING
    types = [type_ for type_, _ in layout.attributes]
    if len(read.names) == layout.size:
        texts = dict(zip(read.names, read.texts, strict=True))
        after: list[str | None] = list(map(texts.get, layout.paths))
        if None in after or list(map(dict(zip(read.names, read.types, strict=True)).get, layout.paths)) != types:
            return None
        times: list[int] = [report.at] * len(layout.groups)
        exceptions: dict[int, int] = {}
    else:
        after = list(values)
        positions = list(map(layout.index.get, read.names))
        if not _put(positions, read.texts, read.types, layout.attributes, report.at, after, seen):
            return None
        times, exceptions = settle(layout, after, seen, twin)
    history = twin.recent_changes() + _differences(layout, values, after, report)
    return Rewrite(Document(layout, times, after, exceptions), history, 0)


class _SnapshotPlan(NamedTuple):
    """How to make flat values from those read. ``order`` points behind the end where a parameter was not
    read; ``unread`` has the flat position and path of those. ``unlisted``: the Inform had parameters that the
    listing has not. ``dropped``: parameters over a limit."""

    layout: Layout
    order: tuple[int, ...]
    unread: tuple[tuple[int, str], ...]
    unlisted: bool
    dropped: int

    def arrange(self, texts: Sequence[str]) -> list[str | None]:
        given = (*texts, None)
        if len(self.order) > 1:
            return list(itemgetter(*self.order)(given))
        return [given[position] for position in self.order]


_Key = tuple[tuple[str, ...], tuple[bool, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
_PLANS: dict[_Key, _SnapshotPlan] = {}
_MET: set[int] = set()
"""Hashes of listings that came once; the second time their cut is worth remembering."""


def _lists_everything(twin: Twin, names: Names) -> bool:
    """Whether nothing of the twin lies outside what was listed."""
    under = names.under
    if not under:
        return True
    if under.find(".") != len(under) - 1 or not twin.document.layout.roots <= {under}:
        return False
    return all(path.startswith(under) for path in (*twin.changed, *twin.inform.names))


def _key(twin: Twin, report: Report, names: Names) -> _Key:
    """All that the cut of a listing depends on."""
    read = report.values or _NOTHING
    return (
        tuple(names.paths), tuple(names.writable), tuple(read.names), tuple(read.types),
        twin.inform.names, twin.inform.types,
    )  # fmt: skip


def _snapshot(twin: Twin, report: Report, cut: _SnapshotPlan, first: bool) -> Rewrite | None:
    """The document of a tree that was listed whole; None when a known type or writability must be carried over."""
    read = report.values or _NOTHING
    if "" in read.types:
        return None
    if cut.unlisted and twin.document.layout.groups:
        return None
    layout = cut.layout
    values = cut.arrange(read.texts)
    times: list[int] = [report.at] * len(layout.groups)
    exceptions: dict[int, int] = {}
    carried = [(position, known) for position, path in cut.unread if (known := twin.get(path)) is not None]
    if any(known.type not in ("", layout.attributes[position][0]) for position, known in carried):
        return None
    if carried:
        seen = [report.at] * layout.size
        for position, known in carried:
            values[position], seen[position] = known.text, known.observed_at
        times, exceptions = settle(layout, values, seen, twin)
    history = twin.recent_changes()
    if first:
        before: dict[str, str | None] = dict(twin.values())
        after = {path: values[p] for path in before if (p := layout.index.get(path)) is not None}
        history += _changes(before, after, report, False)
    elif twin.document.layout.groups == layout.groups and (old := _flat(twin)[0]) is not None:
        history += _differences(layout, old, values, report)
    else:
        history += _changes(_texts(twin), dict(zip(layout.paths, values, strict=True)), report, True)
    return Rewrite(Document(layout, times, values, exceptions), history, cut.dropped)


def _snapshot_plan(key: _Key) -> _SnapshotPlan:
    """Cut a listing. Devices of one model and state ask for the same; what came twice is remembered."""
    cut = _cut_snapshot(key)
    if cut.layout.size <= _PLAN_PARAMETERS:
        if hash(key) in _MET:
            if len(_PLANS) >= _PLAN_LIMIT:
                _PLANS.clear()
            _PLANS[key] = cut
        else:
            if len(_MET) >= _MET_LIMIT:
                _MET.clear()
            _MET.add(hash(key))
    return cut


def _cut_snapshot(key: _Key) -> _SnapshotPlan:
    paths, writable, read_names, read_types, inform_names, inform_types = key
    listed = dict(zip(paths, writable, strict=True))
    kept = [path for path in listed if path[-1:] != "."]
    objects = [path for path in listed if path[-1:] == "."] if len(kept) != len(listed) else []
    if not listed.keys() >= {*read_names, *inform_names}:
        kept = list(dict.fromkeys((*inform_names, *kept, *read_names)))
    elif len(kept) > MAX_PARAMETERS:
        kept = list(dict.fromkeys((*inform_names, *kept)))
    dropped = 0
    if (
        len(listed) > MAX_PARAMETERS
        or len(kept) > MAX_PARAMETERS
        or max(map(len, (*kept, *objects)), default=0) > MAX_NAME
    ):
        dropped = len(kept) + len(objects)
        kept = [path for path in kept if len(path) <= MAX_NAME][:MAX_PARAMETERS]
        objects = [path for path in objects if len(path) <= MAX_NAME][:MAX_PARAMETERS]
        dropped -= len(kept) + len(objects)
    types = dict(zip(inform_names, inform_types, strict=True))
    types.update(zip(read_names, read_types, strict=True))
    made = plan(
        kept,
        [types.get(path, "") for path in kept],
        [listed.get(path, False) for path in kept],
        {path: listed[path] for path in objects},
    )
    end = len(read_names)
    read = dict(zip(read_names, range(end), strict=True))
    given = [read.get(path, end) for path in kept]
    order = tuple([given[position] for position in made.order])
    unread: tuple[tuple[int, str], ...] = ()
    if end in given:
        unread = tuple([(flat, kept[p]) for flat, p in enumerate(made.order) if given[p] == end])
    return _SnapshotPlan(made.layout, order, unread, not listed.keys() >= set(inform_names), dropped)


# -- anything


_Entry = tuple[str | None, str, bool, int]
"""(text, type, writable, time)"""


def _mixed(twin: Twin, report: Report | None, first: bool) -> Rewrite:
    entries, objects = _entries(twin), twin.objects()
    before = {path: entry[0] for path, entry in entries.items()}
    history = twin.recent_changes()
    if report is not None:
        _apply(report, set(twin.inform.names), entries, objects)
        after = {path: entry[0] for path, entry in entries.items()}
        history += _changes(before, after, report, not first)
    paths = list(entries)
    dropped = sum(len(path) > MAX_NAME for path in paths)
    if dropped:
        paths = [path for path in paths if len(path) <= MAX_NAME]
    if len(paths) > MAX_PARAMETERS:
        informed = [path for path in twin.inform.names if path in entries]
        paths = list(dict.fromkeys((*informed, *paths)))
        dropped += len(paths) - MAX_PARAMETERS
        paths = paths[:MAX_PARAMETERS]
    kept = [path for path in objects if len(path) <= MAX_NAME][:MAX_PARAMETERS]
    dropped += len(objects) - len(kept)
    made = plan(
        paths,
        [entries[path][1] for path in paths],
        [entries[path][2] for path in paths],
        {path: objects[path] for path in kept},
    )
    flat = [entries[paths[position]] for position in made.order]
    values = [text for text, _, _, _ in flat]
    times, exceptions = settle(made.layout, values, [at for _, _, _, at in flat], twin)
    return Rewrite(Document(made.layout, times, values, exceptions), history, dropped)


def _entries(twin: Twin) -> dict[str, _Entry]:
    """Everything known of every parameter."""
    document = twin.document
    seen = document.seen(twin.overlay.ages)
    columns = zip(document.layout.paths, document.values, document.layout.attributes, seen, strict=True)
    entries: dict[str, _Entry] = {path: (text, type_, writable, at) for path, text, (type_, writable), at in columns}
    for path in (*twin.changed, *twin.inform.names):
        known = twin.get(path)
        assert known is not None
        entries[path] = (known.text, known.type, known.writable, known.observed_at)
    return entries


def _texts(twin: Twin) -> dict[str, str | None]:
    """path -> text of every known parameter, None where it was never read."""
    texts = dict(zip(twin.document.layout.paths, twin.document.values, strict=True))
    texts.update(twin.values())
    return texts


def _apply(report: Report, informed: set[str], entries: dict[str, _Entry], objects: dict[str, bool]) -> None:
    listed: dict[str, bool] = {}
    if report.names is not None:
        under = report.names.under
        listed = dict(zip(report.names.paths, report.names.writable, strict=True))
        _remove(entries, [p for p in entries if p.startswith(under) and p not in listed and p not in informed])
        _remove(objects, [p for p in objects if p.startswith(under) and p not in listed])
        for path, writable in listed.items():
            if path.endswith("."):
                objects[path] = writable
            else:
                text, type_, _, at = entries.get(path, (None, "", False, 0))
                entries[path] = (text, type_, writable, at)
    names, texts, types = report.values or _NOTHING
    if report.complete:
        stay = {*names, *informed, *listed}
        _remove(entries, [p for p in entries if p.startswith(report.complete) and p not in stay])
    if report.gone:
        _remove(entries, [p for p in entries if p.startswith(report.gone)])
        _remove(objects, [p for p in objects if p.startswith(report.gone)])
    for name, text, type_ in zip(names, texts, types, strict=True):
        _, known_type, writable, _ = entries.get(name, (None, "", False, 0))
        entries[name] = (text, type_ or known_type, writable, report.at)


def _remove(mapping: dict[str, _Entry] | dict[str, bool], paths: Iterable[str]) -> None:
    for path in paths:
        mapping.pop(path, None)


def _changes(
    before: dict[str, str | None], after: dict[str, str | None], report: Report, first_reports: bool
) -> list[Change]:
    """What differs, without volatile parameters; first reports only when asked for."""
    changes = [
        Change(report.at, path, old, None, report.cause)
        for path, old in before.items()
        if old is not None and path not in after and not is_volatile(path)
    ]
    for path, text in after.items():
        old = before.get(path)
        if text is not None and text != old and (first_reports or old is not None) and not is_volatile(path):
            changes.append(Change(report.at, path, old, text, report.cause))
    return changes
