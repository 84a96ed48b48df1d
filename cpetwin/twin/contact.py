"""Contact: when a device was last heard against when it was expected. One table of words for everybody.

``due`` means heard within 1.5 x its interval + 60 s, ``lost`` means silent for more than 3 x, ``overdue``
is between them, ``never`` is a device that was imported or enrolled but never heard.
"""

from __future__ import annotations

from ..clock import SECOND
from .store.base import Device

CONTACTS = ("connected", "due", "overdue", "lost", "never")
"""``connected``: a transport that stays open (USP) is up."""

ONLINE = ("connected", "due")

DEFAULT_INTERVAL = 24 * 3600
"""Seconds assumed for a device that has not told its interval yet."""

SLACK = 60 * SECOND
"""Added to one and a half intervals before a device is overdue."""


def interval_of(device: Device) -> int:
    """The expected time between contacts in milliseconds."""
    return (device.interval or DEFAULT_INTERVAL) * SECOND


def contact(device: Device, now: int, connected: bool = False) -> str:
    """One of CONTACTS. ``connected`` is what the transports know of the device at this moment."""
    if connected:
        return "connected"
    if not device.last_contact:
        return "never"
    silent = now - device.last_contact
    interval = interval_of(device)
    if silent <= interval * 3 // 2 + SLACK:
        return "due"
    return "lost" if silent > 3 * interval else "overdue"


def next_contact(device: Device, now: int = 0) -> int | None:
    """When the device is expected next after ``now`` (ms), on the grid of its interval; None if it was never heard
    or never told its interval."""
    if not device.last_contact or not device.interval:
        return None
    interval = interval_of(device)
    missed = max(0, now - device.last_contact) // interval
    return device.last_contact + (missed + 1) * interval
