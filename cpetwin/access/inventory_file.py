"""Reading an inventory file: CSV with a header, delimited by comma, semicolon or tab.

A bad line is reported by its number and the others load. What is wrong with the file as a whole (no
header, too large, not text) is a BadInput. Values of the column ``credentials`` are never repeated.
"""

from __future__ import annotations

import csv
import re
from difflib import get_close_matches
from typing import NamedTuple

from ..errors import BadInput
from ..twin.identity import DeviceId
from ..twin.store.base import INVENTORY

MAX_FILE = 64 << 20
"""Bytes."""
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_LINE = 16_384
"""Characters of one row."""
MAX_ROW_LINES = 8
"""Lines one row may span (a quoted address with line breaks)."""
MAX_CELL = 500
MAX_ERRORS = 1000
"""Errors listed; a last one says how many more there are."""

COLUMNS = ("serial", "oui", "product_class", *INVENTORY, "credentials")
_LIMITS = {"serial": 64, "product_class": 64, "credentials": 513}
_OUI = re.compile(r"[0-9A-Fa-f]{2}([:.\-]?)[0-9A-Fa-f]{2}\1[0-9A-Fa-f]{2}\Z")
_DELIMITERS = ",;\t"


class Row(NamedTuple):
    """One line of the file. ``oui`` may be empty; ``inventory`` has the cells that are not. ``line`` counts from 1."""

    line: int
    oui: str
    product_class: str
    serial: str
    inventory: dict[str, str]
    credentials: tuple[str, str] | None

    @property
    def device(self) -> DeviceId:
        return DeviceId(self.oui, self.product_class, self.serial)

    def __repr__(self) -> str:
        return f"Row(line={self.line}, oui={self.oui!r}, serial={self.serial!r})"


class LineError(NamedTuple):
    """Why a line was left out. Line 0 speaks of the list itself."""

    line: int
    reason: str


class Parsed(NamedTuple):
    """``unknown_columns`` are those of the header that were ignored, each with the nearest known name if any."""

    rows: list[Row]
    errors: list[LineError]
    unknown_columns: list[str]


class _BadLine(Exception):
    """Says why this line cannot be used."""


class _Unfinished(_BadLine):
    """A quote is still open at the end of the line."""


def parse_inventory(text: bytes, filename: str) -> Parsed:
    """Rows, errors by line and ignored columns. Raises BadInput when the file as a whole is unusable."""
    lines = _lines(text, filename)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise BadInput(f"{filename} is empty", f"the first line names the columns: {','.join(COLUMNS)}")
    header, delimiter = _header(lines[first], filename)
    unknown = [name for name in header if name and name not in COLUMNS]
    rows: list[Row] = []
    errors: list[LineError] = []
    position = first + 1
    while position < len(lines):
        if not lines[position].strip(" \t;,"):
            position += 1
            continue
        if len(rows) + len(errors) >= MAX_ROWS:
            raise BadInput(f"{filename} has more than {MAX_ROWS} rows", "split it")
        number, span = position + 1, 1
        try:
            cells, span = _cells(lines, position, delimiter)
            rows.append(_row(number, header, cells))
        except _BadLine as error:
            errors.append(LineError(number, str(error)))
        position += span
    return Parsed(rows, errors, [_with_hint(name) for name in unknown])


def shorten(errors: list[LineError]) -> list[LineError]:
    """The first MAX_ERRORS by line, and how many more there were."""
    errors = sorted(errors)
    if len(errors) <= MAX_ERRORS:
        return errors
    return [*errors[:MAX_ERRORS], LineError(0, f"and {len(errors) - MAX_ERRORS} more errors")]


def _lines(text: bytes, filename: str) -> list[str]:
    if len(text) > MAX_FILE:
        raise BadInput(f"{filename} is larger than {MAX_FILE >> 20} MiB", "split it")
    if text.count(b"\n") > 2 * MAX_ROWS:
        raise BadInput(f"{filename} has more than {2 * MAX_ROWS} lines", "split it")
    encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        decoded = text.decode(encoding)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{filename} is not {encoding} text (line {line})", "save it as CSV in UTF-8") from error
    decoded = decoded.replace("\r\n", "\n")
    if "\n" not in decoded:
        decoded = decoded.replace("\r", "\n")
    # Not splitlines(): form feeds and Unicode separators are part of a cell (and refused there).
    return decoded.split("\n")


def _header(line: str, filename: str) -> tuple[list[str], str]:
    """Normalised column names and the delimiter: the one that makes the most known names of this line."""
    best: list[str] = []
    delimiter = ","
    for candidate in _DELIMITERS:
        try:
            cells = _split(line, candidate)
        except _BadLine:
            continue
        names = [re.sub(r"[\s\-]+", "_", cell.strip().lower()) for cell in cells]
        if _known(names) > _known(best):
            best, delimiter = names, candidate
    if "serial" not in best:
        raise BadInput(
            f"the first line of {filename} does not name a column serial",
            f"it names the columns, separated by comma, semicolon or tab: {','.join(COLUMNS)}",
        )
    while best and not best[-1]:
        best.pop()
    if len(best) > MAX_COLUMNS:
        raise BadInput(f"{filename} has more than {MAX_COLUMNS} columns", "leave out those that are not needed")
    twice = next((name for name in best if name and best.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{filename} names the column {twice[:64]!r} twice", "rename or remove one of them")
    return best, delimiter


def _known(names: list[str]) -> int:
    return sum(name in COLUMNS for name in names)


def _cells(lines: list[str], position: int, delimiter: str) -> tuple[list[str], int]:
    """The cells of the row that begins at ``position`` and how many lines it spans.

    An open quote takes in the following lines, but only so many: else one stray quote would eat the file.
    """
    text = lines[position]
    last = min(position + MAX_ROW_LINES, len(lines))
    for end in range(position + 1, last + 1):
        if len(text) > MAX_LINE:
            raise _BadLine(f"the line is longer than {MAX_LINE} characters")
        try:
            return _split(text, delimiter), end - position
        except _Unfinished:
            if end == last:
                raise _BadLine("a quote is opened and never closed") from None
            text = f"{text}\n{lines[end]}"
    raise AssertionError("the last turn returns or raises")


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _Unfinished("a quote is opened and never closed") from error
        # The module's own words may repeat nothing of the line, but they may: say it in ours.
        raise _BadLine("the quotes are wrong (a quote inside a quoted cell is written twice)") from error


def _row(number: int, header: list[str], cells: list[str]) -> Row:
    # Line breaks and no-break spaces come with addresses out of spreadsheets.
    cells = [cell.replace("\n", " ").replace("\u00a0", " ").strip() for cell in cells]
    if len(cells) < len(header) or any(cells[len(header) :]):
        raise _BadLine(f"{len(cells)} cells, but the header has {len(header)}")
    found = {name: cell for name, cell in zip(header, cells, strict=False) if cell and name in COLUMNS}
    for name, cell in found.items():
        if len(cell) > _LIMITS.get(name, MAX_CELL):
            raise _BadLine(f"{name} is longer than {_LIMITS.get(name, MAX_CELL)} characters")
        if not cell.isprintable():
            raise _BadLine(f"{name} has control characters")
    serial, oui = found.pop("serial", ""), found.pop("oui", "")
    product_class, credentials = found.pop("product_class", ""), found.pop("credentials", "")
    if not serial:
        raise _BadLine("the serial is missing")
    if oui and not _OUI.match(oui):
        raise _BadLine(f"the OUI {oui[:32]!r} is not six hex digits (spreadsheets drop leading zeros)")
    username, colon, password = credentials.partition(":")
    if credentials and not (username and colon and password):
        raise _BadLine("credentials are not of the form user:password")
    oui = re.sub(r"[^0-9A-F]", "", oui.upper())
    return Row(number, oui, product_class, serial, found, (username, password) if credentials else None)


def _with_hint(name: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in name[:64])
    near = get_close_matches(shown, COLUMNS, n=1)
    return f"{shown} (did you mean {near[0]}?)" if near else shown
