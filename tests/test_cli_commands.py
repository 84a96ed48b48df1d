"""The command line against a real API over a real socket: what it prints, and that its exit codes are exact."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from api_world import ONLINE, T0, World, in_world

from cpetwin.cli import run
from cpetwin.commands._client import logins_file
from cpetwin.commands.command import split_assignment
from cpetwin.errors import BadInput
from cpetwin.twin.report import CommandUpdate

CHANNEL = "Device.WiFi.Radio.1.Channel"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run_here(*line: str, stdin: str = "") -> Ran:
    out, err = io.StringIO(), io.StringIO()
    before = sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(line)
    finally:
        sys.stdin = before
    return Ran(code, out.getvalue(), err.getvalue())


Cli = Callable[..., Awaitable[Ran]]


@pytest.fixture
def with_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> Callable[[Callable[[World, Cli], Awaitable[None]]], None]:
    """Run a test with a world and a command line that finds it through the data folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "UTC")

    def go(test: Callable[[World, Cli], Awaitable[None]]) -> None:
        async def inside(world: World) -> None:
            told = {"api": str(world.client.make_url("/")).rstrip("/"), "token_file": str(data_folder / "cli.token")}
            (data_folder / "server.json").write_text(json.dumps(told))

            async def cli(*line: str, stdin: str = "") -> Ran:
                return await asyncio.to_thread(run_here, *line, stdin=stdin)

            await test(world, cli)

        in_world(tmp_path, inside)

    return go


def test_reading_commands_print_one_json_document_anywhere_on_the_line(with_cli: Any) -> None:
    """``--json`` may stand first, in the middle or last; what comes is the shape of the surface."""

    async def test(world: World, cli: Cli) -> None:
        for line in (
            "status", "enrol show", "find 960007", "device list", "device show SN1", f"twin get SN1 {CHANNEL}",
            "twin tree SN1 Device.WiFi.", "twin export SN1 --native", f"twin history SN1 {CHANNEL}", "queue list",
            "queue list SN1 --state queued --since -2h", "audit show --reads --since 2026-01-01", "audit verify",
            "user list", "token list", "store stats", "store check",
        ):  # fmt: skip
            words = line.split()
            for words_json in (["--json", *words], [words[0], "--json", *words[1:]], [*words, "--json"]):
                ran = await cli(*words_json)
                assert ran.code == 0 and ran.json is not None, (words_json, ran)
            plain = await cli(*words)
            assert plain.code == 0 and "\x1b[" not in plain.out, (line, plain)

    with_cli(test)


def test_exit_codes_are_those_of_the_surface(with_cli: Any, tmp_path: Path) -> None:
    async def test(world: World, cli: Cli) -> None:
        l1 = await world.token("l1")
        expected = {
            "frob": 2, "device": 2, "device list --limit x": 2, "device list --where colour": 2, "device show": 2,
            "device show 001122": 2,
            "device show nosuch": 3, "find nothing-like-this": 3, "queue show c999": 3, "twin get nosuch X.Y": 3,
            "twin get SN1 Device.Nope": 3, f"twin get SN1 Device.Nope {CHANNEL}": 0, "twin get SN3 Device.Any": 0,
            f"user list --token {l1}": 4, "status --token cpt_wrong": 4, "status --as nobody": 4,
            "user remove admin": 5,
            "status --server http://127.0.0.1:9": 6, f"status --data {tmp_path / 'elsewhere'}": 6,
            f"command set SN1 {CHANNEL}=11 --wait 1ms": 7, f"command set SN1 {CHANNEL}=11": 0,
            "command set SN1 novalue": 2, "command set SN1 Device.DeviceInfo.ModelName=x": 2,
            "command reboot SN1 --when window:night": 2, "command reboot SN1 --expires soon": 2,
            "--tz Nowhere/At status": 2, "status --data": 2,
        }  # fmt: skip
        for line, code in expected.items():
            ran = await cli(*line.split())
            assert ran.code == code, (line, ran)
            assert code in (0, 7) or ran.err, f"{line}: the reason is printed"

        here = str(world.client.make_url("/"))
        assert (await cli("status", "--server", here)).code == 4, "a server is named, but no token"
        assert (await cli("status", "--server", here, "--token", world.owner)).code == 0

    with_cli(test)


def test_queueing_says_when_it_will_happen(with_cli: Any) -> None:
    """The sentence of the surface: contact, usual interval, expected time, expiry."""

    async def test(world: World, cli: Cli) -> None:
        ran = await cli("command", "reboot", "SN1", "--when", "contact")
        assert ran.code == 0 and "last seen 3 min ago; usual contact every 60 min" in ran.out
        assert "expected by 12:57; expires in 24 h" in ran.out
        assert ran.out.startswith(next(iter((await cli("queue", "list", "--json")).json))["id"] + " queued: online")

    with_cli(test)


def test_a_command_carries_everything_that_was_given(with_cli: Any) -> None:
    async def test(world: World, cli: Cli) -> None:
        ran = await cli(
            "command", "set", "SN1", f"{CHANNEL}=11", "Device.WiFi.SSID.1.SSID=a=b", "--if", f"{CHANNEL} == 6",
            "--verify", f"{CHANNEL} == 11", "--key", "k", "--reason", "why", "--expires", "2h", "--when",
            "2030-01-01T00:00:00.5+01:00", "--json",
        )  # fmt: skip
        shown = ran.json
        assert shown["args"]["values"] == {CHANNEL: "11", "Device.WiFi.SSID.1.SSID": "a=b"}
        assert (shown["if"], shown["verify"], shown["key"], shown["reason"]) == (
            f"{CHANNEL} == 6", f"{CHANNEL} == 11", "k", "why",
        )  # fmt: skip
        assert shown["not_before"] == "2029-12-31T23:00:00.500+00:00" and shown["state"] == "queued"
        assert shown["expires"] == "2026-01-01T14:00:00.000+00:00"
        assert (await cli("queue", "cancel", shown["id"])).code == 0
        assert (await cli("queue", "cancel", shown["id"])).code == 5
        again = await cli("queue", "retry", shown["id"], "--json")
        assert again.json["state"] == "queued"

    with_cli(test)


def test_waiting_ends_with_the_outcome(with_cli: Any) -> None:
    """0 done, 1 failed with its fault, 7 still pending."""

    async def test(world: World, cli: Cli) -> None:
        queued = asyncio.Event()
        world.services.queue.on_queued.append(lambda device, command: queued.set())

        async def finish(state: str, fault: object, verified: bool | None) -> None:
            await queued.wait()
            queued.clear()
            id = (await world.store.commands(world.online.key, ("queued",)))[0].id
            await world.store.update_command(CommandUpdate(id, ("queued",), "sent"), T0)
            attempt = {"at": T0, "action": "SetParameterValues", "fault": fault}
            await world.store.update_command(CommandUpdate(id, ("sent",), state, attempt, verified=verified), T0)
            world.services.queue.touched(id)

        line = ("command", "set", "SN1", f"{CHANNEL}=11", "--wait", "20s")
        ran, _ = await asyncio.gather(cli(*line), finish("done", None, True))
        assert ran.code == 0 and "done, verified" in ran.out
        ran, _ = await asyncio.gather(cli(*line), finish("failed", {"code": 9007, "text": "Invalid value"}, None))
        assert ran.code == 1 and "9007 Invalid value" in ran.out

    with_cli(test)


def test_old_values_are_read_anew_only_when_asked(with_cli: Any) -> None:
    """--max-age queues one read; values that stay old are shown all the same, with exit code 7."""

    async def test(world: World, cli: Cli) -> None:
        assert (await cli("twin", "get", "SN1", CHANNEL, "--max-age", "3h")).code == 0
        assert (await cli("queue", "list", "--json")).json == []
        ran = await cli("twin", "get", "SN1", CHANNEL, "--max-age", "5m", "--wait", "10ms")
        assert ran.code == 7 and "6" in ran.out
        queued = (await cli("queue", "list", "--json")).json
        assert [command["args"]["paths"] for command in queued] == [[CHANNEL]]

    with_cli(test)


def test_logins_are_stored_for_their_owner_only(with_cli: Any) -> None:
    async def test(world: World, cli: Cli) -> None:
        made = await cli("user", "add", "night", "--role", "l1", "--json")
        one_time = made.json["password"]
        assert (await cli("login", "night", stdin="wrong\n")).code == 4
        ran = await cli("login", "night", stdin=f"{one_time}\nmy own long password\n")
        assert ran.code == 0 and "--as night" in ran.out and "cpt_" not in ran.out
        assert stat.S_IMODE(logins_file().stat().st_mode) == 0o600
        assert (await cli("device", "list", "--as", "night")).code == 0
        assert (await cli("user", "list", "--as", "night")).code == 4
        assert (
            await cli("user", "password", "--as", "night", stdin="my own long password\nanother one, long\n")
        ).code == 0
        token = (await cli("token", "create", "--as", "night", "--expires", "1h", "--json")).json
        assert (await cli("device", "list", "--token", token["token"])).code == 0
        assert (await cli("token", "revoke", token["id"])).code == 0
        assert (await cli("device", "list", "--token", token["token"])).code == 4

    with_cli(test)


def test_inventory_import_names_bad_lines(with_cli: Any, tmp_path: Path) -> None:
    async def test(world: World, cli: Cli) -> None:
        file = tmp_path / "homes.csv"
        file.write_text("serial,oui,home\nSN1,001122,home-1\n,001122,home-2\n")
        ran = await cli("inventory", "import", str(file))
        assert ran.code == 1 and "1 updated" in ran.out and f"{file}:3: " in ran.err
        file.write_text("serial,oui,home\nSN1,001122,home-1\n")
        ran = await cli("inventory", "import", str(file), "--json")
        assert ran.code == 0 and ran.json["unchanged"] == 1

    with_cli(test)


def test_every_id_that_is_printed_is_accepted_back(with_cli: Any) -> None:
    async def test(world: World, cli: Cli) -> None:
        rows = (await cli("device", "list", "--columns", "id", "--limit", "0", "--json")).json["rows"]
        assert [ONLINE.text] in rows
        for (id,) in rows:
            assert (await cli("device", "show", id, "--json")).json["id"] == id
        assert (await cli("device", "tag", ONLINE.text, "vip=yes", "--json")).json["tags"] == {"vip": "yes"}
        assert (await cli("device", "tag", ONLINE.text, "vip=", "--json")).json["tags"] == {}
        assert (await cli("device", "forget", "SN3", "--yes")).code == 0

    with_cli(test)


def test_what_a_device_says_cannot_steer_the_terminal(with_cli: Any) -> None:
    async def test(world: World, cli: Cli) -> None:
        await world.tell(world.online, T0, {CHANNEL: "\x1b[31mred\x1b[0m [bold]\u202e"})
        ran = await cli("twin", "get", "SN1", CHANNEL)
        assert "\x1b" not in ran.out and "\\x1b[31mred" in ran.out and "[bold]" in ran.out and "\u202e" not in ran.out

    with_cli(test)


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("A.B=1", "A.B", "1"),
        ("A.B=", "A.B", ""),
        ("A.B=x=y", "A.B", "x=y"),
        ('A.[B=="5GHz"&&C==1].D=40', 'A.[B=="5GHz"&&C==1].D', "40"),
        ("A.[B==1].C=[x=1]", "A.[B==1].C", "[x=1]"),
    ],
)
def test_an_assignment_splits_at_the_first_equals_outside_brackets(word: str, path: str, value: str) -> None:
    assert split_assignment(word) == (path, value)


@pytest.mark.parametrize("word", ["A.B", "=1", "A.[B==1].C", ""])
def test_what_is_no_assignment_is_refused(word: str) -> None:
    with pytest.raises(BadInput):
        split_assignment(word)
