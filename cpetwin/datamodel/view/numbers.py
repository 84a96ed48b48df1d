"""The index rules: which Device:2 rows stand for which native rows (index_rules.csv).

Every rule is a function from the instance numbers of a native path to the numbers that fill the ``{i}`` of
a Device:2 template. New numbers come from the device's InstanceMap, in a fixed order, so that the same
tree always gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from .instances import InstanceMap
from .native import Idx, NativeTree, is_true
from .table import Place
from .wifi import band_of

ROUTES = "Routing.Router.1.IPv4Forwarding"
_SYNTHETIC_ROUTES = 1001
"""First number of default routes that only a connection's DefaultGateway tells of; Forwarding n keeps n."""


def key_of(*idx: int) -> str:
    return ".".join(map(str, idx))


class Numbers:
    """The rows of one device."""

    def __init__(self, tree: NativeTree, instances: InstanceMap) -> None:
        self.tree = tree
        self.map = instances
        self.access = {idx: self._access_of(idx) for idx in tree.rows("wan")}
        self.bands: dict[Idx, str] = {idx: band_of(tree, idx, instances) for idx in tree.rows("wlan")}
        self.hosts: dict[Idx, int] = {}
        self.host_by_mac: dict[str, int] = {}
        self._default_routes: dict[tuple[str, Idx], int] = {}
        self._allocate()

    # -- what a WAN device is ----------------------------------------------------------------------------------------

    def _access_of(self, idx: Idx) -> str:
        """``DSL``, ``PON``, ``Ethernet``, or empty for what Device:2 has no interface for here (cellular, POTS)."""
        tree = self.tree
        said = tree.of("common", idx, "WANAccessType").strip().upper()
        ethernet, dsl = tree.has("waneth", idx), tree.has("wandsl", idx)
        if dsl and not (ethernet and said == "ETHERNET"):
            return "DSL"
        if "PON" in said or (not ethernet and self._has_pon(idx)):
            return "PON"
        if ethernet or said == "ETHERNET":
            return "Ethernet"
        if said == "DSL" or any(row[:1] == idx for row in (*tree.rows("atm"), *tree.rows("ptm"))):
            return "DSL"
        return "" if any(word in said for word in ("USB", "3G", "4G", "5G", "LTE", "CELL", "POTS")) else "Ethernet"

    def _has_pon(self, idx: Idx) -> bool:
        prefix = f"InternetGatewayDevice.WANDevice.{idx[0]}."
        return any("PON" in p.removeprefix(prefix).upper() for p in self.tree.parents if p.startswith(prefix + "X_"))

    # -- allocation --------------------------------------------------------------------------------------------------

    def _allocate(self) -> None:
        tree, number = self.tree, self.map.number
        for i, n in tree.rows("laneth"):
            number("Ethernet.Interface", f"lan:{i}.{n}", n if i == 1 else 0)
        for (d,), access in self.access.items():
            if access == "Ethernet":
                number("Ethernet.Interface", f"wan:{d}")
            elif access == "DSL":
                number("DSL.Line", str(d))
                number("DSL.Channel", str(d))
            elif access == "PON":
                number("Optical.Interface", str(d))
        for (n,) in tree.rows("bridge"):
            number("Bridging.Bridge", f"l2b:{n}", n)
        for (i,) in tree.rows("lan"):
            number("Bridging.Bridge", f"lan:{i}")
            number("Ethernet.Link", f"lan:{i}")
            if tree.has("hostconfig", (i,)):
                number("IP.Interface", f"lan:{i}")
                number("DHCPv4.Server.Pool", f"lan:{i}")
        for idx in tree.rows("cond"):
            table = "DHCPv4.Server.Pool" if self.served(idx) else "DHCPv4.Relay.Forwarding"
            number(table, "cond:" + key_of(*idx))
        for i, n in tree.rows("lanusb"):
            number("USB.Interface", key_of(i, n), n if i == 1 else 0)
        for idx in tree.rows("atm"):
            number("ATM.Link", key_of(*idx))
        for idx in tree.rows("ptm"):
            number("PTM.Link", key_of(*idx))
        for idx in tree.rows("ethlink"):
            number("Ethernet.Link", "wan:" + key_of(*idx))
        for kind in ("wanip", "wanppp"):
            for idx in tree.rows(kind):
                key = f"{kind}:{key_of(*idx)}"
                number("IP.Interface", key)
                if kind == "wanppp":
                    number("PPP.Interface", key)
                elif is_dhcp(tree, idx):
                    number("DHCPv4.Client", key)
                self.link(kind, idx)
            for idx in tree.rows(kind + ".map"):
                number("NAT.PortMapping", f"{kind}:{key_of(*idx)}")
        for i, n in tree.rows("wlan"):
            number("WiFi.SSID", key_of(i, n), n if i == 1 else 0)
        for band in sorted(set(self.bands.values())):
            number("WiFi.Radio", band)
        for idx in tree.rows("host"):
            self._host(idx)
        for (n,) in tree.rows("route"):
            number(ROUTES, str(n), n)

    def _host(self, idx: Idx) -> None:
        mac = self.tree.of("host", idx, "MACAddress").strip().upper().replace("-", ":")
        own = len(mac) == 17 and mac not in self.host_by_mac
        number = self.map.number("Hosts.Host", mac if own else "row:" + key_of(*idx))
        self.hosts[idx] = number
        if own:
            self.host_by_mac[mac] = number

    # -- single rows -------------------------------------------------------------------------------------------------

    def connection(self, kind: str, idx: Idx) -> int:
        """The IP.Interface of a WAN connection."""
        return self.map.number("IP.Interface", f"{kind}:{key_of(*idx[:3])}")

    def lan_ip(self, i: int) -> int:
        return self.map.number("IP.Interface", f"lan:{i}")

    def link_key(self, kind: str, idx: Idx) -> str:
        """The key of the link below a connection: one per WANConnectionDevice where that says so, else its own."""
        own = f"{kind}:{key_of(*idx[:3])}"
        if self.map.find("Ethernet.Link", own) is not None:
            return own
        return "wan:" + key_of(*idx[:2]) if self.tree.has("ethlink", idx[:2]) else own

    def link(self, kind: str, idx: Idx) -> int:
        """The Ethernet.Link below a connection."""
        return self.map.number("Ethernet.Link", self.link_key(kind, idx))

    def ssid(self, idx: Idx) -> int:
        return self.map.number("WiFi.SSID", key_of(*idx[:2]))

    def radio(self, idx: Idx) -> int:
        return self.map.number("WiFi.Radio", self.bands.get(idx[:2], "2.4GHz"))

    def bridge(self, i: int) -> int:
        return self.map.number("Bridging.Bridge", f"lan:{i}")

    def served(self, idx: Idx) -> bool:
        """Whether a conditional pool is served by the gateway itself (LocallyServed, true by default)."""
        text = self.tree.of("cond", idx[:2], "LocallyServed")
        return text == "" or is_true(text)

    def client(self, idx: Idx) -> int | None:
        """The DHCPv4.Client of a WANIPConnection; a static one has a row only if it once was dynamic."""
        key = f"wanip:{key_of(*idx[:3])}"
        return self.map.find("DHCPv4.Client", key)

    def default_route(self, kind: str, idx: Idx) -> int:
        """The default route over a connection: its row of Layer3Forwarding, or one that only the view has."""
        key = (kind, idx[:3])
        if key not in self._default_routes:
            self._default_routes[key] = self._find_default_route(kind, idx[:3])
        return self._default_routes[key]

    def _find_default_route(self, kind: str, idx: Idx) -> int:
        from .native import CONNECTIONS, path_of

        own = path_of(CONNECTIONS[kind], idx).rstrip(".")
        for (n,) in self.tree.rows("route"):
            destination = self.tree.of("route", (n,), "DestIPAddress").strip()
            if destination in ("", "0.0.0.0") and self.tree.of("route", (n,), "Interface").rstrip(".") == own:
                return self.map.number(ROUTES, str(n), n)
        return self.map.number(ROUTES, f"default:{kind}:{key_of(*idx)}", floor=_SYNTHETIC_ROUTES)

    # -- the rules ---------------------------------------------------------------------------------------------------

    def prefixes(self, place: Place, idx: Idx, native: str) -> tuple[str, ...]:
        """The Device:2 objects that stand for the native path ``native`` under a rule; empty when none does."""
        rule, _, suffix = place.rule.partition("+")
        if rule in ("", "same", "CONST1"):
            return self._plain(place.target, rule, idx)
        found = _RULES[rule](self, idx, place.target, native)
        out = []
        for target, numbers in found:
            if suffix in ("same", "AC"):
                numbers += idx[-1:]
            elif suffix == "HOSTBYMAC":
                numbers += (self.hosts.get(idx[:2], 1), 1)
            elif suffix:
                numbers += (1,)
            out.append(fill(target, numbers))
        return tuple(out)

    def _plain(self, target: str, rule: str, idx: Idx) -> tuple[str, ...]:
        if rule == "":
            return (fill(target, (1,) * target.count("{i}")),)
        if rule == "CONST1":
            return (fill(target, (1,) * target.count("{i}")),)
        if target.startswith("Device.Bridging.Bridge.{i}.") and idx:
            idx = (self.map.number("Bridging.Bridge", f"l2b:{idx[0]}", idx[0]), *idx[1:])
        return (fill(target, idx),)


def fill(target: str, numbers: Idx) -> str:
    """A template with its ``{i}`` filled in, in order."""
    for number in numbers:
        target = target.replace("{i}", str(number), 1)
    return target


def is_dhcp(tree: NativeTree, idx: Idx) -> bool:
    """Whether a WANIPConnection gets its address by DHCP."""
    said = tree.of("wanip", idx[:3], "AddressingType").strip().upper()
    return said == "DHCP" or (said == "" and tree.has("dhcpclient", idx[:3]))


Found = list[tuple[str, Idx]]
Rule = Callable[[Numbers, Idx, str, str], Found]


def _connection(kind: str, table: str = "") -> Rule:
    """A rule with one row per connection in ``table`` (empty: the IP or PPP interface that the target names)."""

    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        key = f"{kind}:{key_of(*idx[:3])}"
        if table:
            return [(target, (numbers.map.number(table, key),))]
        name = "PPP.Interface" if target.startswith("Device.PPP.") else "IP.Interface"
        return [(target, (numbers.map.number(name, key),))]

    return rule


def _mapping(kind: str) -> Rule:
    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        return [(target, (numbers.map.number("NAT.PortMapping", f"{kind}:{key_of(*idx[:4])}"),))]

    return rule


def _dns(kind: str) -> Rule:
    """One row per address of the connection's list."""

    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        items = split_list(numbers.tree.of(kind, idx[:3], "DNSServers"))[:16]
        key = f"{kind}:{key_of(*idx[:3])}"
        return [(target, (numbers.map.number("DNS.Client.Server", f"{key}:{n}"),)) for n in range(1, len(items) + 1)]

    return rule


def split_list(text: str) -> list[str]:
    """The non-empty items of a comma-separated list."""
    return [item for part in text.split(",") if (item := part.strip())]


def _client(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    number = numbers.client(idx)
    if number is None:
        return []
    if not native.endswith(".AddressingType") and ".DHCPClient." not in native and not is_dhcp(numbers.tree, idx):
        return []
    return [(target, (number,))]


def _all_connections(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    """A fold over the connections of a WAN device: it belongs to the first of them."""
    del native
    for kind in ("wanip", "wanppp"):
        for row in numbers.tree.rows(kind):
            if row[:1] == idx[:1]:
                return [(target, (numbers.connection(kind, row),))]
    return []


def _wan_link(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    if len(idx) < 3:
        return [(target, (numbers.map.number("Ethernet.Link", "wan:" + key_of(*idx[:2])),))]
    kind = "wanppp" if ".WANPPPConnection." in native else "wanip"
    return [(target, (numbers.link(kind, idx),))]


def _by_access(access: str, table: str) -> Rule:
    """One row per WAN device of this access; without a number in the path, the first such device.

    The counters of a PON gateway go to its optical interface, which the table leaves out.
    """

    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        if not idx:
            rows = [row for row, found in numbers.access.items() if found == access]
            return [(target, (numbers.map.number(table, str(rows[0][0])),))] if rows else []
        common = ".WANCommonInterfaceConfig." in native
        if common and access == "Ethernet" and ".Stats." in target and numbers.access.get(idx[:1]) == "PON":
            number = numbers.map.number("Optical.Interface", str(idx[0]))
            return [(target.replace("Device.Ethernet.", "Device.Optical."), (number,))]
        if (common or access == "PON") and numbers.access.get(idx[:1]) != access:
            return []
        key = f"wan:{idx[0]}" if table == "Ethernet.Interface" else str(idx[0])
        return [(target, (numbers.map.number(table, key),))]

    return rule


def _by_lan(table: str) -> Rule:
    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        number = numbers.map.number(table, f"lan:{idx[0]}")
        return [(target, (number, *idx[1:2]) if target.count("{i}") > 1 and table == "IP.Interface" else (number,))]

    return rule


def _by_key(table: str, depth: int, prefix: str = "") -> Rule:
    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        return [(target, (numbers.map.number(table, prefix + key_of(*idx[:depth])),))]

    return rule


def _cond_pool(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del native
    served = numbers.served(idx)
    if served != target.startswith("Device.DHCPv4.Server."):
        return []
    table = "DHCPv4.Server.Pool" if served else "DHCPv4.Relay.Forwarding"
    return [(target, (numbers.map.number(table, "cond:" + key_of(*idx[:2])),))]


def _wlan(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del native
    return [(target, (numbers.ssid(idx),))]


def _access_points(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del native
    return [(target, (numbers.ssid(row),)) for row in numbers.tree.rows("wlan") if row[0] == idx[0]]


def _host(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del native
    number = numbers.hosts.get(idx[:2])
    return [] if number is None else [(target, (number,))]


def _host_by_mac(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    mac = numbers.tree.text(native.rpartition(".")[0] + ".AssociatedDeviceMACAddress").strip().upper()
    number = numbers.host_by_mac.get(mac)
    return [] if number is None else [(target, (number,))]


def _route(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    if native.endswith(".DefaultConnectionService"):
        for kind in ("wanip", "wanppp"):
            for row in numbers.tree.rows(kind):
                if numbers.tree.of(kind, row, "DefaultGateway"):
                    return [(target, (1, numbers.default_route(kind, row)))]
        return []
    if len(idx) >= 3:
        kind = "wanppp" if ".WANPPPConnection." in native else "wanip"
        return [(target, (1, numbers.default_route(kind, idx)))]
    return [(target, (1, numbers.map.number(ROUTES, str(idx[0]), idx[0])))]


def _shaper(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    rate = numbers.tree.text(native.rpartition(".")[0] + ".ShapingRate").strip()
    if not rate.isdigit():
        return []
    kind = "wanip" if ".WANIP" in native else "wanppp" if ".WANPPP" in native else "wan"
    return [(target, (numbers.map.number("QoS.Shaper", f"{kind}:{key_of(*idx[:3])}"),))]


def _radio(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del native
    return [(target, (numbers.radio(idx),))]


def _remote_access(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    del idx, native
    return [(target, (numbers.map.number("UserInterface.HTTPAccess", "remote"),))]


def _voice(depth: int) -> Rule:
    def rule(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
        del native
        table = f"Services.VoiceService.{idx[0]}." + ("Profile" if depth == 2 else "Line")
        prefer = idx[1] if depth == 2 else idx[2] if idx[1] == 1 else 0
        return [(target, (idx[0], numbers.map.number(table, key_of(*idx[1:depth]), prefer)))]

    return rule


def _wan_phy(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    """Not in index_rules.csv: where vendor parameters of a WAN device go, the physical interface."""
    del target, native
    table = {"DSL": "DSL.Line", "PON": "Optical.Interface", "Ethernet": "Ethernet.Interface"}.get(
        numbers.access.get(idx[:1], "")
    )
    if table is None:
        return []
    key = f"wan:{idx[0]}" if table == "Ethernet.Interface" else str(idx[0])
    return [(f"Device.{table}.{{i}}.", (numbers.map.number(table, key),))]


def _wan_l2(numbers: Numbers, idx: Idx, target: str, native: str) -> Found:
    """Not in index_rules.csv: where vendor parameters of a WAN connection device go, its link."""
    del target, native
    key = key_of(*idx[:2])
    if numbers.tree.has("atm", idx[:2]):
        return [("Device.ATM.Link.{i}.", (numbers.map.number("ATM.Link", key),))]
    if numbers.tree.has("ptm", idx[:2]):
        return [("Device.PTM.Link.{i}.", (numbers.map.number("PTM.Link", key),))]
    for kind in ("wanip", "wanppp"):
        for row in numbers.tree.rows(kind):
            if row[:2] == idx[:2]:
                return [("Device.Ethernet.Link.{i}.", (numbers.link(kind, row),))]
    return [("Device.Ethernet.Link.{i}.", (numbers.map.number("Ethernet.Link", "wan:" + key),))]


_RULES: dict[str, Rule] = {
    "WANIP": _connection("wanip"),
    "WANPPP": _connection("wanppp"),
    "WANIP>NATIF": _connection("wanip", "NAT.InterfaceSetting"),
    "WANPPP>NATIF": _connection("wanppp", "NAT.InterfaceSetting"),
    "WANIP>PORTMAP": _mapping("wanip"),
    "WANPPP>PORTMAP": _mapping("wanppp"),
    "WANIP>DHCPC": _client,
    "WANIP>DNSSRV": _dns("wanip"),
    "WANPPP>DNSSRV": _dns("wanppp"),
    "WANIP>RIPIF": _connection("wanip", "Routing.RIP.InterfaceSetting"),
    "WANPPP>RIPIF": _connection("wanppp", "Routing.RIP.InterfaceSetting"),
    "WANALL": _all_connections,
    "WANLINK": _wan_link,
    "WANETH": _by_access("Ethernet", "Ethernet.Interface"),
    "WANPON": _by_access("PON", "Optical.Interface"),
    "DSLLINE": _by_access("DSL", "DSL.Line"),
    "DSLCHAN": _by_access("DSL", "DSL.Channel"),
    "ATMLINK": _by_key("ATM.Link", 2),
    "PTMLINK": _by_key("PTM.Link", 2),
    "LANBRIDGE": _by_lan("Bridging.Bridge"),
    "LANLINK": _by_lan("Ethernet.Link"),
    "LANIP": _by_lan("IP.Interface"),
    "LANETH": _by_key("Ethernet.Interface", 2, "lan:"),
    "LANUSB": _by_key("USB.Interface", 2),
    "LANPOOL": _by_lan("DHCPv4.Server.Pool"),
    "CONDPOOL": _cond_pool,
    "WLAN": _wlan,
    "WLANRADIO": _radio,
    "WLANAPS": _access_points,
    "LANAPS": _access_points,
    "HOST": _host,
    "HOSTBYMAC": _host_by_mac,
    "ROUTE": _route,
    "SHAPER": _shaper,
    "HTTPACCESS": _remote_access,
    "VOICEPROFILE": _voice(2),
    "VOICELINE": _voice(3),
    "WANPHY": _wan_phy,
    "WANL2": _wan_l2,
}
RULES = frozenset(_RULES) | {"", "same", "CONST1"}
"""The first parts of all rules that are known."""
