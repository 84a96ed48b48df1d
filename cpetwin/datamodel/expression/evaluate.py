"""Evaluating a checked tree on one twin. The tree becomes one function, so that a fleet is asked quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from ..columns import Cell, Columns
from ..comparing import boolean_of, tester
from ..path import Instance, Name, Pattern, Wildcard
from ..value import Value
from .ast import And, Call, ColumnRef, Comparison, Exists, Node, Not, Operand, Or, PathRef
from .cells import cell_test, present, typed, typed_number
from .check import column_of, derived


class Subject(Protocol):
    """One twin as expressions see it. Paths are of the Device:2 view unless they begin with another root."""

    def column(self, name: str) -> Cell:
        """The cell of a column by its type (see ``columns.Cell``), None when it is missing."""
        ...

    def value(self, path: str) -> Value | None:
        """The last known value of a concrete parameter, None when it is not known."""
        ...

    def rows(self, pattern: Pattern) -> Sequence[str]:
        """The concrete paths that a pattern stands for (``matching.resolve``)."""
        ...

    def age(self, path: str) -> float | None:
        """Seconds since a parameter, or the oldest leaf of an object, was last known; None when it never was."""
        ...

    def desired(self, path: str) -> Value | None:
        """The wanted value of a parameter, None when nothing is wanted."""
        ...


Predicate = Callable[[Subject], bool]


def predicate(node: Node, columns: Columns, now: int) -> Predicate:
    """The function that says whether a twin fits. ``now`` in ms. Raises BadInput for what ``check`` refuses."""
    if isinstance(node, (And, Or)):
        parts = tuple([predicate(part, columns, now) for part in node.parts])
        if isinstance(node, And):
            return lambda subject: all(part(subject) for part in parts)
        return lambda subject: any(part(subject) for part in parts)
    if isinstance(node, Not):
        inner = predicate(node.part, columns, now)
        return lambda subject: not inner(subject)
    if isinstance(node, Comparison):
        return _comparison(node, columns, now)
    return _exists(node.operand, columns) if isinstance(node, Exists) else _truth(node.operand, columns)


def _comparison(node: Comparison, columns: Columns, now: int) -> Predicate:
    left = node.left
    if isinstance(left, ColumnRef):
        column = column_of(left, columns)
        values = typed(node, column, columns, now)
        if column.derived:
            return _comparison(replace(node, left=derived(column.derived)), columns, now)
        name, fits = left.name, cell_test(node.op, values)
        return lambda subject: present(cell := subject.column(name)) and fits(cell)
    if isinstance(left, Call) and left.function != "desired":
        fits = cell_test(node.op, typed_number(node, durations=left.function == "age"))
        numbers = _numbers(left)
        return lambda subject: any(fits(number) for number in numbers(subject))
    test, read = tester(node.op, node.constants), _values(left)
    return lambda subject: any(test(value) for value in read(subject))


def _truth(operand: Operand, columns: Columns) -> Predicate:
    if isinstance(operand, ColumnRef):
        column, name = column_of(operand, columns), operand.name
        if column.derived:
            return _truth(derived(column.derived), columns)
        return lambda subject: subject.column(name) is True
    if isinstance(operand, PathRef) and operand.pattern.is_object:
        return _exists(operand, columns)
    read = _values(operand)
    return lambda subject: any(boolean_of(value.text) is True for value in read(subject))


def _exists(operand: ColumnRef | PathRef, columns: Columns) -> Predicate:
    if isinstance(operand, ColumnRef):
        column, name = column_of(operand, columns), operand.name
        if not column.derived:
            return lambda subject: present(subject.column(name))
        source = derived(column.derived)
        if isinstance(source, Call):
            numbers = _numbers(source)
            return lambda subject: any(True for _ in numbers(subject))
        assert isinstance(source, PathRef)
        operand = source
    pattern = operand.pattern
    if pattern.is_object:
        return lambda subject: bool(subject.rows(pattern))
    read = _values(operand)
    return lambda subject: any(True for _ in read(subject))


def known(operand: Operand, subject: Subject, columns: Columns) -> list[str]:
    """What a twin says of an operand, as texts for an explanation: none when it is missing."""
    if isinstance(operand, ColumnRef):
        column = column_of(operand, columns)
        if column.derived:
            return known(derived(column.derived), subject, columns)
        cell = subject.column(operand.name)
        return [str(cell)] if present(cell) else []
    if isinstance(operand, Call) and operand.function != "desired":
        return [f"{number:g}" for number in _numbers(operand)(subject)]
    if operand.pattern.is_object:
        return list(subject.rows(operand.pattern))
    return [value.text for value in _values(operand)(subject)]


def _values(operand: Operand) -> Callable[[Subject], Iterable[Value]]:
    """The known values that a path or ``desired(PATH)`` leads to."""
    assert isinstance(operand, (PathRef, Call))
    pattern, wanted = operand.pattern, isinstance(operand, Call)

    def read(subject: Subject) -> Iterable[Value]:
        one = subject.desired if wanted else subject.value
        paths = (pattern.text,) if pattern.is_fixed else subject.rows(pattern)
        return [value for path in paths if (value := one(path)) is not None]

    return read


def _numbers(call: Call) -> Callable[[Subject], Iterable[float]]:
    pattern = call.pattern
    if call.function == "count":
        return _count(pattern)

    def ages(subject: Subject) -> Iterable[float]:
        paths = (pattern.text,) if pattern.is_fixed else subject.rows(pattern)
        return [age for path in paths if (age := subject.age(path)) is not None]

    return ages


def _count(pattern: Pattern) -> Callable[[Subject], Iterable[float]]:
    """Instances; ``TABLE.`` counts its rows. Of an object that was never seen the count is not 0, but missing."""
    counted, holder = _counted(pattern)

    def count(subject: Subject) -> Iterable[float]:
        rows = len(subject.rows(counted))
        return (rows,) if rows or subject.rows(holder) else ()

    return count


@lru_cache(maxsize=1024)
def _counted(pattern: Pattern) -> tuple[Pattern, Pattern]:
    """What to count, and the fixed object that holds the first table."""
    if pattern.is_object and isinstance(pattern.segments[-1], Name):
        pattern = Pattern((*pattern.segments, Wildcard()), is_object=True)
    fixed = 0
    while fixed < len(pattern.segments) and isinstance(pattern.segments[fixed], (Name, Instance)):
        fixed += 1
    return pattern, Pattern(pattern.segments[: max(1, fixed - 1)], is_object=True)
