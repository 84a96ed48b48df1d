"""``cpetwin device``: list, show, tag, approve, deny, forget."""

from __future__ import annotations

from typing import Any

import click

from ..errors import BadInput
from ._client import Client, connect
from ._options import Everywhere
from ._output import Say, document, pairs, table

PAGE = 10_000


@click.group("device", short_help="list, show, tag, approve, deny, forget devices")
def cli() -> None:
    """Devices: what they are and when they were last heard. ID is the id, the serial, or any unique start or end."""


def print_devices(found: dict[str, Any], say: Say) -> None:
    """Rows of ``device list`` for people: instants as ages."""
    columns: list[str] = found["columns"]
    ages = {number for number, name in enumerate(columns) if name in ("last_contact", "first_seen")}
    instants = {number for number, name in enumerate(columns) if name == "next_contact"}
    rows = [
        [say.ago(cell) if n in ages else say.at(cell) if n in instants else cell for n, cell in enumerate(row)]
        for row in found["rows"]
    ]
    table(columns, rows, right=("last_contact", "first_seen", "interval", "revision"))


def all_pages(client: Client, query: dict[str, Any], limit: int) -> dict[str, Any]:
    """Pages of the list until ``limit`` rows are there (0: all)."""
    found: dict[str, Any] = {}
    while True:
        left = limit - len(found["rows"]) if found and limit else limit
        page = client.get("devices", query={**query, "limit": min(left or PAGE, PAGE)})
        found = {**page, "rows": [*found.get("rows", []), *page["rows"]]}
        if not page["next"] or (limit and len(found["rows"]) >= limit):
            return found
        query["cursor"] = page["next"]


@cli.command("list")
@click.option("--where", metavar="E", default="", help='COLUMN == VALUE, joined by &&: region == "north".')
@click.option("--columns", metavar="a,b", help="Columns to show; tag.NAME is one too.")
@click.option("--sort", metavar="[-]c", help="Sort by a column; with - before it descending.")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="At most so many; 0 lists all.")
@click.option("--cursor", metavar="CURSOR", help="Go on where `next` of an earlier answer stands.")
@click.pass_obj
def list_devices(
    everywhere: Everywhere, where: str, columns: str | None, sort: str | None, limit: int, cursor: str | None
) -> None:
    """List devices."""
    query = {"where": where or None, "columns": columns, "sort": sort, "cursor": cursor}
    client = connect(everywhere)
    found = all_pages(client, query, limit)
    if everywhere.json:
        document(found)
        return
    print_devices(found, Say(everywhere, client))
    if found["next"]:
        click.echo(f"{len(found['rows']):,} of {found['total']:,}; --limit 0 lists all", err=True)


def _print_device(everywhere: Everywhere, client: Client, device: dict[str, Any]) -> None:
    if everywhere.json:
        document(device)
        return
    say = Say(everywhere, client)
    inventory = device["inventory"]
    usual = (
        f"usual contact every {say.age(device['interval'])}" if device["interval"] else "usual contact not known yet"
    )
    expected = f", expected by {say.at(device['next_contact'])}" if device["next_contact"] else ""
    known = ("vendor", "model", "hardware", "firmware", "root")
    pairs(
        [
            ("id", device["id"]),
            ("model", " ".join(device[name] for name in ("vendor", "model") if device[name])),
            ("firmware", device["firmware"]),
            ("hardware", device["hardware"]),
            ("contact", f"{device['contact']}, last heard {say.ago(device['last_contact'])}; {usual}{expected}"),
            ("state", device["state"]),
            ("protocol", ", ".join(device["protocols"])),
            *inventory.items(),
            *((name, text) for name, text in device["facts"].items() if name not in known),
            ("tags", ", ".join(f"{name}={text}" for name, text in device["tags"].items())),
            ("queue", ", ".join(f"{number} {state}" for state, number in device["queue"].items())),
            ("parameters", f"{device['supported']['parameters']:,} below {device['supported']['root'] or '?'}"),
            ("revision", device["revision"]),
            ("first seen", say.ago(device["first_seen"])),
        ]
    )


@cli.command("show")
@click.argument("id")
@click.pass_obj
def show(everywhere: Everywhere, id: str) -> None:
    """What a device is, when it was last heard and when it is expected."""
    client = connect(everywhere)
    _print_device(everywhere, client, client.get("devices", id))


@cli.command("tag")
@click.argument("id")
@click.argument("tags", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.pass_obj
def tag(everywhere: Everywhere, id: str, tags: tuple[str, ...]) -> None:
    """Set tags; NAME= removes one."""
    wanted: dict[str, str | None] = {}
    for word in tags:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadInput(f"{word!r} is no tag", "write NAME=VALUE, or NAME= to remove it")
        wanted[name] = value or None
    client = connect(everywhere)
    _print_device(everywhere, client, client.ask("PATCH", "devices", id, body={"tags": wanted}))


@cli.command("approve")
@click.argument("id")
@click.pass_obj
def approve(everywhere: Everywhere, id: str) -> None:
    """Let a device in that waits, or one that lost its own credential come with the bootstrap credential once more."""
    client = connect(everywhere)
    _print_device(everywhere, client, client.post("devices", id, "approve"))


@cli.command("deny")
@click.argument("id")
@click.pass_obj
def deny(everywhere: Everywhere, id: str) -> None:
    """Keep a device out, whatever it proves."""
    client = connect(everywhere)
    _print_device(everywhere, client, client.post("devices", id, "deny"))


@cli.command("forget")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(everywhere: Everywhere, id: str, yes: bool) -> None:
    """Remove a device with its twin, history and commands. The audit record stays."""
    client = connect(everywhere)
    full = client.get("devices", id)["id"]
    if not yes:
        click.confirm(f"forget {full} with its twin, history and commands?", abort=True, err=True)
    gone = client.ask("DELETE", "devices", full)
    if everywhere.json:
        document(gone)
    else:
        click.echo(f"{gone['id']} is forgotten")
