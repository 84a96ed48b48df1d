"""What commands print: one JSON document, or for people tables, sentences and a spinner. Rich is loaded when used."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..clock import from_iso
from ._client import Client
from ._options import Everywhere
from ._time import say_instant, say_span

WIDE = 10_000
"""Columns of a table that does not go to a terminal: nothing is cut."""

STYLES = {
    "due": "green", "connected": "green", "overdue": "yellow", "lost": "red", "never": "dim", "done": "green",
    "failed": "red", "expired": "yellow", "unknown": "red", "held": "yellow", "never-read": "dim",
    "unsupported": "dim", "secret": "dim", "pending": "yellow", "denied": "red",
}  # fmt: skip


def document(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def printable(value: object) -> str:
    """Text for a terminal: what devices and files say cannot move the cursor."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table with the columns named in ``right`` right-aligned. Colour only on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        made.add_column(title, justify="right" if title in right else "left", overflow="fold")
    for row in rows:
        cells = [printable(cell) for cell in row]
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    terminal = sys.stdout.isatty()
    Console(width=None if terminal else WIDE, no_color=not terminal, highlight=False).print(made)


def pairs(items: Iterable[tuple[str, object]]) -> None:
    """Name and value, one a line; empty values are left out."""
    shown = [(name, printable(value)) for name, value in items if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}")


class Say:
    """Instants and ages in the zone of the line, on the server's clock."""

    def __init__(self, everywhere: Everywhere, client: Client) -> None:
        self.zone = everywhere.zone
        self.now = client.now

    def at(self, instant: str | None) -> str:
        """``14:20`` today, else with date and offset; ``never`` for none."""
        return say_instant(from_iso(instant), self.zone, self.now) if instant else "never"

    def ago(self, instant: str | None) -> str:
        return say_span(self.now - from_iso(instant)) + " ago" if instant else "never"

    def age(self, seconds: float | None) -> str:
        return say_span(round(seconds * 1000)) if seconds is not None else "never"

    def until(self, instant: str) -> str:
        """The time left, ``30 d``."""
        return say_span(from_iso(instant) - self.now + 500)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner with the time that has passed, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield
