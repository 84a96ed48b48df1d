"""Principal: who acts, and what they may do right now."""

from __future__ import annotations

import msgspec

from ..errors import Denied
from .roles import roles_with


class Principal(msgspec.Struct, frozen=True):
    """An authenticated user or a part of the server.

    ``permissions`` are what role and token scopes leave together; only reading while ``must_change`` says that
    a one-time password has to be replaced first. ``token`` is the short id of the token used.
    """

    user: str
    role: str
    permissions: frozenset[str]
    token: str = ""
    must_change: bool = False

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises Denied with the permission's name and the roles that have it."""
        if permission in self.permissions:
            return
        if self.must_change:
            raise Denied(f"{self.user} must change the one-time password first", "cpetwin user password")
        raise Denied(
            f"{self.user} ({self.role}) lacks the permission {permission}",
            "roles that have it: " + ", ".join(roles_with(permission)),
        )


SYSTEM = Principal("system", "system", frozenset())
"""The server itself, as actor of what it does by its own rules. It never comes in with a token."""

DEVICE = Principal("device", "device", frozenset())
"""A device, as actor of what its own messages cause."""
