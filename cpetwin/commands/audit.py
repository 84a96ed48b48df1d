"""``cpetwin audit``: who did what, and whether the record is whole."""

from __future__ import annotations

import click

from ..clock import iso
from ._client import connect
from ._options import Everywhere
from ._output import Say, document, printable, table
from ._time import parse_time


@click.group("audit", short_help="who did what, and whether the record is whole")
def cli() -> None:
    """The audit record: written with each act, chained by hashes."""


@cli.command("show")
@click.option("--subject", metavar="X", help="Only what was done to this device, user or command.")
@click.option("--since", metavar="TIME", help="From then on.")
@click.option("--reads", is_flag=True, help="Reads of secrets and personal data too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="The newest ones only.")
@click.pass_obj
def show(everywhere: Everywhere, subject: str | None, since: str | None, reads: bool, limit: int) -> None:
    """Who did what to whom, oldest first."""
    client = connect(everywhere)
    say = Say(everywhere, client)
    query = {
        "subject": subject, "reads": reads or None, "limit": limit,
        "since": iso(parse_time(since, say.now, say.zone)) if since else None,
    }  # fmt: skip
    found = client.get("audit", query=query)
    if everywhere.json:
        document(found)
        return
    rows = [
        (say.at(line["at"]), line["actor"], line["action"], line["subject"],
         " ".join(f"{name}={printable(value)}" for name, value in line["detail"].items()))
        for line in found
    ]  # fmt: skip
    table(("at", "who", "what", "to", "detail"), rows)


@cli.command("verify")
@click.pass_obj
def verify(everywhere: Everywhere) -> None:
    """Recompute the chain; exit code 1 when a record was changed or left out."""
    found = connect(everywhere).get("audit", "verify")
    if everywhere.json:
        document(found)
    elif found["ok"]:
        click.echo(f"{found['entries']:,} entries, the chain is whole")
    else:
        click.echo(f"broken after {found['entries']:,} entries: {found['broken']}", err=True)
    if not found["ok"]:
        raise click.exceptions.Exit(1)
