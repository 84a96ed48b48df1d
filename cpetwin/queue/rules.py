"""What a wish must look like before it is queued: one rule per kind, each error with what to do."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..datamodel import Path, Value, parse_condition, root_of
from ..datamodel.writing import check_write
from ..errors import BadInput
from ..twin.store.base import Device, Parameter, TwinView
from .command import KINDS, Command

MAX_VALUES = 500
"""Parameters in one command at most."""
MAX_TEXT = 64 << 10
"""Characters of one value at most."""
_ILLEGAL = {code for code in range(32) if code not in (9, 10, 13)} | {0xFFFE, 0xFFFF}


def check(command: Command, device: Device, twin: TwinView) -> Command:
    """The command ready to store: paths checked, value types taken from the twin. Raises BadInput."""
    rule = _RULES.get(command.kind)
    if rule is None:
        raise BadInput(f"{command.kind!r} is no kind of command", "kinds: " + ", ".join(KINDS))
    for expression in (command.condition, command.verify):
        for path in parse_condition(expression).paths:
            _native(path, device)
    return msgspec.structs.replace(command, args=rule(command.args, device, twin))


def _native(path: str, device: Device) -> str:
    """A path the device itself understands."""
    Path.parse(path)
    root, own = root_of(path), device.facts.get("root")
    if root is None:
        raise BadInput(f"{path!r} has no root", "begin it with Device. or InternetGatewayDevice.")
    if own and root != own:
        raise BadInput(
            f"{device.id} keeps its parameters below {own}, not {root}",
            f"cpetwin twin tree {device.id} shows its own paths; use those",
        )
    return path


def _object(path: object, device: Device) -> str:
    text = path if isinstance(path, str) else ""
    text = text if text.endswith(".") else text + "."
    return _native(text, device)


def _text(path: str, text: object) -> str:
    if not isinstance(text, str):
        raise BadInput(f"the value of {path} must be text")
    if len(text) > MAX_TEXT:
        raise BadInput(f"the value of {path} has {len(text)} characters, at most {MAX_TEXT} are possible")
    if any(ord(c) in _ILLEGAL or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise BadInput(f"the value of {path} has control characters that XML 1.0 cannot carry")
    return text


def _values(args: dict[str, object]) -> dict[str, object]:
    values = args.get("values", {})
    if not isinstance(values, dict) or len(values) > MAX_VALUES:
        raise BadInput(f"values must be an object with at most {MAX_VALUES} names")
    return values


def _set(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    values = _values(args)
    if not values:
        raise BadInput("nothing to set", "give PATH=VALUE")
    checked: dict[str, str] = {}
    types: dict[str, str] = {}
    for path, text in values.items():
        known = twin.get(_native(path, device))
        checked[path] = _text(path, text)
        _check_value(path, checked[path], known, device, twin)
        if known is not None and known.type:
            types[path] = known.type
    return {"values": checked, "types": types}


def _check_value(path: str, text: str, known: Parameter | None, device: Device, twin: TwinView) -> None:
    """What the data model and the device itself say against the value; before its tree was read, only the former."""
    writable = known.writable if known is not None and twin.first_seen else None
    reported = Value(known.text, known.type) if known is not None and known.text is not None else None

    def lookup(other: str) -> str | None:
        found = twin.get(other)
        return found.text if found is not None else None

    check_write(path, text, writable, reported=reported, protocol=device.protocol, lookup=lookup)


def _paths(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    paths = args.get("paths", [])
    if not isinstance(paths, list) or len(paths) > MAX_VALUES:
        raise BadInput(f"paths must be a list of at most {MAX_VALUES}")
    return {"paths": [_native(str(path), device) for path in paths]}


def _get(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    checked = _paths(args, device, twin)
    if not checked["paths"]:
        raise BadInput("nothing to get", "give at least one path")
    return checked


def _add(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    table = _object(args.get("table"), device)
    objects = twin.objects()
    if table in objects and not objects[table]:
        raise BadInput(f"{device.id} does not allow new rows in {table}", "the device would refuse it (fault 9005)")
    return {"table": table, "values": {str(n): _text(table + str(n), v) for n, v in _values(args).items()}}


def _delete(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    path = _object(args.get("path"), device)
    if not path.split(".")[-2].isdecimal():
        raise BadInput(f"{path} is no row of a table", "a row ends in its instance number, like ...PortMapping.3.")
    objects = twin.objects()
    if path in objects and not objects[path]:
        raise BadInput(f"{device.id} does not allow to delete {path}", "the device would refuse it (fault 9005)")
    return {"path": path}


def _nothing(args: dict[str, object], device: Device, twin: TwinView) -> dict[str, object]:
    if args:
        raise BadInput("this command takes no arguments")
    return {}


_RULES: dict[str, Callable[[dict[str, object], Device, TwinView], dict[str, object]]] = {
    "set": _set,
    "get": _get,
    "refresh": _paths,
    "add": _add,
    "delete": _delete,
    "reboot": _nothing,
    "factory-reset": _nothing,
}
