"""Native trees for the tests of the view: the two real dumps and layouts that other vendors are known for."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from cpetwin.datamodel.view import InstanceMap, Native, View

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "datamodel"
TR098 = SHARED / "dumps" / "tr098-tplink-ec220g5v2-2023.csv.gz"
TR181 = SHARED / "dumps" / "tr181-tplink-ec220g5v3-2023.csv.gz"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared: the folder ../shared is absent")

Tree = dict[str, Native]


def load(dump: Path) -> tuple[Tree, dict[str, bool]]:
    """Parameters and objects of a dump."""
    values: Tree = {}
    objects: dict[str, bool] = {}
    with gzip.open(dump, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["object"] == "1":
                objects[row["path"] + "."] = row["writable"] == "1"
            else:
                values[row["path"]] = Native(row["value"], row["type"], row["writable"] == "1")
    return values, objects


def tree(text: str) -> Tree:
    """A tree from lines ``path = value``; ``!`` before ``=`` means read-only, ``LAN``, ``WAN`` and ``CD`` abbreviate.

    Numbers are unsignedInt, true and false booleans, all else strings.
    """
    out: Tree = {}
    for line in text.strip().splitlines():
        if not line.strip():
            continue
        path, _, value = line.strip().partition("=")
        writable = not path.rstrip().endswith("!")
        path = path.rstrip(" !")
        value = value.strip()
        for short, long in (
            ("WC.", "WANDevice.1.WANConnectionDevice."),
            ("WL.", "LANDevice.1.WLANConfiguration."),
            ("HC.", "LANDevice.1.LANHostConfigManagement."),
        ):
            if path.startswith(short):
                path = long + path.removeprefix(short)
        kind = "boolean" if value in ("true", "false") else "unsignedInt" if value.isdigit() else "string"
        out["InternetGatewayDevice." + path] = Native(value, kind, writable)
    return out


def view(values: Tree, instances: InstanceMap | None = None, **more: object) -> View:
    return View(values, instances if instances is not None else InstanceMap(), **more)  # type: ignore[arg-type]


def wlan(number: int, **leaves: str) -> str:
    """Lines of one WLANConfiguration."""
    return "\n".join(f"WL.{number}.{leaf.replace('__', '.')} = {value}" for leaf, value in leaves.items())


def secured(number: int, channel: int, beacon: str = "WPAand11i") -> str:
    """An access point as Huawei and ZTE boxes describe it: all companions of the beacon type, one passphrase."""
    return wlan(
        number,
        Enable="1",
        Status="Up",
        SSID=f"net-{number}",
        Channel=str(channel),
        AutoChannelEnable="1",
        Standard="11bgn" if channel < 15 else "11ac",
        BeaconType=beacon,
        BasicEncryptionModes="None",
        BasicAuthenticationMode="None",
        WPAEncryptionModes="TKIPandAESEncryption",
        WPAAuthenticationMode="PSKAuthentication",
        IEEE11iEncryptionModes="AESEncryption",
        IEEE11iAuthenticationMode="PSKAuthentication",
        PreSharedKey__1__PreSharedKey="",
        PreSharedKey__1__KeyPassphrase="",
        TotalAssociations="1",
        AssociatedDevice__1__AssociatedDeviceMACAddress=f"AA:BB:CC:00:00:{number:02X}",
        AssociatedDevice__1__LastDataTransmitRate="54.0",
    )


EIGHT_SSIDS = "\n".join([*(secured(n, 6) for n in (1, 2, 3, 4)), *(secured(n, 44) for n in (5, 6, 7, 8))])
"""Huawei: access points 1 to 4 on the 2.4 GHz radio, 5 to 8 on the 5 GHz one."""

FIBRE = """
DeviceInfo.Manufacturer! = Example
DeviceInfo.SoftwareVersion! = V5R19
DeviceInfo.X_HW_ModuleType = abc
WANDevice.1.WANCommonInterfaceConfig.WANAccessType! = XPON
WANDevice.1.WANCommonInterfaceConfig.PhysicalLinkStatus! = Up
WANDevice.1.WANCommonInterfaceConfig.TotalBytesSent! = 4711
WANDevice.1.X_GponInterafceConfig.Status! = Up
WANDevice.1.X_GponInterafceConfig.RXPower! = -19
WC.1.WANPPPConnection.1.Enable = 1
WC.1.WANPPPConnection.1.ConnectionStatus! = Connected
WC.1.WANPPPConnection.1.ConnectionType = IP_Routed
WC.1.WANPPPConnection.1.Username = user@isp
WC.1.WANPPPConnection.1.Password =
WC.1.WANPPPConnection.1.ExternalIPAddress! = 203.0.113.7
WC.1.WANPPPConnection.1.DNSServers = 192.0.2.1,192.0.2.2
WC.1.WANPPPConnection.1.DNSOverrideAllowed = true
WC.1.WANPPPConnection.1.DefaultGateway! = 203.0.113.1
WC.1.WANPPPConnection.1.NATEnabled = 1
WC.1.WANPPPConnection.1.X_HW_VLAN = 100
WC.1.WANPPPConnection.1.PortMapping.3.ExternalPort = 443
WC.1.WANPPPConnection.1.PortMapping.3.InternalClient = 192.168.1.9
WC.1.WANPPPConnection.1.PortMapping.3.PortMappingProtocol = TCP
WC.1.WANPPPConnection.1.PortMapping.3.PortMappingEnabled = 1
WC.2.WANIPConnection.1.Enable = 1
WC.2.WANIPConnection.1.AddressingType = DHCP
WC.2.WANIPConnection.1.ConnectionStatus! = Disconnected
WC.2.WANIPConnection.1.ExternalIPAddress =
HC.DHCPServerEnable = 1
HC.MinAddress = 192.168.1.2
HC.MaxAddress = 192.168.1.254
HC.IPInterface.1.IPInterfaceIPAddress = 192.168.1.1
HC.IPInterface.1.IPInterfaceSubnetMask = 255.255.255.0
LANDevice.2.LANHostConfigManagement.DHCPServerEnable = 0
LANDevice.2.LANHostConfigManagement.MinAddress = 192.168.2.2
LANDevice.1.LANEthernetInterfaceConfig.1.Status! = Up
LANDevice.1.LANEthernetInterfaceConfig.2.Status! = NoLink
LANDevice.1.Hosts.Host.1.MACAddress! = aa:bb:cc:00:00:01
LANDevice.1.Hosts.Host.1.IPAddress! = 192.168.1.9
LANDevice.1.Hosts.Host.1.Layer2Interface! = InternetGatewayDevice.LANDevice.1.WLANConfiguration.1
LANDevice.1.Hosts.Host.2.MACAddress! = 02:00:00:00:00:02
LANDevice.1.Hosts.Host.2.Layer2Interface! = InternetGatewayDevice.LANDevice.1.LANEthernetInterfaceConfig.2.
Layer3Forwarding.Forwarding.1.DestIPAddress = 10.0.0.0
Layer3Forwarding.Forwarding.1.Interface = InternetGatewayDevice.WANDevice.1.WANConnectionDevice.2.WANIPConnection.1
Layer3Forwarding.DefaultConnectionService = InternetGatewayDevice.WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1
Services.VoiceService.1.VoiceProfile.1.Enable = Enabled
Services.VoiceService.1.VoiceProfile.1.DTMFMethod = RFC2833
Services.VoiceService.1.VoiceProfile.1.SIP.ProxyServer = sip.example.net
Services.VoiceService.1.VoiceProfile.1.Line.1.Enable = Enabled
Services.VoiceService.1.VoiceProfile.1.Line.1.Status! = Registering
Services.VoiceService.1.VoiceProfile.1.Line.1.CallState! = InCall
Services.VoiceService.1.VoiceProfile.1.Line.2.SIP.AuthUserName = 4711
Time.NTPServer1 = ntp.example.net
Time.LocalTimeZone = +01:00
"""
"""A GPON gateway: PPPoE for internet, a second WANConnectionDevice for management, voice, two LANs."""

DSL = """
DeviceInfo.ModemFirmwareVersion! = B2pvC
WANDevice.1.WANCommonInterfaceConfig.WANAccessType! = DSL
WANDevice.1.WANCommonInterfaceConfig.Layer1UpstreamMaxBitRate! = 1024000
WANDevice.1.WANCommonInterfaceConfig.TotalBytesSent! = 12345
WANDevice.1.WANCommonInterfaceConfig.PhysicalLinkStatus! = Initializing
WANDevice.1.WANDSLInterfaceConfig.Enable = true
WANDevice.1.WANDSLInterfaceConfig.Status! = EstablishingLink
WANDevice.1.WANDSLInterfaceConfig.ModulationType! = ADSL_2plus
WANDevice.1.WANDSLInterfaceConfig.ATURVendor! = BDCM
WANDevice.1.WANDSLInterfaceConfig.DataPath! = Interleaved
WANDevice.1.WANDSLInterfaceConfig.Stats.Total.CRCErrors! = 7
WC.1.WANDSLLinkConfig.DestinationAddress = PVC:8/35
WC.1.WANDSLLinkConfig.LinkType = PPPoE
WC.1.WANDSLLinkConfig.LinkStatus! = Up
WC.1.WANPPPConnection.1.Enable = true
WC.1.WANPPPConnection.1.TransportType! = PPPoE
WC.1.WANPPPConnection.1.ConnectionStatus! = Authenticating
WC.1.WANPPPConnection.2.Enable = false
WC.1.WANPPPConnection.2.TransportType! = PPPoA
WANDevice.2.WANCommonInterfaceConfig.WANAccessType! = Ethernet
WANDevice.2.WANCommonInterfaceConfig.TotalBytesSent! = 99
WANDevice.2.WANEthernetInterfaceConfig.Status! = NoLink
WANDevice.2.WANConnectionDevice.1.WANIPConnection.1.AddressingType = Static
WANDevice.2.WANConnectionDevice.1.WANIPConnection.1.ExternalIPAddress = 198.51.100.2
WANDevice.2.WANConnectionDevice.1.WANIPConnection.1.DNSServers = 192.0.2.53
WANDevice.2.WANConnectionDevice.1.WANIPConnection.1.DNSOverrideAllowed = false
WANDevice.2.WANConnectionDevice.1.WANIPConnection.1.ShapingRate = 5000
"""
"""An ADSL gateway with a PVC that carries two PPP connections, and an Ethernet WAN for backup."""
