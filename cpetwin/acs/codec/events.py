"""Event codes of Inform as data (TR-069 3.7.1.5): which answer delivers each, and how the CPE retries."""

from __future__ import annotations

from typing import NamedTuple


class EventInfo(NamedTuple):
    """``acknowledged_by``: the response that delivers the event; until then the CPE announces it again.

    ``cumulative``: several of one code may be in one Inform, each with the CommandKey of its cause
    (``has_key``). ``retry``: ``never``, ``until reboot`` or ``always`` (also across reboots).
    """

    code: str
    acknowledged_by: str
    cumulative: bool = False
    has_key: bool = False
    retry: str = "always"


EVENTS: dict[str, EventInfo] = {
    row.code: row
    for row in (
        EventInfo("0 BOOTSTRAP", "InformResponse"),
        EventInfo("1 BOOT", "InformResponse", retry="until reboot"),
        EventInfo("2 PERIODIC", "InformResponse", retry="until reboot"),
        EventInfo("3 SCHEDULED", "InformResponse"),
        EventInfo("4 VALUE CHANGE", "InformResponse", retry="until reboot"),
        EventInfo("5 KICKED", "KickedResponse", retry="until reboot"),
        EventInfo("6 CONNECTION REQUEST", "InformResponse", retry="never"),
        EventInfo("7 TRANSFER COMPLETE", "TransferCompleteResponse"),
        EventInfo("8 DIAGNOSTICS COMPLETE", "InformResponse", retry="until reboot"),
        EventInfo("9 REQUEST DOWNLOAD", "RequestDownloadResponse", retry="until reboot"),
        EventInfo("10 AUTONOMOUS TRANSFER COMPLETE", "AutonomousTransferCompleteResponse"),
        EventInfo("11 DU STATE CHANGE COMPLETE", "DUStateChangeCompleteResponse"),
        EventInfo("12 AUTONOMOUS DU STATE CHANGE COMPLETE", "AutonomousDUStateChangeCompleteResponse"),
        EventInfo("13 WAKEUP", "InformResponse", retry="until reboot"),
        EventInfo("14 HEARTBEAT", "InformResponse", retry="never"),
        EventInfo("M Reboot", "InformResponse", cumulative=True, has_key=True),
        EventInfo("M ScheduleInform", "InformResponse", cumulative=True, has_key=True),
        EventInfo("M Download", "TransferCompleteResponse", cumulative=True, has_key=True),
        EventInfo("M ScheduleDownload", "TransferCompleteResponse", cumulative=True, has_key=True),
        EventInfo("M Upload", "TransferCompleteResponse", cumulative=True, has_key=True),
        EventInfo("M ChangeDUState", "DUStateChangeCompleteResponse", cumulative=True, has_key=True),
    )
}
"""event code -> what it means."""


def event_info(code: str) -> EventInfo:
    """The row of a code. Vendor events (``X ...``, ``M X_...``) are delivered by the InformResponse."""
    known = EVENTS.get(code)
    if known is not None:
        return known
    method = code.startswith("M ")
    return EventInfo(code, "InformResponse", cumulative=method, has_key=method)
