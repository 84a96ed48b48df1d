"""Time zones: the offset of TR-098 and the POSIX TZ string of Device:2, whose sign is the other way round."""

from __future__ import annotations

import re

_OFFSET = re.compile(r"\s*([+-])(\d{1,2}):?(\d{2})\s*\Z")
_POSIX = re.compile(r"\s*(?:<[^<>]{1,32}>|[A-Za-z]{3,32})([+-]?)(\d{1,2})(?::(\d{2}))?(?::\d{2})?(.*)\Z", re.DOTALL)


def posix_of_offset(text: str) -> str | None:
    """``-03:00`` -> ``<-0300>+03:00``; None when it is no offset."""
    match = _OFFSET.match(text)
    if match is None:
        return None
    sign, hours, minutes = match[1], match[2].zfill(2), match[3]
    return f"<{sign}{hours}{minutes}>{'-' if sign == '+' else '+'}{hours}:{minutes}"


def offset_of_posix(text: str) -> tuple[str, bool] | None:
    """``BRT3`` -> (``-03:00``, whether it names a summer time); None when it is no POSIX TZ string."""
    match = _POSIX.match(text)
    if match is None:
        return None
    sign = "+" if match[1] == "-" else "-"
    hours, minutes = match[2].zfill(2), match[3] or "00"
    if hours == "00" and minutes == "00":
        sign = "+"
    return f"{sign}{hours}:{minutes}", bool(match[4].strip())
