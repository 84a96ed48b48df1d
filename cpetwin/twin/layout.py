"""Layouts: how the parameters of a twin are cut into object groups with value columns.

A group is one table's row type, or the static part of one top-level object. Its *shape* (leaf names,
types, writability, child objects) is shared by all devices that have it; what a device owns is which
rows it has and the values, column after column. So ten thousand port mappings cost no new shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec

Row = tuple[int, ...]
RowKey = tuple[str, Row]
"""Template and instance numbers: one row of one table, or ``()`` for static objects."""

_CUTS: dict[str, tuple[RowKey, str]] = {}
_ROW_KEYS: dict[RowKey, RowKey] = {}
_CUTS_LIMIT = 200_000
_CACHED_LENGTH = 256
_INSTANCE = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z", re.ASCII)
"""An instance number that is written as we would write it and fits 64 bits; ``01`` is a name like any other."""


def split(path: str) -> tuple[str, Row, str]:
    """``(template, row, suffix)``: ``A.B.Radio.2.Stats.X`` -> ``A.B.Radio.{i}.``, ``(2,)``, ``Stats.X``.

    ``render(template, row) + suffix`` is the path again, whatever a device calls its parameters: what
    cannot be cut stays whole, with an empty template.
    """
    (template, row), suffix = _cut(path)
    return template, row, suffix


def _cut(path: str) -> tuple[RowKey, str]:
    """Row and suffix; equal rows are the same object."""
    known = _CUTS.get(path)
    if known is not None:
        return known
    template, row, suffix = _cut_anew(path)
    if len(path) > _CACHED_LENGTH:
        return (template, row), suffix
    if len(_CUTS) >= _CUTS_LIMIT:
        _CUTS.clear()
        _ROW_KEYS.clear()
    key = (template, row)
    result = _CUTS[path] = (_ROW_KEYS.setdefault(key, key), suffix)
    return result


def _cut_anew(path: str) -> tuple[str, Row, str]:
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


class Shape(msgspec.Struct, frozen=True, order=True, cache_hash=True, array_like=True):
    """A row type. ``objects`` are child objects (suffixes end in a dot; the row itself is "")."""

    template: str
    leaves: tuple[Leaf, ...]
    objects: tuple[tuple[str, bool], ...]


class Group:
    """The rows a device has of one shape, ascending. Equal groups are mostly the same object (see ``group``), so that
    what follows from one is worked out once for all devices."""

    __slots__ = ("_attributes", "_objects", "_paths", "rows", "shape", "size")

    def __init__(self, shape: Shape, rows: tuple[Row, ...]) -> None:
        self.shape = shape
        self.rows = rows
        self.size = len(shape.leaves) * len(rows)
        """Number of parameters."""
        self._paths: tuple[str, ...] | None = None
        self._attributes: tuple[tuple[str, bool], ...] | None = None
        self._objects: tuple[tuple[str, bool], ...] | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Group) and self.shape == other.shape and self.rows == other.rows

    def __hash__(self) -> int:
        return hash((self.shape, self.rows))

    @property
    def paths(self) -> tuple[str, ...]:
        """Parameter paths, column by column."""
        if self._paths is None:
            prefixes = [render(self.shape.template, row) for row in self.rows]
            self._paths = tuple([prefix + leaf.suffix for leaf in self.shape.leaves for prefix in prefixes])
        return self._paths

    @property
    def attributes(self) -> tuple[tuple[str, bool], ...]:
        """(type, writable) of every parameter."""
        if self._attributes is None:
            self._attributes = tuple(
                chain.from_iterable([(leaf.type, leaf.writable)] * len(self.rows) for leaf in self.shape.leaves)
            )
        return self._attributes

    @property
    def objects(self) -> tuple[tuple[str, bool], ...]:
        """(object path, writable) of every object."""
        if self._objects is None:
            self._objects = tuple(
                [
                    (render(self.shape.template, row) + suffix, writable)
                    for row in self.rows
                    for suffix, writable in self.shape.objects
                ]
            )
        return self._objects


_GROUPS: dict[tuple[Shape, tuple[Row, ...]], Group] = {}
_GROUPS_LIMIT = 20_000
_GROUP_PARAMETERS = 512
"""Larger groups are not remembered."""


def group(shape: Shape, rows: tuple[Row, ...]) -> Group:
    """The group of these rows, the same object as before if it is remembered."""
    key = (shape, rows)
    known = _GROUPS.get(key)
    if known is None:
        known = Group(shape, rows)
        if known.size <= _GROUP_PARAMETERS:
            if len(_GROUPS) >= _GROUPS_LIMIT:
                _GROUPS.clear()
            _GROUPS[key] = known
    return known


class Layout:
    """The groups of one device. Values stand flat in the order of ``paths``: group by group, column by column."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.size = sum([group.size for group in self.groups])
        """Number of parameters."""

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every parameter path, in the order of the flat values."""
        return tuple(chain.from_iterable([group.paths for group in self.groups]))

    @cached_property
    def ordered(self) -> list[str]:
        """The paths in natural order."""
        return sorted(self.paths, key=natural)

    @cached_property
    def index(self) -> dict[str, int]:
        """path -> position in the flat values."""
        return dict(zip(self.paths, range(self.size), strict=True))

    @cached_property
    def attributes(self) -> tuple[tuple[str, bool], ...]:
        """(type, writable) for every flat position."""
        return tuple(chain.from_iterable([group.attributes for group in self.groups]))

    @cached_property
    def numbers(self) -> list[int]:
        """Group number for every flat position."""
        out: list[int] = []
        for number, (first, end) in enumerate(self.bounds):
            out += [number] * (end - first)
        return out

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """(first, end) of the flat positions of every group."""
        out: list[tuple[int, int]] = []
        start = 0
        for group in self.groups:
            out.append((start, start + group.size))
            start = out[-1][1]
        return tuple(out)

    @cached_property
    def roots(self) -> frozenset[str]:
        """First segments of all parameters and objects, with their dot if they have one."""
        out: set[str] = set()
        for group in self.groups:
            template, leaves, objects = group.shape.template, group.shape.leaves, group.shape.objects
            starts = [template] if template else [leaf.suffix for leaf in leaves] + [suffix for suffix, _ in objects]
            out.update([first + dot for first, dot, _ in (start.partition(".") for start in starts)])
        return frozenset(out)

    @cached_property
    def objects(self) -> dict[str, bool]:
        """Object path -> whether AddObject (table) or DeleteObject (row) is allowed."""
        return dict(chain.from_iterable([group.objects for group in self.groups]))


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


_Signature = tuple[str, tuple[str, ...], tuple[str, ...], tuple[bool, ...], tuple[tuple[str, bool], ...]]
_SHAPES: dict[_Signature, tuple[Shape, tuple[int, ...]]] = {}
_INTERNED: dict[Shape, Shape] = {}
_SHAPES_LIMIT = 50_000


def plan(paths: Sequence[str], types: Sequence[str], writable: Sequence[bool], objects: Mapping[str, bool]) -> Plan:
    """Cut parameters (in columns) and objects into groups.

    Every path must occur once. The result does not depend on the order given; it is found quickest when
    the parameters of a row stand together.
    """
    types, writable = tuple(types), tuple(writable)
    cuts = [_CUTS.get(path) or _cut(path) for path in paths]
    suffixes = tuple([suffix for _, suffix in cuts])
    runs: dict[RowKey, list[range]] = {}
    start = 0
    for key, members in groupby([key for key, _ in cuts]):
        end = start + len(list(members))
        runs.setdefault(key, []).append(range(start, end))
        start = end
    children: dict[RowKey, list[tuple[str, bool]]] = {}
    for path, may in objects.items():
        key, suffix = _cut(path)
        children.setdefault(key, []).append((suffix, may))
        runs.setdefault(key, [])
    groups: dict[Shape, list[tuple[Row, Sequence[int]]]] = {}
    for key, spans in runs.items():
        template, row = key
        if len(spans) == 1:
            span: Sequence[int] = spans[0]
            first, end = spans[0].start, spans[0].stop
            shape, order = _shape(
                (template, suffixes[first:end], types[first:end], writable[first:end], tuple(children.get(key, ())))
            )
        else:
            span = [position for part in spans for position in part]
            shape, order = _shape(
                (
                    template, tuple([suffixes[p] for p in span]), tuple([types[p] for p in span]),
                    tuple([writable[p] for p in span]), tuple(children.get(key, ())),
                )
            )  # fmt: skip
        groups.setdefault(shape, []).append((row, [span[p] for p in order]))
    ordered: list[Group] = []
    flat: list[int] = []
    for shape in sorted(groups):
        members_of = groups[shape]
        if len(members_of) == 1:
            row, positions = members_of[0]
            ordered.append(group(shape, (row,)))
            flat += positions
        else:
            members_of.sort()
            ordered.append(group(shape, tuple([row for row, _ in members_of])))
            flat += chain.from_iterable(zip(*[positions for _, positions in members_of], strict=True))
    return Plan(Layout(ordered), tuple(flat))


def _shape(signature: _Signature) -> tuple[Shape, tuple[int, ...]]:
    """The shape of a row as a device lists it, and the order of its leaves in that list."""
    known = _SHAPES.get(signature)
    if known is None:
        template, suffixes, types, writable, children = signature
        order = tuple(sorted(range(len(suffixes)), key=suffixes.__getitem__))
        leaves = tuple([Leaf(suffixes[p], types[p], writable[p]) for p in order])
        shape = Shape(template, leaves, tuple(sorted(children)))
        known = (_INTERNED.setdefault(shape, shape), order)
        if len(suffixes) <= _GROUP_PARAMETERS:
            if len(_SHAPES) >= _SHAPES_LIMIT:
                _SHAPES.clear()
                _INTERNED.clear()
            _SHAPES[signature] = known
    return known


_NUMBER = re.compile(r"(?<=\0)(?:0|[1-9][0-9]{0,17})(?=\0|\Z)", re.ASCII)


@lru_cache(maxsize=1 << 17)
def natural(path: str) -> str:
    """Sort key that puts ``Radio.2`` before ``Radio.10``, and rows before names."""
    return _NUMBER.sub(_padded, path.replace(".", "\0"))


def _padded(number: re.Match[str]) -> str:
    return number[0].zfill(18)
