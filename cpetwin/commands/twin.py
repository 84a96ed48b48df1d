"""``cpetwin twin``: values with their age, tree, history, export, refresh."""

from __future__ import annotations

from typing import Any

import click

from ..clock import iso
from ._client import Client, connect
from ._options import Everywhere
from ._output import Say, document, table
from ._pending import announce, wait_for
from ._time import parse_duration, parse_time


@click.group("twin", short_help="values with their age, tree, history, export, refresh")
def cli() -> None:
    """The twin of a device: what it last said, with the age of every value. The device may be off."""


NATIVE = click.option("--native", is_flag=True, help="The device's own paths.")


@cli.command("get")
@click.argument("id")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@NATIVE
@click.option("--max-age", metavar="DURATION", help="Have older values read anew (needs --wait).")
@click.option("--wait", metavar="DURATION", help="How long to wait for them.  [default: 20s]")
@click.pass_obj
def get(
    everywhere: Everywhere, id: str, paths: tuple[str, ...], native: bool, max_age: str | None, wait: str | None
) -> None:
    """Values with type and age. PATH is a parameter, an object (ending in a dot), or has * for instance numbers.

    Exit code 3 when no path is supported, 7 when values are older than --max-age and no newer ones came in time.
    """
    client = connect(everywhere)
    lines = _values(client, id, paths)
    late = False
    if max_age is not None:
        limit = parse_duration(max_age) / 1000
        old = sorted({line["native_path"] for line in lines if _is_older(line, limit)})
        if old:
            milliseconds = parse_duration(wait or "20s")
            reason = f"twin get --max-age {max_age}"
            queued = client.post(
                "devices", id, "commands", body={"kind": "get", "args": {"paths": old}, "reason": reason}
            )
            late = wait_for(client, queued, milliseconds)["state"] != "done"
            lines = _values(client, id, paths)
    if everywhere.json:
        document(lines)
    else:
        say = Say(everywhere, client)
        table(
            ("path", "value", "type", "age"),
            [(line["path"], _shown(line), line["type"] or "", say.age(line["age_s"])) for line in lines],
            right=("age",),
        )
    if all(line["state"] == "unsupported" for line in lines):
        click.echo("not supported by this device", err=True)
        raise click.exceptions.Exit(3)
    if late:
        click.echo(f"no newer values came in time; command {queued['id']} waits for the device", err=True)
        raise click.exceptions.Exit(7)


def _values(client: Client, id: str, paths: tuple[str, ...]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = client.get("devices", id, "twin", "values", query={"path": paths})
    return lines


def _is_older(line: dict[str, Any], seconds: float) -> bool:
    return line["native_path"] is not None and (line["age_s"] is None or line["age_s"] > seconds)


def _shown(line: dict[str, Any]) -> str:
    if line["state"] in ("known", "secret"):
        return str(line["value"])
    return str(line["state"])


@cli.command("tree")
@click.argument("id")
@click.argument("path", default="")
@NATIVE
@click.option("--depth", type=click.IntRange(0), default=0, help="Levels below PATH; 0 is all.")
@click.pass_obj
def tree(everywhere: Everywhere, id: str, path: str, native: bool, depth: int) -> None:
    """Which objects and parameters there are."""
    nodes = connect(everywhere).get("devices", id, "twin", "tree", query={"under": path or None, "depth": depth})
    if everywhere.json:
        document(nodes)
        return
    for node in nodes:
        mark = "w" if node["writable"] else "-"
        more = node["type"] if node["kind"] == "parameter" else f"({node['below']})"
        click.echo(f"{mark} {node['path']}  {more}")


@cli.command("export")
@click.argument("id")
@NATIVE
@click.option("--secrets", is_flag=True, help="Secrets in clear; needs the scope secrets and is audited.")
@click.pass_obj
def export(everywhere: Everywhere, id: str, native: bool, secrets: bool) -> None:
    """All parameters with value, type, writability and age, as one JSON document."""
    document(connect(everywhere).get("devices", id, "twin", query={"native": native, "secrets": secrets}))


@cli.command("history")
@click.argument("id")
@click.argument("path", required=False)
@click.option("--since", metavar="TIME", help="From then on.")
@NATIVE
@click.pass_obj
def history(everywhere: Everywhere, id: str, path: str | None, since: str | None, native: bool) -> None:
    """What changed when, and why; PATH may be an object (ending in a dot)."""
    client = connect(everywhere)
    say = Say(everywhere, client)
    query = {"path": path, "since": iso(parse_time(since, say.now, say.zone)) if since else None}
    changes = client.get("devices", id, "twin", "history", query=query)
    if everywhere.json:
        document(changes)
        return
    rows = [(say.at(c["at"]), c["path"], c["old"], c["new"], c["cause"]) for c in changes]
    table(("at", "path", "old", "new", "cause"), rows)


@cli.command("refresh")
@click.argument("id")
@click.argument("path", required=False)
@click.option("--wait", metavar="DURATION", help="Wait for the end; exit code 7 when it is still pending.")
@click.option("--reason", default="", help="Why; it is kept with the command.")
@NATIVE
@click.pass_obj
def refresh(everywhere: Everywhere, id: str, path: str | None, wait: str | None, reason: str, native: bool) -> None:
    """Read a subtree (or everything) anew at the next contact; the device is woken for it."""
    milliseconds = parse_duration(wait) if wait else None
    client = connect(everywhere)
    body = {"paths": [path] if path else [], "reason": reason}
    announce(everywhere, client, client.post("devices", id, "twin", "refresh", body=body), milliseconds)
