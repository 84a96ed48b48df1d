"""Writes through the view: the right native changes, named side effects, and refusals that say what is allowed."""

from __future__ import annotations

import pytest
from view_trees import DSL, EIGHT_SSIDS, FIBRE, TR098, Tree, load, needs_shared, secured, tree, view

from cpetwin.datamodel.view import InstanceMap, Native, View, WritePlan, plan_add, plan_delete, plan_write
from cpetwin.errors import BadInput, NotFound

ROOT = "InternetGatewayDevice."
WLAN = ROOT + "LANDevice.1.WLANConfiguration."


def applied(values: Tree, plan: WritePlan) -> Tree:
    """The tree after the device has taken a plan."""
    after = dict(values)
    for change in (*plan.implied, *plan.changes):
        after[change.path] = values[change.path]._replace(text=change.text)
    return after


def written(values: Tree, path: str, text: str) -> dict[str, str]:
    """The native changes (implied ones too) of a write, after checking that the view then shows the text."""
    instances = InstanceMap()
    plan = plan_write(view(values, instances), path, text)
    after = view(applied(values, plan), instances).get(path)
    assert after is not None and after.text == text
    return {change.path.removeprefix(ROOT): change.text for change in (*plan.changes, *plan.implied)}


def round_trip(one: View) -> int:
    """Writing every writable parameter to what it shows leaves the device as it is; how many there were."""
    count = 0
    for path, entry in one.entries():
        if entry.writable:
            count += 1
            for change in plan_write(one, path, entry.text).changes:
                assert change.text == one.tree.values[change.path][0], (path, change)
    return count


@needs_shared
def test_writing_what_is_shown_changes_nothing_on_the_real_dump() -> None:
    """For every writable leaf of the dump."""
    values, objects = load(TR098)
    assert round_trip(view(values, objects=objects)) > 500


@pytest.mark.parametrize("layout", [EIGHT_SSIDS, FIBRE, DSL], ids=["eight", "fibre", "dsl"])
def test_writing_what_is_shown_changes_nothing(layout: str) -> None:
    """The same on other layouts."""
    assert round_trip(view(tree(layout))) > 10


def test_a_channel_is_set_on_the_access_points_of_its_radio_and_automatic_choice_goes_off() -> None:
    """Only that radio; the side effect is named; it is written even when the channel already is the wanted one."""
    one = view(tree(EIGHT_SSIDS))
    plan = plan_write(one, "Device.WiFi.Radio.1.Channel", "11")
    assert {c.path for c in plan.changes} == {f"{WLAN}{n}.Channel" for n in (1, 2, 3, 4)}
    assert {c.text for c in plan.changes} == {"11"}
    assert {(c.path, c.text) for c in plan.implied} == {(f"{WLAN}{n}.AutoChannelEnable", "0") for n in (1, 2, 3, 4)}
    assert {c.why for c in plan.implied} == {"turns automatic channel choice off"}
    again = plan_write(one, "Device.WiFi.Radio.1.Channel", "6")
    assert again.implied and {c.text for c in again.changes} == {"6"}
    fixed = view(applied(tree(EIGHT_SSIDS), again))
    assert plan_write(fixed, "Device.WiFi.Radio.1.Channel", "6") == WritePlan(())


def test_a_channel_the_radio_does_not_have_is_refused() -> None:
    """With those it has; 0 leads to the automatic choice."""
    one = view(tree("WL.1.Channel = 6\nWL.1.PossibleChannels = 1,6,11"))
    with pytest.raises(BadInput) as refused:
        plan_write(one, "Device.WiFi.Radio.1.Channel", "7")
    assert refused.value.hint == "allowed: 1, 6, 11"
    with pytest.raises(BadInput) as refused:
        plan_write(one, "Device.WiFi.Radio.1.Channel", "0")
    assert "AutoChannelEnable" in refused.value.hint


@pytest.mark.parametrize(
    "mode", ["None", "WEP-128", "WPA-Personal", "WPA2-Personal", "WPA2-Enterprise", "WPA-WPA2-Enterprise"]
)
def test_a_security_mode_sets_its_whole_tuple(mode: str) -> None:
    """From any mode to any other: what the device then says reads back as the mode."""
    values = tree(secured(1, 6) + "\nWL.1.WEPKey.1.WEPKey =\nWL.1.WEPKeyIndex = 1")
    changes = written(values, "Device.WiFi.AccessPoint.1.Security.ModeEnabled", mode)
    assert changes and all(path.startswith("LANDevice.1.WLANConfiguration.1.") for path in changes)
    back = "Device.WiFi.AccessPoint.1.Security.ModeEnabled"
    plan = plan_write(view(values), back, mode)
    assert written(applied(values, plan), back, "WPA-WPA2-Personal")


def test_a_security_mode_the_device_cannot_express_is_refused() -> None:
    """WPA3 has no place in TR-098; a device without WPA parameters has none of those modes."""
    with pytest.raises(BadInput) as refused:
        plan_write(view(tree(secured(1, 6))), "Device.WiFi.AccessPoint.1.Security.ModeEnabled", "WPA3-Personal")
    assert "WPA2-Personal" in refused.value.hint
    basic = view(tree("WL.1.BeaconType = Basic\nWL.1.BasicEncryptionModes = None"))
    with pytest.raises(BadInput) as refused:
        plan_write(basic, "Device.WiFi.AccessPoint.1.Security.ModeEnabled", "WPA2-Personal")
    assert refused.value.hint == "allowed: None, WEP-64, WEP-128"


@pytest.mark.parametrize(
    ("places", "written_to"),
    [
        ("KeyPassphrase PreSharedKey.1.KeyPassphrase PreSharedKey.1.PreSharedKey",
         "KeyPassphrase PreSharedKey.1.KeyPassphrase"),
        ("PreSharedKey.1.KeyPassphrase PreSharedKey.1.PreSharedKey PreSharedKey.2.KeyPassphrase",
         "PreSharedKey.1.KeyPassphrase"),
        ("PreSharedKey.1.PreSharedKey", "PreSharedKey.1.PreSharedKey"),
        ("X_TP_PreSharedKey", "X_TP_PreSharedKey"),
    ],
)  # fmt: skip
def test_a_passphrase_goes_where_the_device_keeps_it(places: str, written_to: str) -> None:
    """Every place named KeyPassphrase, else PreSharedKey, else the vendor's own; never the keys of single stations."""
    one = view(tree("WL.1.SSID = a\n" + "\n".join(f"WL.1.{place} =" for place in places.split())))
    plan = plan_write(one, "Device.WiFi.AccessPoint.1.Security.KeyPassphrase", "correct horse")
    assert {c.path.removeprefix(WLAN + "1.") for c in plan.changes} == set(written_to.split())
    with pytest.raises(BadInput):
        plan_write(one, "Device.WiFi.AccessPoint.1.Security.KeyPassphrase", "short")


def test_the_settings_a_helpdesk_changes() -> None:
    """SSID, DHCP range, lease, name servers, time servers and zone, each on its native parameter."""
    values = tree(FIBRE + EIGHT_SSIDS)
    wlan, host = "LANDevice.1.WLANConfiguration.5.", "LANDevice.1.LANHostConfigManagement."
    assert written(values, "Device.WiFi.SSID.5.SSID", "h\u00e9llo") == {wlan + "SSID": "h\u00e9llo"}
    assert written(values, "Device.DHCPv4.Server.Pool.1.MinAddress", "192.168.1.9") == {
        host + "MinAddress": "192.168.1.9"
    }
    assert written(values, "Device.DNS.Client.Server.2.DNSServer", "9.9.9.9") == {
        "WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1.DNSServers": "192.0.2.1,9.9.9.9"
    }
    assert written(values, "Device.Time.Client.1.Servers", "other.example") == {"Time.NTPServer1": "other.example"}
    with pytest.raises(BadInput):
        plan_write(view(values), "Device.Time.Client.1.Servers", "a,b")
    assert plan_write(view(values), "Device.Time.LocalTimeZone", "<-03>3").changes[0].text == "-03:00"
    assert written(values, "Device.DHCPv4.Client.1.Enable", "false") == {
        "WANDevice.1.WANConnectionDevice.2.WANIPConnection.1.AddressingType": "Static"
    }
    interface = view(values).values()["Device.NAT.PortMapping.1.Interface"]
    route = written(values, "Device.Routing.Router.1.IPv4Forwarding.1.Interface", interface)
    assert list(route.values()) == [ROOT + "WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1"]


def test_the_style_of_the_device_is_kept() -> None:
    """1 and 0 where it writes 1 and 0, PVC: where it writes PVC:."""
    assert written(tree(FIBRE), "Device.NAT.PortMapping.1.Enable", "false") == {
        "WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1.PortMapping.3.PortMappingEnabled": "0"
    }
    assert list(written(tree(DSL), "Device.ATM.Link.1.DestinationAddress", "1/32").values()) == ["PVC:1/32"]


@pytest.mark.parametrize(
    ("path", "text", "hint"),
    [
        ("Device.WiFi.SSID.1.LowerLayers", "Device.WiFi.Radio.2", ""),
        ("Device.WiFi.SSID.1.Status", "Up", "Status"),
        ("Device.DeviceInfo.SoftwareVersion", "x", ""),
        ("Device.Ethernet.Interface.1.Status", "Up", ""),
        ("Device.NAT.PortMapping.1.Protocol", "SCTP", "allowed: TCP, UDP"),
        ("Device.NAT.PortMapping.1.ExternalPort", "http", "allowed: a whole number, 0 or more"),
        ("Device.NAT.PortMapping.1.Enable", "maybe", "allowed: true, false"),
        ("Device.Routing.Router.1.IPv4Forwarding.1.Interface", "Device.IP.Interface.99", "Device.IP.Interface."),
        ("Device.WiFi.Radio.1.Enable", "false", "WLANConfiguration"),
    ],
)
def test_impossible_writes_say_what_is_possible(path: str, text: str, hint: str) -> None:
    """Read-only in Device:2, read-only on the device, wrong type, wrong word, unknown reference."""
    with pytest.raises(BadInput) as refused:
        plan_write(view(tree(FIBRE + EIGHT_SSIDS)), path, text)
    assert hint in refused.value.hint


def test_what_was_never_read_has_no_value_but_can_be_written() -> None:
    """Known by name only; automatic channel choice that nobody knows of is turned off too."""
    values: Tree = {
        WLAN + "1.Channel": Native(None, "unsignedInt", True),
        WLAN + "1.AutoChannelEnable": Native(None, "boolean", True),
        WLAN + "1.SSID": Native(None, "string", True),
        WLAN + "1.BeaconType": Native(None, "string", True),
        ROOT + "ManagementServer.STUNEnable": Native(None, "boolean", True),
    }
    one = view(values)
    unread = ("WiFi.SSID.1.SSID", "WiFi.Radio.1.Channel", "WiFi.AccessPoint.1.Security.ModeEnabled",
              "WiFi.Radio.1.AutoChannelEnable", "ManagementServer.STUNEnable")  # fmt: skip
    for path in unread:
        assert one.get("Device." + path) is None and "Device." + path not in one.values(), path
    assert plan_write(one, "Device.WiFi.SSID.1.SSID", "a").changes[0].text == "a"
    plan = plan_write(one, "Device.WiFi.Radio.1.Channel", "6")
    assert [c.text for c in (*plan.changes, *plan.implied)] == ["6", "false"]
    assert plan_write(one, "Device.ManagementServer.STUNEnable", "true").changes


def test_unknown_paths_are_not_found() -> None:
    """Nothing is invented for a path the device has nothing for."""
    with pytest.raises(NotFound):
        plan_write(view(tree(FIBRE)), "Device.WiFi.Radio.9.Channel", "6")


def test_native_paths_can_be_written_too() -> None:
    """Checked against the device's own access and type."""
    one = view(tree("A.B = 5\nA.C! = 6"))
    assert [c.text for c in plan_write(one, ROOT + "A.B", "7").changes] == ["7"]
    for path, text in ((ROOT + "A.B", "seven"), (ROOT + "A.C", "7")):
        with pytest.raises(BadInput):
            plan_write(one, path, text)


# -- rows ------------------------------------------------------------------------------------------------------------


MAPPING = {"Enable": "true", "ExternalPort": "80", "InternalPort": "8080", "InternalClient": "192.168.1.5",
           "Protocol": "TCP", "Description": "web"}  # fmt: skip


def test_a_port_mapping_is_added_at_the_connection_that_is_up() -> None:
    """The native table and its column names, in the style of the device; or at the interface that is named."""
    one = view(tree(FIBRE))
    plan = plan_add(one, "Device.NAT.PortMapping.", MAPPING)
    assert plan.table == ROOT + "WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1.PortMapping."
    assert {leaf: text for leaf, text, _ in plan.columns} == {
        "PortMappingEnabled": "true", "ExternalPort": "80", "InternalPort": "8080", "InternalClient": "192.168.1.5",
        "PortMappingProtocol": "TCP", "PortMappingDescription": "web",
    }  # fmt: skip
    other = one.values()["Device.DHCPv4.Client.1.Interface"]
    named = plan_add(one, "Device.NAT.PortMapping.", MAPPING | {"Interface": other})
    assert named.table == ROOT + "WANDevice.1.WANConnectionDevice.2.WANIPConnection.1.PortMapping."


@pytest.mark.parametrize(
    ("table", "columns", "hint"),
    [
        ("Device.NAT.PortMapping.", {"Colour": "red"}, "allowed: Alias, Description"),
        ("Device.NAT.PortMapping.", {"Protocol": "SCTP"}, "TCP"),
        ("Device.NAT.PortMapping.", {"Interface": "Device.IP.Interface.77"}, "Device.IP.Interface."),
        ("Device.Hosts.Host.", {}, "Device.NAT.PortMapping."),
    ],
)
def test_impossible_rows_are_refused(table: str, columns: dict[str, str], hint: str) -> None:
    """With the columns, values, interfaces or tables there are."""
    with pytest.raises(BadInput) as refused:
        plan_add(view(tree(FIBRE)), table, columns)
    assert hint in refused.value.hint


def test_a_row_is_deleted_by_its_native_row() -> None:
    """Not what stands for something bigger, not what is not there."""
    one = view(tree(FIBRE + EIGHT_SSIDS))
    native = ROOT + "WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1.PortMapping.3."
    assert plan_delete(one, "Device.NAT.PortMapping.1.") == native
    with pytest.raises(BadInput):
        plan_delete(one, "Device.WiFi.Radio.1.")
    with pytest.raises(NotFound):
        plan_delete(one, "Device.NAT.PortMapping.2.")


def test_rows_of_a_device_2_tree_are_its_own() -> None:
    """Nothing to translate."""
    one = view({"Device.NAT.PortMapping.4.ExternalPort": Native("80", "unsignedInt", True)})
    plan = plan_add(one, "Device.NAT.PortMapping.", {"ExternalPort": "81"})
    assert plan.table == "Device.NAT.PortMapping." and plan.columns == (("ExternalPort", "81", "unsignedInt"),)
    assert plan_delete(one, "Device.NAT.PortMapping.4") == "Device.NAT.PortMapping.4."
