"""``cpetwin datamodel map DUMP``: a parameter dump as the Device:2 view shows it, without a server.

A dump is CSV ``path,object,writable,type,value``, plain or gzip. Whatever is wrong with a row is reported and the
row is kept: every row that is no object counts as a parameter.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput, NotFound
from ._options import Everywhere
from ._output import document, pairs, table

COLUMNS = ("path", "object", "writable", "type", "value")
MAX_BYTES = 256 << 20
"""Largest dump, unpacked."""
SHOWN = 40
"""Unmapped paths shown to people; programs get all."""
_YES, _NO = frozenset(("1", "true", "yes")), frozenset(("0", "false", "no", ""))
_BOOLEANS = frozenset(("0", "1", "true", "false"))
_ZERO = re.compile(r"\.0+(?:\.|\Z)")


def map_dump(file: Path) -> dict[str, Any]:
    """The counts and the view of a dump: ``parameters``, ``standard``, ``vendor``, ``mapped``, ``unmapped`` (native
    paths), ``view`` (Device:2 path -> value, secrets masked) and ``problems`` (line, path, text).

    Raises NotFound when the file cannot be read, BadInput when it is no dump at all.
    """
    from ..datamodel import MASK, is_secret
    from ..datamodel.view import InstanceMap, Native, View

    native: dict[str, Native] = {}
    objects: dict[str, bool] = {}
    rows: list[str] = []
    problems: list[dict[str, Any]] = []
    for line, cells in _rows(_text(file, problems)):
        path, is_object, native_value = _row(line, cells, problems)
        if is_object:
            objects[path.rstrip(".") + "."] = native_value.writable
            continue
        rows.append(path)
        if path in native:
            problems.append(_problem(line, path, "path appears again; the later row is used"))
        native[path] = native_value
    view = View(native, InstanceMap(), objects)
    unmapped = [path for path in rows if not view.device2(path)]
    vendor = sum(any(name.startswith("X_") for name in path.split(".")) for path in rows)
    return {
        "parameters": len(rows),
        "standard": len(rows) - vendor,
        "vendor": vendor,
        "mapped": len(rows) - len(unmapped),
        "unmapped": unmapped,
        "view": {path: MASK if text and is_secret(path) else text for path, text in sorted(view.values().items())},
        "problems": problems,
    }


def _text(file: Path, problems: list[dict[str, Any]]) -> str:
    """The dump as text; bytes that are no UTF-8 are read as Latin-1 and reported."""
    try:
        raw = file.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(raw)) as packed:
                raw = packed.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFound(f"cannot read {file}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise BadInput(f"{file} is a broken gzip file: {error}") from error
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{file} is larger than {MAX_BYTES >> 20} MiB")
    if b"\0" in raw:
        problems.append(_problem(0, "", "NUL bytes are left out"))
        raw = raw.replace(b"\0", b"")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(_problem(raw[: error.start].count(b"\n") + 1, "", "not UTF-8; read as Latin-1"))
        return raw.decode("latin-1")


def _rows(text: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The rows with their line numbers, by column name; a header may name the columns in another order."""
    limit = csv.field_size_limit(MAX_BYTES)
    try:
        reader = csv.reader(io.StringIO(text, newline=""))
        names: tuple[str, ...] = COLUMNS
        first = True
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if first and cells[0].strip().lower() == "path":
                names = tuple(cell.strip().lower() for cell in cells)
                first = False
                continue
            first = False
            found: dict[str, str | None] = dict.fromkeys(COLUMNS)
            found.update(zip(names, cells, strict=False))
            if len(cells) > len(names):
                found["extra"] = ",".join(cells[len(names) :])
            yield reader.line_num, found
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num} is no CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _row(line: int, cells: dict[str, str | None], problems: list[dict[str, Any]]) -> tuple[str, bool, Any]:
    """(path, whether it is an object, its Native); problems are added to the list."""
    from ..datamodel.view import Native

    path = (cells["path"] or "").strip()

    def wrong(text: str) -> None:
        problems.append(_problem(line, path, text))

    if not path:
        wrong("the path is missing")
    missing = [name for name in COLUMNS if cells[name] is None]
    if missing:
        wrong("missing: " + ", ".join(missing))
    if "extra" in cells:
        wrong(f"more columns than {len(COLUMNS)}; the rest is left out: {cells['extra']}")
    flags = {}
    for name in ("object", "writable"):
        word = (cells[name] or "").strip().lower()
        if word not in _YES | _NO:
            wrong(f"{name} is {cells[name]!r}, no boolean; read as 0")
        flags[name] = word in _YES
    type_, value = (cells["type"] or "").strip(), cells["value"] or ""
    if not flags["object"] and path:
        if not type_ and cells["type"] is not None:
            wrong("the type is missing")
        if type_ == "boolean" and value.strip() and value.strip().lower() not in _BOOLEANS:
            wrong(f"{value!r} is no boolean")
        if path.endswith("."):
            wrong("a parameter does not end in a dot")
    if _ZERO.search(path):
        wrong("instance number 0")
    return path, flags["object"], Native(value, type_.removeprefix("xsd:"), flags["writable"])


def _problem(line: int, path: str, text: str) -> dict[str, Any]:
    return {"line": line, "path": path, "text": text}


@click.command("map", short_help="a parameter dump as the Device:2 view shows it (no server needed)")
@click.argument("dump", type=click.Path(path_type=Path), metavar="DUMP")
@click.pass_obj
def map_(everywhere: Everywhere, dump: Path) -> None:
    """What the Device:2 view shows of a parameter dump (CSV path,object,writable,type,value; also .gz)."""
    found = map_dump(dump)
    if everywhere.json:
        document(found)
        return
    table(("Device:2 path", "value"), list(found["view"].items()))
    if found["unmapped"]:
        click.echo("\nNative paths without a Device:2 counterpart:")
        for path in found["unmapped"][:SHOWN]:
            click.echo(f"  {path}")
        if len(found["unmapped"]) > SHOWN:
            click.echo(f"  ... and {len(found['unmapped']) - SHOWN} more (--json has all)")
    if found["problems"]:
        click.echo("\nRows to look at:")
        table(("line", "path", "what is wrong"), [tuple(p.values()) for p in found["problems"]], right=("line",))
    click.echo()
    pairs((name, found[name]) for name in ("parameters", "standard", "vendor", "mapped"))
