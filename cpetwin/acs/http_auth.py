"""The grammar of Authorization and WWW-Authenticate (RFC 9110 11), read as devices write it.

Parameters may be parted by commas, blanks or line folds, or by nothing but their quotes; values may be quoted or
not, and an unquoted one may hold ``=`` (base64). What is bounded: bytes, and parameters.
"""

from __future__ import annotations

import re

MAX_BYTES = 8192
MAX_PARAMETERS = 64

_FOLD = re.compile(r"[ \t]*\r?\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SPACE = re.compile(r"[ \t,]*")
_NAME = re.compile(r"[^\s,=\"]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\s,\"]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class BadAuthorization(ValueError):
    """The header cannot be read; the text says why and never holds a value of it."""


def text_of(raw: bytes) -> str:
    """UTF-8, else Latin-1: devices use either for names and passwords."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse_schemes(raw: bytes) -> list[tuple[str, dict[str, str]]]:
    """``[(scheme in lower case, {parameter in lower case: value})]`` in the order written.

    Raises BadAuthorization: too long, too many parameters, one parameter twice, or not of this form at all.
    """
    if len(raw) > MAX_BYTES:
        raise BadAuthorization("header too long")
    text = _FOLD.sub(" ", text_of(raw))
    if _CONTROL.search(text):
        raise BadAuthorization("control character")
    found: list[tuple[str, dict[str, str]]] = []
    count = 0
    at = _end(_SPACE, text, 0)
    while at < len(text):
        name = _NAME.match(text, at)
        if name is None:
            raise BadAuthorization("name expected")
        equals = _EQUALS.match(text, name.end())
        if equals is None:
            found.append((name[0].lower(), {}))
            at = _end(_SPACE, text, name.end())
            continue
        value, at = _value(text, equals.end())
        count += 1
        if not found:
            raise BadAuthorization("parameter without a scheme")
        if count > MAX_PARAMETERS:
            raise BadAuthorization("too many parameters")
        parameters = found[-1][1]
        if name[0].lower() in parameters:
            raise BadAuthorization("parameter given twice")
        parameters[name[0].lower()] = value
        at = _end(_SPACE, text, at)
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    if text[at : at + 1] == '"':
        raise BadAuthorization("quote without end")
    bare = _BARE.match(text, at)
    assert bare is not None  # it matches nothing, too
    return bare[0], bare.end()


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def quote(text: str) -> str:
    """A quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
