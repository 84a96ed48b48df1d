"""Compiling the plain columns of a tree to SQL (SQLite), so that the store's index does most of the work.

What compiles means exactly the same as the evaluator: every piece is true or false, never NULL. What does
not compile stays a tree that is evaluated on the twins which SQL lets through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..columns import COLUMNS, Columns
from .ast import And, ColumnRef, Comparison, Exists, Leaf, Node, Not, Or, all_of, any_of, operand
from .cells import Typed, typed
from .check import column_of

SqlValue = str | int | float


class SqlColumn(NamedTuple):
    """An SQL expression for a column, with its own arguments (each occurrence repeats them)."""

    text: str
    args: tuple[SqlValue, ...] = ()


class Compiled(NamedTuple):
    """``sql`` with ``args`` is a condition (``1`` when nothing compiled); ``rest`` must still be evaluated, if any."""

    sql: str
    args: list[SqlValue]
    rest: Node | None


def to_sql(node: Node, columns: Mapping[str, str | SqlColumn], now: int = 0, registry: Columns = COLUMNS) -> Compiled:
    """Split a checked tree: twin fits = the row fulfils ``sql`` and the twin fulfils ``rest``.

    ``columns`` has an SQL expression for each column that the table knows: text by type (NULL or '' is
    missing), a number, 0 or 1 for a boolean, ms for an instant (NULL is missing). Its collation does not
    matter. ``now`` in ms is what relative times count from. Raises BadInput for what ``check`` refuses.
    """
    piece = _Compiler(columns, now, registry).split(_pushed(node))
    sql, args = piece.sql or ("1", [])
    return Compiled(sql, args, piece.rest)


_Sql = tuple[str, list[SqlValue]]


class _Piece(NamedTuple):
    """node = sql and rest, where None is true."""

    sql: _Sql | None
    rest: Node | None


def _pushed(node: Node, negate: bool = False) -> Node:
    """Negations pushed down to the leaves, so that conjunctions come to the top."""
    if isinstance(node, Not):
        return _pushed(node.part, not negate)
    if isinstance(node, (And, Or)):
        parts = [_pushed(part, negate) for part in node.parts]
        return all_of(parts) if isinstance(node, And) is not negate else any_of(parts)
    return Not(node) if negate else node


class _Compiler:
    def __init__(self, columns: Mapping[str, str | SqlColumn], now: int, registry: Columns) -> None:
        self.columns = columns
        self.now = now
        self.registry = registry

    def split(self, node: Node) -> _Piece:
        if isinstance(node, And):
            pieces = [self.split(part) for part in node.parts]
            rest = [piece.rest for piece in pieces if piece.rest is not None]
            return _Piece(_joined(pieces, " AND "), all_of(rest) if rest else None)
        if isinstance(node, Or):
            pieces = [self.split(part) for part in node.parts]
            sql = _joined(pieces, " OR ") if all(piece.sql is not None for piece in pieces) else None
            # where a branch has a rest, its SQL only narrows the rows: the whole is evaluated again
            exact = sql is not None and all(piece.rest is None for piece in pieces)
            return _Piece(sql, None if exact else node)
        if isinstance(node, Not):
            inner = self.split(node.part)
            if inner.sql is None or inner.rest is not None:
                return _Piece(None, node)
            return _Piece((f"NOT {inner.sql[0]}", inner.sql[1]), None)
        sql = self.leaf(node)
        return _Piece(sql, node if sql is None else None)

    def leaf(self, leaf: Leaf) -> _Sql | None:
        ref = operand(leaf)
        if not isinstance(ref, ColumnRef):
            return None
        column = column_of(ref, self.registry)
        source = self.columns.get(ref.name)
        if source is None or column.derived:
            return None
        text, own = source if isinstance(source, SqlColumn) else SqlColumn(source)
        terms: list[tuple[str, list[SqlValue]]] = [("{} IS NOT NULL", [])]
        if column.type == "text":
            terms.append(("{} <> ''", []))
        if isinstance(leaf, Comparison):
            compared = _compared(leaf.op, typed(leaf, column, self.registry, self.now), column.type == "text")
            if compared is None:
                return None
            terms += compared
        elif not isinstance(leaf, Exists):
            terms.append(("{} = 1", []))
        args = [arg for _, values in terms for arg in (*own, *values)]
        return "(" + " AND ".join(term.replace("{}", f"({text})", 1) for term, _ in terms) + ")", args


def _joined(pieces: list[_Piece], word: str) -> _Sql | None:
    compiled = [piece.sql for piece in pieces if piece.sql is not None]
    if len(compiled) < 2:
        return compiled[0] if compiled else None
    return "(" + word.join(sql for sql, _ in compiled) + ")", [arg for _, args in compiled for arg in args]


_SQL = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LARGEST = 2**63


def _compared(op: str, values: tuple[Typed, ...], is_text: bool) -> list[tuple[str, list[SqlValue]]] | None:
    """The terms of a comparison; None when SQL cannot say the same.

    An equality of texts stands there twice: exactly, and without regard to case, which an index of that collation
    serves and which is true whenever the exact one is.
    """
    args = [_bound(value) for value in values]
    if op == "like":
        pattern = str(values[0]).replace("[", "[[]")
        return [("instr({}, char(0)) = 0", []), ("{} GLOB ?", [pattern])]
    if op == "~=":
        return None
    right = f"IN ({', '.join('?' * len(args))})" if op == "in" else f"{_SQL[op]} ?"
    if not is_text:
        return [(f"{{}} {right}", args)]
    exact = (f"{{}} COLLATE BINARY {right}", args)
    return [exact] if op == "!=" else [(f"{{}} COLLATE NOCASE {right}", args), exact]


def _bound(value: Typed) -> SqlValue:
    """SQLite's integers have 64 bits; beyond them a real number compares the same with all of them."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return float(value)
    return value
