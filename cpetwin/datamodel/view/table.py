"""The mapping table at run time: loaded on first use, one ``Mapped`` list per TR-098 template, made when first met.

A native path is analysed once per process (devices of one model have the same paths), so the view of
another device costs dictionary look-ups only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
import zstandard

from .record import Child, Data, IndexRule, Row

ROOT = "InternetGatewayDevice."
"""The root object of TR-098; only trees under it are translated."""
DEVICE = "Device."
FILE = "tr098.msgpack.zst"
_MAX_PARSED = 200_000
"""Native paths remembered per process; all are forgotten when there are more (hostile devices invent paths)."""


class Place(NamedTuple):
    """Where rows of one native object go: a Device:2 object template and the rule that numbers its ``{i}``."""

    target: str
    rule: str


@dataclass(slots=True, eq=False)
class Mapped:
    """A row as the view uses it. ``place`` is the target's object, ``leaf`` its last name; ``rank`` orders the
    natives of one Device:2 parameter (lowest first); ``words`` the legal values of the target, if enumerated;
    ``plain`` is found out on first use: whether one native parameter, converted by ``read``, is the whole story (and
    then ``settable``: whether it can be written where the device allows it)."""

    row: Row
    place: Place
    leaf: str
    rank: int
    words: frozenset[str] | None
    plain: bool | None = None
    read: Callable[[str], str | None] | None = None
    settable: bool = False


FALLBACK = "fallback"
"""The kind of a parameter that has no row and keeps its own name."""


class Parsed(NamedTuple):
    """A native path: its template, instance numbers and rows. A parameter without a row has one of kind ``fallback``
    where the longest native object around it has a place of its own; then only the numbers of that object count
    (``numbers``). ``rows`` pairs each row with a number that is the same for all that share Device:2 objects."""

    path: str
    parent: str
    template: str
    idx: tuple[int, ...]
    rows: tuple[tuple[Mapped, int], ...]
    numbers: tuple[int, ...]
    vendor: bool


_RANK = {"direct": 0, "index-map": 0, "value-map": 1, "split": 2, "derived": 3}
_RANKS = {
    "WANCommonInterfaceConfig.": 8,
    "WANDSLLinkConfig.ModulationType": 8,
    "ConnectionType": 9,
    "AssociatedDeviceIPAddress": 9,
    "WPS.SetupLockedState": 2,
    "MinimumResponseTmie": 9,
    "WEPKeyIndex": 9,
    "AAL5CRCErrors": 2,
    "DefaultConnectionService": 9,
    "InterleaveDepth": 8,
    "DataPath": 8,
}
"""Natives that only stand in for a better one, by the end or the object of their name."""

_WAN = ROOT + "WANDevice.{i}."
_CD = _WAN + "WANConnectionDevice.{i}."
_LAN = ROOT + "LANDevice.{i}."
_HOMES = {
    ROOT: Place(DEVICE, ""),
    _LAN: Place("Device.Bridging.Bridge.{i}.", "LANBRIDGE"),
    _LAN + "Hosts.": Place("Device.Hosts.", ""),
    _LAN + "LANHostConfigManagement.": Place("Device.DHCPv4.Server.Pool.{i}.", "LANPOOL"),
    _LAN + "WLANConfiguration.{i}.": Place("Device.WiFi.SSID.{i}.", "WLAN"),
    _WAN: Place("", "WANPHY"),
    _WAN + "WANCommonInterfaceConfig.": Place("", "WANPHY"),
    _CD: Place("", "WANL2"),
    _CD + "WANEthernetLinkConfig.": Place("Device.Ethernet.Link.{i}.", "WANLINK"),
    _CD + "WANIPConnection.{i}.": Place("Device.IP.Interface.{i}.", "WANIP"),
    _CD + "WANPPPConnection.{i}.": Place("Device.PPP.Interface.{i}.", "WANPPP"),
    ROOT + "Time.": Place("Device.Time.", ""),
    ROOT + "UDPEchoDiagnostics.": Place("Device.IP.Diagnostics.UDPEchoDiagnostics.", ""),
    ROOT + "ServerSelectionDiagnostics.": Place("Device.IP.Diagnostics.ServerSelectionDiagnostics.", ""),
    ROOT + "Layer3Forwarding.": Place("Device.Routing.", ""),
    ROOT + "LANInterfaces.": Place(DEVICE, ""),
    ROOT + "UserInterface.RemoteAccess.": Place("Device.UserInterface.HTTPAccess.{i}.", "HTTPACCESS"),
}
"""Native objects whose place is not that of most of their parameters."""
_NAMES_OF = {
    "WANPHY": ("Device.DSL.Line.{i}.", "Device.Ethernet.Interface.{i}.", "Device.Optical.Interface.{i}."),
    "WANL2": ("Device.ATM.Link.{i}.", "Device.PTM.Link.{i}.", "Device.Ethernet.Link.{i}."),
}


class Table:
    """The whole mapping. Use ``table()``."""

    def __init__(self, data: Data) -> None:
        self.index_rules: tuple[IndexRule, ...] = tuple(data.rules)
        self.counts = data.counts
        self.children = data.children
        self._words = [frozenset(words) for words in data.words]
        self.word_order = data.words
        self._rows: dict[str, list[Row]] = {}
        for row in data.rows:
            self._rows.setdefault(row.native, []).append(row)
        self._mapped: dict[str, tuple[Mapped, ...]] = {}
        self.known_paths: dict[str, Parsed] = {}
        self._keys: dict[tuple[Place, tuple[int, ...], str], int] = {}
        self._homes: dict[str, Place | None] = {}
        self._objects: dict[str, list[Row]] | None = None

    @property
    def rows(self) -> list[Row]:
        """Every row, in the order of the source."""
        return [row for rows in self._rows.values() for row in rows]

    def rows_of(self, template: str) -> list[Row]:
        """The rows of a TR-098 template, those of kind ``none`` included."""
        return self._rows.get(template, [])

    def child(self, template: str) -> Child | None:
        """What Device:2 says of a parameter template in an object that the mapping reaches."""
        object_, _, leaf = template.rpartition(".")
        return self.children.get(object_ + ".", {}).get(leaf)

    def words_of(self, number: int) -> frozenset[str] | None:
        return None if number < 0 else self._words[number]

    def mapped(self, template: str) -> tuple[Mapped, ...]:
        """The rows of a template that have a target."""
        found = self._mapped.get(template)
        if found is None:
            found = tuple(self._map(row) for row in self._rows.get(template, ()) if row.target)
            self._mapped[template] = found
        return found

    def _map(self, row: Row) -> Mapped:
        object_, _, leaf = row.target.rpartition(".")
        rank = next((r for end, r in _RANKS.items() if row.native.endswith(end) or end in row.native), None)
        if rank is None:
            rank = _RANK[row.kind]
        return Mapped(row, Place(object_ + ".", row.rule), leaf, rank, self.words_of(row.words))

    def home(self, template: str) -> Place | None:
        """The Device:2 object that stands for a native object template (with its final dot)."""
        if template not in self._homes:
            self._homes[template] = self._find_home(template)
        return self._homes[template]

    def _find_home(self, template: str) -> Place | None:
        if template in _HOMES:
            return _HOMES[template]
        if self._objects is None:
            self._objects = {}
            for rows in self._rows.values():
                for row in rows:
                    if row.target:
                        self._objects.setdefault(row.native.rpartition(".")[0] + ".", []).append(row)
        places = Counter(
            Place(row.target.rpartition(".")[0] + ".", row.rule)
            for row in self._objects.get(template, ())
            if row.rule not in ("WANALL", "HOSTBYMAC", "LANAPS")
        )
        return max(places, key=lambda place: (places[place], place)) if places else None

    def parse(self, path: str) -> Parsed:
        """Analyse a native path; remembered."""
        found = self.known_paths.get(path)
        if found is None:
            if len(self.known_paths) >= _MAX_PARSED:
                self.known_paths.clear()
                self._keys.clear()
            found = self.known_paths[path] = self._analyse(path)
        return found

    def _analyse(self, path: str) -> Parsed:
        segments = path.split(".")
        parts = ["{i}" if s.isascii() and s.isdigit() else s for s in segments]
        idx = tuple(int(s) for s in segments if s.isascii() and s.isdigit() and len(s) < 11)
        template = ".".join(parts)
        parent = path.rpartition(".")[0] + "."
        vendor = any(s.startswith("X_") for s in segments)
        numbers = idx
        mapped: tuple[Mapped, ...] = ()
        if template in self._rows:
            mapped = self.mapped(template)
        else:
            for end in range(len(parts) - 1, 0, -1):
                home = self.home(".".join(parts[:end]) + ".")
                if home is not None:
                    alike = self._alike(home, ".".join(segments[end:]), vendor)
                    mapped = () if alike is None else (alike,)
                    numbers = idx[: parts[:end].count("{i}")]
                    break
        rows = tuple((one, self._key(one, path, parent, numbers)) for one in mapped)
        return Parsed(path, parent, template, idx, rows, numbers, vendor)

    def _key(self, mapped: Mapped, path: str, parent: str, numbers: tuple[int, ...]) -> int:
        rule = mapped.place.rule
        apart = path if rule.startswith("WANIP>DHCPC") else "" if mapped.row.kind == FALLBACK else parent
        return self._keys.setdefault((mapped.place, numbers, apart), len(self._keys))

    def _alike(self, place: Place, rest: str, vendor: bool) -> Mapped | None:
        """The row made for a parameter without one: vendor parameters keep their name, others only where Device:2
        has the same name in that object."""
        child = self.shown_alike(place, rest)
        if child is None:
            if not vendor:
                return None
            child = Child("", True, False, -1)
        target = (place.target or DEVICE) + rest
        row = Row(
            "", target, FALLBACK, place.rule, "", "", "", child.type, child.writable, child.is_list, child.words
        )  # fmt: skip
        return Mapped(row, place, rest, 5, self.words_of(child.words))

    def shown_alike(self, place: Place, rest: str) -> Child | None:
        """What Device:2 says of a parameter that has no row but stands in a mapped object under its own name."""
        template = ".".join("{i}" if s.isdigit() else s for s in rest.split("."))
        for target in _NAMES_OF.get(place.rule, (place.target,)):
            child = self.child(target + template)
            if child is not None:
                return child
        return None


@lru_cache(maxsize=1)
def table() -> Table:
    """The mapping table, read from the package on first use (about 15 ms)."""
    raw = files("cpetwin.datamodel").joinpath("data").joinpath(FILE).read_bytes()
    return Table(msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(raw), type=Data))
