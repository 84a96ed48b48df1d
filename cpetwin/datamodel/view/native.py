"""A native tree as the view reads it: values by path, and which rows of the interesting native tables exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from .table import ROOT, Parsed, Table, table


class Native(NamedTuple):
    """A native parameter: ``text`` as received (None: it exists, but was never read), XML Schema type without prefix
    (may be empty), writable."""

    text: str | None
    type: str = "string"
    writable: bool = False


Idx = tuple[int, ...]

WAN = ROOT + "WANDevice.{i}."
CD = WAN + "WANConnectionDevice.{i}."
LAN = ROOT + "LANDevice.{i}."
HOSTCONFIG = LAN + "LANHostConfigManagement."
CONNECTIONS = {"wanip": CD + "WANIPConnection.{i}.", "wanppp": CD + "WANPPPConnection.{i}."}
ANCHORS = {
    WAN: "wan",
    WAN + "WANCommonInterfaceConfig.": "common",
    WAN + "WANEthernetInterfaceConfig.": "waneth",
    WAN + "WANDSLInterfaceConfig.": "wandsl",
    CD: "cd",
    CD + "WANDSLLinkConfig.": "atm",
    CD + "WANPTMLinkConfig.": "ptm",
    CD + "WANEthernetLinkConfig.": "ethlink",
    CONNECTIONS["wanip"]: "wanip",
    CONNECTIONS["wanip"] + "DHCPClient.": "dhcpclient",
    CONNECTIONS["wanip"] + "PortMapping.{i}.": "wanip.map",
    CONNECTIONS["wanppp"]: "wanppp",
    CONNECTIONS["wanppp"] + "PortMapping.{i}.": "wanppp.map",
    LAN: "lan",
    HOSTCONFIG: "hostconfig",
    HOSTCONFIG + "IPInterface.{i}.": "lanip",
    HOSTCONFIG + "DHCPConditionalServingPool.{i}.": "cond",
    LAN + "LANEthernetInterfaceConfig.{i}.": "laneth",
    LAN + "LANUSBInterfaceConfig.{i}.": "lanusb",
    LAN + "WLANConfiguration.{i}.": "wlan",
    LAN + "Hosts.Host.{i}.": "host",
    ROOT + "Layer3Forwarding.Forwarding.{i}.": "route",
    ROOT + "Layer2Bridging.Bridge.{i}.": "bridge",
    ROOT + "Layer2Bridging.AvailableInterface.{i}.": "available",
    ROOT + "QueueManagement.Policer.{i}.": "policer",
    ROOT + "QueueManagement.Queue.{i}.": "queue",
    ROOT + "QueueManagement.App.{i}.": "app",
    ROOT + "Services.VoiceService.{i}.VoiceProfile.{i}.": "profile",
    ROOT + "Services.VoiceService.{i}.VoiceProfile.{i}.Line.{i}.": "line",
}
"""Native objects whose rows the index rules count, by their template."""
TEMPLATES = {name: template for template, name in ANCHORS.items()}


@lru_cache(maxsize=8192)
def _anchors(template: str) -> tuple[tuple[str, int], ...]:
    """The anchors on the way to an object template, each with how many instance numbers lead to it."""
    found = []
    parts = template.split(".")
    for end in range(1, len(parts)):
        name = ANCHORS.get(".".join(parts[:end]) + ".")
        if name is not None:
            found.append((name, parts[:end].count("{i}")))
    return tuple(found)


def path_of(template: str, idx: Idx) -> str:
    """The template with its ``{i}`` filled in, in order."""
    if not idx:
        return template
    head, *tail = template.split("{i}")
    return head + "".join(f"{n}{part}" for n, part in zip(idx, tail, strict=False))


_NOTHING = Native("", "", False)


class NativeTree:
    """``values``: parameter -> Native (or a tuple like it); ``objects``: object path with its dot -> writable."""

    def __init__(
        self, values: Mapping[str, tuple[str | None, str, bool]], objects: Mapping[str, bool] | Iterable[str] = ()
    ) -> None:
        self.values = values
        self.objects: Mapping[str, bool] = objects if isinstance(objects, Mapping) else dict.fromkeys(objects, False)
        self.table: Table = table()
        self.parsed: list[Parsed] = []
        self.parents: dict[str, Parsed] = {}
        self._rows: dict[str, dict[Idx, None]] = {}
        parents, parsed = self.parents, self.parsed
        known, parse = self.table.known_paths.get, self.table.parse
        last = ""
        for path in values:
            one = known(path)
            if one is None:
                if not path.startswith(ROOT):
                    continue
                one = parse(path)
            parsed.append(one)
            if one.parent is not last:
                last = one.parent
                parents.setdefault(last, one)
        for one in parents.values():
            self._register(one.template.rpartition(".")[0] + ".", one.idx)
        for path in self.objects:
            if path.startswith(ROOT) and path.endswith(".") and path not in parents:
                one = parse(path + "x")
                self._register(one.template[:-1], one.idx)
        for name, rows in self._rows.items():
            self._rows[name] = dict.fromkeys(sorted(rows))

    def _register(self, template: str, idx: Idx) -> None:
        for name, count in _anchors(template):
            if len(idx) >= count:
                self._rows.setdefault(name, {})[idx[:count]] = None

    def rows(self, anchor: str) -> Iterable[Idx]:
        """The rows of a native table that exist, by their instance numbers, in order."""
        return self._rows.get(anchor, ())

    def has(self, anchor: str, idx: Idx) -> bool:
        return idx in self._rows.get(anchor, ())

    def text(self, path: str) -> str:
        """The text at a native path, empty when it is not there or not known."""
        return self.values.get(path, _NOTHING)[0] or ""

    def of(self, anchor: str, idx: Idx, leaf: str) -> str:
        """The text of a parameter of a row."""
        return self.text(path_of(TEMPLATES[anchor], idx) + leaf)

    def children(self, parent: str) -> list[Parsed]:
        """The parameters directly in a native object (a scan; for rare questions)."""
        return [one for one in self.parsed if one.parent == parent]


def is_true(text: str) -> bool:
    """Whether a device means true, in any of the ways devices say so."""
    return text.strip().lower() in TRUE_WORDS


TRUE_WORDS = frozenset("1 true yes on enabled enable".split())
FALSE_WORDS = frozenset("0 false no off disabled disable".split())
