"""The physics of a simulated home: pure functions of time, and writes that have effects."""

from __future__ import annotations

import pytest

from cpetwin.clock import HOUR
from cpetwin.simulators.cpe import Device
from cpetwin.simulators.physics import LOAD, Moment, load_at, reserved, volume
from cpetwin.simulators.trees import BUILTIN, builtin

NOON = 1_700_049_600_000
EVENING = NOON + 8 * HOUR
NIGHT = NOON + 15 * HOUR
RADIO = "Device.WiFi.Radio.1."


def device(number: int = 1, name: str = BUILTIN[1], frozen: bool = False) -> Device:
    made = Device(builtin(name), number, seed=4, frozen=frozen)
    made.boot(NOON)
    return made


def texts(made: Device, now: int) -> dict[str, str]:
    view = made.view(now)
    return {path: leaf.text for path in view.leaves("") if (leaf := view.leaf(path)) is not None}


@pytest.mark.parametrize("name", BUILTIN)
def test_the_same_moment_gives_the_same_answer(name: str) -> None:
    assert texts(device(3, name), EVENING) == texts(device(3, name), EVENING)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_frozen_device_never_moves(name: str) -> None:
    frozen = device(3, name, frozen=True)
    assert texts(frozen, EVENING) == {path: leaf.text for path, leaf in frozen.tree.leaves.items()}


def test_uptime_and_counters_grow_and_start_again_at_a_boot() -> None:
    home = device()
    assert texts(home, NOON + 61_000)["Device.DeviceInfo.UpTime"] == "61"
    counter = "Device.Ethernet.Interface.4.Stats.PacketsReceived"
    early, late = (int(texts(home, NOON + h * HOUR)[counter]) for h in (1, 2))
    assert int(home.tree.leaves[counter].text) < early < late
    home.boot(NOON + 3 * HOUR)
    assert texts(home, NOON + 3 * HOUR)["Device.DeviceInfo.UpTime"] == "0"


def test_volume_is_the_integral_of_the_load() -> None:
    assert volume(NOON, NOON + 24 * HOUR) == pytest.approx(sum(LOAD))
    assert volume(NOON, NIGHT) == pytest.approx(volume(NOON, EVENING) + volume(EVENING, NIGHT))
    assert load_at(EVENING) > load_at(NOON) > load_at(NIGHT)


def test_a_channel_write_changes_the_busy_fraction() -> None:
    """The air is as full as the channel that was chosen; in the evening fuller than at night."""
    home = device(5)
    busy = {}
    home.memory.values[RADIO + "AutoChannelEnable"] = "false"
    for channel in ("1", "6", "11"):
        home.memory.values[RADIO + "Channel"] = channel
        moment = Moment(home, EVENING)
        assert moment.channel(RADIO) == int(channel)
        busy[channel] = moment.busy(RADIO)
        assert busy[channel] > Moment(home, NIGHT).busy(RADIO)
    assert len(set(busy.values())) == 3


def test_the_radio_searches_the_emptiest_channel_by_itself() -> None:
    home = device(5)
    moment = Moment(home, EVENING)
    chosen = moment.crowd(moment.channel(RADIO))
    assert chosen <= min(moment.crowd(channel) for channel in range(1, 14)) + 0.05
    assert texts(home, EVENING)[RADIO + "Channel"] == str(moment.channel(RADIO))


def test_hosts_come_and_go_with_the_hour() -> None:
    """More people at home in the evening; the counts of the tables follow the rows that are there."""
    counts = {}
    for hour in (NIGHT, EVENING):
        total = 0
        for number in range(1, 31):
            home = device(number)
            view = home.view(hour)
            rows = [o for o in view.objects("Device.Hosts.Host.") if o.count(".") == 4]
            leaf = view.leaf("Device.Hosts.HostNumberOfEntries")
            assert leaf is not None
            assert leaf.text == str(len(rows))
            total += sum(home.view(hour).leaf(row + "HostName") is not None for row in rows)
        counts[hour] = total
    assert counts[EVENING] > counts[NIGHT]
    assert reserved("Device.Hosts.Host.") > 0


def test_names_and_values_of_a_view_agree() -> None:
    """Every leaf that is listed can be read, once; what is hidden cannot."""
    for number in range(1, 20):
        view = device(number, BUILTIN[0]).view(EVENING)
        listed = list(view.leaves(""))
        assert len(listed) == len(set(listed))
        assert all(view.leaf(path) is not None for path in listed)
        assert len(list(view.values_xml(""))) == len(listed)
        assert all(view.object(path) is not None for path in view.objects(""))


def test_a_radio_switched_off_is_down() -> None:
    home = device()
    home.memory.values[RADIO + "Enable"] = "false"
    assert texts(home, EVENING)[RADIO + "Status"] == "Down"


def test_devices_differ_in_what_names_them() -> None:
    first, second = texts(device(1), EVENING), texts(device(2), EVENING)
    for path in ("Device.DeviceInfo.SerialNumber", "Device.WiFi.SSID.1.BSSID", "Device.WiFi.SSID.1.SSID"):
        assert first[path] != second[path]
    assert first["Device.WiFi.SSID.1.BSSID"] == "9C:A2:F4:8B:29:7A"
    assert second["Device.WiFi.SSID.1.BSSID"].startswith("9C:A2:F4:")
