"""``cpetwin inventory import FILE``: who lives where."""

from __future__ import annotations

from pathlib import Path

import click

from ._client import connect
from ._options import Everywhere
from ._output import document, waiting


@click.group("inventory", short_help="import who lives where")
def cli() -> None:
    """What the operator knows of devices."""


@cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_file(everywhere: Everywhere, file: Path) -> None:
    """Import a CSV file, before or after first contact.

    Columns: serial, oui, product_class, home, customer, account, phone, name, address, region, access_node, parent,
    plan, credentials. An empty cell leaves alone what is stored; importing again changes nothing. Bad rows are listed
    by line and make the exit code 1; the others are imported.
    """
    client = connect(everywhere)
    with waiting(f"importing {file.name}"):
        query = {"name": file.name}
        done = client.ask("POST", "inventory", query=query, raw=file.read_bytes(), content="text/csv")
    if everywhere.json:
        document(done)
    else:
        click.echo(f"{done['created']} created, {done['updated']} updated, {done['unchanged']} unchanged")
        for column in done["unknown_columns"]:
            click.echo(f"ignored column: {column}", err=True)
        for error in done["errors"]:
            click.echo(f"{file}:{error['line']}: {error['reason']}", err=True)
    if done["errors"]:
        raise click.exceptions.Exit(1)
