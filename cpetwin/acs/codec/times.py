"""dateTime as devices write it (TR-069 3.2.1.1, cwmp.md section 9). Never fails a session."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

TimeKind = Literal["absolute", "local", "unknown", "relative", "infinite", "nonsense"]


class DeviceTime(NamedTuple):
    """``ms`` since the epoch for ``absolute`` and ``local`` (no zone given, read as UTC); since boot for
    ``relative``; otherwise None. ``raw`` is the text as sent, cut at 64 characters."""

    ms: int | None
    kind: TimeKind
    raw: str


_iso = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)[Tt ](\d\d?):(\d\d?):(\d\d?)(?:[.,](\d{1,12}))?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT = datetime(1, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)


def parse_time(text: str) -> DeviceTime:
    """Read any dateTime. Year 0001 with zone is "unknown", without zone time since boot; 9999-12-31 is for ever."""
    raw = text[:64]
    match = _iso(raw.strip())
    if not match:
        return DeviceTime(None, "nonsense", raw)
    *numbers, fraction, zulu, sign, hours, minutes = match.groups()
    try:
        moment = datetime(*map(int, numbers))  # type: ignore[arg-type]
        moment += timedelta(milliseconds=int(((fraction or "") + "000")[:3]))
        zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        if moment.year == 1:
            if zulu or sign:
                return DeviceTime(None, "unknown", raw)
            return DeviceTime((moment - _BOOT) // _MILLISECOND, "relative", raw)
        if moment.year == 9999:
            return DeviceTime(None, "infinite", raw)
        moment = moment + zone if sign == "-" else moment - zone
    except (ValueError, OverflowError):  # the 31st of February, a zone beyond the calendar
        return DeviceTime(None, "nonsense", raw)
    ms = (moment.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
    return DeviceTime(ms, "absolute" if zulu or sign else "local", raw)
