"""Clocks are passed in: the domain never asks the operating system for the time.

Every instant in cpetwin is an ``int`` of milliseconds since the Unix epoch (UTC).
Socket time-outs and TLS use the real time of the event loop, never these clocks.
"""

from __future__ import annotations

import time
from typing import Protocol

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


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
