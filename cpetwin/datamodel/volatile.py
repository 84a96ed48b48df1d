"""Which parameters move by themselves: counters, uptimes, levels. They keep their last value and make no history.

The rule reads the last name of a parameter; the leaves are those that TR-181 and TR-098 define as
statistics, uptimes, remaining times, levels and clocks, and their vendor namesakes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_VOLATILE_LEAF = re.compile(
    r"(Bytes|Packets|Errors?|Retrans\w*|Discard\w*|Failed\w*)(Sent|Received|Count)?\Z"
    r"|(Bytes|Packets)(Sent|Received)\Z|Bytes(Sent|Received)\w*\Z"
    r"|Up_?[Tt]ime\Z|LastChange\Z|ConnectionUptime\Z|ConnectionTime\Z"
    r"|LeaseTimeRemaining\Z|TimeRemaining\Z|RemainingTime\Z|CurrentLocalTime\Z|CurrentTime\Z|LocalTime\Z"
    r"|SignalStrength\Z|RSSI\Z|Rssi\Z|Noise\Z|NoiseMargin\Z|Attenuation\Z|\w*(Down|Up)linkRate\Z|TxRate\Z|RxRate\Z"
    r"|CPUUsage\Z|CPULoad\Z|Free\Z|MemFree\Z|Temperature\Z|Utilization\Z|ChannelUtilization\Z"
    r"|CurRecvSpeed\Z|CurSentSpeed\Z|StaConnectionSpeed\Z|StaSignalStrength\Z|ParameterKey\Z|_Sig\Z|DeviceLog\Z"
)


@lru_cache(maxsize=65536)
def is_volatile(path: str) -> bool:
    """True when changes of the parameter are no history (architecture: what is history)."""
    if ".Stats." in path:
        return True
    return _VOLATILE_LEAF.search(path.rpartition(".")[2]) is not None
