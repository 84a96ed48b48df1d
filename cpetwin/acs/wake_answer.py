"""A small, bounded reader of what devices answer to a Connection Request.

Only the status, the challenge and whether the connection can be used again matter. Header lines may be folded over
several lines, end in a bare LF, and the length may be missing (cwmp.md section 11).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

MAX_ANSWER = 16 * 1024
"""Bytes of head, and of body, that are read."""

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?:[ \r]|$)")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_MAX_INTERIM = 4


class BadAnswer(ValueError):
    """What came is no HTTP answer, or none at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``challenges`` are the WWW-Authenticate values, unfolded; ``closed``: the connection is not usable any more."""

    status: int
    challenges: list[bytes]
    closed: bool


async def read_answer(reader: asyncio.StreamReader, grace_s: float) -> Answer:
    """Read one answer. A 401's body is read to the end if its length is known; without one, the device has
    ``grace_s`` seconds to close, else the answer counts as ended. Raises BadAnswer and OSError."""
    for _ in range(_MAX_INTERIM):
        status, headers = parse_head(await _read_head(reader))
        if status >= 200:
            break
    else:
        raise BadAnswer("only interim answers")
    challenges = [value for name, value in headers if name == b"www-authenticate"]
    closed = True
    if status == 401 and not any(name == b"connection" and b"close" in value.lower() for name, value in headers):
        closed = not await _read_body(reader, dict(headers), grace_s)
    return Answer(status, challenges, closed)


def parse_head(head: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Status, and the headers with names in lower case. Raises BadAnswer."""
    first, _, rest = head.partition(b"\n")
    found = _STATUS.match(first)
    if found is None:
        raise BadAnswer("no HTTP status line")
    headers = []
    for line in _FOLD.sub(b" ", rest).splitlines():
        name, colon, value = line.partition(b":")
        if colon:
            headers.append((name.strip().lower(), value.strip()))
    return int(found[1]), headers


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    head = bytearray()
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            # Some close after the status line: that is an answer. An unfinished line is not.
            if head and not error.partial.strip():
                return bytes(head)
            raise BadAnswer("closed without an answer" if not head else "closed within an answer") from error
        except asyncio.LimitOverrunError as error:
            raise BadAnswer("answer too long") from error
        if not line.strip():
            if head:
                return bytes(head)
            continue
        head += line
        if len(head) > MAX_ANSWER:
            raise BadAnswer("answer too long")


async def _read_body(reader: asyncio.StreamReader, headers: dict[bytes, bytes], grace_s: float) -> bool:
    """Read to the end of the body; True when the connection can be used again."""
    length = headers.get(b"content-length", b"")
    if b"transfer-encoding" in headers or (length and not length.isdigit()):
        return False  # not worth a decoder: a new connection does it
    if length:
        size = int(length) if len(length) < 8 else MAX_ANSWER + 1
        if size > MAX_ANSWER:
            return False
        try:
            await reader.readexactly(size)
        except asyncio.IncompleteReadError:
            return False
        return not reader.at_eof()
    try:
        async with asyncio.timeout(grace_s):
            size = 0
            while data := await reader.read(MAX_ANSWER):
                size += len(data)
                if size > MAX_ANSWER:
                    return False
        return False
    except TimeoutError:
        return True
