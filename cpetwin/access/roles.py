"""Who may do what, as two tables: what each permission means, and which role has which.

Least privilege: a role gets what its work needs and nothing because it is senior. Permissions of
rooms that do not exist yet are added together with those rooms.
"""

from __future__ import annotations

from ..errors import BadInput

PERMISSIONS: dict[str, str] = {
    "status.read": "see that the server runs, its addresses (without secrets) and its counts",
    "device.read": "find and list devices, see what they are and when they were last heard",
    "device.write": "tag, replace and restore devices",
    "device.approve": "approve or deny a device that waits",
    "device.forget": "remove a device with its twin, history and commands",
    "inventory.read": "see home, customer, account, phone, name and address of a device",
    "inventory.write": "import inventory, pre-shared device credentials included",
    "twin.read": "read values, ages, differences and history of a twin",
    "secrets": "read passwords and keys of a twin; never implied, a token must name it as a scope",
    "command.read": "see queued and past commands",
    "command.queue": "queue reads and changes of parameters; cancel or retry one's own",
    "command.reboot": "queue a reboot",
    "command.reset": "queue a factory reset",
    "command.manage": "cancel or retry what somebody else queued",
    "event.read": "follow the stream of events",
    "fleet.hold": "stop and release deliveries to many devices",
    "enrol.read": "see the bootstrap credential for new devices (audited)",
    "store.read": "see sizes and figures of the store",
    "audit.read": "read and verify the audit record",
    "user.admin": "add and remove users, set roles and one-time passwords",
    "token.admin": "create, list and revoke tokens of other users",
    "clock.admin": "move the domain clock of a server started with --clock manual",
}
"""permission -> what it allows, in one line."""

NEVER_IMPLIED = frozenset({"secrets"})
"""Permissions that a token has only if its scopes name them (and the role has them)."""

BEFORE_OWN_PASSWORD = frozenset(
    "status.read device.read inventory.read twin.read command.read event.read store.read".split()
)
"""What a login with a one-time password may do until it is replaced: look, as its role allows, and act on nothing."""

ROLES: dict[str, frozenset[str]] = {
    "l1": frozenset(
        "status.read device.read inventory.read twin.read command.read command.queue command.reboot".split()
    ),
    "noc": frozenset(
        "status.read device.read device.write device.approve inventory.read inventory.write twin.read command.read "
        "command.queue command.reboot command.reset command.manage event.read fleet.hold store.read".split()
    ),
    "firmware": frozenset("status.read device.read twin.read command.read event.read store.read".split()),
    "marketing": frozenset("status.read".split()),
    "privacy": frozenset("status.read device.read inventory.read audit.read".split()),
    "approver": frozenset("status.read device.read device.approve twin.read command.read event.read".split()),
    "admin": frozenset(PERMISSIONS),
}
"""role -> permissions. The owner of the data folder works as ``admin``; roles for customers and agents come later."""


def permissions_of(role: str) -> frozenset[str]:
    """Permissions of a role. Raises BadInput naming the roles there are."""
    try:
        return ROLES[role]
    except KeyError:
        raise BadInput(f"there is no role {role[:64]!r}", "roles: " + ", ".join(ROLES)) from None


def check_scopes(scopes: frozenset[str]) -> None:
    """Raises BadInput when a scope is no permission."""
    unknown = sorted(scopes - PERMISSIONS.keys())
    if unknown:
        raise BadInput(f"there is no permission {unknown[0][:64]!r}", "permissions: " + ", ".join(PERMISSIONS))


def roles_with(permission: str) -> list[str]:
    """The roles that have a permission, for the hint of a refusal."""
    return [role for role, permissions in ROLES.items() if permission in permissions]
