"""Plays the demo: ``python -m cpetwin.demo [--for SECONDS] [--devices N] [--keep]`` (``make demo FOR=60``)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import signal
import sys
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import Conflict
from .steps import CHANNEL, MISSING, NEW_CHANNEL, OFF, PRODUCT_CLASS, ROLES, STEPS
from .world import Child, DemoFailed, Home, Place, cpetwin, write_inventory

POLL_SECONDS = 2.0
BUILD_SECONDS = 300.0
"""The world must be ready within this time, or the demo fails and says what it waited for."""

INTERVAL = "30s"
"""How often a simulated gateway reports by itself: far more often than a real one, to have something to see."""


EXIT_CONFLICT = Conflict.exit_code


def say(text: str = "") -> None:
    print(text, flush=True)


class Demo:
    """One run: ``ready``, ``logins`` and ``gateways`` fill as the processes print their lines."""

    def __init__(self, place: Place, devices: int) -> None:
        self.place = place
        self.devices = devices
        self.ready: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self.logins: list[str] = []
        self.gateways: list[dict[str, Any]] = []
        self.full = 0

    def hear_server(self, line: str) -> None:
        if line.startswith("ready {"):
            self.ready.set_result(json.loads(line.removeprefix("ready ")))
        elif line.startswith("login: "):
            self.logins.append(line.partition("   ")[0])

    def hear_fleet(self, line: str) -> None:
        if line.startswith('{"id"'):
            self.gateways.append(json.loads(line))

    async def cpetwin(self, line: str, accept: tuple[int, ...] = (0,)) -> str:
        return await cpetwin(*shlex.split(line), "--data", str(self.place.data), accept=accept)

    async def json(self, line: str) -> Any:
        return json.loads(await self.cpetwin(line + " --json"))

    async def play(self, seconds: float) -> int:
        """The whole demo. Returns the exit code: with ``seconds``, 0 only if a change was verified."""
        data, logs = str(self.place.data), self.place.folder
        serve = ("serve", "--data", data)
        fleet = ("simulate", "cwmp", "--devices", str(self.devices), "--data", data, "--interval", INTERVAL,
                 "--seed", "1", "--state", str(logs / "fleet"), "--journal", str(logs / "fleet.jsonl"))  # fmt: skip
        async with Child("server", serve, logs / "server.log", self.hear_server) as server:
            urls = await server.guard(self.ready)
            await server.guard(self.make_users())
            async with Child("fleet", fleet, logs / "fleet.log", self.hear_fleet) as devices:
                return await server.guard(devices.guard(self.story(urls, seconds)))

    async def make_users(self) -> None:
        """One user per role, with a password for the first login; those of an earlier run are left alone."""
        for role in ROLES:
            if said := await self.cpetwin(f"user add {role} --role {role} --json", accept=(0, EXIT_CONFLICT)):
                self.logins.append(f"login: {role} / {json.loads(said)['password']}")

    async def story(self, urls: dict[str, str], seconds: float) -> int:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                await self.read_fleet()
        except TimeoutError:
            read = f"{len(self.gateways)} of {self.devices} gateways had connected, {self.full} had been read whole"
            raise DemoFailed(f"after {BUILD_SECONDS:.0f} s {read}", f"the logs are in {self.place.folder}") from None
        homes = [
            Home(said["device"], said["id"], said["oui"], said["product_class"], said["serial"])
            for said in self.gateways
        ]
        off = next(home for home in homes if home.product_class == PRODUCT_CLASS)
        await self.move_in(homes, off)
        lines = self.commands(off)
        self.tell(urls, await self.json("enrol show"), off, lines)
        end = asyncio.get_running_loop().time() + seconds
        before = seen = set(await self.verified())
        if seconds:
            await self.walk(lines)
        while not seconds or asyncio.get_running_loop().time() < end:
            await asyncio.sleep(POLL_SECONDS)
            verified = await self.verified()
            for id in verified.keys() - seen:
                say(f"verified: command {id} on {verified[id]}")
            seen = set(verified)
        return 0 if seen - before else 1

    async def read_fleet(self) -> None:
        """Wait until the server has read every parameter of every device."""
        what = f"reading every parameter of {self.devices} gateways"
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        if not sys.stdout.isatty():
            say(what)
        with Progress(*columns, disable=not sys.stdout.isatty()) as progress:
            bar = progress.add_task(what, total=self.devices)
            while self.full < self.devices or len(self.gateways) < self.devices:
                await asyncio.sleep(POLL_SECONDS / 2)
                stats = json.loads(await cpetwin("store", "stats", str(self.place.data), "--json"))
                self.full = stats["with_full_tree"]
                progress.update(bar, completed=self.full)

    async def move_in(self, homes: list[Home], off: Home) -> None:
        """Import who lives where, and switch one gateway off."""
        file = self.place.folder / "homes.csv"
        write_inventory(file, homes)
        await self.cpetwin(f"inventory import {shlex.quote(str(file))}")
        await self.cpetwin(f"simulate power off {off.serial}")

    def commands(self, off: Home) -> list[str]:
        """The five as they are typed after ``cpetwin``, without ``--data``."""
        names = {"id": off.id, "serial": off.serial, "phone": off.phone, "path": CHANNEL, "value": NEW_CHANNEL}
        return [step.line.format(**names) for step in STEPS]

    def tell(self, urls: dict[str, str], enrol: dict[str, str], off: Home, lines: list[str]) -> None:
        """What a newcomer needs: where everything is, who may log in, and five commands to type."""
        data = shlex.quote(str(self.place.data))
        say(f"\n{self.devices} homes with a gateway each; that of home-{off.number} was switched off just now. {OFF}")
        say(f"{MISSING}\n")
        say(f"page   {urls['api']}")
        say(f"CWMP   {enrol['url']}   (a new device logs in as {enrol['username']}, password {enrol['password']})")
        for login in self.logins:
            say(login)
        say('\nIn another terminal, here: PATH="$PWD/.venv/bin:$PATH"')
        for step, line in zip(STEPS, lines, strict=True):
            say(f"\n# {step.says}\ncpetwin {line} --data {data}")
        say("\nCtrl-C ends it.\n")

    async def walk(self, lines: list[str]) -> None:
        """Run the five and print what they answered."""
        for step, line in zip(STEPS, lines, strict=True):
            say(f"# {step.says}\n$ cpetwin {line}\n{await self.cpetwin(line)}")

    async def verified(self) -> dict[str, str]:
        """Commands whose effect was read back, with their device."""
        done = await self.json("queue list --state done")
        return {command["id"]: command["device"] for command in done if command["verified"] is True}


async def run(seconds: float, devices: int, keep: bool) -> int:
    """Play until done, or until the demo is told to stop (Ctrl-C, SIGTERM, SIGHUP)."""
    loop = asyncio.get_running_loop()
    play = loop.create_task(Demo(Place.prepare(keep), devices).play(seconds))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: play.cancelling() or play.cancel())
    with contextlib.suppress(asyncio.CancelledError):
        return await play
    say("stopped")
    return 1 if seconds else 0


@click.command()
@click.option("--for", "seconds", type=float, default=0.0, envvar="FOR", help="Run the five commands, stop after this.")
@click.option("--devices", type=click.IntRange(2, 900), default=200, show_default=True)
@click.option("--keep", is_flag=True, envvar="KEEP", help="Go on with the world of the last run.")
def main(seconds: float, devices: int, keep: bool) -> None:
    """A server and a simulated fleet to try cpetwin on."""
    try:
        code = asyncio.run(run(seconds, devices, keep))
    except DemoFailed as error:
        click.echo(f"the demo failed: {error}\n{error.hint}".rstrip(), err=True)
        code = error.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
