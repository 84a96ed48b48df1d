"""The methods of a simulated CPE, without sockets: what a real one would answer (TR-069 A.3.2, A.4.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpetwin.simulators.cpe import Device
from cpetwin.simulators.memory import Memory, MemoryStore
from cpetwin.simulators.rpc import Call, Done, Refused, execute
from cpetwin.simulators.trees import builtin
from cpetwin.simulators.wire import parse
from tests.simulator_acs import gpn, gpv, rpc, soap, spa, spv, values

TR098, TR181 = "tr098-tplink-ec220g5v2-2023", "tr181-tplink-ec220g5v3-2023"
NAMESPACE = "urn:dslforum-org:cwmp-1-2"
WLAN = "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1."
MAPPINGS = "InternetGatewayDevice.WANDevice.1.WANConnectionDevice.1.WANIPConnection.1.PortMapping."
NOW = 1_700_000_000_000


@pytest.fixture
def igd() -> Device:
    return Device(builtin(TR098), 1, frozen=True)


def call(device: Device, body: str, now: int = NOW) -> Done:
    return execute(Call(device, device.view(now), parse(soap(body, "1"), NAMESPACE), now))


def refused(device: Device, body: str) -> Refused:
    with pytest.raises(Refused) as caught:
        call(device, body)
    return caught.value


def read(device: Device, *paths: str) -> dict[str, tuple[str, str]]:
    return values(call(device, gpv(*paths)).body)


def test_set_parameter_values_is_atomic_and_names_each_bad_parameter(igd: Device) -> None:
    """One bad value: nothing is set, the ParameterKey stays, every bad parameter has its own fault code."""
    fault = refused(
        igd,
        spv(
            "k1",
            (WLAN + "SSID", "new", "string"),
            (WLAN + "NoSuch", "1", "string"),
            (WLAN + "Enable", "1", "string"),
            (WLAN + "MaxStaNum", "many", "unsignedInt"),
            (WLAN + "BSSID", "x", "string"),
            (WLAN + "Channel", "14", "unsignedInt"),
        ),
    )
    assert fault.code == 9003
    assert [(path.rpartition(".")[2], code) for path, code, _ in fault.parameters] == [
        ("NoSuch", 9005),
        ("Enable", 9006),
        ("MaxStaNum", 9007),
        ("BSSID", 9008),
        ("Channel", 9007),
    ]
    assert igd.memory.values == {}
    assert igd.management("ParameterKey") == ""


def test_set_parameter_values_stores_values_and_key(igd: Device) -> None:
    done = call(igd, spv("k1", (WLAN + "SSID", "a &amp; b", "string"), (WLAN + "WMMEnable", "1", "boolean")))
    assert (done.key, done.result) == ("k1", 0)
    assert done.args == {WLAN + "SSID": "a & b", WLAN + "WMMEnable": "true"}
    assert read(igd, WLAN + "SSID")[WLAN + "SSID"] == ("a &amp; b", "string")
    assert igd.management("ParameterKey") == "k1"


def test_the_same_parameter_twice_is_9003(igd: Device) -> None:
    fault = refused(igd, spv("k", (WLAN + "SSID", "a", "string"), (WLAN + "SSID", "b", "string")))
    assert (fault.code, fault.parameters) == (9003, [])


def test_a_written_credential_reads_as_empty_and_is_masked_in_the_journal(igd: Device) -> None:
    path = "InternetGatewayDevice.ManagementServer.Password"
    done = call(igd, spv("k", (path, "s3cret", "string")))
    assert done.args == {path: "***"}
    assert read(igd, path)[path] == ("", "string")
    assert igd.login[1] == "s3cret"


def test_a_channel_chosen_by_hand_ends_the_search_for_one(igd: Device) -> None:
    call(igd, spv("k", (WLAN + "Channel", "11", "unsignedInt")))
    found = read(igd, WLAN + "Channel", WLAN + "AutoChannelEnable")
    assert found == {WLAN + "Channel": ("11", "unsignedInt"), WLAN + "AutoChannelEnable": ("false", "boolean")}


@pytest.mark.parametrize("name", [TR098, TR181])
def test_a_partial_path_reads_the_frozen_dump_exactly(name: str) -> None:
    """GetParameterValues of the root answers every parameter once, with the dump's text and type."""
    device = Device(builtin(name), 1, frozen=True)
    done = call(device, gpv(device.tree.root))
    assert done.result == len(device.tree.leaves)
    for path, leaf in device.tree.leaves.items():
        assert device.tree.value_xml[path] in done.body, path
        assert f'xsd:{leaf.type}"' in device.tree.value_xml[path]


def test_one_bad_name_fails_the_whole_read(igd: Device) -> None:
    assert refused(igd, gpv(WLAN + "SSID", WLAN + "Nope")).code == 9005
    assert refused(igd, gpv("InternetGatewayDevice.Nope.")).code == 9005


def test_names_of_the_next_level_and_of_the_whole_subtree(igd: Device) -> None:
    """NextLevel leaves the object itself out; the whole subtree has it (TR-069 A.3.2.3)."""
    level = call(igd, gpn("InternetGatewayDevice.DeviceInfo.", next_level=True)).body
    assert "<Name>InternetGatewayDevice.DeviceInfo.</Name>" not in level
    assert "<Name>InternetGatewayDevice.DeviceInfo.MemoryStatus.</Name>" in level
    assert "MemoryStatus.Free" not in level
    whole = call(igd, gpn("InternetGatewayDevice.DeviceInfo.")).body
    assert "<Name>InternetGatewayDevice.DeviceInfo.</Name>" in whole
    assert "MemoryStatus.Free" in whole
    assert call(igd, gpn("")).result == len(igd.tree.paths) + len(igd.tree.objects)
    assert refused(igd, gpn(WLAN + "SSID", next_level=True)).code == 9003
    assert call(igd, gpn(WLAN + "SSID")).result == 1


def test_row_numbers_are_never_used_again(igd: Device) -> None:
    """AddObject counts on after DeleteObject, keeps ...NumberOfEntries, and stores the key."""
    count = MAPPINGS[:-1] + "NumberOfEntries"
    numbers = []
    for turn in range(3):
        done = call(igd, rpc("AddObject", ObjectName=MAPPINGS, ParameterKey=f"k{turn}"))
        assert isinstance(done.result, dict)
        numbers.append(done.result["instance"])
        assert igd.management("ParameterKey") == f"k{turn}"
        if turn == 1:
            call(igd, rpc("DeleteObject", ObjectName=f"{MAPPINGS}{numbers[1]}.", ParameterKey="d"))
    assert numbers == [1, 2, 3]
    assert read(igd, count)[count][0] == "2"
    assert read(igd, MAPPINGS + "3.ExternalPort") == {MAPPINGS + "3.ExternalPort": ("0", "unsignedInt")}
    assert refused(igd, gpv(MAPPINGS + "2.ExternalPort")).code == 9005
    assert refused(igd, rpc("DeleteObject", ObjectName=MAPPINGS + "2.", ParameterKey="")).code == 9005


def test_a_new_row_has_the_leaves_of_its_siblings_and_a_deleted_one_is_gone(igd: Device) -> None:
    table = "InternetGatewayDevice.Layer2Bridging.Filter."
    done = call(igd, rpc("AddObject", ObjectName=table, ParameterKey=""))
    assert isinstance(done.result, dict)
    new = f"{table}{done.result['instance']}."
    assert {p[len(new) :] for p in read(igd, new)} == {p[len(table) + 2 :] for p in igd.tree.below(table + "1.")}
    call(igd, spv("k", (new + "FilterInterface", "all", "string")))
    call(igd, rpc("DeleteObject", ObjectName=table + "1.", ParameterKey=""))
    names = call(igd, gpn(table)).body
    assert f"<Name>{table}1.</Name>" not in names
    assert f"<Name>{new}</Name>" in names
    assert call(igd, gpv(table)).result == len(igd.tree.below(table)) - len(igd.tree.below(table + "1.")) + len(
        read(igd, new)
    )


def test_a_table_that_takes_no_rows_is_refused(igd: Device) -> None:
    assert refused(igd, rpc("AddObject", ObjectName="InternetGatewayDevice.WANDevice.", ParameterKey="")).code == 9001
    assert refused(igd, rpc("AddObject", ObjectName="InternetGatewayDevice.Nope.", ParameterKey="")).code == 9005
    assert refused(igd, rpc("AddObject", ObjectName=MAPPINGS[:-1], ParameterKey="")).code == 9003


def test_notification_raises_value_change_once_told(igd: Device) -> None:
    """Active: the device announces its own change until it is acknowledged; a change by the ACS is silent."""
    path = WLAN + "SSID"
    call(igd, spa(path, 2))
    call(igd, spv("k", (path, "by-acs", "string")))
    assert igd.watched(igd.view(NOW)) == []
    igd.set_own(path, "by-hand")
    body, events, changed = igd.inform(igd.view(NOW), "now")
    assert ("4 VALUE CHANGE", "") in events
    assert changed == [path]
    assert "by-hand" in body
    igd.acknowledged(events)
    igd.told(igd.view(NOW), changed)
    assert igd.watched(igd.view(NOW)) == []


def test_passive_notification_puts_the_value_into_the_next_inform_only(igd: Device) -> None:
    call(igd, spa(WLAN + "SSID", 1))
    igd.set_own(WLAN + "SSID", "by-hand")
    assert igd.memory.events == []
    assert "by-hand" in igd.inform(igd.view(NOW), "now")[0]


def test_notification_that_cannot_be_switched_off(igd: Device) -> None:
    assert refused(igd, spa("InternetGatewayDevice.DeviceInfo.SoftwareVersion", 0)).code == 9009


def test_reboot_keeps_its_key_and_a_boot_forgets_what_a_boot_forgets(igd: Device) -> None:
    igd.boot(NOW)
    igd.acknowledged([("0 BOOTSTRAP", ""), ("1 BOOT", "")])
    igd.announce("4 VALUE CHANGE")
    call(igd, rpc("Reboot", CommandKey="r1"))
    assert igd.reboot_after == "reboot"
    igd.boot(NOW + 1)
    assert igd.memory.events == [("M Reboot", "r1"), ("1 BOOT", "")]


def test_factory_reset_brings_the_dump_and_a_bootstrap_back(igd: Device) -> None:
    igd.boot(NOW)
    igd.acknowledged(list(igd.memory.events))
    call(igd, spv("k", (WLAN + "SSID", "mine", "string")))
    call(igd, rpc("FactoryReset"))
    assert igd.reboot_after == "factory-reset"
    igd.factory_reset(NOW)
    assert igd.memory.events == [("0 BOOTSTRAP", ""), ("1 BOOT", "")]
    assert igd.setting(WLAN + "SSID") == igd.tree.leaves[WLAN + "SSID"].text


def test_a_new_acs_url_means_a_bootstrap(igd: Device) -> None:
    url = igd.tree.management + "URL"
    igd.announce("4 VALUE CHANGE")
    call(igd, spv("k", (url, "http://127.0.0.1:1/other", "string")))
    assert igd.memory.events == [("0 BOOTSTRAP", "")]


def test_schedule_inform_needs_a_delay(igd: Device) -> None:
    assert refused(igd, rpc("ScheduleInform", DelaySeconds="0", CommandKey="s")).code == 9003
    call(igd, rpc("ScheduleInform", DelaySeconds="5", CommandKey="s"))
    assert igd.memory.informs == [(NOW + 5000, "s")]


def test_an_unknown_method_is_9000_and_the_known_ones_are_listed(igd: Device) -> None:
    assert refused(igd, rpc("Download", CommandKey="k")).code == 9000
    assert "<string>SetParameterValues</string>" in call(igd, rpc("GetRPCMethods")).body


def test_retry_waits_follow_the_table(igd: Device) -> None:
    """Seconds before retry n: 5-10, 10-20 ... 2560-5120 (TR-069 3.2.1.1)."""
    found = []
    for igd.retries in (1, 2, 9, 10, 50):
        found.append((igd.retry_wait(None, 0.0), igd.retry_wait(None, 1.0)))
    assert found == [(5, 10), (10, 20), (1280, 2560), (2560, 5120), (2560, 5120)]


def test_memory_survives_a_restart_of_the_simulator(igd: Device, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    igd.boot(NOW)
    call(igd, spv("k", (WLAN + "SSID", "kept", "string")))
    call(igd, rpc("AddObject", ObjectName=MAPPINGS, ParameterKey="k2"))
    store = MemoryStore(folder)
    store.save(igd.key, igd.memory)
    store.close()
    assert (folder / "devices.sqlite").stat().st_mode & 0o77 == 0
    store = MemoryStore(folder)
    assert store.load(igd.key) == igd.memory
    assert isinstance(store.load(igd.key), Memory)
    assert store.load("nobody") is None
    store.close()


def test_ten_thousand_devices_share_their_trees() -> None:
    """A device that was never written to holds no values of its own."""
    devices = [Device(builtin(TR098), number) for number in range(1, 101)]
    assert len({id(device.tree) for device in devices}) == 1
    assert all(not device.memory.values for device in devices)
    assert devices[0].serial == "6puw429yd5x8d"
    assert devices[6].key == "9CA2F4-IGD-6puw429yd5x8d%2D7"


def test_a_period_is_not_served_twice_when_its_timer_fires_early(igd: Device) -> None:
    """Informs keep a phase of their own per device; a timer some milliseconds early does not double one."""
    wait = igd.until_periodic(NOW, 60.0)
    due = NOW + int(wait * 1000)
    assert 6 < wait <= 66
    assert igd.until_periodic(due - 3, 60.0) == pytest.approx(60, abs=0.01)
    assert igd.until_periodic(due + 3, 60.0) == pytest.approx(60, abs=0.01)
