"""The compact facts table: what Broadband Forum data models say, without their descriptions.

One file, msgpack in zstd. Syntaxes are stored once each; the objects below one top-level name (``WiFi``) are one
block that is decoded when first asked for. ``compiler`` writes the table, ``schema`` reads it.
Words are those of the data-model XML (TR-106 Annex B, cwmp-datamodel-1-15.xsd).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from ..errors import BadInput

FORMAT = 1
"""Version of the layout below; another one is refused."""

MAX_TABLE = 64 << 20
"""Bytes of an unpacked table at most."""

CWMP, USP = 1, 2
"""Bits of ``protocols``."""

USP_BEGINS = "2.12"
"""The first Device:2 version that USP knows. What CWMP had earlier is since then in USP, unless said otherwise."""


class Range(msgspec.Struct, frozen=True, array_like=True):
    """``low`` to ``high`` inclusive in steps of ``step``; None is without bound."""

    low: int | None = None
    high: int | None = None
    step: int | None = None


class Size(msgspec.Struct, frozen=True, array_like=True):
    """Characters of a text, octets of hexBinary and base64; of a list all its characters."""

    low: int = 0
    high: int | None = None


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One value of an enumeration. ``access`` readOnly: the device may say it, nobody may write it."""

    value: str
    access: str = "readWrite"
    optional: bool = False
    status: str = "current"
    code: int | None = None
    since: str = ""


class ListOf(msgspec.Struct, frozen=True, array_like=True):
    """A comma-separated list (TR-106 section 3.2.3). ``nested`` as in the XML: legacy, allowed or required."""

    sizes: tuple[Size, ...] = ()
    low: int = 0
    high: int | None = None
    nested: str = ""


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """The value is a path (``path``) or one of the values of another parameter (``enumeration``).

    ``targets`` are templates: the tables whose rows may be meant, or the parameter with the values.
    """

    kind: str
    targets: tuple[str, ...] = ()
    strength: str = ""
    target_type: str = ""
    null_value: str | None = None


class Syntax(msgspec.Struct, frozen=True, array_like=True):
    """The type of a value with everything that bounds it, inherited bounds included."""

    base: str
    types: tuple[str, ...] = ()
    list: ListOf | None = None
    ranges: tuple[Range, ...] = ()
    sizes: tuple[Size, ...] = ()
    patterns: tuple[str, ...] = ()
    enumeration: tuple[Item, ...] = ()
    units: str = ""
    reference: Reference | None = None
    hidden: bool = False
    secured: bool = False
    command: bool = False


class ParameterRow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    syntax: int
    access: str
    since: str
    status: str
    notify: str
    forced: bool
    default_type: str
    default: str
    protocols: int
    usp: ParameterRow | None = None


class KeyRow(msgspec.Struct, frozen=True, array_like=True):
    """A unique key. ``functional``: it must be unique only among enabled rows when False is not said."""

    functional: bool
    parameters: tuple[str, ...]


class ArgumentRow(msgspec.Struct, frozen=True, array_like=True):
    """An argument of a command or event; ``path`` may lead through argument objects (``Result.{i}.BSSID``)."""

    path: str
    syntax: int
    mandatory: bool
    since: str
    status: str
    default_type: str
    default: str


class ArgumentObjectRow(msgspec.Struct, frozen=True, array_like=True):
    path: str
    low: int
    high: int | None
    keys: tuple[KeyRow, ...]
    since: str


class ArgumentsRow(msgspec.Struct, frozen=True, array_like=True):
    arguments: tuple[ArgumentRow, ...] = ()
    objects: tuple[ArgumentObjectRow, ...] = ()


class CommandRow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    asynchronous: bool
    since: str
    status: str
    protocols: int
    inputs: ArgumentsRow
    outputs: ArgumentsRow


class EventRow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    since: str
    status: str
    protocols: int
    arguments: ArgumentsRow


class ObjectRow(msgspec.Struct, frozen=True, array_like=True):
    """``path`` is below the root (``WiFi.Radio.{i}.``); ``high`` None is unbounded."""

    path: str
    access: str
    low: int
    high: int | None
    keys: tuple[KeyRow, ...]
    count_parameter: str
    enable_parameter: str
    discriminator: str
    mount: str
    fixed: bool
    since: str
    status: str
    protocols: int
    parameters: tuple[ParameterRow, ...] = ()
    commands: tuple[CommandRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    usp: ObjectRow | None = None


class ProfileRow(msgspec.Struct, frozen=True, array_like=True):
    name: str
    since: str
    status: str


class ModelRow(msgspec.Struct, frozen=True, array_like=True):
    """One source file: model name with version (``Device:2.19``), its file and specification, its profiles."""

    name: str
    protocol: str
    file: str
    spec: str
    service: bool
    profiles: tuple[ProfileRow, ...]


class RootRow(msgspec.Struct, frozen=True, array_like=True):
    """``name`` is a root (``Device``) or a service with its major version (``VoiceService:2``)."""

    name: str
    service: bool
    blocks: dict[str, msgspec.Raw]


class Table(msgspec.Struct, frozen=True):
    format: int
    models: tuple[ModelRow, ...]
    types: dict[str, Syntax]
    syntaxes: tuple[msgspec.Raw, ...]
    roots: tuple[RootRow, ...]


def usp_since(cwmp: str) -> str:
    """The version since when USP has what CWMP has since ``cwmp``, unless the table says otherwise."""
    return max(cwmp, USP_BEGINS, key=lambda text: [int(part) for part in text.split(".")]) if cwmp else cwmp


@lru_cache(maxsize=1)
def _rows() -> msgspec.msgpack.Decoder[tuple[ObjectRow, ...]]:
    return msgspec.msgpack.Decoder(tuple[ObjectRow, ...])


def decode_block(raw: msgspec.Raw) -> tuple[ObjectRow, ...]:
    """The objects of one block."""
    return _rows().decode(raw)


@lru_cache(maxsize=1)
def _syntaxes() -> msgspec.msgpack.Decoder[Syntax]:
    return msgspec.msgpack.Decoder(Syntax)


def decode_syntax(raw: msgspec.Raw) -> Syntax:
    return _syntaxes().decode(raw)


def unpack(packed: bytes, name: str) -> Table:
    """Read a table. Raises BadInput when ``packed`` is none; ``name`` is what the error calls it."""
    import zstandard

    try:
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_TABLE)
        table = msgspec.msgpack.decode(raw, type=Table)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise BadInput(f"{name} is no facts table: {error}", "make one with cpetwin datamodel compile") from error
    if table.format != FORMAT:
        raise BadInput(
            f"{name} is a facts table of format {table.format}, this program reads {FORMAT}",
            "make it anew with cpetwin datamodel compile",
        )
    return table


def pack(table: Table) -> bytes:
    """The table as it is stored; the same table gives the same bytes (with one version of zstd)."""
    import zstandard

    return zstandard.ZstdCompressor(level=19, write_checksum=True).compress(msgspec.msgpack.encode(table))


def read(file: Path) -> Table:
    """The table in ``file``. Raises BadInput, OSError."""
    return unpack(file.read_bytes(), file.name)
