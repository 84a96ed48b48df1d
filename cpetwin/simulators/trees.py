"""Parameter trees: what a device model consists of, shared by all devices of that model.

A dump is a CSV file (``.gz`` allowed) with the columns ``path,object,writable,type,value``; objects have no final
dot. The two dumps that come with the package are kept in ``data/`` in compiled form (see ``data/NOTICE``).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path as FilePath
from typing import NamedTuple

import msgspec
import zstandard

from ..datamodel import MAX_PATH, XSD_TYPES, root_of, template_of
from ..errors import BadInput
from .wire import name_struct, value_struct

MAX_ROWS = 200_000
MAX_DUMP = 64 * 1024 * 1024
COLUMNS = ("path", "object", "writable", "type", "value")
BUILTIN = ("tr098-tplink-ec220g5v2-2023", "tr181-tplink-ec220g5v3-2023")

MANAGEMENT: tuple[tuple[str, str, str, bool], ...] = (
    ("URL", "", "string", True),
    ("Username", "", "string", True),
    ("Password", "", "string", True),
    ("PeriodicInformEnable", "true", "boolean", True),
    ("PeriodicInformInterval", "300", "unsignedInt", True),
    ("ParameterKey", "", "string", False),
    ("ConnectionRequestURL", "", "string", False),
    ("ConnectionRequestUsername", "", "string", True),
    ("ConnectionRequestPassword", "", "string", True),
)
"""What every CPE has below ManagementServer (TR-181 profile CWMPMgmt Baseline:1); added to a dump that lacks it."""

_NAME = re.compile(r"[A-Za-z_0-9][\w\-]*(\.[A-Za-z_0-9][\w\-]*)*\Z")


class Leaf(NamedTuple):
    """One parameter of a tree: text as served, type without prefix, whether SetParameterValues may write it."""

    text: str
    type: str
    writable: bool


class BadRow(NamedTuple):
    """A line of a dump that could not be used, and why."""

    line: int
    reason: str


class Columns(msgspec.Struct):
    """The compiled form of a tree: leaves in columns, objects with their final dot."""

    name: str
    leaves: list[str]
    texts: list[str]
    types: list[str]
    writable: list[bool]
    objects: list[str]
    object_writable: list[bool]


class Tree:
    """An immutable parameter tree. ``paths`` are the leaves in code-point order; ``objects`` maps object paths
    (with their final dot) to writability (AddObject on a table, DeleteObject on a row)."""

    def __init__(self, columns: Columns) -> None:
        self.name = columns.name
        order = sorted(range(len(columns.leaves)), key=columns.leaves.__getitem__)
        self.paths: tuple[str, ...] = tuple(columns.leaves[i] for i in order)
        self.leaves: dict[str, Leaf] = {
            columns.leaves[i]: Leaf(columns.texts[i], columns.types[i] or "string", columns.writable[i]) for i in order
        }
        self.objects: dict[str, bool] = dict(zip(columns.objects, columns.object_writable, strict=True))
        root = root_of(self.paths[0]) if self.paths else None
        if root is None:
            raise BadInput(f"{self.name}: the tree has neither the root Device. nor InternetGatewayDevice.")
        self.root = root
        self.columns = columns
        self.management = root + "ManagementServer."
        for leaf, text, type_, writable in MANAGEMENT:
            if self.management + leaf not in self.leaves:
                self.leaves[self.management + leaf] = Leaf(text, type_, writable)
        self.objects.setdefault(self.management, False)
        if len(self.leaves) != len(self.paths):
            self.paths = tuple(sorted(self.leaves))
        self.object_paths: tuple[str, ...] = tuple(sorted(self.objects))

    def below(self, prefix: str) -> Sequence[str]:
        """Leaf paths under an object path (with its final dot), in order."""
        return self.paths[bisect_left(self.paths, prefix) : bisect_left(self.paths, prefix + "\uffff")]

    def objects_below(self, prefix: str) -> Sequence[str]:
        """Object paths under an object path, itself included, in order."""
        return self.object_paths[
            bisect_left(self.object_paths, prefix) : bisect_left(self.object_paths, prefix + "\uffff")
        ]

    @cached_property
    def value_xml(self) -> dict[str, str]:
        """Every leaf as it stands in a GetParameterValuesResponse; rendered once for all devices."""
        return {path: value_struct(path, leaf.text, leaf.type) for path, leaf in self.leaves.items()}

    @cached_property
    def name_xml(self) -> dict[str, str]:
        """Every leaf and object as it stands in a GetParameterNamesResponse."""
        rendered = {path: name_struct(path, writable) for path, writable in self.objects.items()}
        rendered.update((path, name_struct(path, leaf.writable)) for path, leaf in self.leaves.items())
        return rendered

    @cached_property
    def rows_by_template(self) -> dict[str, str]:
        """Template of a table's row (``A.{i}.``) -> the first concrete row, the pattern for new rows."""
        found: dict[str, str] = {}
        for path in self.object_paths:
            if path[:-1].rpartition(".")[2].isdigit():
                found.setdefault(template_of(path), path)
        return found

    @cached_property
    def identity(self) -> tuple[str, str, str, str]:
        """Manufacturer, OUI, ProductClass and SerialNumber that the tree itself names."""

        def text(name: str) -> str:
            leaf = self.leaves.get(f"{self.root}DeviceInfo.{name}")
            return leaf.text if leaf else ""

        return (
            text("Manufacturer")[:64] or "Simulated",
            text("ManufacturerOUI") or "00D09E",
            text("ProductClass")[:64],
            text("SerialNumber") or self.name[:32],
        )


def _check(path: str, line: int, is_object: str, writable: str, type_: str) -> BadRow | None:
    if not _NAME.match(path) or len(path) > MAX_PATH:
        return BadRow(line, f"{path[:40]!r} is no path")
    if is_object not in ("0", "1") or writable not in ("0", "1"):
        return BadRow(line, "object and writable must be 0 or 1")
    if is_object == "0" and type_ and type_ not in XSD_TYPES:
        return BadRow(line, f"unknown type {type_[:20]!r}")
    return None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, None)
    if header is None or tuple(cell.strip() for cell in header) != COLUMNS:
        raise BadInput("a dump begins with the line " + ",".join(COLUMNS))
    for row in reader:
        if row:
            yield reader.line_num, row


def parse_dump(name: str, text: str) -> tuple[Tree, list[BadRow]]:
    """Read a dump. Bad rows are left out and returned; parents that the dump does not list are added.

    Raises BadInput when nothing usable is there, the header is wrong or the dump is too long.
    """
    columns = Columns(name, [], [], [], [], [], [])
    objects: dict[str, bool] = {}
    seen: set[str] = set()
    bad: list[BadRow] = []
    for count, (line, row) in enumerate(_rows(text)):
        if count >= MAX_ROWS:
            raise BadInput(f"{name}: more than {MAX_ROWS} rows")
        if len(row) != len(COLUMNS):
            bad.append(BadRow(line, f"{len(row)} columns instead of {len(COLUMNS)}"))
            continue
        path, is_object, writable, type_, value = row
        path = path.strip().removesuffix(".")
        problem = _check(path, line, is_object, writable, type_)
        if problem is None and path in seen:
            problem = BadRow(line, f"{path} occurs twice")
        if problem is not None:
            bad.append(problem)
            continue
        seen.add(path)
        if is_object == "1":
            objects[path + "."] = writable == "1"
        else:
            columns.leaves.append(path)
            columns.texts.append(value)
            columns.types.append(type_)
            columns.writable.append(writable == "1")
    for path in [*columns.leaves, *(o[:-1] for o in objects)]:
        parent = path.rpartition(".")[0]
        while parent and parent + "." not in objects:
            objects[parent + "."] = False
            parent = parent.rpartition(".")[0]
    roots = {root_of(path) for path in columns.leaves}
    if not columns.leaves or len(roots) != 1:
        raise BadInput(f"{name}: a dump holds parameters below exactly one of Device. and InternetGatewayDevice.")
    columns.objects, columns.object_writable = list(objects), list(objects.values())
    return Tree(columns), bad


def load_dump(file: FilePath) -> tuple[Tree, list[BadRow]]:
    """Read a dump file, gzip-compressed or not. Raises BadInput when it cannot be read."""
    try:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
            data = stream.read(MAX_DUMP + 1)
        if len(data) > MAX_DUMP:
            raise BadInput(f"{file}: larger than {MAX_DUMP} bytes")
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: {error}", "give a CSV dump, plain or .gz, in UTF-8") from error
    return parse_dump(file.name.removesuffix(".gz").removesuffix(".csv"), text)


def compile_tree(tree: Tree) -> bytes:
    """The compiled form for ``data/``: msgpack, then zstd."""
    return zstandard.ZstdCompressor(level=19).compress(msgspec.msgpack.encode(tree.columns))


def load_compiled(data: bytes) -> Tree:
    """The opposite of ``compile_tree``."""
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_DUMP)
    return Tree(msgspec.msgpack.decode(raw, type=Columns))


@cache
def builtin(name: str) -> Tree:
    """One of the trees that come with the package (``BUILTIN``)."""
    return load_compiled(resources.files(__package__).joinpath("data", f"{name}.tree.zst").read_bytes())
