"""Rows through the view: which native row a new Device:2 row becomes, and which one goes with a deleted row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...errors import BadInput, NotFound
from .convert import conversion
from .native import CONNECTIONS, Idx, is_true, path_of
from .table import DEVICE, ROOT
from .view import View
from .write import check_type, interfaces


class AddPlan(NamedTuple):
    """Add a row to the native ``table`` (final dot), then write ``columns`` (leaf, text, type) in it."""

    table: str
    columns: tuple[tuple[str, str, str], ...]


_TABLES = {
    "Device.NAT.PortMapping.": "PORTMAP",
    "Device.Routing.Router.1.IPv4Forwarding.": "ROUTE",
}


def plan_add(view: View, table: str, columns: Mapping[str, str]) -> AddPlan:
    """The native row for a new row of the Device:2 ``table`` (``Device.NAT.PortMapping.``) with these values.

    Raises BadInput when the device has no such table, a column has no native place, or a value is impossible.
    """
    table = table.rstrip(".") + "."
    if not table.startswith(DEVICE) or (not view.tree.parsed and view.tree.values):
        return AddPlan(table, tuple((leaf, text, _column_type(view, table, leaf)) for leaf, text in columns.items()))
    native, template, columns = _native_table(view, table, dict(columns))
    if view.tree.objects.get(native) is False:
        raise BadInput(f"the device does not let rows be added to {table}", f"its table {native} is read-only")
    target = _template(table) + "{i}."
    places = {}
    for row in view.tree.table.rows:
        if row.native.startswith(template + "{i}.") and row.target.startswith(target):
            places[row.target.removeprefix(target)] = row
    out = []
    for leaf, text in columns.items():
        row_ = places.get(leaf)
        if row_ is None or "{i}" in row_.native.removeprefix(template + "{i}."):
            raise BadInput(f"{table}{{i}}.{leaf} has no place on this device", "allowed: " + ", ".join(sorted(places)))
        mapped = next(m for m in view.tree.table.mapped(row_.native) if m.row is row_)
        check_type(table + leaf, text, row_.type)
        if mapped.words is not None and text not in mapped.words:
            raise BadInput(f"{text!r} is no value of {leaf}", "allowed: " + ", ".join(sorted(mapped.words)))
        if row_.value_map.startswith("fn:path"):
            reference = view.references.to_native(text)
            if reference is None:
                raise BadInput(f"nothing on this device stands for {text!r}", interfaces(view))
            value = reference
        else:
            write = conversion(mapped).write
            if write is None:
                raise BadInput(f"{leaf} cannot be written on this device")
            value = write(text, _style(view, row_.native_type))
        out.append((row_.native.removeprefix(template + "{i}."), value, row_.native_type))
    return AddPlan(native, tuple(out))


def _style(view: View, type_: str) -> str:
    """How this device writes its booleans, by any that it has."""
    if type_ != "boolean":
        return ""
    return next(
        (v[0] for v in view.tree.values.values() if v[1] == "boolean" and v[0] in ("0", "1", "true", "false")), ""
    )


def _column_type(view: View, table: str, leaf: str) -> str:
    """The type of a column of a device that speaks Device:2 itself: as in its other rows, else as the model says."""
    for path, value in view.tree.values.items():
        if path.startswith(table) and path.endswith("." + leaf):
            return value[1] or "string"
    child = view.tree.table.child(_template(table) + "{i}." + leaf)
    return "string" if child is None else child.type


def _native_table(view: View, table: str, columns: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    """The native table for new rows, its template, and the columns that remain."""
    if table == "Device.NAT.PortMapping.":
        kind, idx = _mapped_connection(view, columns)
        left = {leaf: text for leaf, text in columns.items() if leaf not in ("Interface", "AllInterfaces")}
        template = CONNECTIONS[kind] + "PortMapping."
        return path_of(template, idx), template, left
    if table.startswith("Device.Routing.Router.") and table.endswith(".IPv4Forwarding."):
        template = ROOT + "Layer3Forwarding.Forwarding."
        return template, template, columns
    for (i,) in view.tree.rows("hostconfig"):
        pool = f"Device.DHCPv4.Server.Pool.{view.numbers.map.number('DHCPv4.Server.Pool', f'lan:{i}')}."
        for leaf, native in (("StaticAddress.", "DHCPStaticAddress."), ("Option.", "DHCPOption.")):
            if table == pool + leaf:
                template = ROOT + "LANDevice.{i}.LANHostConfigManagement." + native
                return path_of(template, (i,)), template, columns
    target = _template(table) + "{i}."
    for row in view.tree.table.rows:
        if row.rule == "same" and row.target.startswith(target) and row.native.count("{i}") == row.target.count("{i}"):
            depth = target.count("{i}")
            parts = row.native.split("{i}")
            template = "{i}".join(parts[:depth])
            numbers = tuple(int(s) for s in table.split(".") if s.isdigit())
            native = path_of(template, numbers)
            if native in view.tree.objects or any(p.startswith(native.rpartition(".")[0]) for p in view.tree.parents):
                return native, template, columns
    raise BadInput(f"rows cannot be added to {table} on this device", "allowed: " + ", ".join(sorted(_TABLES)))


def _mapped_connection(view: View, columns: dict[str, str]) -> tuple[str, Idx]:
    """The connection a new port mapping belongs to: the one named, else the only enabled one, else the default."""
    wanted = columns.get("Interface", "").rstrip(".")
    found: list[tuple[str, Idx]] = [(kind, idx) for kind in CONNECTIONS for idx in view.tree.rows(kind)]
    if not found:
        raise BadInput("this device has no WAN connection for a port mapping")
    if wanted:
        for kind, idx in found:
            if f"Device.IP.Interface.{view.numbers.connection(kind, idx)}" == wanted:
                return kind, idx
        raise BadInput(f"{wanted} is no WAN interface of this device", interfaces(view))
    enabled = [(k, i) for k, i in found if is_true(view.tree.of(k, i, "Enable"))] or found
    connected = [(k, i) for k, i in enabled if view.tree.of(k, i, "ConnectionStatus") == "Connected"] or enabled
    routed = [(k, i) for k, i in connected if "ridged" not in view.tree.of(k, i, "ConnectionType")] or connected
    if len(routed) > 1:
        raise BadInput(
            "several WAN interfaces could have the port mapping", "say which: Interface=..; " + interfaces(view)
        )
    return routed[0]


def plan_delete(view: View, row: str) -> str:
    """The native row (final dot) behind a Device:2 row (``Device.NAT.PortMapping.3.``).

    Raises NotFound when there is no such row, BadInput when it has no native row of its own.
    """
    row = row.rstrip(".") + "."
    if any(p.startswith(row) for p in view.tree.values):
        return row
    if not row[:-1].rpartition(".")[2].isdigit():
        raise BadInput(f"{row} is no row", "a row ends in its number, as Device.NAT.PortMapping.1.")
    natives = view.native_objects(row)
    if not natives:
        raise NotFound(f"this device has no row {row}")
    native = natives[0]
    if not native[:-1].rpartition(".")[2].isdigit() or not _own_row(view, row, native):
        raise BadInput(f"{row} stands for {native} and cannot be deleted")
    if view.tree.objects.get(native, True) is False:
        raise BadInput(f"the device does not let {row} be deleted", f"its row {native} is read-only")
    return native


def _own_row(view: View, row: str, native: str) -> bool:
    """Whether the native row is this Device:2 row and no part of something bigger."""
    place = view.tree.table.home(_template(native))
    return place is not None and place.target == _template(row)


def _template(path: str) -> str:
    return ".".join("{i}" if s.isdigit() else s for s in path.split("."))
