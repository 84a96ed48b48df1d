"""``cpetwin token``: create, list, revoke."""

from __future__ import annotations

from typing import Any

import click

from ._client import connect
from ._options import Everywhere
from ._output import Say, document, pairs, table
from ._time import parse_duration


@click.group("token", short_help="create and revoke tokens for programs")
def cli() -> None:
    """Tokens for programs."""


@cli.command("create")
@click.option("--user", metavar="USER", help="For another user.")
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@click.option("--role", metavar="ROLE", help="Narrow it to a role.")
@click.option("--scope", "scopes", multiple=True, metavar="PERMISSION", help="Narrow it to permissions (repeatable).")
@click.option("--expires", metavar="DURATION", help="Its life.  [default: 90d]")
@click.pass_obj
def create(
    everywhere: Everywhere, user: str | None, label: str, role: str | None, scopes: tuple[str, ...], expires: str | None
) -> None:
    """Create a token; its text is printed only now."""
    given: dict[str, Any] = {"user": user, "label": label, "role": role, "scopes": list(scopes) or None}
    given["lifetime"] = parse_duration(expires) // 1000 if expires else None
    client = connect(everywhere)
    made = client.post("tokens", body={name: value for name, value in given.items() if value})
    if everywhere.json:
        document(made)
        return
    pairs([("token", made["token"]), ("id", made["id"]), ("expires", Say(everywhere, client).at(made["expires"]))])


@cli.command("list")
@click.option("--user", metavar="USER", help="Only those of this user.")
@click.pass_obj
def list_tokens(everywhere: Everywhere, user: str | None) -> None:
    """One's own tokens; an admin sees all."""
    client = connect(everywhere)
    tokens = client.get("tokens", query={"user": user})
    if everywhere.json:
        document(tokens)
        return
    say = Say(everywhere, client)
    rows = [
        (t["id"], t["user"], t["kind"], t["label"], t["role"] or "", ",".join(t["scopes"] or []), say.at(t["expires"]),
         say.ago(t["last_used"]))
        for t in tokens
    ]  # fmt: skip
    table(("token", "user", "kind", "label", "role", "scopes", "expires", "last used"), rows)


@cli.command("revoke")
@click.argument("id")
@click.pass_obj
def revoke(everywhere: Everywhere, id: str) -> None:
    """End a token by its short id."""
    gone = connect(everywhere).ask("DELETE", "tokens", id)
    if everywhere.json:
        document(gone)
    else:
        click.echo(f"token {gone['id']} of {gone['user']} is revoked")
