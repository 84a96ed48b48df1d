"""What a device is: identity, Reports, the twin document, events, history and the Store behind them.

Wire rooms make ``Report``s; ``Store.commit`` turns them into twins, atomically per device; everybody
else reads twins, events and history from the Store and never asks which protocol a device speaks.
"""

from .audit import AuditEntry
from .event import Event
from .identity import DeviceId
from .report import CommandUpdate, DeviceEvent, Names, Observations, Report
from .store.base import Change, Committed, Device, NewCommand, Parameter, Store, StoredCommand

__all__ = [
    "AuditEntry",
    "Change",
    "CommandUpdate",
    "Committed",
    "Device",
    "DeviceEvent",
    "DeviceId",
    "Event",
    "Names",
    "NewCommand",
    "Observations",
    "Parameter",
    "Report",
    "Store",
    "StoredCommand",
]
