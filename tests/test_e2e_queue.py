"""The queue over real processes: a change survives power cuts on both sides and happens once; every kind of command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e import Fleet, World, discovered, finished, queue, show, until

IGD = "InternetGatewayDevice."
CODE = IGD + "DeviceInfo.ProvisioningCode"
CHANNEL = IGD + "LANDevice.1.WLANConfiguration.1.Channel"
PASSWORD = IGD + "LANDevice.1.WLANConfiguration.1.X_TP_MultiSSID.MultiSSIDEntry.1.PreSharedKey"
TABLE = IGD + "LANDevice.1.LANHostConfigManagement.DHCPStaticAddress."


def executions(fleet: Fleet, command: str) -> dict[str, int]:
    """RPC -> how often it was executed for a command."""
    return {rpc: n for (_, rpc, key), n in fleet.executed().items() if key.startswith(f"{command}-")}


def test_a_change_survives_the_power_cut_of_both_and_happens_once(tmp_path: Path) -> None:
    """Queued while the device is off; the server killed with -9 and started again; the device comes on: executed
    exactly once, read back, and `queue show` says verified."""
    with World(tmp_path) as world:
        server = world.serve()
        fleet = world.simulate("--devices", "1", "--interval", "1h")
        (device,) = fleet.ids(1)
        discovered(server, 1)
        fleet.power(device, "off")
        queued = world.cli("command", "set", device, f"{CODE}=shop", "--verify", f"{CODE} == shop", "--json")
        assert queued.code == 0, queued.err
        command = queued.json["id"]
        assert queued.json["state"] == "queued"
        server.kill()
        server = world.serve()
        assert show(server, command)["state"] == "queued"
        fleet.power(device, "on")
        ended = finished(server, command)
        assert (ended["state"], ended["verified"]) == ("done", True)
        assert executions(fleet, command) == {"SetParameterValues": 1}
        shown = world.cli("queue", "show", command)
        assert shown.code == 0 and "done, verified" in shown.out
        assert fleet.state(device)["parameters"][CODE]["value"] == "shop"


class Home:
    """A server, and one device that calls by itself once an hour only: what happens sooner was woken."""

    def __init__(self, world: World, *options: str) -> None:
        self.world = world
        self.server = world.serve(*options)
        self.fleet = world.simulate("--devices", "1", "--interval", "1h", "--frozen")
        (self.device,) = self.fleet.ids(1)
        discovered(self.server, 1)

    def run(self, *words: str) -> tuple[int, dict]:  # type: ignore[type-arg]
        """``cpetwin command ...``: exit code and what was printed."""
        ran = self.world.cli("command", *words, "--json")
        assert ran.out, ran.err
        return ran.code, ran.json


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with World(tmp_path_factory.mktemp("home")) as world:
        yield Home(world)


def test_without_authentication_a_device_is_woken_too(tmp_path: Path) -> None:
    """Nobody gives it credentials, so its connection requests have none; a factory reset changes nothing."""
    with World(tmp_path) as world:
        home = Home(world, "--cpe-auth", "off")
        for words in (["set", home.device, f"{CODE}=x"], ["factory-reset", home.device], ["get", home.device, CODE]):
            code, done = home.run(*words, "--wait", "10s")
            assert (code, done["state"]) == (0, "done")


def test_every_kind_of_command_is_executed_once_and_verified(home: Home) -> None:
    """set, get, add, delete, reboot and factory-reset wake the device, end as done within seconds with exit code 0, and
    the journal has each exactly once."""
    fleet, device = home.fleet, home.device
    code, done = home.run("set", device, f"{CHANNEL}=11", "--verify", f"{CHANNEL} == 11", "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)
    assert executions(fleet, done["id"]) == {"SetParameterValues": 1}

    code, done = home.run("get", device, CHANNEL, IGD + "DeviceInfo.", "--wait", "10s")
    assert (code, done["state"]) == (0, "done")
    assert done["result"]["values"][CHANNEL] == "11"

    code, done = home.run("add", device, TABLE, "Chaddr=00:11:22:33:44:55", "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)
    assert executions(fleet, done["id"]) == {"AddObject": 1, "SetParameterValues": 1}
    row = done["result"]["path"]
    assert fleet.state(device)["parameters"][row + "Chaddr"]["value"] == "00:11:22:33:44:55"
    read = home.world.cli("twin", "get", device, row + "Chaddr", "--json")
    assert read.json[0]["value"] == "00:11:22:33:44:55"

    code, done = home.run("delete", device, row, "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)
    assert executions(fleet, done["id"]) == {"DeleteObject": 1}
    assert home.world.cli("twin", "get", device, row + "Chaddr").code == 3

    code, done = home.run("reboot", device, "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)
    assert executions(fleet, done["id"]) == {"Reboot": 1}

    code, done = home.run("factory-reset", device, "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)
    assert sum(n for (_, rpc, _), n in fleet.executed().items() if rpc == "FactoryReset") == 1
    assert fleet.state(device)["parameters"][CHANNEL]["value"] == "6"


def test_after_a_reset_the_device_is_commanded_as_before(home: Home) -> None:
    """A factory reset takes the credentials away; the next command still wakes the device and is done."""
    code, done = home.run("factory-reset", home.device, "--wait", "10s")
    assert (code, done["state"]) == (0, "done")
    code, done = home.run("set", home.device, f"{CODE}=again", "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", True)


def test_a_precondition_that_fails_keeps_the_device_as_it_is(home: Home) -> None:
    before = home.fleet.state(home.device)["parameters"][CODE]["value"]
    code, done = home.run("set", home.device, f"{CODE}=never", "--if", f"{CHANNEL} == 13", "--wait", "10s")
    assert (code, done["state"]) == (1, "failed")
    assert CHANNEL in str(done["result"]) and not executions(home.fleet, done["id"])
    assert home.fleet.state(home.device)["parameters"][CODE]["value"] == before


def test_a_verification_that_fails_is_said(home: Home) -> None:
    """The write is executed; what must hold afterwards does not: failed and not verified, exit code 1."""
    code, done = home.run("set", home.device, f"{CODE}=x", "--verify", f"{CHANNEL} == 13", "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (1, "failed", False)
    assert executions(home.fleet, done["id"]) == {"SetParameterValues": 1}


def test_a_refusal_of_the_device_is_a_failure_with_its_fault(home: Home) -> None:
    code, done = home.run("set", home.device, f"{CHANNEL}=77", "--wait", "10s")
    assert (code, done["state"]) == (1, "failed")
    faults = [attempt["fault"] for attempt in done["attempts"] if attempt["fault"]]
    assert faults and faults[-1]["code"] == 9003 and faults[-1]["parameters"][0]["code"] == 9007
    again = home.world.cli("queue", "retry", done["id"], "--json")
    assert again.code == 0, again.err
    ended = finished(home.server, done["id"])
    assert (ended["state"], len([a for a in ended["attempts"] if a["action"] == "sent"])) == ("failed", 2)


def test_a_secret_is_delivered_and_shown_nowhere(home: Home) -> None:
    """The value of a hidden parameter reaches the device; queue and logs show ***; verified is "unreadable"."""
    secret = "correct horse battery"
    code, done = home.run("set", home.device, f"{PASSWORD}={secret}", "--wait", "10s")
    assert (code, done["state"], done["verified"]) == (0, "done", "unreadable")
    shown = home.world.cli("queue", "show", done["id"], "--json").out
    assert secret not in shown and "***" in shown
    assert secret not in home.server.errors()
    assert executions(home.fleet, done["id"]) == {"SetParameterValues": 1}
    files = [file for file in home.world.data.rglob("*") if file.is_file()]
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_what_cannot_be_delivered_waits_expires_and_can_be_cancelled(home: Home) -> None:
    """The device is off: exit code 7 while it is pending, expiry ends it with exit code 1, cancelling too; the same key
    gives the same command, and another wish under it is a conflict (5). Nothing of it is ever executed."""
    fleet, device = home.fleet, home.device
    until(lambda: not fleet.state(device)["in_session"], "the device to be idle")
    fleet.power(device, "off")
    try:
        code, waits = home.run("set", device, f"{CODE}=a", "--wait", "1s", "--key", "wish-1")
        assert (code, waits["state"]) == (7, "queued")
        code, same = home.run("set", device, f"{CODE}=a", "--key", "wish-1")
        assert (code, same["id"]) == (0, waits["id"])
        other = home.world.cli("command", "set", device, f"{CODE}=b", "--key", "wish-1")
        assert other.code == 5 and "wish-1" in other.err
        cancelled = home.world.cli("queue", "cancel", waits["id"], "--json")
        assert (cancelled.code, cancelled.json["state"]) == (0, "cancelled")
        assert home.world.cli("queue", "cancel", waits["id"]).code == 5
        code, expired = home.run("set", device, f"{CODE}=c", "--expires", "1s", "--wait", "10s")
        assert (code, expired["state"]) == (1, "expired")
        code, later = home.run("set", device, f"{CODE}=later", "--when", "contact")
        assert (code, later["state"]) == (0, "queued")
    finally:
        fleet.power(device, "on")
    ended = finished(home.server, later["id"])
    assert (ended["state"], ended["verified"]) == ("done", True)
    assert executions(fleet, later["id"]) == {"SetParameterValues": 1}
    for command in (waits["id"], expired["id"]):
        assert not executions(fleet, command)


def test_a_connection_request_brings_the_device_within_seconds(home: Home) -> None:
    """--when now wakes a device that would call in an hour; --when contact leaves it in peace."""
    device = home.device
    until(lambda: not home.fleet.state(device)["in_session"], "the device to be idle")
    before = home.fleet.state(device)["counters"].get("connection-requests", 0)
    quiet = queue(home.server, device, "set", {"values": {CODE: "quiet"}}, when="contact")
    assert show(home.server, quiet)["state"] == "queued"
    began = time.monotonic()
    loud = queue(home.server, device, "set", {"values": {CODE: "loud"}}, when="now")
    assert finished(home.server, loud, 10)["verified"] is True
    assert time.monotonic() - began < 5
    assert finished(home.server, quiet)["state"] == "done"
    assert home.fleet.state(device)["counters"]["connection-requests"] == before + 1
    order = [row["key"] for row in home.fleet.journal() if row["key"].startswith((f"{quiet}-", f"{loud}-"))]
    assert [key.partition("-")[0] for key in order] == [quiet, loud]


def test_changes_queued_while_the_device_is_in_session_are_taken_along(home: Home) -> None:
    """Twenty changes one after the other: each executed once, in their order."""
    ids = [queue(home.server, home.device, "set", {"values": {CODE: f"n{n}"}}) for n in range(20)]
    assert [finished(home.server, command)["verified"] for command in ids] == [True] * 20
    keys = [row["key"].partition("-")[0] for row in home.fleet.journal() if row["rpc"] == "SetParameterValues"]
    assert [key for key in keys if key in ids] == ids
