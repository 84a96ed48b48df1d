"""Layouts: how the parameters of a twin are cut into object groups with value columns.

A group is one table's row type, or the static part of one top-level object. Its *shape* (leaf names,
types, writability, child objects) is shared by all devices that have it; what a device owns is which
rows it has and the values, column after column. So ten thousand port mappings cost no new shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

Row = tuple[int, ...]

_SPLIT_CACHE: dict[str, tuple[str, Row, str]] = {}
_SPLIT_CACHE_LIMIT = 200_000
_CACHED_LENGTH = 256
_INSTANCE = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z", re.ASCII)
"""An instance number that is written as we would write it and fits 64 bits; ``01`` is a name like any other."""


def split(path: str) -> tuple[str, Row, str]:
    """``(template, row, suffix)``: ``A.B.Radio.2.Stats.X`` -> ``A.B.Radio.{i}.``, ``(2,)``, ``Stats.X``.

    ``render(template, row) + suffix`` is the path again, whatever a device calls its parameters: what
    cannot be cut stays whole, with an empty template.
    """
    known = _SPLIT_CACHE.get(path)
    if known is not None:
        return known
    result = _cut(path)
    if len(path) <= _CACHED_LENGTH:
        if len(_SPLIT_CACHE) >= _SPLIT_CACHE_LIMIT:
            _SPLIT_CACHE.clear()
        _SPLIT_CACHE[path] = result
    return result


def _cut(path: str) -> tuple[str, Row, str]:
    segments = path.split(".")
    instances = [position for position, segment in enumerate(segments) if position and _INSTANCE.match(segment)]
    last = instances[-1] if instances else 0
    if len(segments) == 1 or last == len(segments) - 1 or "{i}" in path:
        return "", (), path
    if not last:
        depth = 2 if len(segments) > 2 else 1
        return ".".join(segments[:depth]) + ".", (), ".".join(segments[depth:])
    row = tuple(int(segments[position]) for position in instances)
    for position in instances:
        segments[position] = "{i}"
    return ".".join(segments[: last + 1]) + ".", row, ".".join(segments[last + 1 :])


def render(template: str, row: Row) -> str:
    """Put instance numbers back: ``Device.WiFi.Radio.{i}.`` and ``(2,)`` -> ``Device.WiFi.Radio.2.``."""
    if not row:
        return template
    *parts, end = template.split("{i}")
    return "".join([part + str(number) for part, number in zip(parts, row, strict=True)]) + end


class Leaf(NamedTuple):
    suffix: str
    type: str
    writable: bool


class Shape(NamedTuple):
    """A row type. ``objects`` are child objects (suffixes end in a dot; the row itself is "")."""

    template: str
    leaves: tuple[Leaf, ...]
    objects: tuple[tuple[str, bool], ...]


class Group(NamedTuple):
    """The rows a device has of one shape, ascending."""

    shape: Shape
    rows: tuple[Row, ...]


class Layout:
    """The groups of one device. Values stand flat in the order of ``paths``: group by group, column by column."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every parameter path, in the order of the flat values."""
        out: list[str] = []
        for shape, rows in self.groups:
            prefixes = [render(shape.template, row) for row in rows]
            for leaf in shape.leaves:
                out += [prefix + leaf.suffix for prefix in prefixes]
        return tuple(out)

    @cached_property
    def index(self) -> dict[str, int]:
        """path -> position in the flat values."""
        return {path: position for position, path in enumerate(self.paths)}

    @cached_property
    def attributes(self) -> tuple[tuple[str, bool, int], ...]:
        """(type, writable, group number) for every flat position."""
        out: list[tuple[str, bool, int]] = []
        for number, (shape, rows) in enumerate(self.groups):
            for leaf in shape.leaves:
                out += [(leaf.type, leaf.writable, number)] * len(rows)
        return tuple(out)

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """(first, end) of the flat positions of every group."""
        out: list[tuple[int, int]] = []
        start = 0
        for shape, rows in self.groups:
            out.append((start, start + len(shape.leaves) * len(rows)))
            start = out[-1][1]
        return tuple(out)

    @cached_property
    def roots(self) -> frozenset[str]:
        """First segments of all paths with their dot; holds "" when there are paths that could not be cut."""
        return frozenset(shape.template.partition(".")[0] + "." if shape.template else "" for shape, _ in self.groups)

    @cached_property
    def objects(self) -> dict[str, bool]:
        """Object path -> whether AddObject (table) or DeleteObject (row) is allowed."""
        return {
            render(shape.template, row) + suffix: writable
            for shape, rows in self.groups
            for row in rows
            for suffix, writable in shape.objects
        }

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.bounds[-1][1] if self.groups else 0


EMPTY = Layout(())


class Plan(NamedTuple):
    """A layout and the way from values in the order they were given to flat order."""

    layout: Layout
    order: tuple[int, ...]

    def arrange(self, given: Sequence[str | None]) -> list[str | None]:
        """Values as given -> flat values."""
        if len(self.order) == 1:
            return [given[self.order[0]]]
        return list(itemgetter(*self.order)(given)) if self.order else []


def plan(parameters: Iterable[tuple[str, str, bool]], objects: Mapping[str, bool]) -> Plan:
    """Cut parameters (path, type, writable) and objects into groups.

    Every path must occur once. The result does not depend on the order given.
    """
    rows: dict[tuple[str, Row], tuple[list[tuple[Leaf, int]], list[tuple[str, bool]]]] = {}
    for position, (path, type_, writable) in enumerate(parameters):
        template, row, suffix = split(path)
        rows.setdefault((template, row), ([], []))[0].append((Leaf(suffix, type_, writable), position))
    for path, writable in objects.items():
        template, row, suffix = split(path)
        rows.setdefault((template, row), ([], []))[1].append((suffix, writable))
    groups: dict[Shape, list[tuple[Row, list[int]]]] = {}
    for (template, row), (members, children) in rows.items():
        members.sort()
        shape = Shape(template, tuple(leaf for leaf, _ in members), tuple(sorted(children)))
        groups.setdefault(shape, []).append((row, [position for _, position in members]))
    ordered: list[Group] = []
    order: list[int] = []
    for shape in sorted(groups):
        group = sorted(groups[shape])
        ordered.append(Group(shape, tuple(row for row, _ in group)))
        order += [positions[column] for column in range(len(shape.leaves)) for _, positions in group]
    return Plan(Layout(ordered), tuple(order))


def natural(path: str) -> tuple[tuple[int, str | int], ...]:
    """Sort key that puts ``Radio.2`` before ``Radio.10``."""
    return tuple((0, int(s)) if _INSTANCE.match(s) else (1, s) for s in path.split("."))
