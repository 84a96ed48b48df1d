"""Passwords from a person at a terminal, or one a line from standard input."""

from __future__ import annotations

import sys

import click


def ask_secret(what: str) -> str:
    """A password that is not shown; the next line of standard input when that is no terminal."""
    if sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=True, err=True)
        return answer
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError(f"standard input ended; the {what} was expected there")
    return line.rstrip("\n")


def ask_new() -> str:
    """A new password, typed twice at a terminal."""
    if sys.stdin.isatty():
        answer: str = click.prompt("new password", hide_input=True, confirmation_prompt=True, err=True)
        return answer
    return ask_secret("new password")
