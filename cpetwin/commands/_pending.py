"""What is said of a command that was queued, and how its end is waited for."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import click

from ._client import Client
from ._options import Everywhere
from ._output import Say, document, printable, waiting

FINAL = ("done", "failed", "expired", "cancelled", "superseded")
ENDED = (*FINAL, "unknown")
"""States in which waiting on is of no use: ``unknown`` needs a person."""

EXIT_CODES = {"done": 0, "superseded": 5, "failed": 1, "expired": 1, "cancelled": 1, "unknown": 1}
PENDING = 7
LONG_POLL_S = 50


def wait_for(client: Client, command: dict[str, Any], milliseconds: int) -> dict[str, Any]:
    """The command when it ended, or as it is after that time."""
    deadline = time.monotonic() + milliseconds / 1000
    with waiting(f"waiting for {command['id']} on {command['device']}"):
        while command["state"] not in ENDED:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            # Whole seconds are waited for by the server, the rest here.
            if left < 1:
                time.sleep(left)
            command = client.get("commands", command["id"], query={"wait": int(min(left, LONG_POLL_S))})
    return command


def forecast(command: dict[str, Any], say: Say) -> str:
    """``offline, last seen 3 h ago; usual contact every 60 min, expected by 14:20; expires in 30 d``."""
    online = command.get("contact") in ("connected", "due")
    last = f"last seen {say.ago(command['last_contact'])}" if command.get("last_contact") else "never seen"
    parts = [f"{'online' if online else 'offline'}, {last}"]
    if command.get("interval"):
        expected = f", expected by {say.at(command['next_contact'])}" if command["next_contact"] else ""
        parts.append(f"usual contact every {say.age(command['interval'])}{expected}")
    if command.get("not_before"):
        parts.append(f"not before {say.at(command['not_before'])}")
    return "; ".join([*parts, f"expires in {say.until(command['expires'])}"])


def fault_text(fault: Any) -> str:
    """A fault of an attempt in one line."""
    if isinstance(fault, dict):
        return printable(" ".join(str(part) for part in fault.values() if part not in (None, "", [])))
    return printable(fault)


def announce(everywhere: Everywhere, client: Client, command: dict[str, Any], wait_ms: int | None) -> NoReturn:
    """Print what became of a command that was just queued, and end with the exit code that says so."""
    if wait_ms is not None:
        command = wait_for(client, command, wait_ms)
    state = command["state"]
    if everywhere.json:
        document(command)
    elif state in FINAL or state == "unknown":
        outcome(command)
    else:
        click.echo(f"{command['id']} {state}: {forecast(command, Say(everywhere, client))}")
    if state in EXIT_CODES:
        raise click.exceptions.Exit(EXIT_CODES[state])
    raise click.exceptions.Exit(0 if wait_ms is None else PENDING)


VERIFIED = {True: ", verified", False: ", verification failed", None: "", "unreadable": ", verified as far as readable"}


def outcome(command: dict[str, Any]) -> None:
    """One line for a command that ended, and the fault if there was one."""
    click.echo(f"{command['id']} {command['state']}{VERIFIED[command['verified']]}")
    if command["state"] != "done":
        for attempt in command["attempts"]:
            if attempt["fault"]:
                click.echo(f"  {attempt['action']}: {fault_text(attempt['fault'])}")
    result = command["result"]
    if command["kind"] == "get" and isinstance(result, dict):
        for path, value in result.get("values", result).items():
            click.echo(f"  {path} = {printable(value)}")
    elif result not in (None, {}, []):
        click.echo(f"  {printable(result)}")
