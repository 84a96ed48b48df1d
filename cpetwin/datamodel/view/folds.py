"""Device:2 parameters that are made of several native ones (the rows of kind derived, and splits that meet again).

A fold gets the view and the natives of one Device:2 parameter, best first, and gives its text, or None when
Device:2 has no word for what the device says. ``FOLDS`` is the register, by Device:2 template.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .clock import posix_of_offset
from .convert import read_hex
from .native import is_true, path_of
from .numbers import is_dhcp, split_list
from .wifi import WLAN, modes_supported, read_mode, read_standards, security_of

if TYPE_CHECKING:
    from .sources import Source
    from .view import View

Fold = Callable[["View", list["Source"]], "str | None"]

AP = "Device.WiFi.AccessPoint.{i}."
RADIO = "Device.WiFi.Radio.{i}."


def wlan_of(source: Source) -> str:
    """The WLANConfiguration a native path is in, with its final dot."""
    return path_of(WLAN, source.parsed.idx[:2])


def wlans_of(sources: list[Source]) -> list[str]:
    return list(dict.fromkeys(wlan_of(source) for source in sources))


def _mode(view: View, sources: list[Source]) -> str | None:
    return read_mode(view.tree, wlan_of(sources[0]))


def _encryption(view: View, sources: list[Source]) -> str | None:
    return security_of(view.tree, wlan_of(sources[0])).encryption


def _supported(view: View, sources: list[Source]) -> str | None:
    return ",".join(modes_supported(view.tree, wlan_of(sources[0])))


def _passphrase(view: View, sources: list[Source]) -> str | None:
    """The first place that shows one; a PreSharedKey of 64 hexadecimal digits is a key and no passphrase."""
    for source in first_row(sources):
        text = view.tree.text(source.path)
        if text and not (source.path.endswith("PreSharedKey") and is_key(text)):
            return text
    return ""


def is_key(text: str) -> bool:
    """Whether a text is a 256-bit key rather than a passphrase."""
    return len(text) == 64 and read_hex(text) == text


def _shared_key(view: View, sources: list[Source]) -> str | None:
    first = first_row(sources)
    text = view.tree.text(first[0].path) if first else ""
    return text if is_key(text) else ""


def current_wep_key(view: View, sources: list[Source]) -> Source | None:
    """The key that WEPKeyIndex selects; Device:2 keeps one key, TR-098 four."""
    index = view.tree.text(wlan_of(sources[0]) + "WEPKeyIndex").strip() or "1"
    return next((s for s in sources if s.path.endswith(f".WEPKey.{index}.WEPKey")), None)


def _wep_key(view: View, sources: list[Source]) -> str | None:
    source = current_wep_key(view, sources)
    return "" if source is None else read_hex(view.tree.text(source.path))


def first_row(sources: list[Source]) -> list[Source]:
    """Without the PreSharedKey rows after the first (those are keys of single stations)."""
    return [s for s in sources if ".PreSharedKey." not in s.path or ".PreSharedKey.1." in s.path]


def up_first(view: View, sources: list[Source]) -> list[Source]:
    """The natives of a radio, those of enabled access points first."""
    return sorted(sources, key=lambda s: (s.mapped.rank, not is_true(view.tree.text(wlan_of(s) + "Enable"))))


def _channel(view: View, sources: list[Source]) -> str | None:
    for source in up_first(view, sources):
        text = view.tree.text(source.path).strip()
        if text not in ("", "0"):
            return text
    return None


def _auto_channel(view: View, sources: list[Source]) -> str | None:
    for wlan in wlans_of(up_first(view, sources)):
        said = view.tree.text(wlan + "AutoChannelEnable")
        if said:
            return "true" if is_true(said) else "false"
    return "true" if all(view.tree.text(wlan + "Channel").strip() in ("", "0") for wlan in wlans_of(sources)) else None


def _radio_enable(view: View, sources: list[Source]) -> str | None:
    """RadioEnabled where the device has it; else a radio is on when one of its access points is."""
    own = [s for s in sources if s.path.endswith(".RadioEnabled") and view.tree.text(s.path)]
    return _any(view, own or sources)


def _lease_end(view: View, sources: list[Source]) -> str | None:
    """Needs the moment of the observation; a lease that never ends has the infinite time of TR-106 3.2.2."""
    text = view.tree.text(sources[0].path).strip()
    if view.seen is None or not text.lstrip("-").isdigit():
        return None
    if text.startswith("-"):
        return "9999-12-31T23:59:59Z"
    return datetime.fromtimestamp(min(view.seen + int(text[:10]), 253402300799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _radio_status(view: View, sources: list[Source]) -> str | None:
    return "Up" if any(view.tree.text(s.path).strip().lower() == "up" for s in sources) else "Down"


def _standards(view: View, sources: list[Source]) -> str | None:
    for source in up_first(view, sources):
        found = read_standards(view.tree.text(source.path), view.numbers.bands.get(source.parsed.idx[:2], ""))
        if found is not None:
            return found
    return None


def _band(view: View, sources: list[Source]) -> str | None:
    return view.numbers.bands.get(sources[0].parsed.idx[:2])


def _wps_status(view: View, sources: list[Source]) -> str | None:
    prefix = wlan_of(sources[0]) + "WPS."
    enabled = view.tree.text(prefix + "Enable")
    if enabled and not is_true(enabled):
        return "Disabled"
    if view.tree.text(prefix + "SetupLockedState").strip().lower() not in ("", "unlocked"):
        return "SetupLocked"
    said = view.tree.text(prefix + "ConfigurationState").strip().lower()
    return {"configured": "Configured", "not configured": "Unconfigured"}.get(said)


def _any(view: View, sources: list[Source]) -> str | None:
    return "true" if any(is_true(view.tree.text(s.path)) for s in sources) else "false"


def _servers(view: View, sources: list[Source]) -> str | None:
    return ",".join(text for s in sorted(sources, key=lambda s: s.path) if (text := view.tree.text(s.path).strip()))


def _time_zone(view: View, sources: list[Source]) -> str | None:
    prefix = sources[0].parsed.parent
    name = view.tree.text(prefix + "LocalTimeZoneName").strip()
    offset = posix_of_offset(view.tree.text(prefix + "LocalTimeZone"))
    if name and not ("/" in name and offset):
        return name
    return "" if offset is None and not view.tree.text(prefix + "LocalTimeZone").strip() else offset


def _dns_address(view: View, sources: list[Source]) -> str | None:
    items = split_list(view.tree.text(sources[0].path))
    return items[sources[0].item] if sources[0].item < len(items) else None


def _dns_type(view: View, sources: list[Source]) -> str | None:
    ppp = ".WANPPPConnection." in sources[0].path
    if not is_true(view.tree.text(sources[0].path)):
        return "Static"
    if ppp:
        return "IPCP"
    return "DHCPv4" if is_dhcp(view.tree, sources[0].parsed.idx) else "Static"


def _sum(view: View, sources: list[Source]) -> str | None:
    """Lists that the device counts per LAN or connection, and both per LANDevice and in LANInterfaces."""
    best: dict[str, int] = {}
    for source in sources:
        text = view.tree.text(source.path).strip()
        if text.isdigit():
            group = source.mapped.row.native
            best[group] = best.get(group, 0) + int(text[:9])
    return str(max(best.values())) if best else None


def _count(view: View, sources: list[Source]) -> str | None:
    """As many as the view has rows; what the device counts when the view knows none."""
    rows = view.rows_in(sources[0].shown)
    return str(rows) if rows else _sum(view, sources)


def _lower_layers(view: View, sources: list[Source]) -> str | None:
    return view.references.below_ppp(sources[0].parsed.idx)


def _default_interface(view: View, sources: list[Source]) -> str | None:
    first = sources[0]
    if not first.path.endswith(".DefaultConnectionService"):
        return view.references.to_device(view.tree.text(first.path))
    return view.references.default_interface()


def _layer1(view: View, sources: list[Source]) -> str | None:
    return view.references.layer1(view.tree.text(sources[0].path))


def _station(view: View, sources: list[Source]) -> str | None:
    source = sources[0]
    mac = view.tree.of("host", source.parsed.idx[:2], "MACAddress")
    return view.references.station(mac)


def _structural(view: View, sources: list[Source]) -> str | None:
    """A connection is enabled by its own Enable; what else hints at it only counts when that is unknown."""
    text = view.tree.text(sources[0].path)
    if sources[0].path.endswith(".ConnectionType"):
        return "true" if text else None
    return "true" if is_true(text) else "false"


def _pool_reference(view: View, sources: list[Source]) -> str | None:
    source = sources[0]
    if view.tree.text(source.parsed.parent + "UseAllocatedWAN") != "Passthrough":
        return None
    number = view.numbers.map.number("DHCPv4.Server.Pool", f"lan:{source.parsed.idx[0]}")
    return f"Device.DHCPv4.Server.Pool.{number}"


FOLDS: dict[str, Fold] = {
    AP + "Security.ModeEnabled": _mode,
    AP + "Security.EncryptionMode": _encryption,
    AP + "Security.ModesSupported": _supported,
    AP + "Security.KeyPassphrase": _passphrase,
    AP + "Security.PreSharedKey": _shared_key,
    AP + "Security.WEPKey": _wep_key,
    AP + "WPS.Status": _wps_status,
    RADIO + "Channel": _channel,
    RADIO + "AutoChannelEnable": _auto_channel,
    RADIO + "Enable": _radio_enable,
    RADIO + "Status": _radio_status,
    "Device.DHCPv4.Server.Pool.{i}.Client.{i}.IPv4Address.{i}.LeaseTimeRemaining": _lease_end,
    RADIO + "OperatingStandards": _standards,
    RADIO + "OperatingFrequencyBand": _band,
    "Device.DHCPv4.Server.Enable": _any,
    "Device.DNS.Client.Enable": _any,
    "Device.Time.Client.{i}.Servers": _servers,
    "Device.Time.LocalTimeZone": _time_zone,
    "Device.DNS.Client.Server.{i}.DNSServer": _dns_address,
    "Device.DNS.Client.Server.{i}.Type": _dns_type,
    "Device.Hosts.HostNumberOfEntries": _sum,
    "Device.NAT.PortMappingNumberOfEntries": _sum,
    "Device.USB.InterfaceNumberOfEntries": _sum,
    "Device.WiFi.SSIDNumberOfEntries": _count,
    "Device.Ethernet.InterfaceNumberOfEntries": _count,
    "Device.IP.InterfaceNumberOfEntries": _count,
    "Device.PPP.InterfaceNumberOfEntries": _count,
    "Device.DHCPv4.Server.PoolNumberOfEntries": _count,
    "Device.Bridging.BridgeNumberOfEntries": _count,
    "Device.Routing.Router.{i}.IPv4ForwardingNumberOfEntries": _count,
    "Device.PPP.Interface.{i}.LowerLayers": _lower_layers,
    "Device.PPP.Interface.{i}.IPCP.PassthroughDHCPPool": _pool_reference,
    "Device.Routing.Router.{i}.IPv4Forwarding.{i}.Interface": _default_interface,
    "Device.Hosts.Host.{i}.Layer1Interface": _layer1,
    "Device.Hosts.Host.{i}.AssociatedDevice": _station,
    "Device.IP.Interface.{i}.Enable": _structural,
}
