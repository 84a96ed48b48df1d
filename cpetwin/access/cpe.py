"""CpePrincipal: who a device proved to be, and the words of its credentials (cwmp.md section 3)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

REALM = "cpetwin"
"""The one realm of all challenges. It is part of every stored HA1 and must never change."""


def ha1(username: str, password: str) -> str:
    """MD5(username:realm:password) in hex, the ``HA1`` of RFC 2617, in UTF-8."""
    text = f"{username}:{REALM}:{password}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class CpePrincipal:
    """A username that exists and what proves it. It is no proof by itself: the answer to the challenge is.

    ``identity`` is the ``DeviceId.identity`` a device credential belongs to, "" for the bootstrap credential.
    ``secrets`` are (HA1, generation), newest first; two of them while a rotation is under way.
    ``settled`` is the newest generation the device has used (0: none). ``reopened``: the device may come with
    the bootstrap credential again, until it uses one of its own.
    """

    kind: Literal["bootstrap", "device"]
    username: str
    identity: str
    secrets: tuple[tuple[str, int], ...] = field(repr=False)
    settled: int = 0
    reopened: bool = False

    def basic(self, password: str) -> int | None:
        """The generation that a Basic password fits, else None. Takes equally long for all."""
        given = ha1(self.username, password)
        found = None
        for secret, generation in self.secrets:
            if hmac.compare_digest(secret, given) and found is None:
                found = generation
        return found
