"""``cpetwin enrol show``: what to enter in a new gateway."""

from __future__ import annotations

import click

from ._client import connect
from ._options import Everywhere
from ._output import document, pairs


@click.group("enrol", short_help="what to enter in a new gateway")
def cli() -> None:
    """Enrolment of new devices."""


@cli.command("show")
@click.pass_obj
def show(everywhere: Everywhere) -> None:
    """URL, user name and password to enter in a new gateway (owner only, audited)."""
    shown = connect(everywhere).get("enrol")
    if everywhere.json:
        document(shown)
        return
    pairs(shown.items())
    click.echo("The menu of the gateway is called TR-069, CWMP, ACS or remote management; any path of the URL will do.")
