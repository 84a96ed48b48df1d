"""Documents and overlays: what is written is what is read, with and without a reference document."""

from __future__ import annotations

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.twin.document import MAX_DOCUMENT, Document, DocumentCodec, DocumentTooLarge
from cpetwin.twin.layout import Shape, plan
from cpetwin.twin.overlay import Overlay, decode_overlay, encode_overlay

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PATHS = st.lists(st.sampled_from(("Device", "A", "B", "1", "2", "30", "")), min_size=1, max_size=5).map(".".join)


class Book:
    """A codebook in memory. ``full``: no number is given out any more."""

    def __init__(self, full: bool = False) -> None:
        self.full = full
        self.shapes: list[Shape] = []
        self.references: dict[int, bytes] = {}
        self.families: dict[int, int] = {}

    def shape_id(self, shape: Shape) -> int:
        if self.full:
            return 0
        if shape not in self.shapes:
            self.shapes.append(shape)
        return self.shapes.index(shape) + 1

    def shape(self, number: int) -> Shape:
        return self.shapes[number - 1]

    def reference_for(self, family: int, raw: bytes) -> int:
        if family not in self.families:
            self.families[family] = len(self.families) + 1
            self.references[self.families[family]] = raw
        return self.families[family]

    def reference(self, number: int) -> bytes:
        return self.references[number]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    parameters = draw(st.dictionaries(PATHS, st.tuples(TEXT, st.booleans()), max_size=30))
    types, writable = [t for t, _ in parameters.values()], [w for _, w in parameters.values()]
    layout = plan(list(parameters), types, writable, {"Device.A.": True}).layout
    values = draw(st.lists(st.none() | TEXT, min_size=layout.size, max_size=layout.size))
    times = draw(st.lists(st.integers(0, 2**52), min_size=len(layout.groups), max_size=len(layout.groups)))
    some = [position for position in range(layout.size) if draw(st.booleans())][:4]
    return Document(layout, times, values, {position: draw(st.integers(0, 2**52)) for position in some})


@given(st.lists(documents(), min_size=1, max_size=3), st.booleans())
def test_a_document_comes_back_as_it_was(made: list[Document], full: bool) -> None:
    """By the codec that wrote it and by a new one; against a reference or alone; also when the book is full."""
    book = Book(full)
    codec = DocumentCodec(book)
    for document in made:
        reference, data = codec.encode(document)
        for reader in (codec, DocumentCodec(book)):
            again = reader.decode(reference, data)
            assert again.layout.groups == document.layout.groups
            assert again[1:] == document[1:]


def test_a_second_device_of_a_family_is_much_smaller() -> None:
    """The reference document makes the repeated part nearly free."""

    def document(serial: str) -> Document:
        made = plan([f"Device.A.Parameter{i}" for i in range(300)], ["string"] * 300, [False] * 300, {})
        return Document(made.layout, [1], made.arrange([f"value {i * 7919}" for i in range(299)] + [serial]), {})

    class Alone(Book):
        def reference_for(self, family: int, raw: bytes) -> int:
            return 0

    codec, alone = DocumentCodec(Book()), DocumentCodec(Alone())
    codec.encode(document("S0"))
    assert 5 * len(codec.encode(document("S1"))[1]) < len(alone.encode(document("S1"))[1])


def test_a_document_too_large_is_refused_when_written() -> None:
    """Nothing is written that would be refused when read."""
    layout = plan(["Device.A.B"], ["string"], [False], {}).layout
    codec = DocumentCodec(Book())
    with pytest.raises(DocumentTooLarge):
        codec.encode(Document(layout, [1], ["x" * MAX_DOCUMENT], {}))


@given(st.binary(max_size=60))
def test_garbage_is_no_document(data: bytes) -> None:
    """Corrupt bytes raise ValueError, never anything else."""
    with pytest.raises(ValueError, match="corrupt"):
        DocumentCodec(Book()).decode(0, data)


def test_columns_that_do_not_fit_the_layout_are_no_document() -> None:
    """A value too many, or a time too few, is corruption."""
    layout = plan(["Device.A.B"], ["string"], [False], {}).layout
    codec = DocumentCodec(Book())
    for wrong in (Document(layout, [1], ["a", "b"], {}), Document(layout, [], ["a"], {})):
        with pytest.raises(ValueError, match="corrupt"):
            codec.decode(*codec.encode(wrong))


def test_a_decompression_bomb_is_refused() -> None:
    """The size is looked at before memory is given for it."""
    with pytest.raises(ValueError, match="corrupt"):
        DocumentCodec(Book()).decode(0, zstandard.ZstdCompressor().compress(b"\0" * (MAX_DOCUMENT + 1)))


REFS = st.integers(1, 2**31) | TEXT


@given(
    st.dictionaries(REFS, st.tuples(TEXT, st.integers(0, 2**52), TEXT), max_size=5),
    st.dictionaries(st.integers(0, 500), st.integers(0, 2**52), max_size=5),
    st.lists(st.tuples(st.integers(0, 2**52), REFS, st.none() | st.just(0) | TEXT, st.none() | TEXT, TEXT), max_size=5),
)
def test_an_overlay_comes_back_as_it_was(values: dict, ages: dict, log: list) -> None:  # type: ignore[type-arg]
    """Values, ages and log; an empty one takes no bytes."""
    overlay = Overlay(values, ages, log)
    assert decode_overlay(encode_overlay(overlay)) == overlay
    assert encode_overlay(Overlay({}, {}, [])) == b""


@given(st.binary(max_size=30))
def test_garbage_is_no_overlay(data: bytes) -> None:
    """Corrupt bytes raise ValueError and nothing else; a few are an overlay by chance."""
    try:
        assert isinstance(decode_overlay(data), Overlay)
    except ValueError as error:
        assert "corrupt" in str(error)
