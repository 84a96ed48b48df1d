"""The document of a twin on disk: a layout by shape ids, the time of each group, and the flat values.

Encoded with msgpack and compressed with zstd level 1 against a *reference document* of the same
family (an earlier device with the same static groups), which more than halves it again: 0.9 kB
instead of 2.6 kB for the 1,299 parameters of a real dump, and it is faster too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from zlib import crc32

import msgspec
import zstandard

from .layout import Group, Layout, Row, Shape

LEVEL = 1
MAX_DOCUMENT = 64 << 20
"""Largest decompressed document in bytes; a larger one is refused as corrupt."""
_LAYOUT_CACHE_LIMIT = 4096

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, list[int], list[str | None]]).decode
_decode_header = msgspec.msgpack.Decoder(list[tuple[int, list[list[int]]]]).decode


class Document(NamedTuple):
    """A decoded document. ``times`` has one observation time (ms) per group; ``values`` are flat,
    None where a parameter exists but was never read."""

    layout: Layout
    times: list[int]
    values: list[str | None]


class Codebook(Protocol):
    """What documents share: shapes by number, and reference documents by number (0: none)."""

    def shape_id(self, shape: Shape) -> int: ...
    def shape(self, number: int) -> Shape: ...
    def reference_for(self, family: int, raw: bytes) -> int: ...
    def reference(self, number: int) -> bytes: ...


class DocumentCodec:
    """Encodes and decodes documents with one codebook. Keeps decoded layouts and prepared dictionaries in memory."""

    def __init__(self, codebook: Codebook) -> None:
        self._book = codebook
        self._layouts: dict[bytes, Layout] = {}
        self._headers: dict[int, tuple[Layout, bytes, int]] = {}
        self._coders: dict[int, tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]] = {}

    def encode(self, document: Document) -> tuple[int, bytes]:
        """The reference number used and the compressed bytes."""
        header, family = self._header(document.layout)
        raw = _encode((header, document.times, document.values))
        reference = self._book.reference_for(family, raw)
        return reference, self._coder(reference)[0].compress(raw)

    def decode(self, reference: int, data: bytes) -> Document:
        """The inverse of ``encode``. Raises ValueError when the bytes are no document."""
        try:
            raw = self._coder(reference)[1].decompress(data, max_output_size=MAX_DOCUMENT)
            header, times, values = _decode(raw)
        except (zstandard.ZstdError, msgspec.DecodeError) as error:
            raise ValueError(f"corrupt twin document: {error}") from error
        return Document(self._layout(header), times, values)

    def _coder(self, reference: int) -> tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]:
        coder = self._coders.get(reference)
        if coder is None:
            dictionary = None
            if reference:
                dictionary = zstandard.ZstdCompressionDict(
                    self._book.reference(reference), dict_type=zstandard.DICT_TYPE_RAWCONTENT
                )
                dictionary.precompute_compress(level=LEVEL)
            coder = (
                zstandard.ZstdCompressor(
                    level=LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False
                ),
                zstandard.ZstdDecompressor(dict_data=dictionary),
            )
            self._coders[reference] = coder
        return coder

    def _header(self, layout: Layout) -> tuple[bytes, int]:
        """Encoded header of a layout and its family (a number that devices of one model share)."""
        known = self._headers.get(id(layout))
        if known is not None and known[0] is layout:
            return known[1], known[2]
        numbers = [self._book.shape_id(group.shape) for group in layout.groups]
        header = _encode([(number, group.rows) for number, group in zip(numbers, layout.groups, strict=True)])
        static = sorted(n for n, group in zip(numbers, layout.groups, strict=True) if group.rows == ((),))
        family = crc32(_encode(static))
        if len(self._headers) >= _LAYOUT_CACHE_LIMIT:
            self._headers.clear()
        self._headers[id(layout)] = (layout, header, family)
        return header, family

    def _layout(self, header: bytes) -> Layout:
        layout = self._layouts.get(header)
        if layout is None:
            groups = [
                Group(self._book.shape(number), tuple(map(_row, rows))) for number, rows in _decode_header(header)
            ]
            if len(self._layouts) >= _LAYOUT_CACHE_LIMIT:
                self._layouts.clear()
            layout = self._layouts[header] = Layout(groups)
        return layout


def _row(numbers: Sequence[int]) -> Row:
    return tuple(numbers)
