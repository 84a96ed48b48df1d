"""``cpetwin simulate``: a fleet of simulated CPEs, and what steers a running one."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BadInput, CpetwinError
from ._time import parse_duration

if TYPE_CHECKING:
    from ..simulators.fleet import Options
    from ..simulators.trees import Tree

DEFAULT_DATA = "cpetwin-data"
LATER = "comes with the USP issue; this version simulates CWMP devices: `cpetwin simulate cwmp`"


class Duration(click.ParamType[float]):
    """DURATION on the command line, seconds in the program."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return parse_duration(str(value)) / 1000
        except BadInput as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


class Share(click.ParamType[float]):
    """``10%`` or ``0.1``, a share from 0 to 1 in the program."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{text!r} is no share; write it like 10%", param, ctx)
        return share


@click.group("simulate", help="Simulated devices over real sockets, and control of a running fleet.")
def cli() -> None:
    pass


def _data_option(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--data", envvar="CPETWIN_DATA", type=click.Path(file_okay=False, path_type=Path), help="Folder of the server."
    )(function)


@cli.command("cwmp")
@click.option("--devices", default=None, type=click.IntRange(1, 1_000_000), help="How many (default: one per tree).")
@click.option("--dump", "dumps", multiple=True, type=click.Path(path_type=Path), help="CSV dump, repeatable.")
@click.option("--generate", multiple=True, type=click.IntRange(5, 100_000), help="A made-up tree of N parameters.")
@click.option("--root", type=click.Choice(["tr181", "tr098"]), default="tr181", help="Data model of made-up trees.")
@_data_option
@click.option("--acs", help="URL of any ACS, instead of --data.")
@click.option("--user", default="", help="Credential for --acs.")
@click.option("--password", default="", help="Credential for --acs.")
@click.option("--interval", type=Duration(), help="Between Informs; default: as each device's PeriodicInformInterval.")
@click.option("--faults", type=Share(), default=0.0, help="Share of sessions in which something goes wrong: 10%.")
@click.option("--seed", type=int, default=0)
@click.option("--prefix", default="", help="Put before every serial number.")
@click.option("--frozen", is_flag=True, help="No physics: the tree answers exactly the dump.")
@click.option("--for", "duration", type=Duration(), help="How long; default: until interrupted.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where devices keep their memory.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="JSON lines of executed RPCs.")
@click.option("--control", help="ADDR:PORT of the control API (loopback; default: any free port).")
@click.option("--clock", type=click.Choice(["system", "server"]), default="system")
@click.option("--spread", type=Duration(), help="Devices come up over this time (0s: all at once).")
@click.option("--concurrency", type=click.IntRange(1, 20_000), default=500, help="Most sessions at one time.")
@click.option("--boot-time", type=Duration(), default=2.0, help="How long a reboot takes.")
@click.option("--retry-minimum", type=Duration(), help="First wait after a failed session; default: as TR-069 has it.")
@click.option("--host", default="127.0.0.1", help="Address the devices listen on for connection requests.")
def cwmp(**given: Any) -> None:
    """Run a fleet of TR-069 devices until interrupted, or for --for."""
    if given["clock"] == "server":
        raise CpetwinError("--clock server comes with a later issue: the fleet cannot follow the server's clock yet")
    from ..simulators.fleet import Options

    trees = _trees(given["dumps"], given["generate"], given["root"], given["seed"])
    data: Path | None = given["data"]
    if given["acs"] is None and data is None:
        data = Path(DEFAULT_DATA)
    folder = data if given["acs"] is None else None
    options = Options(
        trees=trees,
        devices=given["devices"] or len(trees),
        data=folder,
        acs=given["acs"] or "",
        state=given["state"] or (data / "simulator" if data is not None else None),
        **{name: given[name] for name in _SAME},
    )
    _run(options, data, given["control"])


_SAME = (
    "user", "password", "interval", "faults", "seed", "prefix", "frozen", "duration", "journal", "spread",
    "concurrency", "boot_time", "retry_minimum", "host",
)  # fmt: skip
"""Options that go to the fleet as they are."""


def _trees(dumps: tuple[Path, ...], sizes: tuple[int, ...], root: str, seed: int) -> tuple[Tree, ...]:
    from ..simulators.generate import generate
    from ..simulators.trees import BUILTIN, builtin, load_dump

    trees = []
    for file in dumps:
        tree, bad = load_dump(file)
        for row in bad:
            click.echo(f"{file}:{row.line}: {row.reason}", err=True)
        trees.append(tree)
    trees.extend(generate(size, seed, root) for size in sizes)
    return tuple(trees) or tuple(builtin(name) for name in BUILTIN)


def _run(options: Options, data: Path | None, control: str | None) -> None:
    import uvloop

    from ..simulators.control import STATE_FILE, Control, announce, parse_address
    from ..simulators.fleet import Fleet, print_line
    from ..simulators.httpd import serve

    host, port = parse_address(control or "127.0.0.1:0")

    async def main() -> None:
        fleet = Fleet(options, emit=print_line)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, fleet.stopping.set)
        server, real = await serve(Control(fleet).handle, host, port)
        address = f"[{host}]:{real}" if ":" in host else f"{host}:{real}"
        file = announce(data, address) if data is not None else None
        click.echo(f"control: {address}", err=True)
        try:
            print_line({"summary": await fleet.run()})
        finally:
            server.close()
            if file is not None and file.name == STATE_FILE:
                file.unlink(missing_ok=True)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except OSError as error:
        raise CpetwinError(f"the fleet stopped: {error}") from error


@cli.command("usp", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def usp(arguments: tuple[str, ...]) -> None:
    """TR-369 agents (not there yet)."""
    raise CpetwinError(f"`simulate usp` is not there yet: it {LATER}")


@cli.command("mixed", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mixed(arguments: tuple[str, ...]) -> None:
    """CWMP and USP devices together (not there yet)."""
    raise CpetwinError(f"`simulate mixed` is not there yet: it {LATER}")


def _steering(function: Callable[..., None]) -> Callable[..., None]:
    function = click.option("--control", help="ADDR:PORT of the fleet, instead of --data.")(function)
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(_data_option(function))


def _ask(data: Path | None, control: str | None, method: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
    from ..simulators.control import ask, find_control

    return ask(control or find_control(data or Path(DEFAULT_DATA)), method, path, fields)


def _say(answer: dict[str, Any], as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else sentence)


@cli.command("power")
@click.argument("action", type=click.Choice(["on", "off", "reset"]))
@click.argument("serial")
@_steering
def power(action: str, serial: str, data: Path | None, control: str | None, as_json: bool) -> None:
    """Switch a device on, off, or off and on."""
    answer = _ask(data, control, "POST", "/power", {"device": serial, "action": action})
    _say(answer, as_json, f"{answer['id']}: power {action}")


@cli.command("fault")
@click.argument("serial")
@click.argument("kind")
@_steering
def fault(serial: str, kind: str, data: Path | None, control: str | None, as_json: bool) -> None:
    """Let something go wrong in the next session where it can."""
    answer = _ask(data, control, "POST", "/fault", {"device": serial, "kind": kind})
    _say(answer, as_json, f"{answer['id']}: {kind} is armed")


@cli.command("set")
@click.argument("serial")
@click.argument("assignment", metavar="PATH=VALUE")
@_steering
def set_value(serial: str, assignment: str, data: Path | None, control: str | None, as_json: bool) -> None:
    """The device itself changes a value."""
    path, equals, value = assignment.partition("=")
    if not equals or not path:
        raise BadInput(f"{assignment!r} is no PATH=VALUE")
    answer = _ask(data, control, "POST", "/set", {"device": serial, "path": path, "value": value})
    _say(answer, as_json, f"{answer['id']}: {path} is now {value}")


@cli.command("state")
@click.argument("serial", required=False)
@_steering
def state(serial: str | None, data: Path | None, control: str | None, as_json: bool) -> None:
    """The device's own truth; without SERIAL the fleet's counts."""
    answer = _ask(data, control, "GET", "/state", {"device": serial} if serial else {})
    lines = [f"{name}: {value}" for name, value in (answer.get("summary") or answer).items() if name != "parameters"]
    _say(answer, as_json, "\n".join(lines))
