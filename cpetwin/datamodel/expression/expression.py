"""Expression: a fleet expression that was read and checked; the face of this package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from ..columns import COLUMNS, Columns
from ..path import Pattern
from .ast import And, ColumnRef, Leaf, Node, leaves, operand
from .canonical import canonical
from .check import SchemaLookup, check, derived
from .evaluate import Predicate, Subject, known, predicate
from .parser import parse
from .sql import SqlColumn, SqlValue, to_sql

_SHOWN = 5
"""Values named in an explanation at most."""


class Expression:
    """A checked expression. ``node`` is its tree, ``str()`` its canonical text, from which plan hashes are made."""

    def __init__(self, node: Node, columns: Columns = COLUMNS, schema: SchemaLookup | None = None) -> None:
        check(node, columns, schema)
        self.node = node
        self._registry = columns

    @classmethod
    def parse(cls, text: str, columns: Columns = COLUMNS, schema: SchemaLookup | None = None) -> Expression:
        """Read and check ``text``; an empty one always holds. Raises BadInput."""
        return cls(parse(text), columns, schema)

    def __str__(self) -> str:
        return canonical(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.node == self.node

    def __hash__(self) -> int:
        return hash(self.node)

    @property
    def is_empty(self) -> bool:
        """Whether it always holds because nothing is asked."""
        return isinstance(self.node, And) and not self.node.parts

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns it uses, in order of appearance: check permissions by them."""
        refs = (operand(leaf) for leaf in leaves(self.node))
        return tuple(dict.fromkeys(ref.name for ref in refs if isinstance(ref, ColumnRef)))

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The paths it uses, those of derived columns included: what must be known to evaluate it."""
        refs = [operand(leaf) for leaf in leaves(self.node)]
        hidden = (self._registry[ref.name].derived for ref in refs if isinstance(ref, ColumnRef))
        refs += [derived(text) for text in hidden if text]
        return tuple(dict.fromkeys(ref.pattern for ref in refs if not isinstance(ref, ColumnRef)))

    def predicate(self, now: int) -> Predicate:
        """One function for many twins. ``now`` in ms is what relative times such as ``-2h`` count from."""
        return predicate(self.node, self._registry, now)

    def holds(self, subject: Subject, now: int) -> bool:
        """Whether one twin fits."""
        return self.predicate(now)(subject)

    def failing(self, subject: Subject, now: int) -> str | None:
        """Why a twin does not fit: the first part that does not hold and what the twin says; None when it fits."""
        parts = self.node.parts if isinstance(self.node, And) else (self.node,)
        for part in parts:
            if not predicate(part, self._registry, now)(subject):
                return f"{canonical(part)} does not hold: {self._found(part, subject)}"
        return None

    def _found(self, part: Node, subject: Subject) -> str:
        said: dict[str, None] = {}
        for leaf in leaves(part):
            said[self._said(leaf, subject)] = None
        return "; ".join(list(said)[:_SHOWN])

    def _said(self, leaf: Leaf, subject: Subject) -> str:
        ref = operand(leaf)
        texts = known(ref, subject, self._registry)
        shown = ", ".join(repr(text[:64]) for text in texts[:_SHOWN]) + ", ..." * (len(texts) > _SHOWN)
        return f"{canonical(ref)} is {shown or 'not known'}"

    def to_sql(self, columns: Mapping[str, str | SqlColumn], now: int) -> tuple[str, list[SqlValue], Expression | None]:
        """The condition that the store can check (``1``: nothing), its arguments, and what must still be evaluated
        on the twins that fulfil it. See ``sql.to_sql``."""
        sql, args, rest = to_sql(self.node, columns, now, self._registry)
        return sql, args, None if rest is None else Expression(rest, self._registry)
