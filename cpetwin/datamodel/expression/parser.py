"""Reading a fleet expression into its tree. What the names mean is the business of ``check``."""

from __future__ import annotations

import re

from ...errors import BadInput
from ..comparing import NUMBER, Constant
from ..path import ROOTS
from ..path_parser import scan_pattern
from ..scanner import BLANKS, Scanner, wrong
from .ast import (
    ALWAYS,
    OPERATORS,
    Call,
    ColumnRef,
    Comparison,
    Exists,
    Node,
    Not,
    Operand,
    PathRef,
    Truth,
    all_of,
    any_of,
)

MAX_EXPRESSION = 4096
"""Longest expression in characters."""
MAX_NESTING = 32
"""Parentheses and negations inside each other at most."""
MAX_LEAVES = 256
"""Comparisons in one expression at most."""
MAX_CHOICES = 500
"""Values in one ``in ( )`` at most."""

_COLUMN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z0-9_][\w.\-]*)?")
_FUNCTION = re.compile(r"(?:exists|count|age|desired)(?=[ \t\r\n]*\()")
_WORDY = ("like", "in")
_OPERATOR = re.compile(
    "|".join(re.escape(op) for op in sorted(OPERATORS, key=len, reverse=True) if op not in _WORDY)
    + rf"|(?:{'|'.join(_WORDY)})(?!\w)"
)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r"[^\s\"'&|=<>!()\[\],~]+")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_ELSEWHERE = {"and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||", "=": "=="}
"""What people write who come from another language."""
_FOREIGN = re.compile(r"(?:and|or|not)(?!\w)|&(?!&)|\|(?!\|)|=(?!=)", re.IGNORECASE)


def parse(text: str) -> Node:
    """The tree of ``text``; an empty one always holds. Raises BadInput with the position and what was expected."""
    if len(text) > MAX_EXPRESSION:
        raise BadInput(f"an expression has at most {MAX_EXPRESSION} characters, this one {len(text)}")
    strange = _NO_TEXT.search(text)
    if strange is not None:
        raise wrong(strange.start(), "a control character cannot stand in an expression")
    parser = _Parser(text)
    if BLANKS.fullmatch(text):
        return ALWAYS
    node = parser.either()
    if not parser.scanner.done:
        raise parser.expected("&&, || or the end")
    return node


class _Parser:
    """One method per level: ``||`` binds least, then ``&&``, then ``!``."""

    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.nesting = 0
        self.leaves = 0

    def expected(self, what: str, hint: str = "") -> BadInput:
        foreign = _FOREIGN.match(self.scanner.text, self.scanner.at)
        if foreign is not None:
            hint = f"write {_ELSEWHERE[foreign[0].lower()]} instead of {foreign[0]}"
        return self.scanner.expected(what, hint)

    def either(self) -> Node:
        parts = [self.both()]
        while self.scanner.skip("||"):
            parts.append(self.both())
        return any_of(parts)

    def both(self) -> Node:
        parts = [self.negated()]
        while self.scanner.skip("&&"):
            parts.append(self.negated())
        return all_of(parts)

    def negated(self) -> Node:
        scanner = self.scanner
        scanner.blanks()
        begin = scanner.at
        if scanner.next not in ("!", "("):
            return self.leaf()
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise wrong(begin, f"parentheses and negations go at most {MAX_NESTING} deep")
        if scanner.skip("!"):
            node: Node = Not(self.negated())
        else:
            scanner.skip("(")
            node = self.either()
            self.close("&&, || or )")
        self.nesting -= 1
        scanner.blanks()
        return node

    def close(self, what: str) -> None:
        self.scanner.blanks()
        if not self.scanner.skip(")"):
            raise self.expected(what)

    def leaf(self) -> Node:
        scanner = self.scanner
        begin = scanner.at
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise wrong(begin, f"an expression has at most {MAX_LEAVES} comparisons")
        left = self.operand()
        scanner.blanks()
        if isinstance(left, Exists):
            return left
        at = scanner.at
        op = scanner.take(_OPERATOR)
        if op is None:
            if scanner.done or scanner.next in ("&", "|", ")"):
                return Truth(left)
            raise self.expected("one of " + " ".join(OPERATORS) + ", &&, || or the end")
        scanner.blanks()
        constants = self.choices() if op == "in" else (self.constant(),)
        scanner.blanks()
        return Comparison(left, op, constants, at)

    def operand(self) -> Operand | Exists:
        scanner = self.scanner
        begin = scanner.at
        function = scanner.take(_FUNCTION)
        if function is not None:
            return self.call(function, begin)
        found = self.place()
        if found is None:
            raise self.expected(
                "a column, a path that begins with Device., exists( ), count( ), age( ), desired( ), ! or ("
            )
        return found

    def place(self) -> ColumnRef | PathRef | None:
        """A path or a column."""
        scanner = self.scanner
        begin = scanner.at
        if scanner.text.startswith(ROOTS, begin):
            return PathRef(scan_pattern(scanner), begin)
        name = scanner.take(_COLUMN)
        return None if name is None else ColumnRef(name, begin)

    def call(self, function: str, begin: int) -> Call | Exists:
        scanner = self.scanner
        scanner.blanks()
        scanner.skip("(")
        scanner.blanks()
        inside = self.place()
        if inside is None or (isinstance(inside, ColumnRef) and function != "exists"):
            scanner.at = inside.at if inside is not None else scanner.at
            raise self.expected("a path that begins with Device." + " or a column" * (function == "exists"))
        self.close(")")
        if isinstance(inside, ColumnRef) or function == "exists":
            return Exists(inside)
        if function == "count":
            return Call("count", inside.pattern, begin)
        return Call("age" if function == "age" else "desired", inside.pattern, begin)

    def choices(self) -> tuple[Constant, ...]:
        scanner = self.scanner
        if not scanner.skip("("):
            raise self.expected("( and values", 'write it like in ("a", "b")')
        found: list[Constant] = []
        while True:
            scanner.blanks()
            if len(found) == MAX_CHOICES:
                raise wrong(scanner.at, f"at most {MAX_CHOICES} values can stand in a list")
            found.append(self.constant())
            scanner.blanks()
            if not scanner.skip(","):
                break
        self.close(", or )")
        return tuple(found)

    def constant(self) -> Constant:
        """A text in double quotes, a number, ``true`` or ``false``; a plain word is taken as a text."""
        scanner = self.scanner
        begin = scanner.at
        text = scanner.take(_STRING)
        if text is not None:
            return Constant(_ESCAPE.sub(r"\1", text[1:-1]), "text", begin)
        if scanner.next == '"':
            raise wrong(begin, "expected a closing double quote", r"a double quote inside a text is written \"")
        if scanner.text.startswith(ROOTS, begin):
            raise self.expected("a value", "a path stands on the left side, a value on the right")
        word = scanner.take(_WORD)
        if word is None:
            raise self.expected("a value", 'texts stand in double quotes, like model == "H199A"')
        if word.lower() in ("true", "false"):
            return Constant(word.lower(), "boolean", begin)
        if NUMBER.match(word):
            return Constant(word, "number", begin)
        return Constant(word, "text", begin, bare=True)
