"""What Device:2 asks for and TR-098 does not have: the interface stack, references, counts and aliases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .numbers import is_dhcp, key_of

if TYPE_CHECKING:
    from .view import View

Made = Iterator[tuple[str, str, str]]
"""(Device:2 path, text, type)."""


def made(view: View) -> Made:
    """Everything that is made up for a view, apart from counts and aliases."""
    yield from _device(view)
    yield from _wan(view)
    yield from _lan(view)
    yield from _wifi(view)


def _device(view: View) -> Made:
    if view.tree.text("InternetGatewayDevice.DeviceInfo.SoftwareVersion"):
        yield "Device.DeviceInfo.ActiveFirmwareImage", "Device.DeviceInfo.FirmwareImage.1", "string"
        yield "Device.DeviceInfo.FirmwareImage.1.Status", "Active", "string"
    remote = view.instances.find("UserInterface.HTTPAccess", "remote")
    if remote is not None:
        yield f"Device.UserInterface.HTTPAccess.{remote}.AccessType", "RemoteAccess", "string"


def _wan(view: View) -> Made:
    tree, numbers, find = view.tree, view.numbers, view.instances.find
    links: dict[int, str] = {}
    for kind in ("wanip", "wanppp"):
        for idx in tree.rows(kind):
            key = f"{kind}:{key_of(*idx)}"
            interface = f"Device.IP.Interface.{numbers.connection(kind, idx)}"
            link = numbers.link(kind, idx)
            links.setdefault(link, view.references.below_link(idx))
            if kind == "wanppp":
                ppp = f"Device.PPP.Interface.{numbers.map.number('PPP.Interface', key)}"
                yield interface + ".LowerLayers", ppp, "string"
                yield ppp + ".LowerLayers", view.references.below_ppp(idx), "string"
                yield interface + ".IPv4Address.1.AddressingType", "IPCP", "string"
            else:
                yield interface + ".LowerLayers", _below_ip(view, idx, link), "string"
            for table in ("NAT.InterfaceSetting", "Routing.RIP.InterfaceSetting", "DHCPv4.Client", "QoS.Shaper"):
                number = find(table, key)
                if number is not None:
                    yield f"Device.{table}.{number}.Interface", interface, "string"
            for n in range(1, len(tree.of(kind, idx, "DNSServers").split(",")) + 1):
                number = find("DNS.Client.Server", f"{key}:{n}")
                if number is not None:
                    yield f"Device.DNS.Client.Server.{number}.Interface", interface, "string"
            if tree.of(kind, idx, "DefaultGateway"):
                route = f"Device.Routing.Router.1.IPv4Forwarding.{numbers.default_route(kind, idx)}."
                yield route + "Interface", interface, "string"
                yield route + "DestIPAddress", "", "string"
                yield route + "Origin", _origin(view, kind, idx), "string"
        for idx in tree.rows(kind + ".map"):
            number = numbers.map.number("NAT.PortMapping", f"{kind}:{key_of(*idx)}")
            interface = f"Device.IP.Interface.{numbers.connection(kind, idx)}"
            yield f"Device.NAT.PortMapping.{number}.Interface", interface, "string"
    for idx in tree.rows("ethlink"):
        number = find("Ethernet.Link", "wan:" + key_of(*idx))
        if number is not None:
            links.setdefault(number, view.references.below_link(idx))
    for number, below in links.items():
        yield f"Device.Ethernet.Link.{number}.LowerLayers", below, "string"
    for (d,), access in numbers.access.items():
        if access == "DSL":
            line, channel = numbers.map.number("DSL.Line", str(d)), numbers.map.number("DSL.Channel", str(d))
            yield f"Device.DSL.Channel.{channel}.LowerLayers", f"Device.DSL.Line.{line}", "string"
            for kind, table in (("atm", "ATM.Link"), ("ptm", "PTM.Link")):
                for idx in tree.rows(kind):
                    if idx[0] == d:
                        number = numbers.map.number(table, key_of(*idx))
                        yield f"Device.{table}.{number}.LowerLayers", f"Device.DSL.Channel.{channel}", "string"
        elif access == "Ethernet":
            number = numbers.map.number("Ethernet.Interface", f"wan:{d}")
            yield f"Device.Ethernet.Interface.{number}.Upstream", "true", "boolean"
        number = find("QoS.Shaper", f"wan:{d}") or 0
        if number:
            yield f"Device.QoS.Shaper.{number}.Interface", view.references.physical((d,)), "string"


def _below_ip(view: View, idx: tuple[int, ...], link: int) -> str:
    ipoa = view.tree.has("atm", idx[:2]) and view.tree.of("atm", idx[:2], "LinkType") in ("IPoA", "CIP")
    if ipoa:
        return f"Device.ATM.Link.{view.numbers.map.number('ATM.Link', key_of(*idx[:2]))}"
    return f"Device.Ethernet.Link.{link}"


def _origin(view: View, kind: str, idx: tuple[int, ...]) -> str:
    if kind == "wanppp":
        return "IPCP"
    return "DHCPv4" if is_dhcp(view.tree, idx) else "Static"


def _lan(view: View) -> Made:
    tree, numbers = view.tree, view.numbers
    conditional = len(list(tree.rows("cond")))
    for (i,) in tree.rows("lan"):
        link = view.instances.find("Ethernet.Link", f"lan:{i}")
        bridge = f"Device.Bridging.Bridge.{numbers.bridge(i)}."
        ports = [f"Device.Ethernet.Interface.{numbers.map.number('Ethernet.Interface', f'lan:{key_of(*idx)}')}"
                 for idx in tree.rows("laneth") if idx[0] == i]  # fmt: skip
        ports += [f"Device.USB.Interface.{numbers.map.number('USB.Interface', key_of(*idx))}"
                  for idx in tree.rows("lanusb") if idx[0] == i]  # fmt: skip
        ports += [f"Device.WiFi.SSID.{numbers.ssid(idx)}" for idx in tree.rows("wlan") if idx[0] == i]
        members = []
        table = bridge.removeprefix("Device.") + "Port"
        management = f"{bridge}Port.{numbers.map.number(table, 'management')}"
        for below in ports:
            port = f"{bridge}Port.{numbers.map.number(table, below.removeprefix('Device.'))}"
            members.append(port)
            yield port + ".LowerLayers", below, "string"
            yield port + ".ManagementPort", "false", "boolean"
        yield management + ".ManagementPort", "true", "boolean"
        yield management + ".LowerLayers", ",".join(members), "string"
        if link is not None:
            yield f"Device.Ethernet.Link.{link}.LowerLayers", management, "string"
        if tree.has("hostconfig", (i,)):
            interface = f"Device.IP.Interface.{numbers.lan_ip(i)}"
            pool = f"Device.DHCPv4.Server.Pool.{numbers.map.number('DHCPv4.Server.Pool', f'lan:{i}')}"
            yield interface + ".LowerLayers", f"Device.Ethernet.Link.{link}", "string"
            yield pool + ".Interface", interface, "string"
            yield pool + ".Order", str(conditional + i), "unsignedInt"
    for idx in tree.rows("laneth"):
        number = numbers.map.number("Ethernet.Interface", "lan:" + key_of(*idx))
        yield f"Device.Ethernet.Interface.{number}.Upstream", "false", "boolean"
    for idx in tree.rows("lanusb"):
        number = numbers.map.number("USB.Interface", key_of(*idx))
        yield f"Device.USB.Interface.{number}.Upstream", "false", "boolean"


def _wifi(view: View) -> Made:
    for idx in view.tree.rows("wlan"):
        number, radio = view.numbers.ssid(idx), view.numbers.radio(idx)
        yield f"Device.WiFi.AccessPoint.{number}.SSIDReference", f"Device.WiFi.SSID.{number}", "string"
        yield f"Device.WiFi.SSID.{number}.LowerLayers", f"Device.WiFi.Radio.{radio}", "string"
        yield f"Device.WiFi.Radio.{radio}.OperatingFrequencyBand", view.numbers.bands[idx], "string"


def alias_of(table: str, key: str) -> str:
    """The alias of a row that the device has none for: ``cpe-wanip-1-1-1``."""
    name = key if ":" in key and not key[0].isdigit() and key.count(":") < 3 else f"{table}-{key}"
    return ("cpe-" + re.sub(r"[^A-Za-z0-9]+", "-", name).lower())[:64]
