"""``cpetwin simulate`` as people type it: a real process, its control API, exit codes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from cpetwin.cli import run
from cpetwin.errors import BadInput
from cpetwin.simulators.control import parse_address
from tests.simulator_acs import LIMIT, scripted_acs

RUN = (sys.executable, "-m", "cpetwin", "simulate")
SERIAL = "6puw429yd5x8d"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["usp"], "not there yet"),
        (["mixed", "--devices", "5"], "not there yet"),
        (["cwmp", "--clock", "server"], "later issue"),
    ],
)
def test_what_comes_later_is_said_and_not_faked(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["power", "on", "x"], 6),
        (["state", "x", "--control", "127.0.0.1:1"], 6),
        (["power", "on", "x", "--control", "192.0.2.1:80"], 2),
        (["power", "up", "x"], 2),
        (["set", "x", "no-assignment"], 2),
        (["cwmp", "--faults", "many"], 2),
        (["cwmp", "--interval", "soon"], 2),
        (["cwmp", "--dump", "no-such-file.csv"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, data_folder: Path) -> None:
    assert run(["simulate", *arguments]) == code


@pytest.mark.parametrize("text", ["127.0.0.1", "example.org:80", "0.0.0.0:80", "127.0.0.1:99999"])
def test_the_control_api_is_only_on_loopback(text: str) -> None:
    with pytest.raises(BadInput):
        parse_address(text)


def test_a_fleet_as_a_process(tmp_path: Path) -> None:
    """Ids as JSON lines, simulator.json (0600), power, set, fault and state by serial or id, SIGTERM ends it clean."""

    async def steer(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *RUN, *arguments, "--data", str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async def main() -> None:
        async with scripted_acs() as acs, asyncio.timeout(3 * LIMIT):
            (tmp_path / "server.json").write_text(json.dumps({"cwmp": acs.url, "cpe_user": "u", "cpe_password": "p"}))
            fleet = await asyncio.create_subprocess_exec(
                *RUN, "cwmp", "--data", str(tmp_path), "--interval", "1h", "--spread", "0s", "--journal",
                str(tmp_path / "journal.jsonl"),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert fleet.stdout is not None
            ids = {json.loads(await fleet.stdout.readline())["id"] for _ in range(2)}
            assert ids == {f"9CA2F4-IGD-{SERIAL}", "9CA2F4-EC220%2DG5-7ujg5xitkjdz9%2D2"}
            assert (tmp_path / "simulator.json").stat().st_mode & 0o777 == 0o600
            await acs.wait(lambda: acs.ended(SERIAL))
            results = await asyncio.gather(
                steer("set", f"9CA2F4-IGD-{SERIAL}", "InternetGatewayDevice.DeviceInfo.ProvisioningCode=a=b"),
                steer("fault", SERIAL, "no-such-fault"),
                steer("power", "off", "nobody"),
            )
            assert [code for code, _ in results] == [0, 2, 3]
            await acs.wait(lambda: acs.ended(SERIAL) == 2)
            assert (await steer("power", "off", SERIAL))[0] == 0
            state = json.loads((await steer("state", SERIAL, "--json"))[1])
            assert state["power"] == "off"
            assert state["parameters"]["InternetGatewayDevice.DeviceInfo.ProvisioningCode"]["value"] == "a=b"
            fleet.send_signal(signal.SIGTERM)
            out, _ = await fleet.communicate()
            assert fleet.returncode == 0
            summary = json.loads(out.decode().splitlines()[-1])["summary"]
            assert summary["sessions"]["failed"] == 0
            assert summary["cpu_s"] > 0
            assert not (tmp_path / "simulator.json").exists()
            assert (tmp_path / "simulator" / "devices.sqlite").exists()

    asyncio.run(main())
