"""``cpetwin command``: queue a change or a read. Without ``--wait``, exit code 0 means durably queued."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..clock import iso
from ..errors import BadInput
from ._client import connect
from ._options import Everywhere
from ._pending import announce
from ._time import parse_duration, parse_time


@click.group("command", short_help="queue a change or a read: set, get, add, delete, reboot, factory-reset")
def cli() -> None:
    """Queue a change or a read. It is durable when the prompt comes back; the device may be off."""


OPTIONS = (
    click.option("--when", metavar="now|contact|TIME", default="now", show_default=True,
                 help="now wakes the device and falls back to its next contact."),
    click.option("--expires", metavar="DURATION", help="Give up after that.  [default: changes 30d, others 24h]"),
    click.option("--if", "condition", metavar="E", default="", help="Only if PATH == VALUE, joined by &&."),
    click.option("--verify", metavar="E", default="", help="What must hold afterwards, read back from the device."),
    click.option("--wait", metavar="DURATION", help="Wait for the end; exit code 7 when it is still pending."),
    click.option("--key", metavar="TEXT", help="The same key gives the same command, not a second one."),
    click.option("--reason", metavar="TEXT", default="", help="Why; it is kept with the command and in the audit."),
    click.option("--native", is_flag=True, help="The device's own paths."),
)  # fmt: skip


def delivery(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def queue(everywhere: Everywhere, id: str, kind: str, args: dict[str, object], **given: Any) -> None:
    """Send the wish and say what became of it."""
    client = connect(everywhere)
    wait = parse_duration(given["wait"]) if given["wait"] else None
    body: dict[str, object] = {"kind": kind, "args": args}
    if given["when"] in ("now", "contact"):
        body["when"] = given["when"]
    elif given["when"].startswith("window:"):
        raise BadInput("windows are not there yet", "use --when now, contact or a TIME")
    else:
        body["when"] = body["not_before"] = iso(parse_time(given["when"], client.now, everywhere.zone))
    if given["expires"]:
        body["expires_in"] = max(1, parse_duration(given["expires"]) // 1000)
    for field, name in (("condition", "if"), ("verify", "verify"), ("key", "key"), ("reason", "reason")):
        if given[field]:
            body[name] = given[field]
    announce(everywhere, client, client.post("devices", id, "commands", body=body), wait)


def assignments(words: tuple[str, ...], what: str) -> dict[str, str]:
    """``PATH=VALUE`` words; each splits at the first ``=`` outside brackets. Raises BadInput."""
    found: dict[str, str] = {}
    for word in words:
        path, value = split_assignment(word, what)
        if path in found:
            raise BadInput(f"{path} is given twice")
        found[path] = value
    return found


def split_assignment(word: str, what: str = "PATH=VALUE") -> tuple[str, str]:
    """Left and right of the first ``=`` that stands outside brackets. Raises BadInput."""
    depth = 0
    for position, character in enumerate(word):
        if character == "[":
            depth += 1
        elif character == "]":
            depth = max(0, depth - 1)
        elif character == "=" and depth == 0 and position:
            return word[:position], word[position + 1 :]
    raise BadInput(f"{word!r} is not {what}", f"write it like {what}")


@cli.command("set")
@click.argument("id")
@click.argument("values", nargs=-1, required=True, metavar="PATH=VALUE...")
@delivery
@click.pass_obj
def set_values(everywhere: Everywhere, /, id: str, values: tuple[str, ...], native: bool, **given: Any) -> None:
    """Set parameters, all together or none."""
    queue(everywhere, id, "set", {"values": assignments(values, "PATH=VALUE")}, **given)


@cli.command("get")
@click.argument("id")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@delivery
@click.pass_obj
def get_values(everywhere: Everywhere, /, id: str, paths: tuple[str, ...], native: bool, **given: Any) -> None:
    """Have the device read parameters, or all below an object."""
    queue(everywhere, id, "get", {"paths": list(paths)}, **given)


@cli.command("add")
@click.argument("id")
@click.argument("table")
@click.argument("values", nargs=-1, metavar="NAME=VALUE...")
@delivery
@click.pass_obj
def add_row(
    everywhere: Everywhere, /, id: str, table: str, values: tuple[str, ...], native: bool, **given: Any
) -> None:
    """Add a row to a table and set its parameters."""
    queue(everywhere, id, "add", {"table": table, "values": assignments(values, "NAME=VALUE")}, **given)


@cli.command("delete")
@click.argument("id")
@click.argument("path")
@delivery
@click.pass_obj
def delete_row(everywhere: Everywhere, /, id: str, path: str, native: bool, **given: Any) -> None:
    """Delete a row of a table."""
    queue(everywhere, id, "delete", {"path": path}, **given)


@cli.command("reboot")
@click.argument("id")
@delivery
@click.pass_obj
def reboot(everywhere: Everywhere, /, id: str, native: bool, **given: Any) -> None:
    """Reboot the device."""
    queue(everywhere, id, "reboot", {}, **given)


@cli.command("factory-reset")
@click.argument("id")
@delivery
@click.pass_obj
def factory_reset(everywhere: Everywhere, /, id: str, native: bool, **given: Any) -> None:
    """Reset the device to its factory settings; its customer's own settings are lost."""
    queue(everywhere, id, "factory-reset", {}, **given)
