"""What the twins of a shard share: shapes, reference documents, paths and Inform layouts, each by number.

New entries are written by the same transaction that first uses them. After a rollback the
in-memory side is dropped and read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from ...layout import Shape
from ...overlay import Ref

MAX_SHAPES = 500_000
"""Shapes with a number; a fleet that invents more has the further ones written out in its documents."""
MAX_REFERENCES = 4096
MAX_REFERENCE_BYTES = 128 << 10
MAX_PATHS = 500_000
"""Paths with a number; a fleet that invents more keeps writing the further ones as text."""
MAX_NUMBERED_PATH = 256
"""Longest path that gets a number, in characters."""
MAX_INFORM_LAYOUTS = 100_000
MAX_INFORM_PARAMETERS = 256
MAX_INFORM_LAYOUT = 32 << 10
"""Parameters and bytes of an Inform layout at most; a larger Inform is kept like a read."""
_REFERENCES_IN_MEMORY = 256

_encode = msgspec.msgpack.encode
_decode_shape = msgspec.msgpack.Decoder(Shape).decode


class InformLayout(NamedTuple):
    """Names and types of the parameters of an Inform, in the order sent."""

    names: tuple[str, ...]
    types: tuple[str, ...]


_decode_inform = msgspec.msgpack.Decoder(tuple[tuple[str, ...], tuple[str, ...]]).decode


class ShardCodebook:
    """Implements ``Codebook`` for documents, and the numbering of paths and Inform layouts."""

    def __init__(self) -> None:
        self._writer: sqlite3.Connection | None = None
        self._reader: Callable[[], sqlite3.Connection] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything in memory."""
        self._shape_ids: dict[Shape, int] = {}
        self._shapes: dict[int, Shape] = {}
        self._families: dict[int, int] = {}
        self._seen_once: set[int] = set()
        self._references: dict[int, bytes] = {}
        self._path_ids: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        self._inform_ids: dict[InformLayout, int] = {}
        self._informs: dict[int, InformLayout] = {}
        self._loaded = False

    def bind(self, reader: Callable[[], sqlite3.Connection]) -> None:
        self._reader = reader

    def load(self, connection: sqlite3.Connection) -> None:
        """Read the whole book with the connection that is about to write."""
        self._writer = connection
        if self._loaded:
            return
        for number, body in connection.execute("SELECT id, body FROM shape"):
            self._add_shape(number, body)
        for number, family in connection.execute("SELECT id, family FROM reference"):
            self._families[family] = number
        for number, text in connection.execute("SELECT id, text FROM path"):
            self._path_ids[text], self._paths[number] = number, text
        for number, body in connection.execute("SELECT id, body FROM inform_layout"):
            self._add_inform(number, body)
        self._loaded = True

    def _insert(self, sql: str, *values: object) -> int:
        if self._writer is None:
            raise RuntimeError("the book is written only inside a transaction")
        number = self._writer.execute(sql, values).lastrowid
        assert number is not None
        return number

    def _fetch(self, sql: str, number: int) -> bytes:
        if self._reader is None:
            raise RuntimeError("the book is not bound to a reader")
        row = self._reader().execute(sql, (number,)).fetchone()
        if row is None and self._writer is not None and self._writer.in_transaction:
            row = self._writer.execute(sql, (number,)).fetchone()
        if row is None:
            raise ValueError(f"the store refers to entry {number}, which is not there: {sql}")
        body: bytes = row[0]
        return body

    def _add_shape(self, number: int, body: bytes) -> Shape:
        shape = _decode_shape(body)
        self._shape_ids[shape], self._shapes[number] = number, shape
        return shape

    def _add_inform(self, number: int, body: bytes) -> InformLayout:
        layout = InformLayout(*_decode_inform(body))
        self._inform_ids[layout], self._informs[number] = number, layout
        return layout

    # -- Codebook
    def shape_id(self, shape: Shape) -> int:
        """Number of a shape; 0 when the book is full."""
        number = self._shape_ids.get(shape)
        if number is None:
            if len(self._shape_ids) >= MAX_SHAPES:
                return 0
            number = self._insert("INSERT INTO shape(body) VALUES (?)", _encode(shape))
            self._shape_ids[shape], self._shapes[number] = number, shape
        return number

    def shape(self, number: int) -> Shape:
        known = self._shapes.get(number)
        return known or self._add_shape(number, self._fetch("SELECT body FROM shape WHERE id=?", number))

    def reference_for(self, family: int, raw: bytes) -> int:
        """The reference of a family. The second document of a family becomes its reference, so that
        single devices do not leave dictionaries behind."""
        number = self._families.get(family)
        if number is not None:
            return number
        if family not in self._seen_once:
            if len(self._seen_once) > MAX_REFERENCES:
                self._seen_once.clear()
            self._seen_once.add(family)
            return 0
        if len(self._families) >= MAX_REFERENCES or len(raw) > MAX_REFERENCE_BYTES:
            return 0
        number = self._insert("INSERT INTO reference(family, body) VALUES (?, ?)", family, raw)
        self._families[family] = number
        self._keep_reference(number, raw)
        return number

    def reference(self, number: int) -> bytes:
        body = self._references.get(number)
        if body is None:
            body = self._fetch("SELECT body FROM reference WHERE id=?", number)
            self._keep_reference(number, body)
        return body

    def _keep_reference(self, number: int, body: bytes) -> None:
        if len(self._references) >= _REFERENCES_IN_MEMORY:
            self._references.clear()
        self._references[number] = body

    # -- paths
    def path_ref(self, path: str) -> Ref:
        """The number of a path, given on first use; the path itself when the book is full or the path long."""
        number = self._path_ids.get(path)
        if number is None:
            if len(self._path_ids) >= MAX_PATHS or len(path) > MAX_NUMBERED_PATH:
                return path
            number = self._insert("INSERT INTO path(text) VALUES (?)", path)
            self._path_ids[path], self._paths[number] = number, path
        return number

    def path_text(self, ref: Ref) -> str:
        if isinstance(ref, str):
            return ref
        text = self._paths.get(ref)
        if text is None:
            text = self._paths[ref] = str(self._fetch("SELECT text FROM path WHERE id=?", ref))
        return text

    # -- Inform layouts
    def inform_id(self, layout: InformLayout) -> int:
        """Number of an Inform layout; 0 when it is too large or the book full (the values then live in the overlay)."""
        number = self._inform_ids.get(layout)
        if number is None:
            if len(self._inform_ids) >= MAX_INFORM_LAYOUTS or len(layout.names) > MAX_INFORM_PARAMETERS:
                return 0
            body = _encode(layout)
            if len(body) > MAX_INFORM_LAYOUT:
                return 0
            number = self._insert("INSERT INTO inform_layout(body) VALUES (?)", body)
            self._inform_ids[layout], self._informs[number] = number, layout
        return number

    def inform(self, number: int) -> InformLayout:
        if not number:
            return InformLayout((), ())
        known = self._informs.get(number)
        return known or self._add_inform(number, self._fetch("SELECT body FROM inform_layout WHERE id=?", number))

    def count_shapes(self) -> int:
        return len(self._shapes)
