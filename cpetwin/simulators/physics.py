"""The world around a simulated home: time passes, traffic flows, people come and go, neighbours use the air.

Everything is a pure function of the device's seed, its last boot and the time that is passed in. Nothing ticks:
ten thousand idle devices cost nothing, and the same moment gives the same answer. ``RULES`` is the table of moving
leaves; ``rows`` are the table rows that come and go. Hours of day are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import accumulate
from typing import Protocol
from zlib import crc32

from .trees import Leaf, Tree

_NIGHT_AND_MORNING = (0.15, 0.1, 0.06, 0.05, 0.05, 0.06, 0.12, 0.25, 0.32, 0.3, 0.3, 0.33)
_DAY_AND_EVENING = (0.4, 0.42, 0.4, 0.42, 0.5, 0.6, 0.75, 0.9, 1.0, 0.95, 0.7, 0.35)
LOAD = _NIGHT_AND_MORNING + _DAY_AND_EVENING
"""Share of the evening peak for each hour of the day: traffic, neighbours' airtime and people at home follow it."""

_SUMS = (0.0, *accumulate(LOAD))
VISITORS = 6
"""Most hosts that come and go beside those of the dump; AddObject keeps their row numbers free."""
_HOUR = 3_600_000


class Owner(Protocol):
    """What physics needs of a device: a seed, its number, serial number, last boot (ms) and settings."""

    seed: int
    number: int
    serial: str
    boot_at: int
    tree: Tree

    @property
    def boots(self) -> int:
        """How often it was switched on."""

    def setting(self, path: str) -> str:
        """The value of a parameter as last written, else as in the tree; empty when there is none."""


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on nothing but the key."""
    return crc32(repr(key).encode()) / 4294967296.0


def load_at(now: int) -> float:
    """Share of the evening peak at a moment (ms)."""
    hours = now / _HOUR % 24
    low = int(hours)
    return LOAD[low] + (LOAD[(low + 1) % 24] - LOAD[low]) * (hours - low)


def _volume_until(now: int) -> float:
    days, hours = divmod(now / _HOUR, 24)
    low = int(hours)
    return days * _SUMS[24] + _SUMS[low] + LOAD[low] * (hours - low)


def volume(start: int, now: int) -> float:
    """Hours at full load between two moments (ms): what a counter has grown by, but for its rate."""
    return max(0.0, _volume_until(now) - _volume_until(start))


@dataclass
class Rows:
    """Rows that exist at this moment beside those of the tree, those of the tree that do not, and counts."""

    leaves: dict[str, Leaf] = field(default_factory=dict)
    objects: dict[str, bool] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    counts: dict[str, str] = field(default_factory=dict)


class Moment:
    """One home at one moment."""

    def __init__(self, owner: Owner, now: int) -> None:
        self.owner = owner
        self.now = now
        self.seed = owner.seed
        self.uptime = max(0, now - owner.boot_at) // 1000
        self.load = load_at(now)
        self.volume = volume(owner.boot_at, now)

    def channel(self, radio: str) -> int:
        """The channel a radio (object path of Radio or WLANConfiguration) is on: its own choice, or as written."""
        channels = _channels(self.owner.setting(radio + "PossibleChannels"))
        written = self.owner.setting(radio + "Channel")
        if self.owner.setting(radio + "AutoChannelEnable") in ("1", "true") and channels:
            slot = self.now // (6 * _HOUR)
            return min(channels, key=lambda c: self.crowd(c) + 0.05 * chance(self.seed, slot, c))
        return int(written) if written.isdigit() else 0

    def crowd(self, channel: int) -> float:
        """How much airtime neighbours take on a channel at the evening peak, 0 to 1."""
        if channel > 14:
            return 0.3 * chance(self.seed, "air", channel)
        near = range(max(1, channel - 2), min(13, channel + 2) + 1)
        return min(1.0, sum((0.8 if c in (1, 6, 11) else 0.12) * chance(self.seed, "air", c) for c in near))

    def busy(self, radio: str) -> float:
        """The busy fraction of the air a radio hears, 0 to 0.97; it follows the channel that is written."""
        own = 0.1 * self.load
        return min(0.97, 0.03 + own + self.crowd(self.channel(radio)) * (0.15 + 0.85 * self.load))

    def present(self, host: int) -> bool:
        """Whether the n-th host of the home is on now: things always, people mostly when the load says so."""
        if host % 3 == 0:
            return True
        return chance(self.seed, host, self.now // _HOUR) < 0.15 + 0.8 * self.load

    @cached_property
    def wan_address(self) -> str:
        """The public side's address: shared space (RFC 6598), another one after each boot."""
        number = int(chance(self.seed, "wan", self.owner.boots) * 0x3FFFFF)
        return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"

    @cached_property
    def rows(self) -> Rows:
        return _rows(self)


def _channels(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part.strip().isdigit()]


Rule = Callable[[Moment, str, Leaf], str]


def _uptime(moment: Moment, path: str, leaf: Leaf) -> str:
    return str(moment.uptime)


def _connected(moment: Moment, path: str, leaf: Leaf) -> str:
    return leaf.text if leaf.text == "0" else str(max(0, moment.uptime - 27))


def _counter(moment: Moment, path: str, leaf: Leaf) -> str:
    if not leaf.text.isdigit() or (leaf.text == "0" and ".Radio." not in path):
        return leaf.text
    rate = 0.05 + 2.0 * chance(moment.seed, "rate") * (0.2 + chance(path))
    per_hour = rate * (1e9 if "Bytes" in path else 1.2e6)
    bits = 64 if leaf.type == "unsignedLong" else 32
    return str((int(leaf.text) + int(moment.volume * per_hour)) % (1 << bits))


def _lost(moment: Moment, path: str, leaf: Leaf) -> str:
    radio = _radio_of(path)
    return str(int(moment.volume * 4000 * moment.busy(radio))) if radio else leaf.text


def _free(moment: Moment, path: str, leaf: Leaf) -> str:
    if not leaf.text.isdigit():
        return leaf.text
    return str(int(int(leaf.text) * (1.05 - 0.25 * moment.load - 0.05 * chance(moment.seed, moment.now // 60_000))))


def _cpu(moment: Moment, path: str, leaf: Leaf) -> str:
    return str(int(3 + 40 * moment.load * chance(moment.seed, "cpu", moment.now // 60_000)))


def _clock(moment: Moment, path: str, leaf: Leaf) -> str:
    return datetime.fromtimestamp(moment.now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _serial(moment: Moment, path: str, leaf: Leaf) -> str:
    return moment.owner.serial


def _mac(moment: Moment, path: str, leaf: Leaf) -> str:
    if moment.owner.number == 1:
        return leaf.text
    tail = (int(leaf.text[9:].replace(":", ""), 16) + moment.owner.number * 16) & 0xFFFFFF
    return f"{leaf.text[:9]}{tail >> 16:02X}:{tail >> 8 & 255:02X}:{tail & 255:02X}"


def _wan(moment: Moment, path: str, leaf: Leaf) -> str:
    return moment.wan_address


def _own_name(moment: Moment, path: str, leaf: Leaf) -> str:
    return leaf.text if moment.owner.number == 1 or not leaf.text else f"{leaf.text[:24]}-{moment.owner.number}"


def _channel(moment: Moment, path: str, leaf: Leaf) -> str:
    return str(moment.channel(_radio_of(path)))


def _rate(moment: Moment, path: str, leaf: Leaf) -> str:
    radio = _radio_of(path) or _first_radio(moment.owner.tree)
    if not radio or not leaf.text.isdigit():
        return leaf.text
    return str(int(int(leaf.text) * (1.0 - 0.7 * moment.busy(radio))))


def _signal(moment: Moment, path: str, leaf: Leaf) -> str:
    if not leaf.text.lstrip("-").isdigit():
        return leaf.text
    return str(int(leaf.text) + int(6 * chance(moment.seed, path, moment.now // 300_000)) - 3)


def _status(moment: Moment, path: str, leaf: Leaf) -> str:
    enabled = moment.owner.setting(path.removesuffix("Status") + "Enable") in ("1", "true")
    if not enabled:
        return "Disabled" if leaf.text in ("Disabled", "Up") and "WLAN" in path else "Down"
    return "Up"


def _host_active(moment: Moment, path: str, leaf: Leaf) -> str:
    row = int(path.rsplit(".", 2)[1])
    return "true" if moment.present(row) else "false"


_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}\Z")

RULES: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(pattern + r"\Z"), rule)
    for pattern, rule in (
        (r"DeviceInfo\.UpTime", _uptime),
        (r"DeviceInfo\.SerialNumber", _serial),
        (r"DeviceInfo\.MemoryStatus\.Free", _free),
        (r"DeviceInfo\.ProcessStatus\.CPUUsage", _cpu),
        (r"Time\.CurrentLocalTime", _clock),
        (r".*WAN(?:IP|PPP)Connection\.\d+\.Uptime", _connected),
        (r"(?:IP|PPP)\.Interface\.\d+\.LastChange", _connected),
        (r".*\.(?:X_TP_|Ethernet|X_TP_Total|Total)?(?:Bytes|Packets)(?:Sent|Received)", _counter),
        (r"(?:WiFi\.Radio|LANDevice\.\d+\.WLANConfiguration)\.\d+\.Stats\.(?:Errors|DiscardPackets)Sent", _lost),
        (r"(?:WiFi\.Radio|LANDevice\.\d+\.WLANConfiguration)\.\d+\.Channel", _channel),
        (r"WiFi\.(?:Radio|SSID)\.\d+\.Status", _status),
        (r"LANDevice\.\d+\.WLANConfiguration\.\d+\.Status", _status),
        (r".*\.AssociatedDevice\.\d+\.(?:LastData(?:Down|Up)linkRate|X_TP_StaConnectionSpeed)", _rate),
        (r".*\.AssociatedDevice\.\d+\.(?:SignalStrength|X_TP_StaSignalStrength)", _signal),
        (r"(?:WiFi\.SSID|LANDevice\.\d+\.WLANConfiguration)\.\d+\.SSID", _own_name),
        (r"(?:PPP\.Interface\.\d+|.*WANPPPConnection\.\d+)\.Username", _own_name),
        (r"(?:LANDevice\.\d+\.)?Hosts\.Host\.\d+\.Active", _host_active),
    )
)
"""Moving leaves: a pattern on the path below the root, and what the value is at a moment."""

_RADIO = re.compile(r"(.*?\.(?:WiFi\.Radio|WLANConfiguration)\.\d+\.)")


def _radio_of(path: str) -> str:
    found = _RADIO.match(path)
    return found[1] if found else ""


@cache
def _first_radio(tree: Tree) -> str:
    return next((o for o in tree.object_paths if _radio_of(o) == o), "")


def _is_wan(tree: Tree, path: str, leaf: Leaf) -> bool:
    if leaf.text in ("", "0.0.0.0"):
        return False
    if path.endswith(".ExternalIPAddress"):
        return True
    way = tree.leaves.get(path.removesuffix("IPAddress") + "AddressingType")
    return path.endswith(".IPAddress") and way is not None and way.text in ("IPCP", "DHCP")


@cache
def rules_of(tree: Tree) -> dict[str, Rule]:
    """The moving leaves of a tree; worked out once per tree."""
    found: dict[str, Rule] = {}
    skip = len(tree.root)
    own = ":".join(tree.identity[1][i : i + 2] for i in (0, 2, 4)).upper()
    for path, leaf in tree.leaves.items():
        rule = next((rule for pattern, rule in RULES if pattern.match(path, skip)), None)
        if rule is None and _MAC.match(leaf.text) and leaf.text.startswith(own):
            rule = _mac
        if rule is None and _is_wan(tree, path, leaf):
            rule = _wan
        if rule is not None:
            found[path] = rule
    return found


@cache
def _host_tables(tree: Tree) -> tuple[str, ...]:
    return tuple(o for o in tree.object_paths if o.endswith("Hosts.Host."))


@cache
def _children(tree: Tree, table: str) -> tuple[str, ...]:
    return tuple(o for o in tree.objects_below(table) if o[len(table) : -1].isdigit())


def reserved(table: str) -> int:
    """Row numbers beyond those of the dump that belong to hosts which come and go."""
    return VISITORS if table.endswith("Hosts.Host.") else 0


def _rows(moment: Moment) -> Rows:
    """Hosts and associated devices at this moment, with the counts of their tables."""
    tree, rows = moment.owner.tree, Rows()
    absent: set[str] = set()
    for table in _host_tables(tree):
        own = _children(tree, table)
        for row in own:
            if not moment.present(int(row[len(table) : -1])):
                macs = (tree.leaves.get(row + name) for name in ("MACAddress", "PhysAddress"))
                absent.update(leaf.text for leaf in macs if leaf is not None)
        joined = _visitors(moment, table, own, rows) if own else 0
        _count(tree, rows, table, len(own) + joined)
    for table in _association_tables(tree):
        present = 0
        for row in _children(tree, table):
            mac = next((tree.leaves[p].text for p in tree.below(row) if p.endswith("MACAddress")), "")
            if mac in absent:
                rows.hidden.append(row)
            else:
                present += 1
        _count(tree, rows, table, present)
    return rows


@cache
def _association_tables(tree: Tree) -> tuple[str, ...]:
    return tuple(o for o in tree.object_paths if o.endswith(".AssociatedDevice.") and _children(tree, o))


def _count(tree: Tree, rows: Rows, table: str, count: int) -> None:
    for path in (table[:-1] + "NumberOfEntries", table[:-1].replace("AssociatedDevice", "TotalAssociations")):
        if path in tree.leaves:
            rows.counts[path] = str(count)


def _visitors(moment: Moment, table: str, own: tuple[str, ...], rows: Rows) -> int:
    tree, pattern, last = moment.owner.tree, own[0], max(int(row[len(table) : -1]) for row in own)
    joined = 0
    for k in range(1, 1 + int(chance(moment.seed, "visitors") * (VISITORS + 1))):
        if chance(moment.seed, "visit", k, moment.now // (3 * _HOUR)) > 0.7 * moment.load:
            continue
        joined += 1
        row = f"{table}{last + k}."
        rows.objects[row] = tree.objects[pattern]
        tail = int(chance(moment.seed, "phone", k) * 0xFFFFFF)
        mac = f"5E:{k:02X}:{moment.seed & 255:02X}:{tail >> 16:02X}:{tail >> 8 & 255:02X}:{tail & 255:02X}"
        texts = {
            "Active": "true",
            "HostName": f"guest-{tail & 0xFFF:03x}",
            "IPAddress": f"192.168.0.{150 + k}",
            "MACAddress": mac,
            "PhysAddress": mac,
        }
        for path in tree.below(pattern):
            leaf = tree.leaves[path]
            name = path[len(pattern) :]
            rows.leaves[row + name] = Leaf(texts.get(name, leaf.text), leaf.type, leaf.writable)
        rows.objects.update((row + o[len(pattern) :], tree.objects[o]) for o in tree.objects_below(pattern))
    return joined
