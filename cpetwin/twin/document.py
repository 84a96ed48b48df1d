"""The document of a twin on disk: a layout by shape ids, observation times, and the flat values.

Encoded with msgpack and compressed with zstd level 1 against a *reference document* of the same
family (an earlier device with the same static groups), which more than halves it again: 0.9 kB
instead of 2.6 kB for the 1,299 parameters of a real dump, and it is faster too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from zlib import crc32

import msgspec
import zstandard

from .layout import Group, Layout, Shape
from .layout import group as group_of

LEVEL = 1
MAX_DOCUMENT = 16 << 20
"""Largest document in bytes before compression; a larger one is not written."""
_LAYOUT_CACHE_LIMIT = 512
_GROUP_CACHE_LIMIT = 20_000
_CACHED_SIZE = 8192
"""Layouts with more parameters are decoded each time, so that what is remembered stays small."""
_CODER_CACHE_LIMIT = 256

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[bytes], list[int], list[str | None], dict[int, int]]).decode
_decode_group = msgspec.msgpack.Decoder(tuple[int | Shape, tuple[tuple[int, ...], ...]]).decode


class DocumentTooLarge(Exception):
    """The values of a twin take more than MAX_DOCUMENT bytes."""


class Document(NamedTuple):
    """A decoded document. ``values`` are flat, None where a parameter exists but was never read.

    ``times`` has one observation time (ms) per group; ``exceptions`` the times of single flat
    positions that were seen at another moment than most of their group.
    """

    layout: Layout
    times: list[int]
    values: list[str | None]
    exceptions: dict[int, int]

    def seen(self, ages: Mapping[int, int]) -> list[int]:
        """Observation time of every flat position; ``ages``: group -> when it was last found unchanged."""
        out: list[int] = []
        for (first, end), time in zip(self.layout.bounds, self.times, strict=True):
            out += [time] * (end - first)
        for position, time in self.exceptions.items():
            out[position] = time
        for number, age in ages.items():
            first, end = self.layout.bounds[number]
            out[first:end] = [max(age, time) for time in out[first:end]]
        return out


class Codebook(Protocol):
    """What documents share: shapes by number (0: the book is full), and reference documents by number (0: none)."""

    def shape_id(self, shape: Shape) -> int: ...
    def shape(self, number: int) -> Shape: ...
    def reference_for(self, family: int, raw: bytes) -> int: ...
    def reference(self, number: int) -> bytes: ...


class DocumentCodec:
    """Encodes and decodes documents with one codebook. Keeps decoded layouts and prepared dictionaries in memory."""

    def __init__(self, codebook: Codebook) -> None:
        self._book = codebook
        self._layouts: dict[tuple[bytes, ...], Layout] = {}
        self._groups: dict[bytes, Group] = {}
        self._headers: dict[int, tuple[Layout, list[bytes], int]] = {}
        self._encoded: dict[Group, tuple[bytes, int]] = {}
        self._coders: dict[int, tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]] = {}

    def encode(self, document: Document) -> tuple[int, bytes]:
        """The reference number used and the compressed bytes. Raises DocumentTooLarge."""
        header, family = self._header(document.layout)
        raw = _encode((header, document.times, document.values, document.exceptions))
        if len(raw) > MAX_DOCUMENT:
            raise DocumentTooLarge
        reference = self._book.reference_for(family, raw)
        return reference, self._coder(reference)[0].compress(raw)

    def decode(self, reference: int, data: bytes) -> Document:
        """The inverse of ``encode``. Raises ValueError when the bytes are no document."""
        try:
            if zstandard.frame_content_size(data) > MAX_DOCUMENT:
                raise ValueError("corrupt twin document: too large")
            raw = self._coder(reference)[1].decompress(data, max_output_size=MAX_DOCUMENT)
            header, times, values, exceptions = _decode(raw)
            layout = self._layout(header)
        except (zstandard.ZstdError, msgspec.DecodeError) as error:
            raise ValueError(f"corrupt twin document: {error}") from error
        if len(times) != len(layout.groups) or len(values) != layout.size:
            raise ValueError("corrupt twin document: its columns do not fit its layout")
        return Document(layout, times, values, exceptions)

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
                zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False),
                zstandard.ZstdDecompressor(dict_data=dictionary),
            )
            if len(self._coders) >= _CODER_CACHE_LIMIT:
                self._coders.clear()
            self._coders[reference] = coder
        return coder

    def _header(self, layout: Layout) -> tuple[list[bytes], int]:
        """Encoded groups of a layout and its family (a number that devices of one model share)."""
        known = self._headers.get(id(layout))
        if known is not None and known[0] is layout:
            return known[1], known[2]
        encoded = [self._encoded.get(group) or self._encode_group(group) for group in layout.groups]
        header = [body for body, _ in encoded]
        family = crc32(_encode(sorted([number for _, number in encoded if number])))
        if layout.size <= _CACHED_SIZE:
            if len(self._headers) >= _LAYOUT_CACHE_LIMIT:
                self._headers.clear()
            self._headers[id(layout)] = (layout, header, family)
        return header, family

    def _encode_group(self, group: Group) -> tuple[bytes, int]:
        """The encoded group, and the number of its shape if it is static."""
        number = self._book.shape_id(group.shape)
        result = _encode((number or group.shape, group.rows)), number if group.rows == ((),) else 0
        if group.size <= _CACHED_SIZE:
            if len(self._encoded) >= _GROUP_CACHE_LIMIT:
                self._encoded.clear()
            self._encoded[group] = result
        return result

    def _layout(self, header: list[bytes]) -> Layout:
        key = tuple(header)
        layout = self._layouts.get(key)
        if layout is None:
            layout = Layout([self._groups.get(body) or self._decode_group(body) for body in header])
            if layout.size <= _CACHED_SIZE:
                if len(self._layouts) >= _LAYOUT_CACHE_LIMIT:
                    self._layouts.clear()
                self._layouts[key] = layout
        return layout

    def _decode_group(self, body: bytes) -> Group:
        of, rows = _decode_group(body)
        decoded = group_of(self._book.shape(of) if isinstance(of, int) else of, rows)
        if decoded.size <= _CACHED_SIZE:
            if len(self._groups) >= _GROUP_CACHE_LIMIT:
                self._groups.clear()
            self._groups[body] = decoded
        return decoded
