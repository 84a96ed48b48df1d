"""kill -9 of the server while commands are in flight: by journal and queue none is lost, none happens twice."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from e2e import FINAL, Fleet, Server, World, discovered, finished, queue, seed, until

ROOT = "InternetGatewayDevice."
CODE = ROOT + "DeviceInfo.ProvisioningCode"
TABLE = ROOT + "LANDevice.1.Hosts.Host."
DEVICES = 100
COMMANDS = 200
KINDS = ("set", "set", "set", "add", "delete", "reboot")
RPCS = {"set": "SetParameterValues", "add": "AddObject", "delete": "DeleteObject", "reboot": "Reboot"}


def wish(random: Random, number: int, deleted: set[str], device: str) -> tuple[str, dict[str, object]]:
    """Kind and arguments of a command."""
    kind = random.choice(KINDS)
    if kind == "delete" and device not in deleted:
        deleted.add(device)
        return kind, {"path": f"{TABLE}1."}
    if kind == "add":
        return kind, {"table": TABLE, "values": {"Description": f"n{number}"}}
    if kind == "reboot":
        return kind, {}
    return "set", {"values": {CODE: f"n{number}"}}


class Round:
    """Queues commands and kills the server meanwhile. What was acknowledged has an id; what was not is asked for again
    under its idempotency key, as a client would."""

    def __init__(self, world: World, seed: int, options: tuple[str, ...]) -> None:
        self.world = world
        self.random = Random(seed)
        self.options = options
        self.server: Server = world.serve(*options)
        self.ids: dict[str, str] = {}
        """Idempotency key -> command id."""
        self.kills = 0

    def restart(self) -> None:
        self.kills += 1
        self.server.kill()
        self.server = self.world.serve(*self.options)

    def queue(self, device: str, kind: str, args: dict[str, object], key: str, die: bool) -> None:
        body = {"kind": kind, "args": args, "when": self.random.choice(("now", "contact")), "key": key}
        path = f"devices/{device}/commands"
        if die:
            self._post_and_kill(path, body)
        self.ids[key] = self.server.api("POST", path, body)["id"]

    def _post_and_kill(self, path: str, body: dict[str, object]) -> None:
        """The server dies while it works on the request: whether it was stored, nobody was told."""
        api = self.server.ready["api"].removeprefix("http://")
        connection = http.client.HTTPConnection(api, timeout=5)
        headers = {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/" + path, json.dumps(body), headers)
        self.restart()
        connection.close()

    def commands(self) -> dict[str, dict[str, Any]]:
        """All commands by id."""
        return {str(c["id"]): c for c in self.server.api("GET", "commands", limit=1000)}

    def settled(self) -> dict[str, dict[str, Any]] | None:
        """All commands, once each has ended."""
        found = self.commands()
        return found if all(c["state"] in (*FINAL, "unknown") for c in found.values()) else None


def let_work(fleet: Fleet, rpcs: int) -> None:
    """Until the devices executed so many RPCs more, but no longer than the work may last."""
    goal, end = fleet.lines_in_journal() + rpcs, time.monotonic() + 1.5
    until(lambda: fleet.lines_in_journal() >= goal or time.monotonic() > end, "RPCs", alive=fleet)


def executions(fleet: Fleet) -> dict[str, Counter[str]]:
    """Command id -> RPC -> executions. The second step of ``add`` has a key of its own."""
    found: dict[str, Counter[str]] = {}
    for (_, rpc, key), times in fleet.executed().items():
        command, _, tag = key.partition("-")
        if command.startswith("c"):
            found.setdefault(command, Counter())[rpc + ("" if len(tag) == 6 else " " + tag[6:])] += times
    return found


def run(folder: Path, chosen: int, waves: int, *fleet_options: str, auth: str = "off") -> None:
    """Queue in waves; after each the server is killed when the devices have executed a random number of RPCs more."""
    with World(folder) as world:
        game = Round(world, chosen, ("--cpe-auth", auth))
        fleet = world.simulate(
            "--devices", str(DEVICES), "--generate", "60", "--root", "tr098", "--interval", "1s", "--seed", str(chosen),
            "--retry-minimum", "50ms", *fleet_options,
        )  # fmt: skip
        devices = fleet.ids(DEVICES)
        discovered(game.server, DEVICES)
        deleted: set[str] = set()
        last_set: dict[str, tuple[str, str]] = {}
        for wave in range(waves):
            begin, end = COMMANDS * wave // waves, COMMANDS * (wave + 1) // waves
            dies = game.random.randrange(begin, end)
            for number in range(begin, end):
                device = game.random.choice(devices)
                kind, args = wish(game.random, number, deleted, device)
                game.queue(device, kind, args, f"k{number}", die=number == dies)
                if kind == "set":
                    last_set[device] = (game.ids[f"k{number}"], f"n{number}")
            let_work(fleet, game.random.randrange(1, 60))
            game.restart()
        # A device that met a dead server nine times in a row waits 26 to 51 seconds (TR-069 3.2.1.1).
        commands = until(game.settled, "every command to end", 90, game.server, 0.2)
        check(game, fleet, commands, last_set)
        summary = fleet.summary()
        assert not summary["violations"], summary
        assert game.server.stop() == 0
        print(f"{game.kills} kills; sessions {summary['sessions']}; failures {summary['failures']}")


def check(game: Round, fleet: Fleet, commands: dict[str, dict[str, Any]], last_set: dict[str, tuple[str, str]]) -> None:
    """By queue and journal: every acknowledged command is there, done, and was executed once."""
    assert set(commands) == set(game.ids.values()) and len(commands) == COMMANDS
    done = executions(fleet)
    twice = {id: counts for id, counts in done.items() if any(times > 1 for times in counts.values())}
    assert not twice, {id: (twice[id], commands[id]) for id in twice}
    for id, command in commands.items():
        refused = any(isinstance(attempt["fault"], dict) for attempt in command["attempts"])
        if command["state"] == "failed" and refused:
            continue  # only with injected faults: the device said no, and that is what the queue says
        assert command["state"] == "done", command
        if command["verified"] is not True:
            assert command["kind"] == "reboot" and "restarted" in str(command["result"]), command
            continue
        assert done[id][RPCS[command["kind"]]] == 1, (command, done.get(id))
    for device, (id, value) in last_set.items():
        if commands[id]["state"] == "done":
            assert fleet.state(device)["parameters"][CODE]["value"] == value, (device, id)


def test_a_server_that_is_killed_again_and_again_loses_and_repeats_nothing(tmp_path: Path) -> None:
    run(tmp_path, seed(), waves=2)


@pytest.mark.long
@pytest.mark.parametrize("faults", ["0%", "10%"])
@pytest.mark.parametrize("auth", ["off", "required"])
def test_many_kills(tmp_path: Path, faults: str, auth: str) -> None:
    """Ten waves with two kills each, also with authentication and with devices that fail in every way they know."""
    run(tmp_path, seed(), 10, "--faults", faults, auth=auth)


def test_a_server_that_is_killed_while_it_gives_out_credentials_locks_nobody_out(tmp_path: Path) -> None:
    """Twenty new devices enrol while the server dies twice: each ends with a credential of its own that works, and
    with its whole tree read."""
    random = Random(seed())
    with World(tmp_path) as world:
        server = world.serve()
        fleet = world.simulate("--devices", "20", "--generate", "60", "--root", "tr098", "--interval", "1s")
        for goal in sorted(random.randrange(1, 60) for _ in range(2)):
            until(lambda goal=goal: fleet.lines_in_journal() >= goal, f"{goal} RPCs", alive=fleet)
            server.kill()
            server = world.serve()
        devices = fleet.ids(20)
        discovered(server, 20)
        ids = [queue(server, device, "set", {"values": {CODE: "mine"}}) for device in devices]
        for device, id in zip(devices, ids, strict=True):
            assert finished(server, id)["verified"] is True
            shown = server.api("GET", f"devices/{device}")
            assert shown["state"] == "active" and fleet.state(device)["parameters"][CODE]["value"] == "mine"
        counters = server.counters()
        assert not [name for name in counters if name.startswith(("refused.wrong", "refused.refused"))], counters
        summary = fleet.summary()
        broken = [
            reason for reason in summary["failures"] if not reason.startswith(("cannot connect", "connection lost"))
        ]
        assert not broken, summary
