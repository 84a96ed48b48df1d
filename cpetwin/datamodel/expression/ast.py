"""The syntax tree of a fleet expression. Equal trees mean the same text; positions do not count.

Trees have one normal form: ``And`` and ``Or`` hold at least two parts, none of which is of their own kind.
Only the empty expression is ``And(())``: it always holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..comparing import OPERATORS as PATH_OPERATORS
from ..comparing import Constant
from ..path import Pattern

OPERATORS = (*PATH_OPERATORS, "like", "in")

Function = Literal["count", "age", "desired"]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A bare name, ``tag.NAME`` included."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PathRef:
    """The value of a parameter, or the existence of an object."""

    pattern: Pattern
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``count(PATH)`` instances, ``age(PATH)`` seconds since last known, ``desired(PATH)`` the wanted value."""

    function: Function
    pattern: Pattern
    at: int = field(default=0, compare=False)


Operand = ColumnRef | PathRef | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left OP constant``; only ``in`` has several constants."""

    left: Operand
    op: str
    constants: tuple[Constant, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Truth:
    """An operand alone: a boolean that is true, or an object that exists."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Exists:
    """``exists(...)``: a value is known, an object is there."""

    operand: ColumnRef | PathRef


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


Leaf = Comparison | Truth | Exists
Node = Leaf | Not | And | Or

ALWAYS = And(())
"""The empty expression."""


def all_of(nodes: Iterable[Node]) -> Node:
    """The conjunction in normal form."""
    parts = [part for node in nodes for part in (node.parts if isinstance(node, And) else (node,))]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def any_of(nodes: Iterable[Node]) -> Node:
    """The disjunction of at least one node in normal form."""
    parts = [part for node in nodes for part in (node.parts if isinstance(node, Or) else (node,))]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def leaves(node: Node) -> Iterator[Leaf]:
    """All comparisons, truths and existences, from left to right."""
    if isinstance(node, (And, Or)):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        yield node


def operand(leaf: Leaf) -> Operand:
    """What a leaf is about."""
    return leaf.left if isinstance(leaf, Comparison) else leaf.operand
