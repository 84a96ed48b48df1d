"""Checking a tree against columns and schema: names, types, operators, secrets. What passes can be evaluated."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple, Protocol

from ...errors import BadInput
from ..columns import COLUMNS, Column, Columns
from ..comparing import ORDER, Constant, boolean_of, instant_of, number_of
from ..path import ROOTS, Command, Criterion, Event, Name, Pattern, Reference, Search
from ..scanner import wrong
from ..secrets import is_secret
from .ast import Call, ColumnRef, Comparison, Leaf, Node, Operand, PathRef, Truth, leaves
from .canonical import constant
from .cells import typed, typed_number, unknown
from .parser import parse


class SchemaEntry(NamedTuple):
    """What a schema says of a parameter. ``type`` is the XSD type without prefix, empty for an object."""

    type: str
    choices: tuple[str, ...] = ()
    is_list: bool = False
    secret: bool = False


class SchemaLookup(Protocol):
    """The data model as far as expressions ask it. Templates have ``{i}`` for instances; objects end in a dot."""

    def lookup(self, template: str) -> SchemaEntry | None:
        """What is known of a parameter or object, None when the schema does not have it."""
        ...

    def nearest(self, template: str) -> str | None:
        """The template that was probably meant, None when nothing is near."""
        ...


_NUMERIC = frozenset("int long unsignedInt unsignedLong decimal".split())


def check(node: Node, columns: Columns = COLUMNS, schema: SchemaLookup | None = None) -> None:
    """Raises BadInput with the position, what was expected, and the nearest valid name."""
    for leaf in leaves(node):
        _Checker(columns, schema).leaf(leaf)


@lru_cache(maxsize=64)
def derived(text: str) -> Operand:
    """The operand that a derived column stands for."""
    node = parse(text)
    assert isinstance(node, Truth)
    return node.operand


def column_of(ref: ColumnRef, columns: Columns) -> Column:
    """The column of a name. Raises BadInput when there is none, or not yet."""
    column = columns.get(ref.name)
    if column is None:
        raise unknown(ref.name, ref.at, columns)
    if column.later:
        raise wrong(ref.at, f"the column {ref.name} cannot be used: {column.later}")
    return column


class _Checker:
    def __init__(self, columns: Columns, schema: SchemaLookup | None) -> None:
        self.columns = columns
        self.schema = schema

    def leaf(self, leaf: Leaf) -> None:
        if isinstance(leaf, Comparison):
            self.comparison(leaf)
        elif isinstance(leaf, Truth):
            self.truth(leaf.operand)
        elif isinstance(leaf.operand, ColumnRef):
            column_of(leaf.operand, self.columns)
        else:
            self.path(leaf.operand.pattern, leaf.operand.at)

    def truth(self, operand: Operand) -> None:
        """An operand alone must be a boolean, or an object that can exist."""
        if isinstance(operand, ColumnRef):
            column = column_of(operand, self.columns)
            if column.type != "boolean":
                raise wrong(
                    operand.at,
                    f"{operand.name} is {column.type}, not true or false; expected a comparison",
                    f"exists({operand.name}) tests whether it is known",
                )
            return
        entry = self.path(operand.pattern, operand.at)
        if isinstance(operand, Call) and operand.function != "desired":
            raise wrong(operand.at, f"{operand.function}( ) is a number; expected a comparison with it")
        if isinstance(operand, PathRef) and operand.pattern.is_object:
            return
        self.parameter(operand)
        if entry is not None and entry.type != "boolean":
            raise wrong(
                operand.at,
                f"{operand.pattern} is {entry.type}, not boolean; expected a comparison",
                f"exists({operand.pattern}) tests whether it is known",
            )

    def comparison(self, node: Comparison) -> None:
        left = node.left
        if isinstance(left, ColumnRef):
            typed(node, column_of(left, self.columns), self.columns, 0)
            return
        entry = self.path(left.pattern, left.at)
        if isinstance(left, Call) and left.function != "desired":
            typed_number(node, durations=left.function == "age")
            return
        self.parameter(left)
        for value in node.constants:
            _fits(node.op, value, left.pattern.text, entry, node.at)

    def parameter(self, operand: PathRef | Call) -> None:
        if operand.pattern.is_object:
            raise wrong(
                operand.at,
                f"{operand.pattern} is an object, it has no value",
                "name a parameter of it, or count( ) its instances",
            )

    def path(self, pattern: Pattern, at: int) -> SchemaEntry | None:
        """What the schema says of a path, whose search expressions are checked as well."""
        last = pattern.segments[-1]
        if isinstance(last, (Command, Event)):
            raise wrong(at, f"{last} is no parameter, it has no value")
        if isinstance(last, Name) and not pattern.is_object and is_secret(pattern.template or last.text):
            raise _secret(pattern.text, at)
        prefix = ""
        for segment in pattern.segments:
            if isinstance(segment, Reference):
                return None
            fixed = isinstance(segment, Name)
            prefix += f"{segment}." if fixed else "{i}."
            if isinstance(segment, Search):
                for criterion in segment.criteria:
                    self.criterion(criterion, prefix)
        return self.entry(prefix if pattern.is_object else prefix[:-1], pattern.text, at)

    def criterion(self, criterion: Criterion, row: str) -> None:
        path = criterion.path
        entry = None
        if all(isinstance(segment, Name) for segment in path):
            relative = ".".join(map(str, path))
            entry = self.entry(row + relative, relative, criterion.at)
        _fits(criterion.op, criterion.constant, str(path[-1]), entry, criterion.at)

    def entry(self, template: str, shown: str, at: int) -> SchemaEntry | None:
        """Vendor names are first class: only a standard name that the schema does not have is refused."""
        if self.schema is None or not template.startswith(ROOTS[0]):
            return None
        entry = self.schema.lookup(template)
        if entry is None and template.endswith("."):
            entry = self.schema.lookup(template + "{i}.")
        if entry is not None:
            if entry.secret:
                raise _secret(shown, at)
            return entry
        if ".X_" in template:
            return None
        near = self.schema.nearest(template)
        raise wrong(at, f"the data model has no {template}", f"did you mean {near}?" if near else "")


def _secret(shown: str, at: int) -> BadInput:
    return wrong(at, f"{shown} is secret; secrets cannot be used in expressions")


def _fits(op: str, value: Constant, left: str, entry: SchemaEntry | None, at: int) -> None:
    """Whether an operator and a constant make sense for a parameter, by what the schema knows of it."""
    if op in ORDER and number_of(value.text) is None and instant_of(value.text) is None:
        raise wrong(value.at, f"expected a number or a time after {op}, found {constant(value)}")
    if entry is None or op == "like" or not entry.type:
        return
    if op == "~=" and not entry.is_list:
        raise wrong(at, f"{left} is no list; expected one of == != < <= > >= like in, found ~=")
    if entry.is_list:
        if op in ORDER:
            raise wrong(at, f"{left} is a list; expected one of == != ~= like in, found {op}")
    elif entry.type == "boolean":
        if op in ORDER or boolean_of(value.text) is None:
            raise wrong(value.at, f"{left} is boolean; expected == or != and true or false")
    elif entry.type in _NUMERIC:
        if number_of(value.text) is None:
            raise wrong(value.at, f"{left} is {entry.type}; expected a number, found {constant(value)}")
    elif entry.type == "dateTime":
        if instant_of(value.text) is None:
            raise wrong(value.at, f"{left} is dateTime; expected a time such as 2026-03-01T12:00:00Z")
    elif op in ORDER:
        raise wrong(at, f"{left} is {entry.type}, which has no order; expected one of == != like in, found {op}")
    if entry.choices and op in ("==", "!=", "in", "~=") and value.text not in ("", *entry.choices):
        if value.text.startswith("X_"):
            return
        near = get_close_matches(value.text, entry.choices, n=1)
        hint = f"did you mean {near[0]}?" if near else "values: " + ", ".join(entry.choices[:20])
        raise wrong(value.at, f"{left} is never {constant(value)}", hint)
