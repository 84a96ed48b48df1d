"""Paths as values: which Device:2 object a native reference means, and back; what lies below an interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .native import CONNECTIONS, HOSTCONFIG, LAN, TEMPLATES, Idx, path_of
from .numbers import key_of, split_list
from .table import DEVICE, ROOT, Place
from .wifi import WLAN

if TYPE_CHECKING:
    from .view import View

_AS_INTERFACE = {
    CONNECTIONS["wanip"]: Place("Device.IP.Interface.{i}.", "WANIP"),
    CONNECTIONS["wanppp"]: Place("Device.IP.Interface.{i}.", "WANPPP"),
    HOSTCONFIG + "IPInterface.{i}.": Place("Device.IP.Interface.{i}.", "LANIP"),
    HOSTCONFIG: Place("Device.IP.Interface.{i}.", "LANIP"),
    LAN: Place("Device.IP.Interface.{i}.", "LANIP"),
    TEMPLATES["waneth"]: Place("Device.Ethernet.Interface.{i}.", "WANETH"),
    TEMPLATES["wandsl"]: Place("Device.DSL.Line.{i}.", "DSLLINE"),
}
"""What a native object means where an interface is wanted, when that is not the object that stands for it."""


class References:
    """The references of one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def to_device(self, text: str) -> str:
        """A native reference (or comma-separated references) as Device:2 paths; other text stays as it is."""
        if "," in text:
            return ",".join(self.to_device(item) for item in split_list(text))
        path = text.strip()
        if not path.startswith(ROOT):
            return self._key_to_device(path) if path.isdigit() else text
        found = self.object_to_device(path.rstrip(".") + ".")
        if found is not None:
            return found
        shown = self._view.device2(path)
        return shown[0] if shown else text

    def object_to_device(self, native: str) -> str | None:
        """The Device:2 object (without its final dot) that stands for a native object where one is referred to."""
        table = self._view.tree.table
        parsed = table.parse(native + "x")
        template = parsed.template[:-1]
        place = _AS_INTERFACE.get(template) or table.home(template)
        if place is None or template == ROOT:
            return None
        prefixes = self._view.numbers.prefixes(place, parsed.idx, native)
        return prefixes[0].rstrip(".") if prefixes else None

    def _key_to_device(self, key: str) -> str:
        """An AvailableInterfaceKey of Layer2Bridging: the interface it stands for."""
        tree = self._view.tree
        for row in tree.rows("available"):
            if tree.of("available", row, "AvailableInterfaceKey") == key:
                reference = tree.of("available", row, "InterfaceReference")
                return self.to_device(reference) if not reference.isdigit() else key
        return key

    def row_by_key(self, anchor: str, key_leaf: str, key: str, target: str) -> str | None:
        """A native integer key as the path of a Device:2 row; negative keys mean no row."""
        number = key.strip()
        if number.startswith("-") or not number:
            return ""
        tree = self._view.tree
        for (n,) in tree.rows(anchor):
            if tree.of(anchor, (n,), key_leaf).strip() == number:
                return f"{target}{n}"
        return f"{target}{number}" if number.isdigit() and (int(number[:9]),) in set(tree.rows(anchor)) else ""

    def to_native(self, text: str) -> str | None:
        """The native path a Device:2 reference means; None when nothing native stands for it."""
        path = text.strip().rstrip(".")
        if not path:
            return ""
        if not path.startswith(DEVICE):
            return text
        view = self._view
        for anchor in ("wanip", "wanppp", "laneth", "wlan", "lanusb", "waneth", "wandsl", "host"):
            for idx in view.tree.rows(anchor):
                native = path_of(TEMPLATES[anchor], idx)
                if self.object_to_device(native) == path:
                    return native.rstrip(".")
        for (i,) in view.tree.rows("hostconfig"):
            if path == f"Device.IP.Interface.{view.numbers.lan_ip(i)}":
                rows = [idx for idx in view.tree.rows("lanip") if idx[0] == i]
                return (path_of(TEMPLATES["lanip"], rows[0]) if rows else path_of(HOSTCONFIG, (i,))).rstrip(".")
        natives = view.natives(path)
        if natives:
            return natives[0]
        parents = view.native_objects(path + ".")
        return parents[0].rstrip(".") if parents else None

    def layer1(self, text: str) -> str | None:
        """The physical interface of a host: an Ethernet port, or the radio of an access point."""
        path = text.strip().rstrip(".") + "."
        if not path.startswith(ROOT):
            return text
        parsed = self._view.tree.table.parse(path + "x")
        if parsed.template[:-1] == WLAN:
            return f"Device.WiFi.Radio.{self._view.numbers.radio(parsed.idx)}"
        return self.to_device(text)

    def station(self, mac: str) -> str | None:
        """The AssociatedDevice row of a host, by its MAC address; None for wired hosts."""
        return self._view.stations().get(mac.strip().upper())

    def default_interface(self) -> str | None:
        """The interface of the default route that only a connection tells of."""
        view = self._view
        for kind in ("wanip", "wanppp"):
            for idx in view.tree.rows(kind):
                if view.tree.of(kind, idx, "DefaultGateway"):
                    return f"Device.IP.Interface.{view.numbers.connection(kind, idx)}"
        return None

    def below_ppp(self, idx: Idx) -> str:
        """What a PPP interface runs over: its ATM link (PPPoA), else its Ethernet link."""
        view = self._view
        transport = view.tree.of("wanppp", idx[:3], "TransportType")
        if transport == "PPPoA" and view.tree.has("atm", idx[:2]):
            return "Device.ATM.Link." + str(view.numbers.map.number("ATM.Link", key_of(*idx[:2])))
        return f"Device.Ethernet.Link.{view.numbers.link('wanppp', idx)}"

    def below_link(self, idx: Idx) -> str:
        """What the Ethernet link of a WAN connection device runs over."""
        view, key = self._view, key_of(*idx[:2])
        if view.tree.has("ptm", idx[:2]):
            return f"Device.PTM.Link.{view.numbers.map.number('PTM.Link', key)}"
        if view.tree.has("atm", idx[:2]):
            return f"Device.ATM.Link.{view.numbers.map.number('ATM.Link', key)}"
        return self.physical(idx[:1])

    def physical(self, idx: Idx) -> str:
        """The physical interface of a WAN device; empty when Device:2 has none for it here."""
        place = Place("", "WANPHY")
        found = self._view.numbers.prefixes(place, idx, "")
        return found[0].rstrip(".") if found else ""
