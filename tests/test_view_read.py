"""What the Device:2 view shows of TR-098 trees: structure, values, references, and what it must never show."""

from __future__ import annotations

import lzma
import re
from functools import lru_cache

import pytest
from lxml import etree
from view_trees import DSL, EIGHT_SSIDS, FIBRE, SHARED, TR098, TR181, Tree, load, needs_shared, tree, view

from cpetwin.datamodel import template_of
from cpetwin.datamodel.view import InstanceMap, Native, table

LAYOUTS = {"eight SSIDs": EIGHT_SSIDS, "fibre": FIBRE + EIGHT_SSIDS, "dsl": DSL}


def texts(values: Tree) -> dict[str, str]:
    return view(values).values()


# -- wifi ------------------------------------------------------------------------------------------------------------


def test_eight_ssids_are_two_radios() -> None:
    """One radio per band; every SSID points at its radio and every access point at its SSID of the same number."""
    shown = texts(tree(EIGHT_SSIDS))
    assert shown["Device.WiFi.RadioNumberOfEntries"] == "2"
    assert shown["Device.WiFi.SSIDNumberOfEntries"] == shown["Device.WiFi.AccessPointNumberOfEntries"] == "8"
    for n in range(1, 9):
        assert shown[f"Device.WiFi.SSID.{n}.SSID"] == f"net-{n}"
        assert shown[f"Device.WiFi.AccessPoint.{n}.SSIDReference"] == f"Device.WiFi.SSID.{n}"
        assert shown[f"Device.WiFi.SSID.{n}.LowerLayers"] == f"Device.WiFi.Radio.{1 if n < 5 else 2}"
    assert [shown[f"Device.WiFi.Radio.{n}.OperatingFrequencyBand"] for n in (1, 2)] == ["2.4GHz", "5GHz"]
    assert [shown[f"Device.WiFi.Radio.{n}.Channel"] for n in (1, 2)] == ["6", "44"]
    assert [shown[f"Device.WiFi.Radio.{n}.OperatingStandards"] for n in (1, 2)] == ["b,g,n", "a,n,ac"]
    assert shown["Device.WiFi.Radio.1.Enable"] == "true"


@pytest.mark.parametrize(
    ("beacon", "more", "mode", "cipher"),
    [
        ("None", "", "None", "AES"),
        ("Basic", "WL.1.BasicEncryptionModes = None", "None", "AES"),
        ("OPEN", "WL.1.WPAEncryptionModes = WEPEncryption", "None", ""),
        ("WPA/WPA2", "WL.1.WPAEncryptionModes = TKIP", "WPA-WPA2-Personal", "TKIP"),
        ("WPA2-PSK", "WL.1.IEEE11iEncryptionModes = AES", "WPA2-Personal", "AES"),
        ("Basic", "WL.1.BasicEncryptionModes = WEPEncryption\nWL.1.WEPKey.1.WEPKey = 12345", "WEP-64", "AES"),
        ("Basic", "WL.1.BasicEncryptionModes = WEPEncryption\nWL.1.WEPKey.1.WEPKey =", "WEP-128", "AES"),
        ("WPA", "WL.1.WPAAuthenticationMode = PSKAuthentication\nWL.1.WPAEncryptionModes = TKIPEncryption",
         "WPA-Personal", "TKIP"),
        ("11i", "WL.1.IEEE11iAuthenticationMode = EAPAuthentication\nWL.1.IEEE11iEncryptionModes = AESEncryption",
         "WPA2-Enterprise", "AES"),
        ("WPAand11i", "WL.1.IEEE11iAuthenticationMode = PSKAuthentication\n"
         "WL.1.IEEE11iEncryptionModes = TKIPandAESEncryption", "WPA-WPA2-Personal", "TKIP,AES"),
        ("Strange", "", None, "AES"),
    ],
)  # fmt: skip
def test_the_security_mode_is_read_from_the_whole_tuple(
    beacon: str, more: str, mode: str | None, cipher: str | None
) -> None:
    """BeaconType alone does not say it; what cannot be told is not shown."""
    values = tree(f"WL.1.BeaconType = {beacon}\nWL.1.WPAEncryptionModes = AESEncryption\n{more}")
    shown = texts(values)
    assert shown.get("Device.WiFi.AccessPoint.1.Security.ModeEnabled") == mode
    assert shown.get("Device.WiFi.AccessPoint.1.Security.EncryptionMode") == cipher


def test_channel_zero_means_automatic() -> None:
    """A device without AutoChannelEnable says it with channel 0, which Device:2 does not have."""
    shown = texts(tree("WL.1.Channel = 0\nWL.1.SSID = a"))
    assert "Device.WiFi.Radio.1.Channel" not in shown
    assert shown["Device.WiFi.Radio.1.AutoChannelEnable"] == "true"


def test_a_radio_that_is_off_keeps_its_band() -> None:
    """The band is remembered with the instances when channel and standard say nothing any more."""
    instances = InstanceMap()
    view(tree("WL.1.Channel = 6\nWL.2.Channel = 40"), instances)
    later = view(tree("WL.1.Channel = 6\nWL.2.Channel = 0\nWL.2.Standard = n"), InstanceMap(instances.saved()))
    assert later.values()["Device.WiFi.SSID.2.LowerLayers"] == "Device.WiFi.Radio.2"


# -- wan -------------------------------------------------------------------------------------------------------------


def test_a_fibre_gateway() -> None:
    """PPP over its link over nothing we know, IP above PPP; vendor parameters under the mapped objects."""
    one = view(tree(FIBRE))
    shown = one.values()
    ip = shown["Device.NAT.PortMapping.1.Interface"]
    assert shown[f"{ip}.LowerLayers"] == "Device.PPP.Interface.1"
    assert shown[f"{ip}.IPv4Address.1.IPAddress"] == "203.0.113.7"
    assert shown[f"{ip}.Status"] == "Up"
    assert shown["Device.PPP.Interface.1.X_HW_VLAN"] == "100"
    assert shown["Device.Optical.Interface.1.Status"] == "Up"
    assert shown["Device.Optical.Interface.1.Stats.BytesSent"] == "4711"
    assert shown["Device.Optical.Interface.1.X_GponInterafceConfig.RXPower"] == "-19"
    assert shown["Device.NAT.PortMapping.1.ExternalPort"] == "443"
    assert shown["Device.NAT.PortMapping.1.Enable"] == "true"
    assert [shown[f"Device.DNS.Client.Server.{n}.DNSServer"] for n in (1, 2)] == ["192.0.2.1", "192.0.2.2"]
    assert shown["Device.DNS.Client.Server.1.Type"] == "IPCP" and shown["Device.DNS.Client.Server.1.Interface"] == ip
    assert shown["Device.Routing.Router.1.IPv4Forwarding.1.Interface"] == shown["Device.DHCPv4.Client.1.Interface"]
    assert shown["Device.DHCPv4.Server.Enable"] == "true"
    assert [shown[f"Device.DHCPv4.Server.Pool.{n}.Enable"] for n in (1, 2)] == ["true", "false"]
    assert shown["Device.IP.Interface.1.IPv4Address.1.IPAddress"] == "192.168.1.1"
    assert shown["Device.Time.Client.1.Servers"] == "ntp.example.net"
    assert shown["Device.Time.LocalTimeZone"] == "<+0100>-01:00"
    assert one.device2("InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService")


def test_hosts_point_at_the_port_or_radio_they_are_behind() -> None:
    """Layer2Interface becomes Layer1Interface; Wi-Fi hosts also name their AssociatedDevice row, found by MAC."""
    shown = texts(tree(FIBRE + EIGHT_SSIDS))
    assert shown["Device.Hosts.Host.1.Layer1Interface"] == "Device.WiFi.Radio.1"
    assert shown["Device.Hosts.Host.1.AssociatedDevice"] == "Device.WiFi.AccessPoint.1.AssociatedDevice.1"
    assert shown["Device.Hosts.Host.2.Layer1Interface"] == "Device.Ethernet.Interface.2"
    assert shown["Device.WiFi.AccessPoint.1.AssociatedDevice.1.LastDataDownlinkRate"] == "54000"


def test_voice_has_both_models() -> None:
    """TR-104 version 1 under its own names, version 2 where it has a home; words differ between them."""
    shown = texts(tree(FIBRE))
    service = "Device.Services.VoiceService.1."
    assert shown[service + "VoiceProfile.1.Line.1.Status"] == "Registering"
    assert shown[service + "CallControl.Line.1.Status"] == "Quiescent"
    assert shown[service + "CallControl.Line.1.CallStatus"] == "Connected"
    assert shown[service + "CallControl.Line.1.Enable"] == "true"
    assert shown[service + "VoIPProfile.1.DTMFMethod"] == "RFC4733"
    assert shown[service + "SIP.Network.1.ProxyServer"] == "sip.example.net"
    assert shown[service + "SIP.Client.2.AuthUserName"] == "4711"


def test_a_dsl_gateway() -> None:
    """Units, words and the stack: PPP over Ethernet over ATM over the DSL channel over the line."""
    shown = texts(tree(DSL))
    assert shown["Device.DSL.Line.1.LinkStatus"] == "EstablishingLink"
    assert shown["Device.DSL.Line.1.Status"] == shown["Device.DSL.Channel.1.Status"] == "Dormant"
    assert shown["Device.DSL.Line.1.UpstreamMaxBitRate"] == "1024"
    assert shown["Device.DSL.Line.1.StandardUsed"] == "G.992.5_Annex_A"
    assert shown["Device.DSL.Line.1.XTURVendor"] == b"BDCM".hex().upper()
    assert shown["Device.DSL.Line.1.FirmwareVersion"] == "B2pvC"
    assert shown["Device.DSL.Line.1.Stats.BytesSent"] == "12345"
    assert shown["Device.DSL.Channel.1.LPATH"] == "1"
    assert shown["Device.DSL.Channel.1.Stats.Total.XTURCRCErrors"] == "7"
    assert shown["Device.ATM.Link.1.DestinationAddress"] == "8/35"
    assert shown["Device.ATM.Link.1.LinkType"] == "EoA"
    stack = [next(p for p, v in shown.items() if v == "Device.PPP.Interface.1").removesuffix(".LowerLayers")]
    while shown.get(stack[-1] + ".LowerLayers"):
        stack.append(shown[stack[-1] + ".LowerLayers"])
    assert [name.removeprefix("Device.").rpartition(".")[0] for name in stack] == [
        "IP.Interface", "PPP.Interface", "Ethernet.Link", "ATM.Link", "DSL.Channel", "DSL.Line"
    ]  # fmt: skip
    assert shown["Device.PPP.Interface.2.LowerLayers"] == "Device.ATM.Link.1"
    assert shown["Device.PPP.Interface.1.Status"] == "Dormant"
    assert shown["Device.Ethernet.Interface.1.Stats.BytesSent"] == "99"
    static = next(p for p, v in shown.items() if p.endswith("IPAddress") and v == "198.51.100.2")
    assert shown["Device.QoS.Shaper.1.Interface"] == static.partition(".IPv4Address")[0]
    assert not any(path.startswith("Device.DHCPv4.Client.") for path in shown)


def test_conditional_pools_are_pools_or_relays() -> None:
    """By LocallyServed; the pool of the LAN comes after them."""
    pool = "HC.DHCPConditionalServingPool."
    shown = texts(tree(
        f"HC.MinAddress = 10.0.0.1\n{pool}1.Enable = true\n{pool}1.LocallyServed = true\n{pool}1.PoolOrder = 1\n"
        f"{pool}2.Enable = true\n{pool}2.LocallyServed = false\n{pool}2.DHCPServerIPAddress = 10.9.9.9"
    ))  # fmt: skip
    assert shown["Device.DHCPv4.Server.Pool.1.MinAddress"] == "10.0.0.1"
    assert shown["Device.DHCPv4.Server.Pool.2.Enable"] == "true"
    assert int(shown["Device.DHCPv4.Server.Pool.1.Order"]) > int(shown["Device.DHCPv4.Server.Pool.2.Order"])
    assert shown["Device.DHCPv4.Relay.Forwarding.1.DHCPServerIPAddress"] == "10.9.9.9"


# -- whatever a device says --------------------------------------------------------------------------------------------


def test_nothing_falls_over_whatever_a_device_says() -> None:
    """Every parameter of the table, with numbers 0 and 1, empty and strange values: no exception, and it is there."""
    for text in ("", "strange \u00e9\u4e16", "-1", "0", "1,2,,", "InternetGatewayDevice.LANDevice.1", "true"):
        values: Tree = {}
        for row in table().rows:
            for number in ("0", "1"):
                values[row.native.replace("{i}", number)] = Native(text, row.native_type, True)
        one = view(values)
        one.values()
        for path in values:
            assert one.get(path) is not None
            one.device2(path)


def test_booleans_are_canonical() -> None:
    """However the device spells them; what is no boolean stays as it is."""
    words = {"1": "true", "TRUE": "true", "Enabled": "true", "0": "false", "no": "false", "2": "2", "": ""}
    for said, shown in words.items():
        values = {"InternetGatewayDevice.ManagementServer.STUNEnable": Native(said, "boolean", True)}
        assert texts(values)["Device.ManagementServer.STUNEnable"] == shown


def test_vendor_names_are_kept_and_unknown_ones_are_not_invented() -> None:
    """X_ parameters stand under the mapped object; a name that Device:2 does not have there is native only."""
    one = view(tree("WL.1.SSID = a\nWL.1.X_VND_Deep.Row.3.Thing = 7\nWL.1.MaxStaNum = 9\nX_VND_Top.A = 1"))
    assert one.values()["Device.WiFi.SSID.1.X_VND_Deep.Row.3.Thing"] == "7"
    assert one.values()["Device.X_VND_Top.A"] == "1"
    lone = "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.MaxStaNum"
    assert one.device2(lone) == ()
    entry = one.get(lone)
    assert entry is not None and entry.text == "9" and entry.kind == "identity"


def test_a_device_2_tree_is_its_own_view() -> None:
    """Old and odd names included."""
    values = {"Device.WiFi.SSID.7.SSID": Native("x", "string", True), "Device.LAN.IPAddress": Native("1.2.3.4")}
    one = view(values)
    assert one.values() == {path: value.text for path, value in values.items()}
    assert (
        one.natives("Device.WiFi.SSID.7.SSID") == one.device2("Device.WiFi.SSID.7.SSID") == ("Device.WiFi.SSID.7.SSID",)
    )


def test_lease_ends_need_the_moment_of_observation() -> None:
    """Seconds become a date only when it is known when they were read."""
    values = tree(
        "LANDevice.1.Hosts.Host.1.MACAddress! = 02:00:00:00:00:02\nLANDevice.1.Hosts.Host.1.LeaseTimeRemaining! = 60"
    )
    path = "Device.DHCPv4.Server.Pool.1.Client.1.IPv4Address.1.LeaseTimeRemaining"
    assert path not in texts(values)
    assert view(values, seen=0.0).values()[path] == "1970-01-01T00:01:00Z"


# -- the real dump -----------------------------------------------------------------------------------------------------


@needs_shared
def test_at_least_95_of_100_mapped_parameters_are_shown() -> None:
    """Of those whose path has a row of a kind other than none."""
    values, objects = load(TR098)
    one = view(values, objects=objects)
    mapped = [p for p in values if any(row.target for row in table().rows_of(template_of(p)))]
    shown = [p for p in mapped if one.device2(p)]
    assert len(mapped) > 500
    assert len(shown) / len(mapped) >= 0.95
    assert all(one.get(path) is not None for path in values)


@lru_cache(maxsize=1)
def _model() -> tuple[dict[str, set[str]], set[str]]:
    """Enumerations (path template -> values) and all parameter templates, straight from the XML."""
    enumerations: dict[str, set[str]] = {}
    known: set[str] = set()
    for name, prefix in (
        ("tr-181-2-19-1-cwmp-full.xml.xz", ""),
        ("tr-104-2-0-2-cwmp-full.xml.xz", "Device.Services."),
        ("tr-104-1-1-0-full.xml.xz", "Device.Services."),
    ):
        with lzma.open(SHARED / name, "rb") as file:
            root = etree.parse(file).getroot()
        types = {e.get("name"): e for e in root.iter("dataType")}
        known |= {prefix + str(p.get("name")) for model in root.iter("model") for p in model.findall("parameter")}
        for object_ in root.iter("object"):
            for parameter in object_.findall("parameter"):
                path = prefix + str(object_.get("name")).strip() + str(parameter.get("name")).strip()
                known.add(path)
                found = {str(e.get("value")) for e in parameter.iter("enumeration")}
                for reference in parameter.iter("dataType"):
                    type_ = types.get(reference.get("ref"))
                    found |= set() if type_ is None else {str(e.get("value")) for e in type_.iter("enumeration")}
                if found:
                    enumerations.setdefault(path, set()).update(found)
    return enumerations, known


def illegal(values: Tree) -> list[str]:
    """Paths with a value outside the enumeration, or that Device:2 does not have."""
    enumerations, known = _model()
    wrong = []
    for path, entry in view(values).entries():
        template = template_of(path)
        if re.search(r"\.X_", path):
            continue
        if template not in known:
            wrong.append(f"{path} is no Device:2 path")
        words = enumerations.get(template)
        if words:
            items = entry.text.split(",") if entry.text not in words and "," in entry.text else [entry.text]
            wrong += [f"{path} = {item!r}" for item in items if item.strip() not in words and entry.text]
    return wrong


@needs_shared
def test_no_enumeration_is_ever_wrong() -> None:
    """On the real dump, on the layouts, and for every row of the table with words no model knows."""
    assert illegal(load(TR098)[0]) == []
    for layout in LAYOUTS.values():
        assert illegal(tree(layout)) == []
    for text in ("Nonsense", "", "0", "disabled", "Up,Down"):
        values = {
            row.native.replace("{i}", "1"): Native(text, row.native_type)
            for row in table().rows
            if row.target
        }  # fmt: skip
        assert illegal(values) == []


@needs_shared
def test_types_are_those_of_device_2() -> None:
    """A parameter with a row has the XML Schema type that Device:2 gives it."""
    values, objects = load(TR098)
    one = view(values, objects=objects)
    for path, type_ in (
        ("Device.WiFi.Radio.1.Channel", "unsignedInt"),
        ("Device.Ethernet.Interface.1.Stats.BytesSent", "unsignedLong"),
        ("Device.Ethernet.Interface.1.MaxBitRate", "int"),
        ("Device.Hosts.Host.1.Active", "boolean"),
        ("Device.Time.Client.1.Servers", "string"),
    ):
        entry = one.get(path)
        assert entry is not None and entry.type == type_, path


# -- both dumps of the product line -----------------------------------------------------------------------------------

AGREE = (
    "Device.DeviceInfo.ModelName",
    "Device.DeviceInfo.Manufacturer",
    "Device.DeviceInfo.ManufacturerOUI",
    "Device.WiFi.AccessPoint.1.Security.ModeEnabled",
    "Device.WiFi.AccessPoint.1.Security.EncryptionMode",
    "Device.DHCPv4.Server.Enable",
    "Device.DHCPv4.Server.Pool.1.Enable",
    "Device.DHCPv4.Server.Pool.1.SubnetMask",
    "Device.DHCPv4.Server.Pool.1.MinAddress",
    "Device.IP.Interface.1.IPv4Address.1.IPAddress",
    "Device.IP.Interface.1.IPv4Address.1.AddressingType",
    "Device.Hosts.HostNumberOfEntries",
    "Device.NAT.InterfaceSetting.1.Enable",
)
SHAPES = (
    r"Device\.WiFi\.(SSID\.1\.(SSID|Enable|Status|BSSID|LowerLayers)|Radio\.\d+\.(Enable|Channel|AutoChannelEnable"
    r"|OperatingFrequencyBand|Status))",
    r"Device\.IP\.Interface\.\d+\.(Enable|Status|LowerLayers|MaxMTUSize|IPv4Address\.1\.(IPAddress|SubnetMask"
    r"|AddressingType))",
    r"Device\.Hosts\.Host\.\d+\.(PhysAddress|IPAddress|HostName|Active)",
    r"Device\.DHCPv4\.Server\.Pool\.1\.(Interface|LeaseTime|MinAddress|MaxAddress|DNSServers)",
)


@needs_shared
def test_the_two_dumps_of_one_product_line_agree() -> None:
    """The TR-098 and the TR-181 gateway answer to the same paths; what pseudonyms keep equal is equal."""
    old, new = view(load(TR098)[0]), view(load(TR181)[0])
    for path in AGREE:
        left, right = old.get(path), new.get(path)
        assert left is not None and right is not None, path
        assert left.text == right.text, path
    for shape in SHAPES:
        pattern = re.compile(shape)
        sets = [{template_of(p) for p in one.paths() if pattern.fullmatch(p)} for one in (old, new)]
        assert sets[0] == sets[1] != set(), shape
    macs = [{e.text for p, e in one.entries() if p.endswith(".PhysAddress")} for one in (old, new)]
    assert macs[0] == macs[1]
    for one in (old, new):
        for path, entry in one.entries():
            if re.fullmatch(r"Device\.(IP|WiFi|DHCPv4)\..*(LowerLayers|SSIDReference|Pool\.\d+\.Interface)", path):
                below = entry.text.rstrip(".") + "."
                assert below == "." or any(p.startswith(below) for p in one.paths()), path
