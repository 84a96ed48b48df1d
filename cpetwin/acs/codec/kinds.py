"""Kinds of arguments: how each is read from an element and written into one.

A message type in ``registry`` is a list of (element name, kind), so reading and writing cannot differ.
Readers are lenient (cwmp.md section 15); writers obey the schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import CodecError, Unwritable
from .messages import UNKNOWN_TIME
from .text import XSI, escape, local

MAX_ITEMS = 200_000
"""Items accepted in one list; 32 MB of the shortest parameter structs are fewer."""
MAX_REPEATED = 1000
"""Repeated elements (operations of deployment units) accepted in one message."""
MAX_KEY = 32
"""Characters of a CommandKey or ParameterKey (TR-069 A.3.2)."""

_number = re.compile(r"\s*([+-]?[0-9]{1,18})\s*").fullmatch
_snake = re.compile(r"(?<=[a-z0-9])(?=[A-Z])").sub
_type_name = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII).fullmatch
_BOOLEANS = {"0": False, "false": False, "1": True, "true": True}


class Kind(NamedTuple):
    """``read(element) -> value`` and ``write(element name, value) -> XML``; repeated elements make a tuple."""

    read: Callable[[Any], Any]
    write: Callable[[str, Any], str]
    repeated: bool = False


class Field(NamedTuple):
    element: str
    attribute: str
    kind: Kind


def fields(kinds: dict[str, Kind | tuple[str, Kind]]) -> tuple[Field, ...]:
    """Element names to fields; the attribute is the name in snake case unless given."""
    return tuple(
        Field(element, kind[0], kind[1])
        if not isinstance(kind, Kind)
        else Field(element, _snake("_", element).lower(), kind)
        for element, kind in kinds.items()
    )


# ------------------------------------------------------------------ plain arguments


def read_text(element: Any) -> str:
    return element.text or ""


def read_name(element: Any) -> str:
    """Names are padded with blanks and newlines by some devices; values are never trimmed."""
    return (element.text or "").strip()


def to_int(text: str, default: int = 0) -> int:
    """A decimal number, or the default for anything else."""
    match = _number(text)
    return int(match.group(1)) if match else default


def to_bool(text: str) -> bool:
    value = _BOOLEANS.get(text)
    return value if value is not None else _BOOLEANS.get(text.strip().lower(), False)


def _read_int(element: Any) -> int:
    return to_int(element.text or "")


def _read_bool(element: Any) -> bool:
    return to_bool(element.text or "")


def _read_status(element: Any) -> int:
    """0 or 1; devices that send 2 and more mean "not yet applied"."""
    return 1 if to_int(element.text or "") else 0


def _read_fault_code(element: Any) -> int:
    """Nonsense is no success: 9002. An empty code is 0."""
    text = (element.text or "").strip()
    return to_int(text, 9002) if text else 0


def _write_text(tag: str, value: str) -> str:
    return f"<{tag}>{escape(value)}</{tag}>"


def _write_key(tag: str, value: str) -> str:
    if len(value) > MAX_KEY:
        raise Unwritable(f"{tag} has {len(value)} characters", f"use at most {MAX_KEY}", fault=9003)
    return f"<{tag}>{escape(value)}</{tag}>"


def _write_int(tag: str, value: int) -> str:
    return f"<{tag}>{value:d}</{tag}>"


def _write_bool(tag: str, value: bool) -> str:
    return f"<{tag}>{1 if value else 0}</{tag}>"


def _write_time(tag: str, value: str) -> str:
    return f"<{tag}>{escape(value or UNKNOWN_TIME)}</{tag}>"


def _write_unless_empty(tag: str, value: str) -> str:
    return f"<{tag}>{escape(value)}</{tag}>" if value else ""


TEXT = Kind(read_text, _write_text)
OPTIONAL = Kind(read_text, _write_unless_empty)
NAME = Kind(read_name, _write_text)
KEY = Kind(read_text, _write_key)
INT = Kind(_read_int, _write_int)
BOOL = Kind(_read_bool, _write_bool)
STATUS = Kind(_read_status, _write_int)
FAULT_CODE = Kind(_read_fault_code, _write_int)
TIME = Kind(read_name, _write_time)
OPTIONAL_TIME = Kind(read_name, _write_unless_empty)


# ------------------------------------------------------------------ structs and lists


def read_struct(element: Any, type_: Callable[..., Any], rows: dict[str, Field]) -> Any:
    """A struct from the children of an element, in any order; unknown children are ignored."""
    values: dict[str, Any] = {}
    for child in element:
        tag = child.tag
        field = rows.get(tag) or rows.get(local(tag))
        if field is None:
            continue
        value = field.kind.read(child)
        if field.kind.repeated:
            if len(element) > MAX_REPEATED:
                raise CodecError("too-large", f"{local(element.tag)} has {len(element)} arguments")
            value = (*values.get(field.attribute, ()), value)
        values[field.attribute] = value
    return type_(**values)


def items(element: Any) -> Any:
    """The children of a list. The arrayType is ignored: it is missing, padded or wrong too often."""
    if len(element) > MAX_ITEMS:
        raise CodecError("too-large", f"{local(element.tag)} has {len(element)} items")
    return element


def open_array(tag: str, item_type: str, count: int) -> str:
    """The start tag of a list; the arrayType is required also when it is empty (TR-069 3.4.1)."""
    return f'<{tag} SOAP-ENC:arrayType="{item_type}[{count}]">'


def struct(type_: Callable[..., Any], **kinds: Kind | tuple[str, Kind]) -> Kind:
    """A nested struct."""
    row = fields(kinds)
    by_name = {field.element: field for field in row}

    def read(element: Any) -> Any:
        return read_struct(element, type_, by_name)

    def write(tag: str, value: Any) -> str:
        inner = "".join(f.kind.write(f.element, getattr(value, f.attribute)) for f in row)
        return f"<{tag}>{inner}</{tag}>"

    return Kind(read, write)


def array(item_name: str, item_type: str, item: Kind) -> Kind:
    """A SOAP-encoded list. Whatever its items are called, they are read as ``item``."""

    def read(element: Any) -> Any:
        return tuple([item.read(child) for child in items(element)])

    def write(tag: str, values: Any) -> str:
        inner = "".join([item.write(item_name, value) for value in values])
        return f"{open_array(tag, item_type, len(values))}{inner}</{tag}>"

    return Kind(read, write)


def repeated(item: Kind) -> Kind:
    """Not a list but an argument that occurs several times (ChangeDUState, DUStateChangeComplete)."""

    def write(tag: str, values: Any) -> str:
        return "".join(item.write(tag, value) for value in values)

    return Kind(item.read, write, repeated=True)


def choice(**kinds: tuple[type, Kind]) -> Kind:
    """A struct of one of several types, told by ``xsi:type`` (a prefix is ignored, then written as cwmp)."""
    names = {type_: name for name, (type_, _) in kinds.items()}

    def read(element: Any) -> Any:
        name = xsi_type(element)
        if name not in kinds:
            raise CodecError("invalid-arguments", f"{local(element.tag)} has the unknown type {name[:64]!r}")
        return kinds[name][1].read(element)

    def write(tag: str, value: Any) -> str:
        name = names[type(value)]
        return kinds[name][1].write(tag, value).replace(f"<{tag}>", f'<{tag} xsi:type="cwmp:{name}">', 1)

    return Kind(read, write)


def xsi_type(element: Any) -> str:
    """The xsi:type without prefix, in whichever XMLSchema namespace; an unqualified ``type`` will do."""
    for name, value in element.items():
        namespace, _, attribute = name.rpartition("}")
        if local(attribute) == "type" and (not namespace or namespace[1:] in XSI):
            return str(value).strip().rpartition(":")[2]
    return ""


# ------------------------------------------------------------------ parameter values to be set


def _read_value_list(element: Any) -> Any:
    found = []
    for item in items(element):
        name = text = type_ = ""
        for child in item:
            tag = local(child.tag)
            if tag == "Name":
                name = read_name(child)
            elif tag == "Value":
                text, type_ = child.text or "", xsi_type(child)
        found.append((name, text, type_))
    return tuple(found)


_WIRE_TYPES = {"": "xsd:string", "base64": "SOAP-ENC:base64"}


def wire_type(type_: str) -> str:
    """The xsi:type to write for a type without prefix. Raises Unwritable (9006) when it is no name."""
    known = _WIRE_TYPES.get(type_)
    if known:
        return known
    if not _type_name(type_):
        raise Unwritable(f"{type_[:64]!r} is no type", "use string, int, boolean ...", fault=9006)
    return "xsd:" + type_


def write_values(tag: str, values: Any) -> str:
    """A list of ParameterValueStruct from (path, text, type) rows."""
    rows = [
        f"<ParameterValueStruct><Name>{escape(name)}</Name>"
        f'<Value xsi:type="{wire_type(type_)}">{escape(text)}</Value></ParameterValueStruct>'
        for name, text, type_ in values
    ]
    return f"{open_array(tag, 'cwmp:ParameterValueStruct', len(rows))}{''.join(rows)}</{tag}>"


VALUES = Kind(_read_value_list, write_values)
NAMES = array("string", "xsd:string", NAME)
STRINGS = array("string", "xsd:string", TEXT)
