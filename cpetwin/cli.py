"""The command ``cpetwin``: its nouns by name, each loaded only when used, and what errors mean as exit codes.

Exit codes: 0 done, 1 the operation failed, 2 usage, 3 not found, 4 denied, 5 conflict or stale, 6 server
unreachable, 7 accepted but still pending when ``--wait`` ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

import click

from . import __version__
from .commands import _options
from .errors import BadInput, CpetwinError

NOUNS: dict[str, str] = {
    "serve": "run the server",
    "status": "addresses, store and counts of a running server",
    "clock": "move the domain clock of a server started with --clock manual",
    "enrol": "what to enter in a new gateway",
    "find": "search phone, account, serial, MAC, IP, address, name",
    "inventory": "import who lives where",
    "device": "list, show, tag, approve, deny, forget devices",
    "twin": "values with their age, tree, history, export, refresh",
    "command": "queue a change or a read: set, get, add, delete, reboot, factory-reset",
    "queue": "what waits and what became of it: list, show, cancel, retry",
    "audit": "who did what, and whether the record is whole",
    "user": "add and list users, roles, passwords",
    "token": "create and revoke tokens for programs",
    "login": "log in and store the login for --as",
    "datamodel": "what the data models say about a path; compile them (no server needed)",
    "inspect": "decode captured messages as the server would (no server needed)",
    "store": "figures and soundness of a data folder (no server needed)",
    "simulate": "a fleet of simulated gateways",
}
"""noun -> what it is for. ``cpetwin.commands.NOUN.cli`` is the command."""


class Root(click.Group):
    """Knows the nouns without importing them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in NOUNS:
            return None
        command: click.Command = import_module(f".commands.{name}", __package__).cli
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in NOUNS:
            near = get_close_matches(args[0], NOUNS, n=1)
            context.fail(f"there is no command {args[0]!r}" + (f"; did you mean {near[0]}?" if near else ""))
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))
        with formatter.section("Accepted anywhere on the line"):
            formatter.write_dl(list(_options.HELP))


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="cpetwin")
def cli() -> None:
    """A controller server that keeps a digital twin of every home gateway."""


def leaf(words: Sequence[str]) -> click.Command:
    """The command that a line names, as far as it names one."""
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        if word.startswith("-"):
            continue
        child = command.get_command(click.Context(command), word)
        if child is None:
            break
        command = child
    return command


def run(line: Sequence[str]) -> int:
    """One command line; returns its exit code."""
    try:
        words, everywhere = _options.take(line)
        if everywhere.tz is not None and everywhere.zone is None:
            raise BadInput("--tz needs the name of a zone", "write it like Europe/Berlin, UTC or +02:00")
        declared = {option for parameter in leaf(words).params for option in parameter.opts}
        back = _options.give_back(everywhere, declared)
        if "--" in words:
            at = words.index("--")
            words = [*words[:at], *back, *words[at:]]
        else:
            words += back
        code = cli.main(words, prog_name="cpetwin", standalone_mode=False, obj=everywhere)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CpetwinError as error:
        click.echo(f"cpetwin: {error.message}" + (f"\n  {error.hint}" if error.hint else ""), err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("cpetwin: interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (``| head``): what is still buffered goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def main() -> NoReturn:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))
