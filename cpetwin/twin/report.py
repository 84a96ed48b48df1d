"""Report: what a device told us at one moment. Wire rooms make it, ``Store.commit`` consumes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Observations(NamedTuple):
    """Parameter values in columns of equal length: native paths, lexical texts, types without prefix.

    Columns and not objects, because a full read of a gateway is 1,500 of them.
    """

    names: Sequence[str]
    texts: Sequence[str]
    types: Sequence[str]


class Names(NamedTuple):
    """What exists below ``under``: paths (objects end in a dot) and whether each is writable."""

    under: str
    paths: Sequence[str]
    writable: Sequence[bool]


class DeviceEvent(NamedTuple):
    """An event the device reported, such as ``1 BOOT`` or ``M Reboot`` with its command key."""

    code: str
    command_key: str = ""


class CommandUpdate(msgspec.Struct, frozen=True):
    """A step in the life of a command, applied in the same transaction as the Report.

    ``expect`` is the state it must be in; otherwise the step is refused and named in the answer.
    ``attempt`` is appended to the attempts when given: ``{"at","action","fault"}``.
    """

    command: str
    expect: tuple[str, ...]
    state: str
    attempt: dict[str, object] | None = None
    result: object = None
    verified: bool | str | None = None


class Report(msgspec.Struct, frozen=True):
    """One atomic message about one device.

    ``device``   the store's key of the device
    ``at``       server clock, ms; the observed time of everything in it
    ``protocol`` ``cwmp`` or ``usp``
    ``epoch``    of the session that says so; an older one is refused. A Report with ``inform`` opens a session
                 and is answered with its epoch; 0 elsewhere means outside any session
    ``events``   what the device announced; ``retry_count`` > 0 marks a repeated announcement
    ``inform``   the values that came with the announcement
    ``values``   values read on our request; ``complete`` names subtrees that were read whole
    ``names``    existence and writability read on our request, always whole subtrees
    ``discovered`` the whole tree has been read with this Report
    ``gone``     object paths that the device said do not exist any more
    ``updates``  steps of commands
    ``sweep_due`` when the sync policy wants the next sweep (ms), if this Report decided that
    ``facts``    attributes of the device row that changed (software version, address ...)
    ``notes``    further facts for the event log: kind -> plain JSON value
    ``cause``    why values were read: ``inform``, ``discovery``, ``sweep`` or a command id
    """

    device: int
    at: int
    protocol: str = "cwmp"
    epoch: int = 0
    events: tuple[DeviceEvent, ...] = ()
    retry_count: int = 0
    inform: Observations | None = None
    values: Observations | None = None
    complete: tuple[str, ...] = ()
    names: Names | None = None
    discovered: bool = False
    gone: tuple[str, ...] = ()
    updates: tuple[CommandUpdate, ...] = ()
    facts: dict[str, str] = {}
    sweep_due: int | None = None
    notes: dict[str, object] = {}
    cause: str = "inform"
