"""``cpetwin login USER``: log in and store the login for ``--as USER``."""

from __future__ import annotations

import click

from ._client import Client, Target, find_server, logins_file, store_login
from ._options import Everywhere
from ._output import Say, document
from ._secret import ask_new, ask_secret


@click.command("login", short_help="log in and store the login for --as")
@click.argument("user", required=False)
@click.pass_obj
def cli(everywhere: Everywhere, user: str | None) -> None:
    """Log in and store the login for `--as USER`.

    The password is asked for, or read from standard input. A one-time password is replaced at once: the new one is
    the second line of standard input.
    """
    url, _ = find_server(everywhere)
    name = user or everywhere.user or click.prompt("user", err=True)
    password = ask_secret(f"password of {name}")
    client = Client(Target(url, ""))
    made = client.post("login", body={"user": name, "password": password})
    if made["must_change"]:
        click.echo("the password was for one time; choose your own", err=True)
        Client(Target(url, made["token"])).post("me", "password", body={"old": password, "new": ask_new()})
        made["must_change"] = False
    store_login(logins_file(), url, name, made["token"])
    if everywhere.json:
        document({field: value for field, value in made.items() if field != "token"})
    else:
        until = Say(everywhere, client).at(made["expires"])
        click.echo(f"{name} is logged in on {url} as {made['role']} until {until}; use it with --as {name}")
