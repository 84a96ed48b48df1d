"""``cpetwin inspect FILE...``: captured messages decoded as the server would, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import NotFound
from ._options import Everywhere
from ._output import document, printable, table


@click.command("inspect", short_help="decode captured messages as the server would (no server needed)")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.pass_obj
def cli(everywhere: Everywhere, files: tuple[Path, ...]) -> None:
    """Decode SOAP bodies and raw HTTP captures exactly as the server would. Exit code 1 if any message is not ok."""
    from ..acs.inspect import inspect_bytes

    rows = []
    for file in files:
        try:
            rows += inspect_bytes(str(file), file.read_bytes())
        except OSError as error:
            raise NotFound(f"cannot read {file}: {error.strerror}") from error
    if everywhere.json:
        document(rows)
    else:
        table(
            ("file", "ok", "message", "id", "device", "events", "parameters", "what is wrong"),
            [
                (
                    row["file"], row["ok"], row["message"], row["id"],
                    "-".join(row["device"].values()) if row["device"] else None,
                    ", ".join(event["code"] for event in row["events"]), row["parameters"], _wrong(row),
                )
                for row in rows
            ],
            right=("parameters",),
        )  # fmt: skip
    if not all(row["ok"] for row in rows):
        raise click.exceptions.Exit(1)


def _wrong(row: dict[str, object]) -> str:
    found = row["error"] or row["fault"]
    return printable(f"{found.get('code')}: {found.get('text')}") if isinstance(found, dict) else ""
