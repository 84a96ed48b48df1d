"""Compressed request bodies (HTTPCompression of ManagementServer: GZIP, Deflate) under a cap."""

from __future__ import annotations

import zlib

from .http_limits import HttpLimits

CODINGS = frozenset((b"gzip", b"x-gzip", b"deflate"))
ACCEPTED = CODINGS | {b"identity", b""}
"""Content codings that are understood; the last two change nothing."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class BadCoding(ValueError):
    """The body is not what its Content-Encoding says (400)."""


class TooLarge(ValueError):
    """The body inflates beyond its cap or ratio (413)."""


def inflate(body: bytes, coding: bytes, limits: HttpLimits) -> bytes:
    """The plain body. Never makes more than the cap, whatever the stream promises.

    ``deflate`` is tried as zlib (RFC 9110 8.4.1.2), then as the raw stream that some clients send.
    Raises BadCoding and TooLarge.
    """
    cap = min(limits.inflated_bytes, max(limits.inflate_free, len(body) * limits.inflate_ratio))
    try:
        return _inflate(body, _GZIP_OR_ZLIB, cap)
    except zlib.error as error:
        if coding != b"deflate":
            raise BadCoding(str(error)) from error
    try:
        return _inflate(body, _RAW, cap)
    except zlib.error as error:
        raise BadCoding(str(error)) from error


def _inflate(body: bytes, window: int, cap: int) -> bytes:
    stream = zlib.decompressobj(window)
    plain = stream.decompress(body, cap + 1)
    if len(plain) > cap:
        raise TooLarge(f"more than {cap} bytes inflated")
    if not stream.eof:
        raise BadCoding("compressed body ends early")
    if stream.unused_data:
        raise BadCoding("data after the compressed body")
    return plain
