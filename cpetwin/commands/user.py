"""``cpetwin user``: add, list, role, password, remove."""

from __future__ import annotations

import click

from ._client import connect
from ._options import Everywhere
from ._output import Say, document, table
from ._secret import ask_new, ask_secret


@click.group("user", short_help="add and list users, roles, passwords")
def cli() -> None:
    """Users and their roles."""


@cli.command("add")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE", help="l1, noc, firmware, marketing, privacy, approver or admin.")
@click.option("--ask-password", is_flag=True, help="Ask for a password (or read it from standard input).")
@click.pass_obj
def add(everywhere: Everywhere, name: str, role: str, ask_password: bool) -> None:
    """Make a user; prints a one-time password unless one was given."""
    body = {"name": name, "role": role} | ({"password": ask_new()} if ask_password else {})
    made = connect(everywhere).post("users", body=body)
    if everywhere.json:
        document(made)
    elif made["password"]:
        click.echo(f"login: {made['user']} / {made['password']}   (one-time password, shown only now)")
    else:
        click.echo(f"{made['user']} may log in as {made['role']}")


@cli.command("list")
@click.pass_obj
def list_users(everywhere: Everywhere) -> None:
    """All users."""
    client = connect(everywhere)
    users = client.get("users")
    if everywhere.json:
        document(users)
        return
    say = Say(everywhere, client)
    rows = [
        (user["name"], user["role"], "one-time" if user["must_change"] else say.ago(user["password_changed"]))
        for user in users
    ]
    table(("user", "role", "password set"), rows)


@cli.command("role")
@click.argument("name")
@click.argument("role")
@click.pass_obj
def set_role(everywhere: Everywhere, name: str, role: str) -> None:
    """Give a user another role; it holds at once."""
    done = connect(everywhere).ask("PATCH", "users", name, body={"role": role})
    if everywhere.json:
        document(done)
    else:
        click.echo(f"{done['user']} is {done['role']}")


@cli.command("password")
@click.argument("name", required=False)
@click.pass_obj
def password(everywhere: Everywhere, name: str | None) -> None:
    """Give NAME a new one-time password; without NAME change one's own."""
    client = connect(everywhere)
    if name is None:
        body = {"old": ask_secret("old password"), "new": ask_new()}
        done = client.post("me", "password", body=body)
    else:
        done = client.post("users", name, "password")
    if everywhere.json:
        document(done)
    elif done.get("password"):
        click.echo(f"login: {done['user']} / {done['password']}   (one-time password, shown only now)")
    else:
        click.echo(f"the password of {done['user']} is changed; other logins ended")


@cli.command("remove")
@click.argument("name")
@click.pass_obj
def remove(everywhere: Everywhere, name: str) -> None:
    """Remove a user with all tokens."""
    done = connect(everywhere).ask("DELETE", "users", name)
    if everywhere.json:
        document(done)
    else:
        click.echo(f"{done['user']} is removed")
