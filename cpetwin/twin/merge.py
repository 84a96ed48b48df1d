"""How a Report changes a twin: pure functions from what is stored and what was reported to what is stored next.

Engines call these inside their transaction. ``rewrite`` makes a new document (discovery, sweeps,
folding); ``add_values`` and ``add_inform`` touch only the overlay and the last Inform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..datamodel import is_volatile
from .document import Document
from .layout import Plan, is_canonical, plan
from .overlay import UNKNOWN, Overlay, Ref
from .report import Names, Observations, Report
from .store.base import Change
from .twin import Twin

PathRef = Callable[[str], Ref]

SMALL_READ = 32
"""Reads of up to this many values go to the overlay unseen; larger ones are compared with the document."""
MAX_PARAMETERS = 50_000
"""Parameters of one device at most (a hostile device must not grow a twin without bound)."""

_PLANS: dict[int, tuple[tuple[object, ...], Plan]] = {}
_PLAN_LIMIT = 1024


class Rewrite(NamedTuple):
    """A new document and the history that the fold released. ``dropped`` counts parameters over the limit."""

    document: Document
    history: list[Change]
    dropped: int


def add_inform(
    overlay: Overlay,
    names: Sequence[str],
    types: Sequence[str],
    old_names: Sequence[str],
    old_texts: Sequence[str],
    texts: Sequence[str],
    at: int,
    path_ref: PathRef,
) -> dict[str, str]:
    """Log what the new Inform changes against the last one; returns the changed values.

    Parameters that the last Inform had and this one has not are kept in the overlay.
    """
    changed: dict[str, str] = {}
    if names == old_names:
        for name, old, new in zip(names, old_texts, texts, strict=True):
            if old != new:
                changed[name] = new
                if not is_volatile(name):
                    overlay.log.append((at, path_ref(name), old, new, "inform"))
        return changed
    before = dict(zip(old_names, old_texts, strict=True))
    for name, new in zip(names, texts, strict=True):
        previous: str | int | None = before.pop(name, None)
        if previous is None:
            stored = overlay.values.pop(path_ref(name), None)
            previous = stored[0] if stored is not None else UNKNOWN
        if previous != new:
            changed[name] = new
            if not is_volatile(name):
                overlay.log.append((at, path_ref(name), previous, new, "inform"))
    for name, text in before.items():
        overlay.values[path_ref(name)] = (text, at, "")
    return changed


def add_values(
    overlay: Overlay,
    read: Observations,
    informed: dict[str, int],
    inform_texts: list[str],
    at: int,
    cause: str,
    path_ref: PathRef,
) -> None:
    """Put a few values that were read into the overlay, or into the last Inform where they belong to it."""
    for name, text, type_ in zip(*read, strict=True):
        position = informed.get(name)
        if position is not None:
            old: str | int = inform_texts[position]
            inform_texts[position] = text
        else:
            ref = path_ref(name)
            stored = overlay.values.get(ref)
            old = stored[0] if stored is not None else UNKNOWN
            overlay.values[ref] = (text, at, type_)
        if old != text and not is_volatile(name):
            overlay.log.append((at, path_ref(name), old, text, cause))


def add_sweep(twin: Twin, overlay: Overlay, read: Observations, at: int, cause: str, path_ref: PathRef) -> None:
    """Put many values into the overlay: changed ones as values, unchanged ones as the age of their group."""
    document = twin.document
    index, attributes = document.layout.index, document.layout.attributes
    missing = [len(shape.leaves) * len(rows) for shape, rows in document.layout.groups]
    unchanged: list[tuple[int, str, str, str]] = []
    for name, text, type_ in zip(*read, strict=True):
        position = index.get(name)
        known = twin.get(name)
        if position is not None:
            missing[attributes[position][2]] -= 1
        if known is None or known.text != text:
            overlay.values[path_ref(name)] = (text, at, type_)
            if not is_volatile(name):
                overlay.log.append((at, path_ref(name), known.text if known else None, text, cause))
        elif position is not None and known.source == "document":
            unchanged.append((attributes[position][2], name, text, type_))
        else:
            overlay.values[path_ref(name)] = (text, at, type_)
    whole = {group for group, left in enumerate(missing) if left <= 0}
    for group, name, text, type_ in unchanged:
        if group in whole:
            overlay.ages[group] = at
        else:
            overlay.values[path_ref(name)] = (text, at, type_)


def rewrite(twin: Twin, report: Report | None) -> Rewrite:
    """Fold overlay and last Inform into the document and apply what a structural Report says.

    ``names`` replaces what exists below its path, a ``complete`` subtree loses parameters that were
    not read, ``gone`` objects vanish; values are taken over. History gets every change with its old value.
    """
    history = twin.recent_changes()
    if report is not None and report.names is not None and not twin.document.values:
        return _first_document(twin, report, report.names, history)
    entries: dict[str, tuple[str | None, str, bool, int]] = {}
    for path in twin.paths():
        parameter = twin.get(path)
        assert parameter is not None
        entries[path] = (parameter.text, parameter.type, parameter.writable, parameter.observed_at)
    objects = twin.objects()
    before = {path: entry[0] for path, entry in entries.items()}
    if report is not None:
        _apply_structure(report, entries, objects)
        history += _structural_changes(report, before, entries)
    dropped = max(0, len(entries) - MAX_PARAMETERS)
    paths = list(entries)[:MAX_PARAMETERS]
    made = plan([(path, entries[path][1], entries[path][2]) for path in paths], objects)
    values = made.arrange([entries[path][0] for path in paths])
    seen = made.arrange([str(entries[path][3]) for path in paths])
    times = [0] * len(made.layout.groups)
    for value, at, (_, _, group) in zip(values, seen, made.layout.attributes, strict=True):
        if value is not None and at is not None:
            times[group] = min(times[group] or int(at), int(at))
    return Rewrite(Document(made.layout, times, values), history, dropped)


def _first_document(twin: Twin, report: Report, names: Names, history: list[Change]) -> Rewrite:
    """The quick way for a first full read, where there is nothing to compare with."""
    read = report.values or Observations((), (), ())
    texts = dict(zip(read.names, read.texts, strict=True))
    types = dict(zip(read.names, read.types, strict=True))
    parameters = {path: writable for path, writable in zip(names.paths, names.writable, strict=True)}
    objects = {path: writable for path, writable in parameters.items() if path.endswith(".")}
    for path, value in twin.values().items():
        if path not in texts:
            texts[path] = value
        parameters.setdefault(path, False)
    for path in read.names:
        parameters.setdefault(path, False)
    leaves = [path for path in parameters if not path.endswith(".") and is_canonical(path)]
    dropped = max(0, len(leaves) - MAX_PARAMETERS)
    leaves = leaves[:MAX_PARAMETERS]
    made = _cached_plan(
        tuple(leaves),
        tuple(types.get(path, "") for path in leaves),
        tuple(parameters[path] for path in leaves),
        {path: writable for path, writable in objects.items() if is_canonical(path)},
    )
    values = made.arrange([texts.get(path) for path in leaves])
    return Rewrite(Document(made.layout, [report.at] * len(made.layout.groups), values), history, dropped)


def _cached_plan(
    paths: tuple[str, ...], types: tuple[str, ...], writable: tuple[bool, ...], objects: dict[str, bool]
) -> Plan:
    """Devices of one model and state ask for the same cut; remember the last ones."""
    key = (paths, types, writable, tuple(objects.items()))
    known = _PLANS.get(hash(key))
    if known is not None and known[0] == key:
        return known[1]
    if len(_PLANS) >= _PLAN_LIMIT:
        _PLANS.clear()
    made = plan(zip(paths, types, writable, strict=True), objects)
    _PLANS[hash(key)] = (key, made)
    return made


_Entries = dict[str, tuple[str | None, str, bool, int]]


def _apply_structure(report: Report, entries: _Entries, objects: dict[str, bool]) -> None:
    if report.names is not None:
        _replace_below(report.names, entries, objects)
    for prefix in report.gone:
        _remove(entries, (p for p in list(entries) if p.startswith(prefix)))
        _remove(objects, (p for p in list(objects) if p.startswith(prefix)))
    if report.values is None:
        return
    read = set(report.values.names)
    for prefix in report.complete:
        _remove(entries, [p for p in entries if p.startswith(prefix) and p not in read])
    for name, text, type_ in zip(*report.values, strict=True):
        known = entries.get(name)
        if known is not None:
            entries[name] = (text, type_ or known[1], known[2], report.at)
        elif is_canonical(name):
            entries[name] = (text, type_, False, report.at)


def _replace_below(names: Names, entries: _Entries, objects: dict[str, bool]) -> None:
    listed = dict(zip(names.paths, names.writable, strict=True))
    _remove(entries, [p for p in entries if p.startswith(names.under) and p not in listed])
    _remove(objects, [p for p in objects if p.startswith(names.under) and p not in listed])
    for path, writable in listed.items():
        if not is_canonical(path):
            continue
        if path.endswith("."):
            objects[path] = writable
        else:
            text, type_, _, at = entries.get(path, (None, "", False, 0))
            entries[path] = (text, type_, writable, at)


def _remove(mapping: dict[str, object] | _Entries | dict[str, bool], paths: Iterable[str]) -> None:
    for path in list(paths):
        mapping.pop(path, None)


def _structural_changes(report: Report, before: dict[str, str | None], after: _Entries) -> list[Change]:
    changes = [
        Change(report.at, path, old, None, report.cause)
        for path, old in before.items()
        if path not in after and old is not None and not is_volatile(path)
    ]
    for path, (text, _, _, _) in after.items():
        old = before.get(path)
        if text is not None and text != old and not is_volatile(path) and (old is not None or path not in before):
            changes.append(Change(report.at, path, old, text, report.cause))
    return changes
