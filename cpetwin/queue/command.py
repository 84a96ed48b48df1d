"""Command: what we want of a device, and the states it can be in.

The table below is the whole life of a command. ``held`` waits for a hold or an approval; ``sent``
is durable before the bytes leave; ``unknown`` means that no evidence tells what the device did.
"""

from __future__ import annotations

import msgspec

from ..clock import DAY

KINDS = ("set", "get", "add", "delete", "reboot", "factory-reset", "refresh")
"""What a command can be. ``refresh`` reads subtrees into the twin."""

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "held": ("queued", "cancelled", "expired"),
    "queued": ("sent", "cancelled", "expired", "superseded", "failed"),
    "sent": ("verifying", "done", "failed", "unknown", "queued"),
    "verifying": ("done", "failed", "unknown", "queued"),
    "unknown": ("queued", "verifying", "done", "failed", "cancelled"),
    "done": (),
    "failed": ("queued",),
    "expired": ("queued",),
    "cancelled": ("queued",),
    "superseded": (),
}
"""state -> states it may go to. A finished command goes back to ``queued`` by ``queue retry`` only."""

RETRIED = "retried"
"""Action of the attempt that ``queue retry`` writes: what is sent after it is another delivery with another key."""

FINAL_STATES = tuple(s for s in TRANSITIONS if s in ("done", "failed", "expired", "cancelled", "superseded"))

DEFAULT_EXPIRY = {
    "set": 30 * DAY, "add": 30 * DAY, "delete": 30 * DAY, "get": DAY, "refresh": DAY,
    "reboot": DAY, "factory-reset": DAY,
}  # fmt: skip
"""Milliseconds after which an undelivered command expires (surface: configuration 30 d, reboot 24 h)."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The immutable part of a command. Paths are native or Device:2 as the user gave them.

    ``args`` by kind: set ``{"values": {path: text}}``; get and refresh ``{"paths": [path]}``;
    add ``{"table": path, "values": {name: text}}``; delete ``{"path": path}``; others ``{}``.
    ``condition`` and ``verify`` are expressions (``--if``, ``--verify``), empty when absent.
    """

    kind: str
    args: dict[str, object]
    when: str = "now"
    condition: str = ""
    verify: str = ""
    reason: str = ""
