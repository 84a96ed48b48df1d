"""The wire language of CWMP (TR-069): bytes to typed messages and back, without I/O.

``parse`` reads whatever either side sends, leniently; ``envelope`` and ``fault`` write what the pickiest
clients accept. ``MESSAGES`` is the table of RPCs; faults, events and dateTimes are data beside it.
"""

from .errors import CodecError, Unwritable
from .events import EVENTS, event_info
from .faults import FAULTS, FaultInfo, fault_info
from .known import KnownAnswers
from .messages import NO_ARGUMENTS, UNKNOWN_TIME, Message
from .parse import EMPTY, MAX_BYTES, NAMESPACES, parse
from .registry import ACS_METHODS, CPE_METHODS, MESSAGES
from .times import DeviceTime, parse_time
from .write import envelope, fault

__all__ = [
    "ACS_METHODS", "CPE_METHODS", "EMPTY", "EVENTS", "FAULTS", "MAX_BYTES", "MESSAGES", "NAMESPACES", "NO_ARGUMENTS",
    "UNKNOWN_TIME", "CodecError", "DeviceTime", "KnownAnswers",
    "FaultInfo", "Message", "Unwritable", "envelope", "event_info",
    "fault", "fault_info", "parse", "parse_time",
]  # fmt: skip
