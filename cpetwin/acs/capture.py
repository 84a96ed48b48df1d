"""Captured HTTP taken apart: several requests or responses one after another, as a packet capture has them.

Lenient where a server must not be: a human wants to see what is inside. A Content-Length that is too small
ends the body early, as it does on the server; one that is too large takes what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE = rb"(?:[A-Z]{3,10} [^\r\n ]{1,8192} HTTP/1\.[01]|HTTP/1\.[01] [0-9]{3}[^\r\n]{0,200})[ \t]*\r?\n"
_START = re.compile(_LINE)
_START_AT_ONCE = re.compile(rb"\s*+" + _LINE)
_START_BYTES = 9000
"""Enough bytes to hold any start line."""
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[^\r\n]{0,200}\r?\n")
MAX_MESSAGES = 10_000
"""HTTP messages of one capture that are looked at."""


class Captured(NamedTuple):
    """One HTTP message. ``coding`` is its Content-Encoding; ``problem`` says what is wrong with its framing."""

    body: bytes
    coding: bytes = b""
    problem: str = ""


def is_http(data: bytes) -> bool:
    """Whether a capture begins with a request line or a status line."""
    return _START_AT_ONCE.match(data) is not None


def split_http(data: bytes) -> Iterator[Captured]:
    """The HTTP messages of a capture in order. What follows a broken one is looked for at the next start line."""
    position = 0
    for _ in range(MAX_MESSAGES):
        start = _START.search(data, position)
        if start is None:
            return
        end = _END_OF_HEAD.search(data, start.end() - 2)
        if end is None:
            yield Captured(b"", problem="the headers end early")
            return
        headers = _headers(data[start.end() : end.start()])
        captured, position = _body(data, end.end(), headers)
        yield captured
    if _START.search(data, position):
        yield Captured(b"", problem=f"more than {MAX_MESSAGES} HTTP messages: the rest is not shown")


def _headers(head: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _body(data: bytes, position: int, headers: dict[bytes, bytes]) -> tuple[Captured, int]:
    coding = headers.get(b"content-encoding", b"").lower()
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        body, position, problem = _chunks(data, position)
        return Captured(body, coding, problem), position
    length = headers.get(b"content-length")
    end = position + int(length) if length is not None and length.isdigit() and len(length) < 12 else -1
    if end == len(data) or (position <= end < len(data) and is_http(data[end : end + _START_BYTES])):
        return Captured(data[position:end], coding), end
    following = _START.search(data, position)
    limit = following.start() if following else len(data)
    if end >= 0:
        end = min(end, limit)
    elif length is not None:
        return Captured(data[position:limit], coding, "the Content-Length is no number"), limit
    else:  # without any length a request has no body; show it when the capture has one all the same
        end = limit if data[position:limit].strip() else position
    return Captured(data[position:end], coding), end


def _chunks(data: bytes, position: int) -> tuple[bytes, int, str]:
    """The de-chunked body (RFC 9112 7.1), where it ended, and what is wrong with it."""
    parts: list[bytes] = []
    while True:
        size = _CHUNK_SIZE.match(data, position)
        if size is None:
            return b"".join(parts), position, "a chunk has no size"
        count = int(size.group(1), 16)
        position = size.end()
        if count == 0:
            return b"".join(parts), position, ""  # trailers are skipped by the search for the next start line
        if position + count > len(data):
            return b"".join([*parts, data[position:]]), len(data), "the last chunk ends early"
        parts.append(data[position : position + count])
        position += count
        if data[position : position + 2] == b"\r\n":
            position += 2
        elif data[position : position + 1] == b"\n":
            position += 1
