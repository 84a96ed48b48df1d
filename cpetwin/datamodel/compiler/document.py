"""A data-model document from a file nobody vouches for: bounded, without entities, DOCTYPE or network."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lxml import etree

from ...errors import CpetwinError

MAX_XML = 64 << 20
"""Bytes of one unpacked document at most (Device:2.19 has 5 MB)."""
MAX_DEPTH = 40
"""Nested elements at most (Device:2.19 has 10)."""


class BadModel(CpetwinError):
    """A data-model document is broken; the message begins with file and line."""

    code = "bad-model"


class Document:
    """A parsed document that knows its file, so that every complaint can name file and line."""

    def __init__(self, name: str, root: etree._Element) -> None:
        self.name = name
        self.root = root

    def error(self, at: etree._Element, message: str) -> BadModel:
        return BadModel(f"{self.name}, line {at.sourceline}: {message}")

    def attribute(self, at: etree._Element, name: str) -> str:
        """A mandatory attribute, without blanks around it. Raises BadModel when it is missing or empty."""
        value = at.get(name, "").strip()
        if not value:
            raise self.error(at, f"<{local(at)}> needs the attribute {name}")
        return value

    def number(self, at: etree._Element, name: str, otherwise: int | None) -> int | None:
        """An integer attribute; ``otherwise`` when absent, None when ``unbounded``."""
        text = at.get(name)
        if text is None:
            return otherwise
        if text.strip() == "unbounded":
            return None
        try:
            return int(text)
        except ValueError:
            raise self.error(at, f"{name}={text!r} is no integer") from None

    def flag(self, at: etree._Element, name: str, otherwise: bool = False) -> bool:
        text = at.get(name)
        if text is None:
            return otherwise
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
        raise self.error(at, f"{name}={text!r} is neither true nor false")

    def choice(self, at: etree._Element, name: str, allowed: tuple[str, ...], otherwise: str) -> str:
        value = at.get(name, otherwise)
        if value not in allowed and value != otherwise:
            raise self.error(at, f"{name}={value!r} is none of {', '.join(allowed)}")
        return value


def local(element: etree._Element) -> str:
    """The name without its namespace."""
    return etree.QName(element).localname


def report_flag(element: etree._Element, name: str) -> bool:
    """An attribute of the reporting tool, whose namespace has changed over the years."""
    return any(etree.QName(key).localname == name and value == "true" for key, value in element.attrib.items())


def children(element: etree._Element) -> Iterator[etree._Element]:
    """Child elements; comments and processing instructions are left out."""
    return (child for child in element if isinstance(child.tag, str))


def read_document(file: Path) -> Document:
    """Read a document; ``.xz`` and ``.gz`` are unpacked. Raises BadModel with file, line and reason."""
    try:
        with _open(file) as stream:
            data = stream.read(MAX_XML + 1)
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadModel(f"{file.name} cannot be unpacked: {error}") from error
    except OSError as error:
        raise BadModel(f"{file.name} cannot be read: {error.strerror or error}") from error
    return parse_document(file.name, data)


def _open(file: Path) -> IO[bytes]:
    if file.suffix == ".xz":
        return lzma.open(file)
    if file.suffix == ".gz":
        return gzip.open(file)  # type: ignore[return-value]
    return file.open("rb")


def parse_document(name: str, data: bytes) -> Document:
    """Parse one document. Raises BadModel with file, line and reason."""
    if len(data) > MAX_XML:
        raise BadModel(f"{name} has more than {MAX_XML >> 20} MB of XML")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        tree = etree.parse(io.BytesIO(data), parser)
    except etree.XMLSyntaxError as error:
        raise BadModel(f"{name}, line {error.lineno}: not well-formed: {error.msg}") from error
    if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None:
        raise BadModel(f"{name}, line 1: a DOCTYPE is refused")
    root = tree.getroot()
    _check_depth(name, root)
    if local(root) != "document":
        raise BadModel(f"{name}, line {root.sourceline}: the root element is <{local(root)}>, expected <document>")
    return Document(name, root)


def _check_depth(name: str, root: etree._Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise BadModel(f"{name}, line {level[0].sourceline}: more than {MAX_DEPTH} nested elements")
