"""How a Report of values changes a twin without touching its document: functions on overlay and last Inform.

Engines call these inside their transaction. What needs a new document is in ``rewrite``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..datamodel import is_volatile
from .overlay import UNKNOWN, Overlay, Ref
from .report import Observations
from .twin import LastInform, Twin

PathRef = Callable[[str], Ref]

SMALL_READ = 32
"""Reads of up to this many values go to the overlay unseen; larger ones are compared with the document."""
MAX_NAME = 1024
"""Longest parameter name kept (TR-069 A.3.2 allows 256); a value under a longer one is dropped and counted."""


def unique(read: Observations) -> Observations:
    """The same columns with every name once; of a name given twice the last value counts."""
    last = {name: (text, type_) for name, text, type_ in zip(*read, strict=True)}
    return Observations(list(last), [text for text, _ in last.values()], [type_ for _, type_ in last.values()])


def add_inform(
    overlay: Overlay, names: Sequence[str], texts: Sequence[str], at: int, old: LastInform, new: bool, path_ref: PathRef
) -> bool:
    """Log what a new Inform changes against the last one; returns whether it changed anything.

    Parameters that the ``old`` Inform had and this one has not are kept in the overlay, as old as they
    are. ``new``: the twin is empty, so that these are first reports, which the log does not repeat.
    """
    changed = False
    if names == old.names:
        for name, before, text in zip(names, old.texts, texts, strict=True):
            if before != text:
                changed = True
                if not is_volatile(name):
                    overlay.log.append((at, path_ref(name), before, text, "inform"))
        return changed
    known = dict(zip(old.names, zip(old.texts, old.types, strict=True), strict=True))
    for name, text in zip(names, texts, strict=True):
        previous: str | int = UNKNOWN
        informed = known.pop(name, None)
        if informed is not None:
            previous = informed[0]
        elif not new:
            stored = overlay.values.pop(path_ref(name), None)
            previous = stored[0] if stored is not None else UNKNOWN
        if previous != text:
            changed = True
            if not new and not is_volatile(name):
                overlay.log.append((at, path_ref(name), previous, text, "inform"))
    for name, (text, type_) in known.items():
        overlay.values[path_ref(name)] = (text, old.at, type_)
    return changed


def add_informed(
    overlay: Overlay,
    read: Observations,
    informed: Mapping[str, int],
    inform_texts: list[str],
    at: int,
    cause: str,
    path_ref: PathRef,
) -> Observations:
    """Put values that were read into the last Inform where they belong to it; returns the others."""
    if informed.keys().isdisjoint(read.names):
        return read
    names: list[str] = []
    texts: list[str] = []
    types: list[str] = []
    for name, text, type_ in zip(*read, strict=True):
        position = informed.get(name)
        if position is None:
            names.append(name)
            texts.append(text)
            types.append(type_)
        elif inform_texts[position] != text:
            if not is_volatile(name):
                overlay.log.append((at, path_ref(name), inform_texts[position], text, cause))
            inform_texts[position] = text
    return Observations(names, texts, types)


def add_values(overlay: Overlay, read: Observations, at: int, cause: str, path_ref: PathRef) -> int:
    """Put a few values into the overlay without looking at the document; returns how many were dropped."""
    dropped = 0
    for name, text, type_ in zip(*read, strict=True):
        if len(name) > MAX_NAME:
            dropped += 1
            continue
        ref = path_ref(name)
        stored = overlay.values.get(ref)
        old: str | int = stored[0] if stored is not None else UNKNOWN
        overlay.values[ref] = (text, at, type_ or (stored[2] if stored is not None else ""))
        if old != text and not is_volatile(name):
            overlay.log.append((at, ref, old, text, cause))
    return dropped


def add_sweep(
    twin: Twin,
    overlay: Overlay,
    read: Observations,
    informed: Sequence[str],
    at: int,
    cause: str,
    path_ref: PathRef,
) -> int:
    """Put many values into the overlay: changed ones as values, unchanged ones as the age of their group.

    ``informed`` names what the same reading found of the last Inform's parameters, which are not in
    ``read`` any more. Returns how many values were dropped.
    """
    layout, values = twin.document.layout, twin.document.values
    index, attributes, numbers = layout.index, layout.attributes, layout.numbers
    missing = [end - first - values[first:end].count(None) for first, end in layout.bounds]
    for name in informed:
        position = index.get(name)
        if position is not None and values[position] is not None:
            missing[numbers[position]] -= 1
    unchanged: list[tuple[int, str, str]] = []
    dropped = 0
    for name, text, type_ in zip(*read, strict=True):
        if len(name) > MAX_NAME:
            dropped += 1
            continue
        position = index.get(name)
        overlaid = twin.changed.get(name)
        known: str | None
        if overlaid is not None:
            known, type_ = overlaid[0], type_ or overlaid[2]
        else:
            known = values[position] if position is not None else None
        if position is not None and values[position] is not None:
            missing[numbers[position]] -= 1
        same_type = position is not None and type_ in ("", attributes[position][0])
        if overlaid is None and position is not None and known == text and same_type:
            unchanged.append((position, name, text))
            continue
        ref = path_ref(name)
        overlay.values[ref] = (text, at, type_)
        if known != text and not is_volatile(name):
            overlay.log.append((at, ref, known, text, cause))
    whole = [left <= 0 for left in missing]
    for position, name, text in unchanged:
        group = numbers[position]
        if whole[group]:
            overlay.ages[group] = at
        else:
            overlay.values[path_ref(name)] = (text, at, "")
    return dropped
