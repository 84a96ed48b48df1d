"""``cpetwin clock advance``: move the domain clock of a server started with ``--clock manual``."""

from __future__ import annotations

import click

from ..clock import SECOND
from ._client import connect
from ._options import Everywhere
from ._output import document
from ._time import parse_duration


@click.group("clock", short_help="move the domain clock of a server started with --clock manual")
def cli() -> None:
    """Windows, expiry, ages and schedules read the domain clock; sockets do not."""


@cli.command("advance")
@click.argument("duration")
@click.pass_obj
def advance(everywhere: Everywhere, duration: str) -> None:
    """Move forward by DURATION, such as 90s, 5m, 24h or 7d."""
    seconds = parse_duration(duration) / SECOND
    moved = connect(everywhere).post("clock", "advance", body={"seconds": seconds})
    if everywhere.json:
        document(moved)
    else:
        click.echo(f"it was {moved['before']}, it is {moved['now']}")
