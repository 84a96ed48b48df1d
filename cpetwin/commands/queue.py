"""``cpetwin queue``: what waits and what became of it."""

from __future__ import annotations

from typing import Any

import click

from ..clock import iso
from ._client import Client, connect
from ._options import Everywhere
from ._output import Say, document, pairs, printable, table
from ._pending import FINAL, VERIFIED, fault_text, forecast
from ._time import parse_time


@click.group("queue", short_help="what waits and what became of it: list, show, cancel, retry")
def cli() -> None:
    """What waits for devices, and what became of it."""


@cli.command("list")
@click.argument("id", required=False)
@click.option("--state", metavar="S", help="Only those in this state.")
@click.option("--mine", is_flag=True, help="Only those that I queued.")
@click.option("--since", metavar="TIME", help="Queued since then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.pass_obj
def list_commands(
    everywhere: Everywhere, id: str | None, state: str | None, mine: bool, since: str | None, limit: int
) -> None:
    """List commands, those of one device oldest first, those of all newest first."""
    client = connect(everywhere)
    say = Say(everywhere, client)
    query = {
        "device": id, "state": state, "mine": mine or None, "limit": limit,
        "since": iso(parse_time(since, say.now, say.zone)) if since else None,
    }  # fmt: skip
    found = client.get("commands", query=query)
    if everywhere.json:
        document(found)
        return
    rows = [
        (c["id"], c["device"], c["kind"], _summary(c), c["state"], VERIFIED[c["verified"]].lstrip(", "),
         say.ago(c["created"]), c["actor"])
        for c in found
    ]  # fmt: skip
    table(("command", "device", "kind", "what", "state", "verified", "queued", "by"), rows, right=("queued",))


def _summary(command: dict[str, Any]) -> str:
    args = command["args"]
    values = [f"{path}={value}" for path, value in args.get("values", {}).items()]
    words = [*([args["table"]] if "table" in args else []), *values, *args.get("paths", [])]
    words += [args["path"]] if "path" in args else []
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def _print(everywhere: Everywhere, client: Client, command: dict[str, Any]) -> None:
    if everywhere.json:
        document(command)
        return
    say = Say(everywhere, client)
    pairs(
        [
            ("command", command["id"]),
            ("device", command["device"]),
            ("kind", command["kind"]),
            ("what", _summary(command)),
            ("state", command["state"] + VERIFIED[command["verified"]]),
            ("waits", None if command["state"] in FINAL else forecast(command, say)),
            ("if", command["if"]),
            ("verify", command["verify"]),
            ("queued", f"{say.at(command['created'])} by {command['actor']}"),
            ("changed", say.at(command["changed"])),
            ("reason", command["reason"]),
            ("key", command["key"]),
            ("result", printable(command["result"]) if command["result"] else None),
        ]
    )
    for attempt in command["attempts"]:
        fault = f": {fault_text(attempt['fault'])}" if attempt["fault"] else ""
        click.echo(f"  {say.at(attempt['at'])}  {printable(attempt['action'])}{fault}")


@cli.command("show")
@click.argument("command")
@click.pass_obj
def show(everywhere: Everywhere, command: str) -> None:
    """One command: its state, attempts with faults, result, verification."""
    client = connect(everywhere)
    _print(everywhere, client, client.get("commands", command))


@cli.command("cancel")
@click.argument("command")
@click.pass_obj
def cancel(everywhere: Everywhere, command: str) -> None:
    """Take a command back before it is delivered; exit code 5 when it is too late."""
    client = connect(everywhere)
    _print(everywhere, client, client.post("commands", command, "cancel"))


@cli.command("retry")
@click.argument("command")
@click.pass_obj
def retry(everywhere: Everywhere, command: str) -> None:
    """Queue a failed, expired, cancelled or unknown command again."""
    client = connect(everywhere)
    _print(everywhere, client, client.post("commands", command, "retry"))
