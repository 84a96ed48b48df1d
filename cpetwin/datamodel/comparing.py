"""Comparing a device's value with a constant of an expression, by the type of the value (TR-369 section 2.6.1).

Numbers are compared as numbers, booleans know ``1 0 true false``, times are instants, everything else is
text. Devices leave types out or call everything a string, so an unquoted number or boolean is also
compared as such with a text that looks like one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from .value import Value

Kind = Literal["text", "number", "boolean"]

OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "~=")
"""Those of TR-369 search expressions. ``~=``: the list contains."""

ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""The operators that need an order; texts and booleans have none."""

Test = Callable[[Value], bool]

NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?\Z")
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
_NUMERIC = frozenset("int long unsignedInt unsignedLong decimal integer unsignedByte byte short unsignedShort".split())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNKNOWN_TIME_ENDS = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_DATE = 40


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant as written. ``kind`` tells how: in double quotes, as a number, or ``true`` / ``false``.

    ``at`` is where it stands in the text; ``bare`` that a text stood there without quotes.
    """

    text: str
    kind: Kind = "text"
    at: int = field(default=0, compare=False)
    bare: bool = field(default=False, compare=False)


def number_of(text: str) -> int | float | None:
    """A decimal number of at most 40 digits on either side of the point, or None."""
    text = text.strip()
    if NUMBER.match(text) is None:
        return None
    return float(text) if "." in text else int(text)


def boolean_of(text: str) -> bool | None:
    """``1 0 true false`` in any case, or None."""
    return _BOOLEANS.get(text.strip().lower())


def instant_of(text: str) -> int | None:
    """An ISO 8601 date or time in ms since 1970 (UTC where it names no zone), or None."""
    text = text.strip()
    if len(text) > _LONGEST_DATE or _DATE.match(text) is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


def glob(pattern: str) -> Callable[[str], bool]:
    """``*`` is any text, ``?`` one character, case counts. Time is linear in pattern times text, whatever they are.

    A text with a NUL character fits no pattern (SQLite would look at its beginning only)."""
    pieces = [re.compile(re.escape(p).replace(r"\?", "."), re.DOTALL) for p in pattern.split("*")]
    if len(pieces) == 1:
        return lambda text: "\0" not in text and pieces[0].fullmatch(text) is not None
    first, *middle = pieces[:-1]
    last, tail = pieces[-1], len(pattern) - 1 - pattern.rindex("*")

    def fits(text: str) -> bool:
        begin = first.match(text)
        if begin is None or "\0" in text:
            return False
        at, end = begin.end(), len(text) - tail
        for piece in middle:
            found = piece.search(text, at)
            if found is None:
                return False
            at = found.end()
        return at <= end and last.match(text, end) is not None

    return fits


def _equal(constant: Constant) -> Test:
    text, kind = constant.text, constant.kind
    number, boolean, instant = number_of(text), boolean_of(text), instant_of(text)

    def test(value: Value) -> bool:
        if value.text == text:
            return True
        if number is not None and (kind == "number" or value.type in _NUMERIC):
            found = number_of(value.text)
            if found is not None:
                return found == number
        if boolean is not None and (kind == "boolean" or value.type == "boolean"):
            return boolean_of(value.text) is boolean
        if instant is not None and value.type == "dateTime":
            return instant_of(value.text) == instant
        return False

    return test


def _ordered(op: str, constant: Constant) -> Test:
    """Booleans and the Unknown Time have no order (TR-369 section 2.6.1): such a comparison is false."""
    compare = ORDER[op]
    number, instant = number_of(constant.text), instant_of(constant.text)
    convert: Callable[[str], float | None] = number_of if number is not None else instant_of
    limit = number if number is not None else instant
    least = None if number is not None else _UNKNOWN_TIME_ENDS

    def test(value: Value) -> bool:
        if limit is None or value.type == "boolean":
            return False
        found = convert(value.text)
        if found is None or (least is not None and (found < least or limit < least)):
            return False
        return compare(found, limit)

    return test


def _contains(constant: Constant) -> Test:
    equal = _equal(constant)
    return lambda value: (
        bool(value.text) and any(equal(Value(item.strip(), value.type)) for item in value.text.split(","))
    )


def tester(op: str, constants: Sequence[Constant]) -> Test:
    """The test that a known value passes when ``value OP constants`` holds; only ``in`` has several constants."""
    if op == "in":
        tests = [_equal(constant) for constant in constants]
        return lambda value: any(test(value) for test in tests)
    (constant,) = constants
    if op in ORDER:
        return _ordered(op, constant)
    if op == "like":
        fits = glob(constant.text)
        return lambda value: fits(value.text)
    if op == "~=":
        return _contains(constant)
    equal = _equal(constant)
    if op == "==":
        return equal
    assert op == "!="
    return lambda value: not equal(value)
