"""The fleet on real sockets against a scripted ACS: what the contract of ``simulate`` promises."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from cpetwin.errors import Ambiguous, NotFound
from cpetwin.simulators.digest import Login
from cpetwin.simulators.fleet import Fleet, Options
from cpetwin.simulators.trees import BUILTIN, builtin
from tests.simulator_acs import ScriptedAcs, gpv, reply, rpc, running, scripted_acs, spv, values

IGD, TR181 = (builtin(name) for name in BUILTIN)
SERIAL = "6puw429yd5x8d"
SSID = "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.SSID"
CREDENTIALS = "InternetGatewayDevice.ManagementServer.ConnectionRequest"

Story = Callable[[ScriptedAcs], Awaitable[None]]


def play(story: Story) -> None:
    async def main() -> None:
        async with scripted_acs() as acs:
            await story(acs)

    asyncio.run(main())


def options(acs: ScriptedAcs, **more: object) -> Options:
    base: dict[str, object] = {
        "trees": (IGD,), "acs": acs.url, "spread": 0.0, "boot_time": 0.01, "retry_minimum": 0.01, "interval": 3600.0,
    }  # fmt: skip
    return Options(**{**base, **more})  # type: ignore[arg-type]


def journal(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def get(url: str, authorization: str = "") -> tuple[int, str]:
    """An HTTP GET by hand: status and WWW-Authenticate; status 0 when the connection is closed without an answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    extra = f"Authorization: {authorization}\r\n" if authorization else ""
    writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n".encode())
    try:
        head = (await reader.read()).decode()
    except ConnectionError:
        head = ""
    writer.close()
    challenge = [line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("WWW-Authenticate")]
    return int(head.split()[1]) if head else 0, "".join(challenge)


async def connection_request(url: str, user: str, password: str) -> int:
    status, challenge = await get(url)
    assert status == 401
    login = Login(user, password, "cnonce")
    login.challenge(challenge)
    return (await get(url, login.header("GET", urlsplit(url).path) or ""))[0]


def test_first_contact_announces_bootstrap_with_the_forced_parameters_and_prints_ids() -> None:
    """0 BOOTSTRAP + 1 BOOT, forced Inform parameters of both roots, device 1 keeps the serial, others append -n."""

    async def story(acs: ScriptedAcs) -> None:
        printed: list[dict[str, object]] = []
        async with running(options(acs, trees=(IGD, TR181), devices=2, prefix="p"), printed.append):
            await acs.wait(lambda: len(printed) == 2)
        first, second = sorted(acs.informs, key=lambda inform: inform.namespace)
        assert first.codes == second.codes == ["0 BOOTSTRAP", "1 BOOT"]
        assert (first.serial, second.serial) == ("p6puw429yd5x8d", "p7ujg5xitkjdz9-2")
        assert set(first.values) == {
            "InternetGatewayDevice." + name
            for name in (
                "DeviceSummary", "DeviceInfo.SpecVersion", "DeviceInfo.HardwareVersion", "DeviceInfo.SoftwareVersion",
                "DeviceInfo.ProvisioningCode", "ManagementServer.ParameterKey", "ManagementServer.ConnectionRequestURL",
                "WANDevice.1.WANConnectionDevice.1.WANIPConnection.1.ExternalIPAddress",
            )
        }  # fmt: skip
        assert {path for path in second.values if "ManagementServer" in path} == {
            f"Device.ManagementServer.{name}"
            for name in ("ParameterKey", "ConnectionRequestURL", "AliasBasedAddressing")
        }
        assert {line["id"] for line in printed} == {"9CA2F4-IGD-p6puw429yd5x8d", "9CA2F4-EC220%2DG5-p7ujg5xitkjdz9%2D2"}

    play(story)


def test_a_session_with_digest_and_an_atomic_fault() -> None:
    """The challenge is answered; a SetParameterValues with one bad name is refused whole and the session goes on."""

    async def story(acs: ScriptedAcs) -> None:
        acs.login = ("boot", "strap")
        acs.todo[SERIAL].extend(
            [
                spv("k1", (SSID, "x", "string"), (SSID + "Nope", "x", "string")),
                gpv(SSID, "InternetGatewayDevice.ManagementServer.ParameterKey"),
            ]
        )
        async with running(options(acs, user="boot", password="strap", frozen=True)):
            await acs.wait(lambda: acs.ended(SERIAL))
        fault, read = (body for _, body in acs.answers)
        assert "<FaultCode>9003</FaultCode>" in fault
        assert f"<ParameterName>{SSID}Nope</ParameterName><FaultCode>9005</FaultCode>" in fault
        assert values(read)[SSID][0] == IGD.leaves[SSID].text
        assert values(read)["InternetGatewayDevice.ManagementServer.ParameterKey"][0] == ""

    play(story)


def test_credentials_that_the_acs_sets_are_used_from_the_next_session_on() -> None:
    async def story(acs: ScriptedAcs) -> None:
        acs.login = ("boot", "strap")
        server = "InternetGatewayDevice.ManagementServer."
        acs.todo[SERIAL].append(spv("k", (server + "Username", "own", "string"), (server + "Password", "pw", "string")))
        async with running(options(acs, user="boot", password="strap")) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL))
            acs.login = ("own", "pw")
            fleet.power(fleet.find(SERIAL), "reset")
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
        assert acs.informs[-1].codes == ["1 BOOT"]

    play(story)


def test_reboot_comes_back_with_its_command_key() -> None:
    """Reboot is carried out after the session: 1 BOOT and M Reboot with the key, and one journal line."""

    async def story(acs: ScriptedAcs) -> None:
        acs.todo[SERIAL].append(rpc("Reboot", CommandKey="r-7"))
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: len(acs.informs) == 2 and acs.ended(SERIAL) == 2)
            assert fleet.journal.counts == {"Reboot": 1}
        assert sorted(acs.informs[1].events) == [("1 BOOT", ""), ("M Reboot", "r-7")]

    play(story)


def test_factory_reset_comes_back_as_a_new_device() -> None:
    async def story(acs: ScriptedAcs) -> None:
        acs.login = ("boot", "strap")
        acs.todo[SERIAL].extend([spv("k", (SSID, "mine", "string")), rpc("FactoryReset")])
        async with running(options(acs, user="boot", password="strap", frozen=True)) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            assert fleet.find(SERIAL).setting(SSID) == IGD.leaves[SSID].text
        assert acs.informs[1].codes == ["0 BOOTSTRAP", "1 BOOT"]
        assert acs.informs[1].values["InternetGatewayDevice.ManagementServer.ParameterKey"][0] == ""

    play(story)


def test_a_proved_connection_request_leads_to_an_inform() -> None:
    """401 without proof and with a wrong one, 200 with the right one, then 6 CONNECTION REQUEST; off: no answer."""

    async def story(acs: ScriptedAcs) -> None:
        acs.todo[SERIAL].append(spv("k", (CREDENTIALS + "Password", "cr", "string")))
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL))
            url = acs.informs[0].values[CREDENTIALS + "URL"][0]
            assert await connection_request(url, "d5zzq", "wrong") == 401
            assert await connection_request(url, "d5zzq", "cr") == 200
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            assert acs.informs[1].codes == ["6 CONNECTION REQUEST"]
            assert (await get(url + "x"))[0] == 404
            fleet.power(fleet.find(SERIAL), "off")
            assert (await get(url))[0] == 0

    play(story)


def test_a_connection_request_during_a_session_is_503() -> None:
    async def story(acs: ScriptedAcs) -> None:
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL))
            url = acs.informs[0].values[CREDENTIALS + "URL"][0]
            device = fleet.find(SERIAL)
            device.configure("ConnectionRequestPassword", "cr")
            held: list[bool] = []

            def hook(post: object) -> bytes:
                held.append(True)
                return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

            acs.hook = hook  # the answer never comes: the session stays open
            assert await connection_request(url, "d5zzq", "cr") == 200
            await acs.wait(lambda: held)
            assert await connection_request(url, "d5zzq", "cr") == 503
            fleet.power(device, "off")

    play(story)


def test_power_off_is_silence_and_power_on_a_boot_at_once() -> None:
    async def story(acs: ScriptedAcs) -> None:
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL))
            device = fleet.find(SERIAL)
            fleet.power(device, "off")
            fleet.set(device, "InternetGatewayDevice.DeviceInfo.ProvisioningCode", "x")
            assert fleet.state(device)["power"] == "off"
            fleet.power(device, "on")
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            assert fleet.state(device)["power"] == "on"
        assert acs.informs[1].codes == ["1 BOOT", "4 VALUE CHANGE"]
        assert acs.informs[1].values["InternetGatewayDevice.DeviceInfo.ProvisioningCode"][0] == "x"

    play(story)


def test_a_change_at_the_device_opens_a_session_where_it_is_notified() -> None:
    async def story(acs: ScriptedAcs) -> None:
        path = "InternetGatewayDevice.DeviceInfo.ProvisioningCode"
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL))
            fleet.set(fleet.find(SERIAL), path, "shop-3")
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            with pytest.raises(NotFound):
                fleet.set(fleet.find(SERIAL), path + "x", "1")
        assert acs.informs[1].codes == ["4 VALUE CHANGE"]
        assert acs.informs[1].values[path][0] == "shop-3"

    play(story)


def test_failed_sessions_are_retried_with_a_rising_count_and_their_events() -> None:
    """The events stay until they are acknowledged; RetryCount counts the failures and is 0 after a success."""

    async def story(acs: ScriptedAcs) -> None:
        refusals = iter([503, 500])

        def hook(post: object) -> bytes | None:
            status = next(refusals, 0)
            return reply(status, b"") if status else None

        acs.hook = hook
        async with running(options(acs)) as fleet:
            await acs.wait(lambda: fleet.sessions["ok"])
            assert fleet.find(SERIAL).retries == 0
            assert fleet.sessions == {"failed": 2, "ok": 1}
        assert (acs.informs[0].retry, acs.informs[0].codes) == (2, ["0 BOOTSTRAP", "1 BOOT"])

    play(story)


def test_a_periodic_interval_set_by_the_acs_is_obeyed() -> None:
    async def story(acs: ScriptedAcs) -> None:
        path = "InternetGatewayDevice.ManagementServer.PeriodicInformInterval"
        acs.todo[SERIAL].append(spv("k", (path, "1", "unsignedInt")))
        async with running(options(acs, interval=None)):
            await acs.wait(lambda: len(acs.informs) == 2)
        assert acs.informs[1].codes == ["2 PERIODIC"]

    play(story)


def test_a_scheduled_inform_comes_with_its_key() -> None:
    async def story(acs: ScriptedAcs) -> None:
        acs.todo[SERIAL].append(rpc("ScheduleInform", DelaySeconds="1", CommandKey="s-1"))
        async with running(options(acs)):
            await acs.wait(lambda: len(acs.informs) == 2)
        assert acs.informs[1].events == [("3 SCHEDULED", ""), ("M ScheduleInform", "s-1")]

    play(story)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_frozen_tree_over_the_wire_equals_the_dump(name: str) -> None:
    """Types and empty values too, but for ManagementServer (the surface's promise for --frozen)."""

    async def story(acs: ScriptedAcs) -> None:
        tree = builtin(name)
        serial = tree.identity[3]
        acs.todo[serial].append(gpv(tree.root))
        async with running(options(acs, trees=(tree,), frozen=True)):
            await acs.wait(lambda: acs.ended(serial))
        got = {path: pair for path, pair in values(acs.answers[0][1]).items() if ".ManagementServer." not in path}
        expected = {
            path: (leaf.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), leaf.type)
            for path, leaf in tree.leaves.items()
            if ".ManagementServer." not in path
        }
        assert got == expected

    play(story)


def test_the_journal_has_each_executed_request_once_whatever_becomes_of_the_answer(tmp_path: Path) -> None:
    """Every answer of the fleet is endangered; the ACS repeats what it got no answer for under the same key. The
    journal has exactly the executions, and the ParameterKey of the last one is the one that counts."""

    async def story(acs: ScriptedAcs) -> None:
        file = tmp_path / "journal.jsonl"
        sent = 0
        async with running(options(acs, devices=5, journal=file)) as fleet:
            await acs.wait(lambda: all(acs.ended(device.serial) for device in fleet.devices))
            for device in fleet.devices:
                for kind in ("drop-after", "drop-before", "empty-answer"):
                    fleet.inject(device, kind)
                acs.todo[device.serial].extend(spv(f"k{turn}", (SSID, f"turn-{turn}", "string")) for turn in range(4))
                sent += 4
                fleet.power(device, "reset")
            await acs.wait(lambda: not any(acs.todo.values()) and not fleet.summary()["running"])
            keys = {device.key: device.management("ParameterKey") for device in fleet.devices}
            armed = [device.armed for device in fleet.devices if device.armed]
        rows = journal(file)
        assert not armed
        assert sent == 20
        for key, last in keys.items():
            mine = [row for row in rows if row["device"] == key]
            # drop-before loses one request unexecuted; every other one is there once, answered or not.
            assert [row["key"] for row in mine] == ["k0", "k2", "k3"]
            assert last == "k3"
            assert mine[0]["args"] == {SSID: "turn-0"}
            assert mine[0]["result"] == 0

    play(story)


def test_a_fleet_with_faults_recovers_by_itself() -> None:
    """With every session endangered no device is lost: all come to a normal end sooner or later."""

    async def story(acs: ScriptedAcs) -> None:
        fast = {"drop-inform", "drop-before", "drop-after", "wrong-id", "empty-answer", "fault-9002", "reboot"}
        async with running(options(acs, devices=20, interval=0.1)) as fleet:
            random = Random(3)
            for device in fleet.devices:
                device.armed.extend(random.choices(sorted(fast), k=3))

            served: dict[str, int] = {}

            def all_struck() -> bool:
                for device in fleet.devices:
                    inform = sum(inform.serial == device.serial for inform in acs.informs)
                    if device.armed and served.get(device.serial) != inform:
                        served[device.serial] = inform  # one request per session, for the fault to strike at
                        acs.todo[device.serial].append(gpv(SSID))
                return not any(device.armed for device in fleet.devices)

            await acs.wait(all_struck)
            assert fleet.sessions["injected"] == 60
            assert fleet.sessions["failed"] == 0

    play(story)


def test_state_survives_a_restart_of_the_simulator(tmp_path: Path) -> None:
    """--state: values, ParameterKey and undelivered M events; the restart is a boot, not a bootstrap."""

    async def story(acs: ScriptedAcs) -> None:
        acs.todo[SERIAL].append(spv("kept", (SSID, "mine", "string")))
        settings = options(acs, state=tmp_path)
        async with running(settings):
            await acs.wait(lambda: acs.ended(SERIAL))
        async with running(settings) as fleet:
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            assert fleet.find(SERIAL).setting(SSID) == "mine"
        assert "0 BOOTSTRAP" not in acs.informs[1].codes
        assert acs.informs[1].values["InternetGatewayDevice.ManagementServer.ParameterKey"][0] == "kept"

    play(story)


def test_the_fleet_waits_for_server_json_and_follows_it(tmp_path: Path) -> None:
    """Started before the server: waits. The server comes back at another address: the devices go there."""

    async def story(acs: ScriptedAcs) -> None:
        async with running(replace(options(acs), acs="", data=tmp_path)) as fleet:
            file = tmp_path / "server.json"
            file.write_text(json.dumps({"cwmp": "http://127.0.0.1:1/", "cpe_user": "u", "cpe_password": "p"}))
            file.write_text(json.dumps({"cwmp": acs.url, "cpe_user": "u", "cpe_password": "p"}))
            await acs.wait(lambda: acs.ended(SERIAL))
            assert fleet.find(SERIAL).credentials == ("u", "p")

    play(story)


def test_devices_are_found_by_serial_id_and_unique_end() -> None:
    async def story(acs: ScriptedAcs) -> None:
        async with running(options(acs, devices=12)) as fleet:
            assert fleet.find(SERIAL).number == 1
            assert fleet.find(f"{SERIAL}-7") is fleet.find(f"9CA2F4-IGD-{SERIAL}%2D7")
            assert fleet.find("D7").number == 7
            with pytest.raises(Ambiguous):
                fleet.find("2")
            with pytest.raises(NotFound):
                fleet.find("nobody")

    play(story)


def test_the_fleet_ends_in_time_and_says_what_it_did() -> None:
    async def story(acs: ScriptedAcs) -> None:
        summary = await Fleet(options(acs, devices=3, duration=0.5)).run()
        assert summary["sessions"] == {"ok": 3, "failed": 0, "injected": 0, "cut": 0}
        assert summary["violations"] == {}
        assert isinstance(summary["cpu_s"], float)

    play(story)
