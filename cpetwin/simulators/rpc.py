"""The methods a CPE answers (TR-069 A.3.2, A.4.1): one function each, in the table ``METHODS``.

A method takes the device, its view and the message, changes the device, and returns the body of the response,
the arguments and the result for the journal, and the key it was given. What it refuses it raises as ``Refused``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lxml import etree

from ..datamodel import MASK, is_secret, template_of
from . import physics
from .cpe import ALWAYS_ACTIVE, Device
from .trees import Leaf
from .view import View
from .wire import XSI, AcsMessage, array, escape


class Refused(Exception):
    """The CPE answers with a fault (TR-069 A.5.1). ``parameters``: name, code, text of each bad parameter."""

    def __init__(self, code: int, text: str, parameters: list[tuple[str, int, str]] | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.parameters = parameters or []


class Done(NamedTuple):
    """An executed method: response body, journal arguments, journal result, ParameterKey or CommandKey."""

    body: str
    args: object
    result: object
    key: str = ""


class Call(NamedTuple):
    device: Device
    view: View
    message: AcsMessage
    now: int


Method = Callable[[Call], Done]

_RANGES = {
    "int": (-(1 << 31), (1 << 31) - 1),
    "long": (-(1 << 63), (1 << 63) - 1),
    "unsignedInt": (0, (1 << 32) - 1),
    "unsignedLong": (0, (1 << 64) - 1),
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}\Z")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?\Z")
_HEX = re.compile(r"([0-9A-Fa-f]{2})*\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*\Z")
_DEFAULTS = {"boolean": "false", "dateTime": "0001-01-01T00:00:00Z"} | dict.fromkeys(_RANGES, "0")
_BOOLEAN = {"0": False, "false": False, "1": True, "true": True}

_ROW_PATTERNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "PortMapping": (
        ("PortMappingEnabled", "boolean", "false"),
        ("PortMappingLeaseDuration", "unsignedInt", "0"),
        ("RemoteHost", "string", ""),
        ("ExternalPort", "unsignedInt", "0"),
        ("InternalPort", "unsignedInt", "0"),
        ("PortMappingProtocol", "string", ""),
        ("InternalClient", "string", ""),
        ("PortMappingDescription", "string", ""),
    ),
    "DHCPStaticAddress": (("Enable", "boolean", "false"), ("Chaddr", "string", ""), ("Yiaddr", "string", "")),
}
"""Leaves of a new row (TR-098) where no row of that kind stands in the tree: name, type, default."""

_EFFECTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"(.*\.(?:WiFi\.Radio|WLANConfiguration)\.\d+\.)Channel\Z"), "AutoChannelEnable", "false"),
)
"""What a write changes beside the value: pattern, neighbour, its value (a channel chosen by hand ends the search)."""


def _canonical(path: str, text: str, leaf: Leaf, device: Device) -> str:
    """The value as this device stores it. Raises Refused 9007 when it is none of the type."""
    kind = leaf.type
    good, stored = True, text
    if kind == "boolean":
        good = text.strip() in _BOOLEAN
        truth = _BOOLEAN.get(text.strip(), False)
        stored = str(int(truth)) if leaf.text in ("0", "1") else ("true" if truth else "false")
    elif kind in _RANGES:
        number = text.strip()
        low, high = _RANGES[kind]
        good = bool(_INTEGER.match(number)) and low <= int(number) <= high
        stored = str(int(number)) if good else text
    elif kind == "dateTime":
        good = bool(_DATE_TIME.match(text.strip()))
    elif kind == "hexBinary":
        good = bool(_HEX.match(text))
    elif kind in ("base64", "base64Binary"):
        good = bool(_BASE64.match(text))
    if good and path.endswith(".Channel"):
        possible = device.setting(path.removesuffix("Channel") + "PossibleChannels")
        good = not possible or stored in possible.replace(" ", "").split(",")
    if good and path == device.tree.management + "PeriodicInformInterval":
        good = int(stored) > 0
    if not good:
        raise Refused(9007, f"not a value for {kind}")
    return stored


def _type_of(value: etree._Element) -> str:
    return (value.get(f"{{{XSI}}}type") or "").rpartition(":")[2]


def _checked(call: Call, struct: etree._Element) -> tuple[str, str]:
    """Name and stored value of one ParameterValueStruct. Raises Refused with the parameter's own code."""
    name, value = (struct.findtext("Name") or "").strip(), struct.find("Value")
    leaf = call.view.leaf(name)
    if leaf is None or value is None:
        raise Refused(9005, "no such parameter")
    if not leaf.writable:
        raise Refused(9008, "not writable")
    if _type_of(value) != leaf.type:
        raise Refused(9006, f"the type is {leaf.type}")
    return name, _canonical(name, value.text or "", leaf, call.device)


def set_parameter_values(call: Call) -> Done:
    structs = call.message.body.findall("ParameterList/ParameterValueStruct")
    names = [(struct.findtext("Name") or "").strip() for struct in structs]
    if len(set(names)) != len(names):
        raise Refused(9003, "a parameter stands twice in the list")
    writes: dict[str, str] = {}
    bad: list[tuple[str, int, str]] = []
    for name, struct in zip(names, structs, strict=True):
        try:
            path, text = _checked(call, struct)
        except Refused as refused:
            bad.append((name, refused.code, refused.text))
        else:
            writes[path] = text
    if bad:
        raise Refused(9003, "invalid arguments", bad)
    key = call.message.text("ParameterKey")
    device = call.device
    url = device.management("URL")
    for path, text in writes.items():
        device.memory.values[path] = text
        device.memory.reported.pop(path, None)
        for pattern, neighbour, result in _EFFECTS:
            found = pattern.match(path)
            if found and found[1] + neighbour in device.tree.leaves and found[1] + neighbour not in writes:
                device.memory.values[found[1] + neighbour] = result
    device.configure("ParameterKey", key)
    if device.management("URL") != url:
        device.bootstrap()
    args = {path: MASK if is_secret(path) else text for path, text in writes.items()}
    return Done("<cwmp:SetParameterValuesResponse><Status>0</Status></cwmp:SetParameterValuesResponse>", args, 0, key)


def _object_exists(view: View, path: str) -> bool:
    return path == "" or view.object(path) is not None


def get_parameter_values(call: Call) -> Done:
    names = call.message.strings()
    items: list[str] = []
    for name in names:
        if name == "" or name.endswith("."):
            if not _object_exists(call.view, name):
                raise Refused(9005, f"no object {name}")
            items.extend(call.view.values_xml(name))
        else:
            item = call.view.value_xml(name)
            if item is None:
                raise Refused(9005, f"no parameter {name}")
            items.append(item)
    body = array("ParameterList", "cwmp:ParameterValueStruct", items)
    response = f"<cwmp:GetParameterValuesResponse>{body}</cwmp:GetParameterValuesResponse>"
    return Done(response, {"names": names}, len(items))


def _next_level(paths: Iterable[str], prefix: str) -> Iterable[str]:
    skip = len(prefix)
    return (path for path in paths if path != prefix and "." not in path[skip : -1 if path.endswith(".") else None])


def get_parameter_names(call: Call) -> Done:
    path = call.message.text("ParameterPath").strip()
    level = call.message.text("NextLevel").strip()
    if level not in _BOOLEAN:
        raise Refused(9003, "NextLevel is no boolean")
    view = call.view
    if path == "" or path.endswith("."):
        if not _object_exists(view, path):
            raise Refused(9005, f"no object {path}")
        found: Iterable[str] = [*view.objects(path), *view.leaves(path)]
        if _BOOLEAN[level]:
            found = _next_level(found, path)
    else:
        if view.leaf(path) is None:
            raise Refused(9005, f"no parameter {path}")
        if _BOOLEAN[level]:
            raise Refused(9003, "NextLevel needs a partial path")
        found = [path]
    items = [view.name_xml(name) for name in found]
    body = array("ParameterList", "cwmp:ParameterInfoStruct", items)
    response = f"<cwmp:GetParameterNamesResponse>{body}</cwmp:GetParameterNamesResponse>"
    return Done(response, {"path": path, "next_level": _BOOLEAN[level]}, len(items))


def _row_leaves(call: Call, table: str) -> tuple[list[tuple[str, str, str, bool]], list[str]]:
    """Leaves (name, type, default, writable) and sub-objects of a new row of a table."""
    tree = call.device.tree
    pattern = tree.rows_by_template.get(template_of(table + "1."))
    if pattern is None:
        known = _ROW_PATTERNS.get(table[:-1].rpartition(".")[2], ())
        return [(name, type_, default, True) for name, type_, default in known], []
    leaves = []
    for path in tree.below(pattern):
        name, leaf = path[len(pattern) :], tree.leaves[path]
        if not any(part.isdigit() for part in name.split(".")):
            leaves.append((name, leaf.type, _DEFAULTS.get(leaf.type, ""), leaf.writable))
    inner = [o[len(pattern) :] for o in tree.objects_below(pattern) if o != pattern]
    return leaves, [o for o in inner if not any(part.isdigit() for part in o.split("."))]


def _first_free(view: View, table: str) -> int:
    """The number of the first row ever added to a table: above all rows of the dump, hosts that visit included."""
    heads = {path[len(table) :].partition(".")[0] for path in view.tree.objects_below(table)}
    return max((int(head) for head in heads if head.isdigit()), default=0) + physics.reserved(table) + 1


def _recount(device: Device, table: str, change: int) -> None:
    path = table[:-1] + "NumberOfEntries"
    text = device.setting(path)
    if text.isdigit():
        device.memory.values[path] = str(max(0, int(text) + change))


def add_object(call: Call) -> Done:
    table, key, device = call.message.text("ObjectName").strip(), call.message.text("ParameterKey"), call.device
    if not table.endswith("."):
        raise Refused(9003, "an object name ends in a dot")
    writable = call.view.object(table)
    if writable is None or table[:-1].rpartition(".")[2].isdigit():
        raise Refused(9005, f"no table {table}")
    if not writable:
        raise Refused(9001, f"{table} takes no new rows")
    memory = device.memory
    number = memory.next_row.get(table) or _first_free(call.view, table)
    row = f"{table}{number}."
    leaves, inner = _row_leaves(call, table)
    memory.next_row[table] = number + 1
    memory.objects[row] = True
    for name in inner:
        memory.objects[row + name] = False
    for name, type_, default, leaf_writable in leaves:
        memory.added[row + name] = (type_, leaf_writable)
        memory.values[row + name] = default
    _recount(device, table, 1)
    device.configure("ParameterKey", key)
    body = (
        f"<cwmp:AddObjectResponse><InstanceNumber>{number}</InstanceNumber><Status>0</Status></cwmp:AddObjectResponse>"
    )
    return Done(body, {"object": table}, {"instance": number, "status": 0}, key)


def delete_object(call: Call) -> Done:
    row, key, device = call.message.text("ObjectName").strip(), call.message.text("ParameterKey"), call.device
    table, _, number = row.removesuffix(".").rpartition(".")
    if not row.endswith("."):
        raise Refused(9003, "an object name ends in a dot")
    writable = call.view.object(row)
    if writable is None or not number.isdigit():
        raise Refused(9005, f"no row {row}")
    if not writable:
        raise Refused(9001, f"{row} cannot be deleted")
    memory = device.memory
    table += "."
    memory.next_row.setdefault(table, _first_free(call.view, table))
    for held in (memory.values, memory.added, memory.objects, memory.notify, memory.reported):
        for path in [path for path in held if path.startswith(row)]:
            del held[path]
    if row in device.tree.objects:
        memory.gone.append(row)
    _recount(device, table, -1)
    device.configure("ParameterKey", key)
    body = "<cwmp:DeleteObjectResponse><Status>0</Status></cwmp:DeleteObjectResponse>"
    return Done(body, {"object": row}, 0, key)


def reboot(call: Call) -> Done:
    key = call.message.text("CommandKey")
    call.device.announce("M Reboot", key)
    call.device.reboot_after = call.device.reboot_after or "reboot"
    return Done("<cwmp:RebootResponse></cwmp:RebootResponse>", {}, 0, key)


def factory_reset(call: Call) -> Done:
    call.device.reboot_after = "factory-reset"
    return Done("<cwmp:FactoryResetResponse></cwmp:FactoryResetResponse>", {}, 0)


def schedule_inform(call: Call) -> Done:
    delay, key = call.message.text("DelaySeconds").strip(), call.message.text("CommandKey")
    if not delay.isdigit() or int(delay) < 1:
        raise Refused(9003, "DelaySeconds must be 1 or more")
    call.device.memory.informs.append((call.now + int(delay) * 1000, key))
    return Done("<cwmp:ScheduleInformResponse></cwmp:ScheduleInformResponse>", {"delay": int(delay)}, 0, key)


def _attribute_paths(call: Call, name: str) -> list[str]:
    if name == "" or name.endswith("."):
        if not _object_exists(call.view, name):
            raise Refused(9005, f"no object {name}")
        return list(call.view.leaves(name))
    if call.view.leaf(name) is None:
        raise Refused(9005, f"no parameter {name}")
    return [name]


def get_parameter_attributes(call: Call) -> Done:
    names, items, device = call.message.strings(), [], call.device
    for path in (path for name in names for path in _attribute_paths(call, name)):
        access = device.memory.access.get(path, "Subscriber")
        inner = array("AccessList", "xsd:string", [f"<string>{escape(a)}</string>" for a in access.split(",") if a])
        items.append(
            f"<ParameterAttributeStruct><Name>{path}</Name><Notification>{device.notification(path)}</Notification>"
            f"{inner}</ParameterAttributeStruct>"
        )
    body = array("ParameterList", "cwmp:ParameterAttributeStruct", items)
    response = f"<cwmp:GetParameterAttributesResponse>{body}</cwmp:GetParameterAttributesResponse>"
    return Done(response, {"names": names}, len(items))


def set_parameter_attributes(call: Call) -> Done:
    device, view = call.device, call.view
    always = {device.tree.root + name for name in ALWAYS_ACTIVE}
    notify: dict[str, int] = {}
    access: dict[str, str] = {}
    for struct in call.message.body.findall("ParameterList/SetParameterAttributesStruct"):
        name = (struct.findtext("Name") or "").strip()
        level = (struct.findtext("Notification") or "").strip()
        for path in _attribute_paths(call, name):
            if (struct.findtext("NotificationChange") or "").strip() in ("1", "true"):
                if level not in ("0", "1", "2", "3", "4", "5", "6"):
                    raise Refused(9003, "Notification is 0 to 6")
                if path in always and level not in ("2", "4", "5", "6"):
                    if path == name:
                        raise Refused(9009, f"{path} is always notified")
                    continue
                notify[path] = int(level)
            if (struct.findtext("AccessListChange") or "").strip() in ("1", "true"):
                access[path] = ",".join(item.text or "" for item in struct.findall("AccessList/string"))
    device.memory.notify.update(notify)
    device.memory.access.update(access)
    for path, level_now in notify.items():
        leaf = view.leaf(path)
        if level_now and leaf is not None:
            device.memory.reported[path] = leaf.text
        else:
            device.memory.reported.pop(path, None)
    body = "<cwmp:SetParameterAttributesResponse></cwmp:SetParameterAttributesResponse>"
    return Done(body, {"notification": notify}, 0)


def get_rpc_methods(call: Call) -> Done:
    items = [f"<string>{name}</string>" for name in METHODS]
    body = array("MethodList", "xsd:string", items)
    return Done(f"<cwmp:GetRPCMethodsResponse>{body}</cwmp:GetRPCMethodsResponse>", {}, len(items))


METHODS: dict[str, Method] = {
    "GetRPCMethods": get_rpc_methods,
    "SetParameterValues": set_parameter_values,
    "GetParameterValues": get_parameter_values,
    "GetParameterNames": get_parameter_names,
    "SetParameterAttributes": set_parameter_attributes,
    "GetParameterAttributes": get_parameter_attributes,
    "AddObject": add_object,
    "DeleteObject": delete_object,
    "Reboot": reboot,
    "FactoryReset": factory_reset,
    "ScheduleInform": schedule_inform,
}
"""Every method this CPE has; anything else is answered 9000."""

READ_ONLY = frozenset(("GetRPCMethods", "GetParameterValues", "GetParameterNames", "GetParameterAttributes"))


def execute(call: Call) -> Done:
    """Run the method of a message once. Raises Refused."""
    method = METHODS.get(call.message.name)
    if method is None:
        raise Refused(9000, "method not supported")
    done = method(call)
    if call.message.name not in READ_ONLY:
        call.device.dirty = True
    return done
