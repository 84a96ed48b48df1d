"""What a pattern means: which paths it matches, and which paths of a tree it stands for (TR-369 section 2.5)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from ..errors import BadInput
from .comparing import Constant, Test, tester
from .path import Alias, Command, Criterion, Event, Instance, Name, Pattern, Placeholder, Reference, Search, Wildcard
from .value import Value

Lookup = Callable[[str], Value | None]

MAX_ITEMS = 256
"""Items of a list of references that are followed at most."""
_AFTER_DOT = chr(ord(".") + 1)


class Tree:
    """The paths of a device in order of code points, and the value of each.

    ``paths`` are parameters; object paths (ending in a dot) may stand among them, so that empty objects exist.
    A look-up is a binary search: nothing beside what a pattern names is visited.
    """

    __slots__ = ("_paths", "value")

    def __init__(self, paths: Sequence[str], value: Lookup) -> None:
        self._paths = paths
        self.value = value

    @classmethod
    def of(cls, values: Mapping[str, Value], objects: Iterable[str] = ()) -> Tree:
        """A tree of values in memory; ``objects`` are object paths that exist even when nothing is below them."""
        return cls(sorted({*values, *objects}), values.get)

    def has(self, path: str) -> bool:
        """Whether a parameter is known, or an object itself or anything below it."""
        at = bisect_left(self._paths, path)
        if at == len(self._paths):
            return False
        found = self._paths[at]
        return found == path or (path.endswith(".") and found.startswith(path))

    def instances(self, table: str) -> list[int]:
        """Instance numbers of the rows of a table (its path ends in a dot), ascending."""
        return sorted(int(number) for number in self._children(table))

    def below(self, path: str) -> list[str]:
        """The parameters of an object and of everything in it."""
        paths = self._paths
        begin, end = bisect_left(paths, path), bisect_left(paths, path[:-1] + _AFTER_DOT)
        return [found for found in paths[begin:end] if not found.endswith(".")]

    def _children(self, table: str) -> Iterator[str]:
        """Numbered objects right below an object, each found with one binary search. Odd spellings are no rows."""
        paths, at = self._paths, bisect_left(self._paths, table)
        while at < len(paths) and paths[at].startswith(table):
            child, dot, _ = paths[at][len(table) :].partition(".")
            if not dot:
                at += 1
                continue
            if _ROW.match(child):
                yield child
            at = bisect_left(paths, table + child + _AFTER_DOT, at)


_NUMBER = "(?:0|[1-9][0-9]{0,9})"
_ROW = re.compile(_NUMBER + r"\Z")


# -- without values


def matches(pattern: Pattern, path: str, tree: Tree | None = None) -> bool:
    """Whether ``path`` is one that the pattern names.

    A pattern with a search expression, an alias or a reference depends on values: it needs ``tree``,
    and raises BadInput without.
    """
    if pattern.is_static:
        return _expression(pattern, False).fullmatch(path) is not None
    if tree is None:
        raise BadInput(f"{pattern} depends on values; it can be matched on a known device only")
    return path in resolve(pattern, tree)


def covers(pattern: Pattern, path: str) -> bool:
    """Like ``matches`` for a pattern without values, but an object also stands for everything below it."""
    if not pattern.is_static:
        raise BadInput(f"{pattern} depends on values; it can be matched on a known device only")
    return _expression(pattern, pattern.is_object).fullmatch(path) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: Pattern, below: bool) -> re.Pattern[str]:
    anything = (Wildcard, Placeholder)
    parts = (_NUMBER if isinstance(segment, anything) else re.escape(str(segment)) for segment in pattern.segments)
    return re.compile(r"\.".join(parts) + r"\." * pattern.is_object + ".*" * below, re.DOTALL)


# -- on a tree


def resolve(pattern: Pattern, tree: Tree) -> list[str]:
    """The concrete paths of ``tree`` that a pattern stands for, rows by ascending number; empty when there are none.

    Commands and events are named at every object that exists. ``{i}`` is every instance, like ``*``.
    """
    objects = [""]
    steps = pattern.segments if pattern.is_object else pattern.segments[:-1]
    for segment in steps:
        if isinstance(segment, (Name, Instance)):
            objects = [f"{path}{segment}." for path in objects]
        elif isinstance(segment, Reference):
            followed = (target for path in objects for target in _targets(segment, path, tree))
            objects = [path for path in dict.fromkeys(followed) if tree.has(path)]
        else:
            keeps = _row_test(segment)
            rows = (f"{path}{number}." for path in objects for number in tree.instances(path))
            objects = [row for row in rows if keeps(row, tree)]
    if pattern.is_object:
        return [path for path in objects if tree.has(path)]
    last = pattern.segments[-1]
    if isinstance(last, (Command, Event)):
        return [f"{path}{last}" for path in objects if tree.has(path)]
    if isinstance(last, Placeholder):
        return [f"{path}{number}" for path in objects for number in tree.instances(path)]
    return [f"{path}{last}" for path in objects if tree.has(f"{path}{last}")]


RowTest = Callable[[str, Tree], bool]


def _row_test(segment: object) -> RowTest:
    if isinstance(segment, Search):
        return _search(segment)
    if isinstance(segment, Alias):
        return _search(Search((Criterion((Name("Alias"),), "==", Constant(segment.text)),)))
    assert isinstance(segment, (Wildcard, Placeholder))
    return lambda row, tree: True


@lru_cache(maxsize=1024)
def _search(search: Search) -> RowTest:
    tests = [(criterion.path, tester(criterion.op, (criterion.constant,))) for criterion in search.criteria]
    return lambda row, tree: all(_holds(row, path, test, tree) for path, test in tests)


def _holds(row: str, path: tuple[Name | Reference, ...], test: Test, tree: Tree) -> bool:
    """Whether a comparison holds for at least one value that the relative path leads to."""
    objects = [row]
    for segment in path[:-1]:
        if isinstance(segment, Name):
            objects = [f"{above}{segment}." for above in objects]
        else:
            objects = list(dict.fromkeys(target for above in objects for target in _targets(segment, above, tree)))
    values = (tree.value(f"{above}{path[-1]}") for above in objects)
    return any(value is not None and test(value) for value in values)


def _targets(reference: Reference, path: str, tree: Tree) -> list[str]:
    """The object paths that a reference parameter holds (TR-106 section 3.2.4: a list is separated by commas)."""
    value = tree.value(path + reference.name)
    if value is None:
        return []
    items = [item.strip() for item in value.text.split(",", MAX_ITEMS)[:MAX_ITEMS]]
    if reference.item != "*":
        first = (reference.item or 1) - 1
        items = items[first : first + 1]
    return [item if item.endswith(".") else item + "." for item in items if item]
