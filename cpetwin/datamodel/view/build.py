"""Makes the compiled mapping table from the CSV files and the data-model XML.

``python -m cpetwin.datamodel.view.build FOLDER OUTPUT`` where FOLDER holds ``tr098_to_tr181.csv``,
``index_rules.csv`` and the flattened XML files (``.xml`` or ``.xml.xz``). Only facts are kept: names, types,
access and enumeration values, no descriptions.
"""

from __future__ import annotations

import csv
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from .record import Child, Data, IndexRule, Row, xsd_type

MAPPING = "tr098_to_tr181.csv"
RULES = "index_rules.csv"
MODELS = (
    ("tr-181-2-19-1-cwmp-full.xml", ""),
    ("tr-104-2-0-2-cwmp-full.xml", "Device.Services."),
    ("tr-104-1-1-0-full.xml", "Device.Services."),
)
"""Models whose enumerations are read, with the prefix of their objects; the first that defines a path wins."""


class _Found:
    """One parameter of the XML."""

    __slots__ = ("list", "type", "words", "writable")

    def __init__(self, type_: str, writable: bool, list_: bool, words: tuple[str, ...]) -> None:
        self.type, self.writable, self.list, self.words = type_, writable, list_, words


class _Model:
    """The parameters and tables of one flattened model file."""

    def __init__(self, path: Path, prefix: str) -> None:
        from lxml import etree

        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rb") as file:
            self._root = etree.parse(file).getroot()
        self._prefix = prefix
        self._types: dict[str, Any] = {str(e.get("name")): e for e in self._root.iter("dataType")}
        self.parameters: dict[str, _Found] = {}
        self.counts: dict[str, str] = {}
        references: dict[str, str] = {}
        for object_ in self._root.iter("object"):
            name = prefix + (object_.get("name") or "").strip()
            count = object_.get("numEntriesParameter")
            if count:
                self.counts[name] = name.removesuffix("{i}.").rstrip(".").rpartition(".")[0] + "." + count
            for parameter in object_.findall("parameter"):
                self._parameter(name, parameter, references)
        for path_, target in references.items():
            if target in self.parameters and not self.parameters[path_].words:
                self.parameters[path_].words = self.parameters[target].words

    def _parameter(self, object_: str, parameter: Any, references: dict[str, str]) -> None:
        syntax = parameter.find("syntax")
        if syntax is None:
            return
        path = object_ + parameter.get("name").strip()
        base = next((e for e in syntax if e.tag not in ("list", "default")), None)
        if base is None:
            return
        reference = next((e.get("targetParam") for e in base.iter("enumerationRef")), None)
        if reference:
            references[path] = _resolve(object_, reference)
        self.parameters[path] = _Found(
            self._wire(base), parameter.get("access") == "readWrite", syntax.find("list") is not None, self._words(base)
        )

    def _chain(self, element: Any) -> Iterator[Any]:
        """A type element and the named types it refines."""
        while element is not None:
            yield element
            name = element.get("ref") if element.get("ref") else element.get("base")
            element = self._types.get(name) if element.tag == "dataType" and name else None

    def _words(self, element: Any) -> tuple[str, ...]:
        for step in self._chain(element):
            found = [e.get("value") for e in step.iter("enumeration") if e.get("status") != "deleted"]
            if found:
                return tuple(found)
        return ()

    def _wire(self, element: Any) -> str:
        for step in self._chain(element):
            if step.tag != "dataType":
                return str(step.tag)
            for inner in step:
                if xsd_type(inner.tag) == inner.tag and inner.tag != "description":
                    return str(inner.tag)
        return "string"


def _resolve(object_: str, reference: str) -> str:
    """A reference relative to an object, as a path: every ``#`` goes up one object (TR-106 A.2.3.4)."""
    if reference.startswith("Device."):
        return reference
    if reference.startswith("."):
        return "Device" + reference
    segments = object_.rstrip(".").split(".")
    up = len(reference) - len(reference.lstrip("#"))
    for _ in range(up):
        if segments[-1] == "{i}":
            segments.pop()
        segments.pop()
    return ".".join(segments) + "." + reference.lstrip("#").lstrip(".")


def _open(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / (name + ".xz")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{folder} has neither {name} nor {name}.xz")


def build(folder: Path) -> bytes:
    """The content of the compiled file. Raises OSError when one of the inputs is missing."""
    models = [_Model(_open(folder, name), prefix) for name, prefix in MODELS]
    parameters: dict[str, _Found] = {}
    counts: dict[str, str] = {}
    for model in reversed(models):
        parameters.update(model.parameters)
        counts.update(model.counts)
    words: dict[tuple[str, ...], int] = {}

    def number(found: _Found | None) -> int:
        return -1 if found is None or not found.words else words.setdefault(found.words, len(words))

    rows = []
    with (folder / MAPPING).open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            found = parameters.get(line["tr181_path"])
            rows.append(
                Row(
                    line["tr098_path"],
                    line["tr181_path"],
                    line["kind"],
                    line["index_rule"],
                    line["value_map"],
                    line["notes"],
                    xsd_type(line["type098"]),
                    xsd_type(line["type181"]),
                    line["rw181"] == "W",
                    line["type181"].endswith("[]"),
                    number(found),
                )
            )
    with (folder / RULES).open(encoding="utf-8", newline="") as file:
        rules = [
            IndexRule(line["rule"], line["tr098_key"], line["tr181_rows"], line["meaning"])
            for line in csv.DictReader(file)
        ]
    reached = {row.target.rpartition(".")[0] + "." for row in rows if row.target}
    for extra in ADDED_OBJECTS:
        reached.add(extra)
    children: dict[str, dict[str, Child]] = {}
    for path, found in parameters.items():
        object_, _, leaf = path.rpartition(".")
        if object_ + "." in reached:
            child = Child(xsd_type(found.type), found.writable, found.list, number(found))
            children.setdefault(object_ + ".", {})[leaf] = child
    tables = {table for object_ in reached for table in _tables(object_)}
    kept = {table: count for table, count in counts.items() if table in tables}
    return encode(Data(rows, rules, [list(w) for w in words], children, kept))


ADDED_OBJECTS = (
    "Device.IP.Diagnostics.UDPEchoDiagnostics.",
    "Device.IP.Diagnostics.ServerSelectionDiagnostics.",
    "Device.Bridging.Bridge.{i}.",
    "Device.Bridging.Bridge.{i}.Port.{i}.",
    "Device.Optical.Interface.{i}.",
    "Device.Optical.Interface.{i}.Stats.",
)
"""Objects that no row of the table names but that natives are shown under (same name, or vendor boxes)."""


def _tables(object_: str) -> Iterator[str]:
    parts = object_.split("{i}.")
    for end in range(1, len(parts)):
        yield "{i}.".join(parts[:end]) + "{i}."


def encode(data: Data) -> bytes:
    """The bytes of the compiled file; the same data always give the same bytes."""
    return zstandard.ZstdCompressor(level=19).compress(msgspec.msgpack.encode(data))


def main() -> None:
    """Entry of ``python -m cpetwin.datamodel.view.build``."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m cpetwin.datamodel.view.build FOLDER OUTPUT")
    Path(sys.argv[2]).write_bytes(build(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
