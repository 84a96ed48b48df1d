"""``cpetwin find TEXT``: phone, account, serial, MAC, IP, address, name."""

from __future__ import annotations

import click

from ._client import connect
from ._options import Everywhere
from ._output import Say, document
from .device import print_devices


@click.command("find", short_help="search phone, account, serial, MAC, IP, address, name")
@click.argument("text", nargs=-1, required=True)
@click.pass_obj
def cli(everywhere: Everywhere, text: tuple[str, ...]) -> None:
    """Search phone, account, customer, home, serial, MAC, IP, address, name. Nothing found is exit code 3."""
    wanted = " ".join(text)
    client = connect(everywhere)
    found = client.get("search", query={"q": wanted})
    if everywhere.json:
        document(found)
    elif found["rows"]:
        print_devices(found, Say(everywhere, client))
    if not found["rows"]:
        click.echo(f"nothing fits {wanted!r}", err=True)
        raise click.exceptions.Exit(3)
