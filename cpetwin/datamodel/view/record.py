"""The compiled mapping table: what is kept of every TR-098 parameter and of the Device:2 objects it maps to.

The facts come from ``tr098_to_tr181.csv``, ``index_rules.csv`` and the data-model XML; ``build.py`` makes
the file, ``table.py`` reads it.
"""

from __future__ import annotations

import msgspec

XSD_OF = {
    "StatsCounter32": "unsignedInt",
    "StatsCounter64": "unsignedLong",
    "Order": "unsignedInt",
}
"""Base types of the named numeric types of TR-106; every other named type is a string."""
_BASE = frozenset("string int long unsignedInt unsignedLong boolean dateTime base64 hexBinary".split())


def xsd_type(name: str) -> str:
    """The type on the wire of a TR-106 type such as ``IPv4Address[]`` (a list is a string)."""
    if name.endswith("[]"):
        return "string"
    if name in XSD_OF:
        return XSD_OF[name]
    return name if name in _BASE else "string"


class Row(msgspec.Struct, array_like=True, frozen=True):
    """One row of the mapping: ``native`` (TR-098) and ``target`` (Device:2) are templates with ``{i}``.

    ``kind`` is direct, index-map, value-map, derived, split or none (then ``target`` is empty).
    ``native_type`` and ``type`` are XML Schema types without prefix; ``writable`` is what Device:2 says;
    ``words`` the number of the target's enumeration (-1: none); ``is_list`` a comma-separated list.
    """

    native: str
    target: str
    kind: str
    rule: str
    value_map: str
    note: str
    native_type: str
    type: str
    writable: bool
    is_list: bool
    words: int


class Child(msgspec.Struct, array_like=True, frozen=True):
    """A parameter that Device:2 defines in an object that the mapping reaches."""

    type: str
    writable: bool
    is_list: bool
    words: int


class IndexRule(msgspec.Struct, array_like=True, frozen=True):
    """A row of index_rules.csv, verbatim."""

    rule: str
    tr098_key: str
    tr181_rows: str
    meaning: str


class Data(msgspec.Struct, array_like=True, frozen=True):
    """The whole file. ``children``: Device:2 object -> its parameters; ``counts``: table -> its NumberOfEntries."""

    rows: list[Row]
    rules: list[IndexRule]
    words: list[list[str]]
    children: dict[str, dict[str, Child]]
    counts: dict[str, str]
