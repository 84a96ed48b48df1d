"""The overlay: what changed since the document was written, and the history that is not yet packed.

A Report of a few values goes here and never touches the document. When the overlay has grown it is
folded: values go into the document, the log becomes a history chunk.

A path is written as a number from the path book (``Ref``), or as text when the book is full.
"""

from __future__ import annotations

import msgspec

Ref = int | str
UNKNOWN = 0
"""Stands for an old value that is found only by replaying the log on the document."""

LogEntry = tuple[int, Ref, str | int | None, str | None, str]
"""(time ms, path, old value | UNKNOWN | None, new value | None, cause). New None: the parameter vanished."""

FOLD_BYTES = 2048
"""An overlay larger than this is folded into the document at the next change."""


class Overlay(msgspec.Struct, array_like=True):
    """``values``: path -> (text, time, type or "" for the one of the document); ``ages``: group number ->
    time, where a whole group was read again and found as it was; ``log``: changes in order of time."""

    values: dict[Ref, tuple[str, int, str]] = {}
    ages: dict[int, int] = {}
    log: list[LogEntry] = []

    @property
    def empty(self) -> bool:
        return not (self.values or self.ages or self.log)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Overlay)


def encode_overlay(overlay: Overlay) -> bytes:
    return b"" if overlay.empty else _encoder.encode(overlay)


def decode_overlay(data: bytes) -> Overlay:
    """Raises ValueError when the bytes are no overlay."""
    if not data:
        return Overlay({}, {}, [])
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"corrupt overlay: {error}") from error
