"""Facts: attributes of the device row that follow from values (vendor, model, firmware, addresses).

Two tables say where each fact comes from; a later row of a table wins over an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

_INTERVAL = "interval"
"""The time between contacts in seconds (TR-069 section 3.1); not a column of the device, but of its contact."""

EXACT: Mapping[str, str] = {
    f"{root}.{path}": fact
    for root in ("InternetGatewayDevice", "Device")
    for path, fact in (
        ("DeviceInfo.Manufacturer", "vendor"),
        ("DeviceInfo.ModelName", "model"),
        ("DeviceInfo.HardwareVersion", "hardware"),
        ("DeviceInfo.SoftwareVersion", "firmware"),
        ("DeviceInfo.ProvisioningCode", "provisioning_code"),
        ("ManagementServer.ConnectionRequestURL", "connection_request_url"),
        ("ManagementServer.PeriodicInformInterval", _INTERVAL),
    )
}
"""path -> fact."""

_I = r"\.\d+\."
_WAN = rf"InternetGatewayDevice\.WANDevice{_I}WANConnectionDevice{_I}"
PATTERNS: tuple[tuple[str, str], ...] = (
    (rf"{_WAN}WAN(?:IP|PPP)Connection{_I}ExternalIPAddress", "wan_ip"),
    (rf"{_WAN}WANPPPConnection{_I}Username", "pppoe_user"),
    (r"InternetGatewayDevice\.LANDevice\.1\.LANEthernetInterfaceConfig\.1\.MACAddress", "mac"),
    (r"InternetGatewayDevice\.LANDevice\.1\.LANHostConfigManagement\.MACAddress", "mac"),
    (rf"Device\.PPP\.Interface{_I}IPCP\.LocalIPAddress", "wan_ip"),
    (rf"Device\.PPP\.Interface{_I}Username", "pppoe_user"),
    (r"Device\.Ethernet\.Interface\.1\.MACAddress", "mac"),
    (r"Device\.Ethernet\.Link\.1\.MACAddress", "mac"),
)  # fmt: skip
"""(pattern of a path, fact). Empty values and the unspecified address are no fact."""

_LAST_NAMES = tuple({pattern.rpartition(".")[2] for pattern, _ in PATTERNS})
_COMPILED = tuple((re.compile(pattern), fact) for pattern, fact in PATTERNS)
_NO_FACT = frozenset(("", "0.0.0.0", "::", "00:00:00:00:00:00"))
_MAX_FACT = 256
MAX_INTERVAL = 10 * 365 * 86400
"""Longest interval between contacts that is believed, in seconds."""
_REMEMBERED_NAMES = 8192


@lru_cache(maxsize=65536)
def fact_of(path: str) -> str | None:
    """The fact a parameter stands for, or None."""
    fact = EXACT.get(path)
    if fact is None and path.endswith(_LAST_NAMES):
        return next((name for pattern, name in _COMPILED if pattern.fullmatch(path)), None)
    return fact


class Landmarks(NamedTuple):
    """Where among given parameters the facts and the Inform interval stand, and whether no name is given twice."""

    facts: tuple[tuple[int, str], ...]
    interval: int | None
    unique: bool

    def facts_of(self, texts: Sequence[str]) -> dict[str, str]:
        """The facts that these values give."""
        return {fact: texts[p][:_MAX_FACT] for p, fact in self.facts if texts[p] not in _NO_FACT}

    def interval_of(self, texts: Sequence[str], current: int) -> int:
        """The interval in seconds that these values give; ``current`` when they say nothing sensible."""
        text = texts[self.interval] if self.interval is not None else ""
        if len(text) <= 20 and text.isdecimal() and 0 < int(text) <= MAX_INTERVAL:
            return int(text)
        return current


def landmarks(names: tuple[str, ...]) -> Landmarks:
    """Landmarks of these parameters; remembered, because thousands of devices send the same names."""
    return _remembered(names) if len(names) <= _REMEMBERED_NAMES else _landmarks(names)


def _landmarks(names: tuple[str, ...]) -> Landmarks:
    found = [(position, fact) for position, fact in enumerate(map(fact_of, names)) if fact is not None]
    return Landmarks(
        tuple([(position, fact) for position, fact in found if fact != _INTERVAL]),
        next((position for position, fact in found if fact == _INTERVAL), None),
        len(set(names)) == len(names),
    )


_remembered = lru_cache(maxsize=256)(_landmarks)
