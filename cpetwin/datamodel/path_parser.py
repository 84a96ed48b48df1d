"""Reading a path of the TR-106 / TR-369 grammar into a ``Pattern``. Every error says where and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import BadInput
from .comparing import OPERATORS, Constant, Kind
from .path import (
    Alias,
    Command,
    Criterion,
    Event,
    Instance,
    Name,
    Pattern,
    Placeholder,
    Reference,
    Search,
    Segment,
    Wildcard,
)
from .scanner import Scanner, wrong
from .secrets import is_secret

MAX_PATTERN = 1024
"""Longest path with search expressions, in characters."""
MAX_SEGMENTS = 32
MAX_CRITERIA = 16
"""Comparisons in one search expression at most."""
MAX_ALIAS = 64

_NAME = re.compile(r"[A-Za-z_][\w\-]*")
_NUMBER = re.compile(r"[0-9]+")
_ITEM = re.compile(r"[1-9][0-9]{0,9}|\*")
_ALIAS = re.compile(r"[A-Za-z_][^\[\]\"=<>!~&\s]*(?=\])")
_STRING = re.compile(r'"([^"\x00-\x1f\ud800-\udfff]*)"')
_PLAIN = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?![\w.])|(?:true|false)(?![\w.])")
_OPERATOR = re.compile("|".join(map(re.escape, sorted(OPERATORS, key=len, reverse=True))))
_BEGINS = re.compile(r"[A-Za-z_0-9*\[{]")
_ESCAPED = re.compile("%(22|25)")
_SEGMENT = "a name, an instance number, *, {i} or [...]"


def parse_pattern(text: str) -> Pattern:
    """The path ``text`` with everything that TR-369 section 2.5 allows. Raises BadInput."""
    if len(text) > MAX_PATTERN:
        raise BadInput(f"a path has at most {MAX_PATTERN} characters, this one {len(text)}")
    scanner = Scanner(text)
    pattern = scan_pattern(scanner)
    if not scanner.done:
        raise scanner.expected(
            _SEGMENT if pattern.is_object else "'.' or the end",
            "write it like Device.WiFi.Radio.[Channel==6].Enable; objects end in a dot",
        )
    return pattern


def scan_pattern(scanner: Scanner) -> Pattern:
    """The path that begins here; it ends where nothing more can belong to it. Raises BadInput."""
    begin = scanner.at
    segments: list[Segment] = []
    while True:
        segment = _segment(scanner, first=not segments)
        segments.append(segment)
        if len(segments) > MAX_SEGMENTS:
            raise wrong(scanner.at, f"a path has at most {MAX_SEGMENTS} segments")
        if scanner.at - begin > MAX_PATTERN:
            raise wrong(begin, f"a path has at most {MAX_PATTERN} characters")
        if isinstance(segment, (Command, Event)):
            return _checked(Pattern(tuple(segments)))
        if not scanner.skip("."):
            if isinstance(segment, (Wildcard, Alias, Search, Reference)):
                raise scanner.expected(f"'.' after {segment}", "what a path like this means is an object")
            return _checked(Pattern(tuple(segments)))
        if scanner.next == ".":
            raise scanner.expected(_SEGMENT)
        if _BEGINS.match(scanner.text, scanner.at) is None:
            return _checked(Pattern(tuple(segments), is_object=True))


def _checked(pattern: Pattern) -> Pattern:
    """No search expression may look at a secret: trying values would tell it. Behind a reference the name decides."""
    for position, segment in enumerate(pattern.segments):
        for criterion in segment.criteria if isinstance(segment, Search) else ():
            row = Pattern(pattern.segments[: position + 1]).template
            plain = row is not None and all(isinstance(part, Name) for part in criterion.path)
            path = f"{row}." + ".".join(map(str, criterion.path)) if plain else str(criterion.path[-1])
            if is_secret(path):
                raise wrong(criterion.at, f"{criterion.path[-1]} is secret; secrets cannot be used in expressions")
    return pattern


def _segment(scanner: Scanner, first: bool) -> Segment:
    name = scanner.take(_NAME)
    if name is not None:
        return _named(scanner, name)
    other = _OTHERS.get("0" if scanner.next.isdecimal() and scanner.next.isascii() else scanner.next)
    if first or other is None:
        raise scanner.expected("a name such as Device" if first else _SEGMENT)
    return other(scanner)


def _named(scanner: Scanner, name: str) -> Segment:
    if scanner.next in ("+", "#"):
        return _reference(scanner, name)
    if scanner.next == "(":
        if not scanner.skip("()"):
            scanner.at += 1
            raise scanner.expected("')'", "a path names a command without its arguments, like Device.Reboot()")
        return Command(name)
    if scanner.next == "!" and not scanner.text.startswith("!=", scanner.at):
        scanner.at += 1
        return Event(name)
    return Name(name)


def _reference(scanner: Scanner, name: str) -> Reference:
    item: str | None = None
    if scanner.skip("#"):
        item = scanner.take(_ITEM)
        if item is None:
            raise scanner.expected("the number of a list item from 1, or *")
    if not scanner.skip("+"):
        raise scanner.expected("'+'")
    return Reference(name, "*" if item == "*" else None if item is None else int(item))


def _instance(scanner: Scanner) -> Instance:
    begin = scanner.at
    digits = scanner.take(_NUMBER)
    assert digits is not None
    if len(digits) > 10 or (len(digits) > 1 and digits[0] == "0"):
        raise wrong(begin, "an instance number has at most 10 digits and no zeros before it")
    return Instance(int(digits))


def _wildcard(scanner: Scanner) -> Wildcard:
    scanner.at += 1
    return Wildcard()


def _placeholder(scanner: Scanner) -> Placeholder:
    if not scanner.skip("{i}"):
        raise scanner.expected("{i}")
    return Placeholder()


def _bracket(scanner: Scanner) -> Alias | Search:
    scanner.at += 1
    begin = scanner.at
    alias = scanner.take(_ALIAS)
    if alias is not None:
        if len(alias) > MAX_ALIAS:
            raise wrong(begin, f"an alias has at most {MAX_ALIAS} characters")
        scanner.at += 1
        return Alias(alias)
    criteria = [_criterion(scanner)]
    while scanner.skip("&&"):
        if len(criteria) == MAX_CRITERIA:
            raise wrong(scanner.at, f"a search expression has at most {MAX_CRITERIA} comparisons")
        criteria.append(_criterion(scanner))
    if not scanner.skip("]"):
        raise scanner.expected("&& or ]", "a search expression joins comparisons with && only")
    return Search(tuple(criteria))


def _criterion(scanner: Scanner) -> Criterion:
    scanner.blanks()
    begin = scanner.at
    path = [_relative(scanner)]
    while scanner.skip("."):
        path.append(_relative(scanner))
    if isinstance(path[-1], Reference):
        raise scanner.expected(f"'.' and a parameter after {path[-1]}")
    if len(path) > MAX_SEGMENTS:
        raise wrong(begin, f"a path has at most {MAX_SEGMENTS} segments")
    scanner.blanks()
    op = scanner.take(_OPERATOR)
    if op is None:
        raise scanner.expected("one of " + " ".join(OPERATORS))
    scanner.blanks()
    constant = _constant(scanner)
    scanner.blanks()
    return Criterion(tuple(path), op, constant, begin)


def _relative(scanner: Scanner) -> Name | Reference:
    name = scanner.take(_NAME)
    if name is None:
        raise scanner.expected("the name of a parameter of the row", "write it like [Channel==6&&Enable==true]")
    return _reference(scanner, name) if scanner.next in ("+", "#") else Name(name)


def _constant(scanner: Scanner) -> Constant:
    begin = scanner.at
    plain = scanner.take(_PLAIN)
    if plain is not None:
        kind: Kind = "boolean" if plain in ("true", "false") else "number"
        return Constant(plain, kind, begin)
    text = scanner.take(_STRING)
    if text is None:
        raise scanner.expected('a number, true, false, or a text in double quotes (%22 for " and %25 for %)')
    return Constant(_ESCAPED.sub(lambda match: '"' if match[1] == "22" else "%", text[1:-1]), "text", begin)


_OTHERS: dict[str, Callable[[Scanner], Segment]] = {"0": _instance, "*": _wildcard, "{": _placeholder, "[": _bracket}
