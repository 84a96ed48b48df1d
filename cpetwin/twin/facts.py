"""Facts: attributes of the device row that follow from values (vendor, model, firmware, addresses).

Two tables say where each fact comes from; a later row of a table wins over an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

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
    )
}
"""path -> fact."""

_I = r"\.\d+\."
PATTERNS: tuple[tuple[str, str], ...] = (
    (rf"InternetGatewayDevice\.WANDevice{_I}WANConnectionDevice{_I}WAN(?:IP|PPP)Connection{_I}ExternalIPAddress", "wan_ip"),
    (rf"InternetGatewayDevice\.WANDevice{_I}WANConnectionDevice{_I}WANPPPConnection{_I}Username", "pppoe_user"),
    (r"InternetGatewayDevice\.LANDevice\.1\.LANEthernetInterfaceConfig\.1\.MACAddress", "mac"),
    (r"InternetGatewayDevice\.LANDevice\.1\.LANHostConfigManagement\.MACAddress", "mac"),
    (rf"Device\.PPP\.Interface{_I}IPCP\.LocalIPAddress", "wan_ip"),
    (rf"Device\.PPP\.Interface{_I}Username", "pppoe_user"),
    (r"Device\.Ethernet\.Interface\.1\.MACAddress", "mac"),
    (r"Device\.Ethernet\.Link\.1\.MACAddress", "mac"),
)  # fmt: skip
"""(pattern of a path, fact). Empty values and the unspecified address are no fact."""

INTERVAL_PATHS = frozenset(
    f"{root}.ManagementServer.PeriodicInformInterval" for root in ("InternetGatewayDevice", "Device")
)
"""The interval between contacts in seconds (TR-069 section 3.1, TR-181 ManagementServer)."""

_LAST_NAMES = tuple({pattern.rpartition(".")[2] for pattern, _ in PATTERNS})
_COMPILED = tuple((re.compile(pattern), fact) for pattern, fact in PATTERNS)
_NO_FACT = frozenset(("", "0.0.0.0", "::", "00:00:00:00:00:00"))
_MAX_FACT = 256


@lru_cache(maxsize=65536)
def fact_of(path: str) -> str | None:
    """The fact a parameter stands for, or None."""
    fact = EXACT.get(path)
    if fact is None and path.endswith(_LAST_NAMES):
        return next((name for pattern, name in _COMPILED if pattern.fullmatch(path)), None)
    return fact


def facts_from(names: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """The facts that these values give."""
    facts: dict[str, str] = {}
    for name, text in zip(names, texts, strict=True):
        fact = fact_of(name)
        if fact is not None and text not in _NO_FACT:
            facts[fact] = text[:_MAX_FACT]
    return facts
