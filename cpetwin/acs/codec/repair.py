"""One repair pass over a body that did not parse (cwmp.md sections 9 and 15).

Known defects of real devices: control characters, a trailing NUL, blanks before the XML declaration,
Latin-1 bytes although UTF-8 is the default or even declared.
"""

from __future__ import annotations

import re

from .text import ILLEGAL

MAX_REPAIRED = 4 << 20
"""Bytes up to which a repair is tried; larger broken bodies are refused at once."""

_declaration = re.compile(r"<\?xml\b[^>]{0,200}\?>")
_encoding = re.compile(r"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,30})[\"']")
_single_byte = re.compile(r"(?:iso-8859-[0-9]{1,2}|latin-?1|windows-12[0-9]{2})", re.IGNORECASE).fullmatch
_illegal = re.compile(f"[{ILLEGAL}]")
_reference = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,9}));")


def _keep_legal(match: re.Match[str]) -> str:
    number = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    legal = number in (9, 10, 13) or (0x20 <= number <= 0x10FFFF and not _illegal.match(chr(number)))
    return match.group() if legal else ""


def _decode(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    declared = _encoding.search(body[:300].decode("latin-1"))
    if declared and _single_byte(declared.group(1)):
        try:
            return body.decode(declared.group(1), "replace")
        except LookupError:  # well spelled, but no such code page
            return body.decode("latin-1")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def repair(body: bytes) -> bytes | None:
    """The body as clean UTF-8 without declaration, or None when there was nothing to repair."""
    if len(body) > MAX_REPAIRED:
        return None
    text = _decode(body).lstrip("\ufeff\x00 \t\r\n")
    text = _declaration.sub("", text, count=1) if text.startswith("<?xml") else text
    text = _illegal.sub("", text)
    repaired = _reference.sub(_keep_legal, text).encode("utf-8")
    return repaired if repaired != body else None
