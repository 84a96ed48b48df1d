"""``cpetwin store``: figures and soundness of a data folder, without a server or beside a running one."""

from __future__ import annotations

from pathlib import Path

import click

from ._options import Everywhere
from ._output import document, pairs, waiting

FOLDER = click.argument("folder", required=False, metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path))


@click.group("store", short_help="figures and soundness of a data folder (no server needed)")
def cli() -> None:
    """A data folder, read directly; a server may run on it meanwhile."""


@cli.command("stats")
@FOLDER
@click.pass_obj
def stats(everywhere: Everywhere, folder: Path | None) -> None:
    """Devices, bytes, bytes per device (write-ahead logs not counted), shapes, history, queue."""
    from ..twin.store.sqlite import folder_stats

    with waiting("counting"):
        found = folder_stats(folder or everywhere.folder())
    if everywhere.json:
        document(found)
    else:
        pairs((name, f"{value:,}" if isinstance(value, (int, float)) else value) for name, value in found.items())


@cli.command("check")
@FOLDER
@click.pass_obj
def check(everywhere: Everywhere, folder: Path | None) -> None:
    """Look for damage: files, audit chain, rows that must be there. Exit code 1 when something is wrong."""
    from ..twin.store.sqlite import folder_check

    with waiting("checking"):
        problems = folder_check(folder or everywhere.folder())
    if everywhere.json:
        document({"ok": not problems, "problems": problems})
    else:
        click.echo("\n".join(problems) or "sound")
    if problems:
        raise click.exceptions.Exit(1)
