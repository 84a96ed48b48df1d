"""Which parameters move by themselves: counters, uptimes, levels. They keep their last value and make no history.

The schema decides where it knows the path: counters by type (StatsCounter32, StatsCounter64) and numbers that the
device may refuse to notify because they change all the time (``activeNotify="canDeny"``) are volatile, what can be
written never is. Else the last name decides: statistics, uptimes, remaining times, levels and clocks as TR-181 and
TR-098 name them, and their vendor namesakes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .instances import without_instances

_VOLATILE_LEAF = re.compile(
    r"(Bytes|Packets|Errors?|Retrans\w*|Discard\w*|Failed\w*)(Sent|Received|Count)?\Z"
    r"|(Bytes|Packets)(Sent|Received)\Z|Bytes(Sent|Received)\w*\Z"
    r"|Up_?[Tt]ime\Z|LastChange\Z|ConnectionUptime\Z|ConnectionTime\Z"
    r"|LeaseTimeRemaining\Z|TimeRemaining\Z|RemainingTime\Z|CurrentLocalTime\Z|CurrentTime\Z|LocalTime\Z"
    r"|SignalStrength\Z|RSSI\Z|Rssi\Z|Noise\Z|NoiseMargin\Z|Attenuation\Z|\w*(Down|Up)linkRate\Z|TxRate\Z|RxRate\Z"
    r"|CPUUsage\Z|CPULoad\Z|Free\Z|MemFree\Z|Temperature\Z|Utilization\Z|ChannelUtilization\Z"
    r"|CurRecvSpeed\Z|CurSentSpeed\Z|StaConnectionSpeed\Z|StaSignalStrength\Z|ParameterKey\Z|_Sig\Z|DeviceLog\Z"
)


_COUNTERS = frozenset(("StatsCounter32", "StatsCounter64"))
_STAYING = re.compile(r"(Max|Maximum)[A-Z]|NumberOfEntries\Z|Key\Z|MRUSize\Z")
"""Numbers that a device may keep quiet about although they stay: limits, counts of rows, keys.
Results of diagnostics change only when somebody asks; they are history too."""


@lru_cache(maxsize=65536)
def is_volatile(path: str) -> bool:
    """True when changes of the parameter are no history (architecture: what is history)."""
    return _moves(without_instances(path))


@lru_cache(maxsize=16384)
def _moves(template: str) -> bool:
    # Loaded when first asked, as in ``secrets``.
    from .schema import schema

    known = schema().parameter(template)
    name = template.rpartition(".")[2]
    if known is not None:
        if known.writable:
            return False
        if known.type in _COUNTERS:
            return True
        if (
            known.notify == "canDeny"
            and known.is_integer
            and not _STAYING.search(name)
            and "Diagnostic" not in template
        ):
            return True
    return ".Stats." in template or _VOLATILE_LEAF.search(name) is not None
