"""TIME and DURATION as people type them, and instants and ages as people read them.

TIME: ISO 8601 (fractions, ``Z`` or offset; zone optional), ``now``, ``-2h``, ``'2 hours ago'``, ``yesterday 18:00``,
``'last tuesday'``. DURATION: ``90s 5m 24h 7d``, also joined (``1h30m``). Everything is resolved to the millisecond.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..clock import from_iso
from ..errors import BadInput

_UNITS = {
    "ms": 1, "s": 1000, "sec": 1000, "second": 1000, "m": 60_000, "min": 60_000, "minute": 60_000,
    "h": 3_600_000, "hour": 3_600_000, "d": 86_400_000, "day": 86_400_000, "w": 604_800_000, "week": 604_800_000,
}  # fmt: skip
_LONG_UNITS = {f"{name}s": factor for name, factor in _UNITS.items() if len(name) > 2}
UNITS = _UNITS | _LONG_UNITS
"""unit -> milliseconds."""

MAX_DURATION = 100 * 366 * 86_400_000
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+\Z")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\Z")
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}

_TIME_HINT = "write it like 2026-01-31T18:00, now, -2h, '2 hours ago', 'yesterday 18:00' or 'last tuesday'"
_DURATION_HINT = "write it like 90s, 5m, 24h or 7d"


def parse_duration(text: str) -> int:
    """Milliseconds of a DURATION. Raises BadInput."""
    lowered = text.strip().lower()
    parts = _PART.findall(lowered)
    if not _DURATION.match(lowered) or any(unit not in UNITS for _, unit in parts):
        raise BadInput(f"{text!r} is no duration", _DURATION_HINT)
    total = round(sum(float(number) * UNITS[unit] for number, unit in parts))
    if total > MAX_DURATION:
        raise BadInput(f"{text!r} is longer than a century", _DURATION_HINT)
    return total


def parse_zone(text: str | None) -> tzinfo | None:
    """A zone by name (``Europe/Berlin``) or offset (``+02:00``); None is the user's own. Raises BadInput."""
    if not text:
        return None
    if text.upper() in ("Z", "UTC"):
        return UTC
    offset = _OFFSET.match(text)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{text!r} is no time zone", "write it like Europe/Berlin, UTC or +02:00") from None


def parse_time(text: str, now: int, zone: tzinfo | None = None) -> int:
    """The instant (ms) that a TIME means at ``now`` (ms). Raises BadInput."""
    words = " ".join(text.strip().lower().split())
    for read in (_relative, _by_day, _clock_today):
        found = read(words, now, zone)
        if found is not None:
            return found
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return _instant(moment, zone)
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"{text!r} is no time", _TIME_HINT) from None


def _relative(words: str, now: int, zone: tzinfo | None) -> int | None:
    if words == "now":
        return now
    if words.endswith(" ago"):
        return now - parse_duration(words.removesuffix(" ago"))
    if words.startswith("in "):
        return now + parse_duration(words.removeprefix("in "))
    if words[:1] in ("-", "+") and _DURATION.match(words[1:]):
        duration = parse_duration(words[1:])
        return now - duration if words[0] == "-" else now + duration
    return None


def _by_day(words: str, now: int, zone: tzinfo | None) -> int | None:
    """``yesterday 18:00``, ``last tuesday``, ``last tuesday 02:30``."""
    first, _, rest = words.partition(" ")
    if first in _DAYS:
        days = _DAYS[first]
    elif first == "last" and (day := rest.partition(" ")[0]) in _WEEKDAYS:
        rest = rest.partition(" ")[2]
        days = -((_local(now, zone).weekday() - _WEEKDAYS.index(day) - 1) % 7 + 1)
    else:
        return None
    at = _clock(rest) if rest else time()
    if at is None:
        return None
    return _instant(datetime.combine(_local(now, zone).date() + timedelta(days=days), at), zone)


def _clock_today(words: str, now: int, zone: tzinfo | None) -> int | None:
    at = _clock(words)
    return None if at is None else _instant(datetime.combine(_local(now, zone).date(), at), zone)


def _clock(text: str) -> time | None:
    found = _CLOCK.match(text)
    if found is None:
        return None
    hour, minute, second, fraction = found.groups()
    try:
        return time(int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")))
    except ValueError:
        return None


def _local(at: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def _instant(moment: datetime, zone: tzinfo | None) -> int:
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return from_iso(moment.astimezone(UTC).isoformat())


def say_instant(at: int, zone: tzinfo | None, now: int) -> str:
    """``14:20`` today, ``2026-01-31 14:20`` otherwise, in the user's zone, with offset when it is another day."""
    moment = _local(at, zone)
    if moment.date() == _local(now, zone).date():
        return moment.strftime("%H:%M")
    return moment.isoformat(sep=" ", timespec="minutes")


def say_span(milliseconds: int) -> str:
    """A length of time in its largest sensible unit: ``40 s``, ``3 min``, ``5 h``, ``30 d``."""
    seconds = max(0, milliseconds) // 1000
    for factor, unit, until in ((1, "s", 120), (60, "min", 120 * 60), (3600, "h", 48 * 3600)):
        if seconds < until:
            return f"{seconds // factor} {unit}"
    return f"{seconds // 86400} d"
