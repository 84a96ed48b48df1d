"""Users and tokens as they are stored: one kind of record, so that both change in one transaction.

Keys: ``user/NAME``, ``token/SHA256`` (hex; the token itself is stored nowhere), ``used/SHA256`` (last use).
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from ..errors import BadInput

KIND = "account"
USERS, TOKENS, USED = "user/", "token/", "used/"

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}\Z")
RESERVED_NAMES = frozenset({"system", "device"})
"""Actors of the audit record that are nobody's login."""


class User(msgspec.Struct, frozen=True):
    """``hash`` is the argon2 string. Times in ms; ``changed`` is when the password was last set."""

    name: str
    role: str
    hash: str
    must_change: bool
    created: int
    changed: int


class Token(msgspec.Struct, frozen=True):
    """``kind`` is login, api or cli. ``expires`` in ms, 0 is never.

    ``role`` narrows the user's role, ``scopes`` narrows further; None leaves everything but the
    permissions that are never implied.
    """

    id: str
    user: str
    kind: str
    created: int
    expires: int
    label: str = ""
    role: str | None = None
    scopes: list[str] | None = None


def check_name(name: str) -> str:
    """The name if a user may have it. Raises BadInput."""
    if not _NAME.match(name):
        raise BadInput(
            f"{name[:64]!r} is no user name",
            "1 to 64 characters: small letters, digits and . _ @ - ; a letter or digit first",
        )
    if name in RESERVED_NAMES:
        raise BadInput(f"the name {name} is reserved", "choose another name")
    return name


def token_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def token_id(hash: str) -> str:
    """The short id people see and revoke by."""
    return hash[:12]


encode = msgspec.msgpack.Encoder().encode
decode_user = msgspec.msgpack.Decoder(User).decode
decode_token = msgspec.msgpack.Decoder(Token).decode
