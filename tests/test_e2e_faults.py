"""Devices that fail in every way they know: a command ends as done and verified, or says honestly why not; none is
lost, none happens twice, and no healthy session fails."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from e2e import FINAL, Fleet, Server, World, discovered, finished, queue, seed, until

from cpetwin.simulators.faults import FAULTS

CODE = "Device.DeviceInfo.ProvisioningCode"
HONEST = {"fault-9002": "failed"}
"""Fault -> the state of a command it strikes, where that is not ``done``: the device itself said no."""


def test_every_kind_of_fault_against_a_change(tmp_path: Path) -> None:
    """Each is armed on a device of its own before its change is queued: executed once and verified, or refused and
    said so; the device is asked for nothing twice."""
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "off")
        fleet = world.simulate("--devices", str(len(FAULTS)), "--generate", "60", "--interval", "3s")
        devices = fleet.ids(len(FAULTS))
        discovered(server, len(FAULTS))
        ids = {}
        for device, kind in zip(devices, FAULTS, strict=True):
            fleet.fault(device, kind)
            ids[kind] = queue(server, device, "set", {"values": {CODE: kind}}, verify=f"{CODE} == {kind}")
        for (kind, id), device in zip(ids.items(), devices, strict=True):
            ended = finished(server, id, 60)
            assert ended["state"] == HONEST.get(kind, "done"), (kind, ended)
            times = sum(n for (_, rpc, key), n in fleet.executed().items() if key.startswith(f"{id}-"))
            if ended["state"] == "done":
                assert ended["verified"] is True and times == 1, (kind, ended)
                assert fleet.state(device)["parameters"][CODE]["value"] == kind
            else:
                assert times == 0 and ended["attempts"][-1]["fault"]["code"] == 9002
            assert not fleet.state(device)["faults_armed"], kind
        summary = fleet.summary()
        assert summary["sessions"]["failed"] == 0 and not summary["violations"], summary
        assert server.stop() == 0


def storm(folder: Path, devices: int, interval: str, seconds: float, per_second: int, number: int) -> None:
    """A fleet in which every tenth session breaks, and commands all the while."""
    random = Random(number)
    with World(folder) as world:
        server = world.serve("--cpe-auth", "off")
        fleet = world.simulate(
            "--devices", str(devices), "--generate", "60", "--interval", interval, "--faults", "10%",
            "--seed", str(number), "--retry-minimum", "1s",
        )  # fmt: skip
        known = fleet.ids(devices)
        discovered(server, devices, 60)
        ids: list[str] = []
        begin = len(fleet.journal())
        began, total = time.monotonic(), int(seconds * per_second)
        while len(ids) < total:
            due = began + seconds * len(ids) / total
            until(lambda due=due: time.monotonic() >= due, "the next commands to be due", seconds, server)
            for _ in range(min(20, total - len(ids))):
                ids.append(_queue_one(server, random, known, len(ids)))
        commands = until(lambda: _settled(server, ids), "every command to end", 120, server, 0.5)
        _check(commands, fleet)
        assert len(fleet.journal()) > begin
        summary = fleet.summary()
        assert summary["sessions"]["failed"] == 0 and not summary["violations"], summary
        assert summary["sessions"]["injected"] > 0
        counters = server.counters()
        assert not counters["internal-errors"], counters
        print(summary["sessions"], f"{len(ids)} commands")
        assert server.stop() == 0


def _queue_one(server: Server, random: Random, devices: list[str], number: int) -> str:
    device, when = random.choice(devices), random.choice(("now", "contact"))
    if random.random() < 0.1:
        return queue(server, device, "reboot", {}, when=when)
    return queue(server, device, "set", {"values": {CODE: f"n{number}"}}, when=when)


def _settled(server: Server, ids: list[str]) -> dict[str, dict[str, Any]] | None:
    found = {id: server.api("GET", f"commands/{id}") for id in ids}
    return found if all(c["state"] in (*FINAL, "unknown") for c in found.values()) else None


def _check(commands: dict[str, dict[str, Any]], fleet: Fleet) -> None:
    executed: dict[str, int] = {}
    for (_, _, key), times in fleet.executed().items():
        command = key.partition("-")[0]
        executed[command] = executed.get(command, 0) + times
    for id, command in commands.items():
        times = executed.get(id, 0)
        assert times <= 1, (times, command)
        faults = [attempt["fault"] for attempt in command["attempts"] if isinstance(attempt["fault"], dict)]
        if command["state"] == "failed":
            assert faults and times == 0, command
        else:
            assert command["state"] == "done", command
            assert times == 1 or command["kind"] == "reboot" and command["verified"] is None, command


def test_a_small_storm(tmp_path: Path) -> None:
    """100 devices that call every two seconds, every tenth session broken."""
    storm(tmp_path, 100, "2s", 8, 20, seed())


@pytest.mark.long
def test_two_thousand_devices_for_two_minutes(tmp_path: Path) -> None:
    storm(tmp_path, 2000, "15s", 120, 10, seed())


@pytest.mark.long
def test_a_device_that_vanishes_after_it_was_woken_is_woken_again(tmp_path: Path) -> None:
    """It calls by itself once an hour only; its session falls silent, and the change is still made within a minute."""
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "off")
        fleet = world.simulate("--devices", "1", "--generate", "60", "--interval", "1h")
        (device,) = fleet.ids(1)
        discovered(server, 1)
        fleet.fault(device, "drop-inform")
        ended = finished(server, queue(server, device, "set", {"values": {CODE: "x"}}), 60)
        assert (ended["state"], ended["verified"]) == ("done", True)
