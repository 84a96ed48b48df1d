"""Jobs: what a session does for a device beyond answering it. One row per kind of command.

A job is a generator: it yields RPCs (``Call``) and effects and is sent their answers. It knows no
socket and no clock of its own, so a recorded conversation replays as a unit test.
"""

from __future__ import annotations

from collections.abc import Callable

from ...twin.store.base import StoredCommand
from ..contact import Contact
from ..effects import Job
from .get_values import get_values, refresh
from .keeping import discover, provision, sweep
from .restart import restart
from .rows import add_row, delete_row
from .set_values import set_values

DELIVERIES: dict[str, Callable[[Contact, StoredCommand], Job]] = {
    "set": set_values,
    "get": get_values,
    "refresh": refresh,
    "add": add_row,
    "delete": delete_row,
    "reboot": restart,
    "factory-reset": restart,
}

__all__ = ["DELIVERIES", "discover", "provision", "sweep"]
