"""Clocks are passed in: the domain never asks the operating system for the time.

Every instant in cpetwin is an ``int`` of milliseconds since the Unix epoch (UTC).
Socket time-outs and TLS use the real time of the event loop, never these clocks.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

CLOCK_HEADER = "Cpetwin-Now"
"""The HTTP header in which the server tells the time on its domain clock, as ``iso`` writes it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(at: int, zone: tzinfo | None = UTC) -> str:
    """An instant as ISO 8601 with milliseconds and offset; ``zone`` None is the zone of this machine."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone).isoformat(timespec="milliseconds")


def from_iso(text: str) -> int:
    """The instant of an ISO 8601 text with offset, as ``iso`` writes it. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an offset or Z is missing")
    # Whole microseconds: a float of seconds could lose the last millisecond.
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


class Clock(Protocol):
    """Anything that tells the domain time in milliseconds since the epoch."""

    def now(self) -> int: ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to (``serve --clock manual``, tests)."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def advance(self, milliseconds: int) -> int:
        """Move forward and return the new time. Raises ValueError when asked to go back."""
        if milliseconds < 0:
            raise ValueError("a domain clock never goes back")
        self._now += milliseconds
        return self._now
