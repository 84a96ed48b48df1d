"""Columns in comparisons: which operators a type has, what its constants mean, and the test on one cell."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ...errors import BadInput
from ..columns import Cell, Column, Columns, ColumnType
from ..comparing import ORDER, Constant, boolean_of, glob, instant_of, number_of
from ..scanner import wrong
from .ast import Comparison
from .canonical import canonical, constant

Typed = str | int | float | bool

_ORDERED = ("==", "!=", "<", "<=", ">", ">=", "in")
ALLOWED: dict[ColumnType, tuple[str, ...]] = {
    "text": ("==", "!=", "like", "in", "~="),
    "number": _ORDERED,
    "boolean": ("==", "!="),
    "instant": _ORDERED,
}

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([+-]?)([0-9]{1,9})([smhdw])\Z")


def seconds_of(text: str) -> int | None:
    """``90s 5m 24h 7d 2w``, with a sign where wanted, in seconds; or None."""
    match = _DURATION.match(text)
    return None if match is None else int(match[1] + match[2]) * _UNITS[match[3]]


def _number(text: str, now: int) -> Typed | None:
    return number_of(text)


def _seconds(text: str, now: int) -> Typed | None:
    number = number_of(text)
    return seconds_of(text) if number is None else number


def _boolean(text: str, now: int) -> Typed | None:
    return boolean_of(text)


def _instant(text: str, now: int) -> Typed | None:
    if text == "now":
        return now
    seconds = seconds_of(text) if text[:1] in ("-", "+") else None
    return instant_of(text) if seconds is None else now + seconds * 1000


_CONVERT: dict[ColumnType, Callable[[str, int], Typed | None]] = {
    "text": lambda text, now: text,
    "number": _number,
    "boolean": _boolean,
    "instant": _instant,
}
_WANTED: dict[ColumnType, str] = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "instant": "a time such as 2026-03-01T12:00:00Z, now or -2h",
}


def typed(node: Comparison, column: Column, columns: Columns, now: int) -> tuple[Typed, ...]:
    """The constants of a comparison as values of the column's type. Raises BadInput when one does not fit.

    ``now`` (ms) is what relative times such as ``-2h`` count from.
    """
    return _converted(node, column.type, _CONVERT[column.type], _WANTED[column.type], now, column, columns)


def typed_number(node: Comparison, durations: bool = False) -> tuple[Typed, ...]:
    """The constants of a comparison with a count, or with an age (which may be a duration such as ``1h``)."""
    wanted = "seconds, or a duration such as 90s 5m 24h 7d" if durations else "a number"
    return _converted(node, "number", _seconds if durations else _number, wanted, 0, None, None)


def _converted(
    node: Comparison,
    type_: ColumnType,
    convert: Callable[[str, int], Typed | None],
    wanted: str,
    now: int,
    column: Column | None,
    columns: Columns | None,
) -> tuple[Typed, ...]:
    left = canonical(node.left)
    if node.op not in ALLOWED[type_]:
        kind = {"number": "a number", "instant": "a time"}.get(type_, type_)
        raise wrong(node.at, f"{left} is {kind}; expected one of {' '.join(ALLOWED[type_])}, found {node.op}")
    found: list[Typed] = []
    for value in node.constants:
        meant = convert(value.text, now)
        if meant is None:
            raise wrong(value.at, f"expected {wanted} for {left}, found {constant(value)}")
        if column is not None and columns is not None:
            _check_text(value, column, columns, left, node.op)
        found.append(meant)
    return tuple(found)


def _check_text(value: Constant, column: Column, columns: Columns, left: str, op: str) -> None:
    if column.choices and op in ("==", "!=", "in") and value.text not in column.choices:
        near = get_close_matches(value.text, column.choices, n=1)
        hint = f"did you mean {near[0]}?" if near else ""
        raise wrong(value.at, f"{left} is one of {', '.join(column.choices)}; found {constant(value)}", hint)
    if value.bare and column.type == "text" and not column.choices and value.text in columns:
        raise wrong(
            value.at,
            f"expected a value, found the column {value.text}",
            f'columns stand on the left; the text is written "{value.text}"',
        )


def present(cell: Cell) -> bool:
    """Whether a cell has a value; an empty text is none."""
    return cell is not None and cell != ""


def cell_test(op: str, values: tuple[Typed, ...]) -> Callable[[Any], bool]:
    """The test that a present cell passes. ``values`` are of the cell's type, as ``typed`` made them."""
    if op == "in":
        return frozenset(values).__contains__
    (value,) = values
    if op == "like":
        return glob(str(value))
    if op == "~=":
        return lambda cell: value in [item.strip() for item in cell.split(",")]
    compare: Callable[[Any, Any], bool] = _EQUALITY.get(op) or ORDER[op]
    return lambda cell: compare(cell, value)


_EQUALITY: dict[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "!=": operator.ne}


def unknown(name: str, at: int, columns: Columns) -> BadInput:
    """The error that there is no such column, with the nearest one."""
    near = columns.nearest(name)
    hint = f"did you mean {near}?" if near else "columns: " + ", ".join(columns)
    return wrong(at, f"there is no column {name[:64]!r}", hint)
