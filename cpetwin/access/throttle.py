"""Slows down guessing of passwords, in bounded memory.

Each attempt is counted before the password is looked at (a burst of parallel guesses gains nothing)
and taken back when it was right. Beyond what is free, each further failure doubles the wait. The
limits stand in one table: a person on one machine gets few tries, a machine some more, a name under
attack from many machines more still, so that nobody can easily be locked out by others.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from ..errors import CpetwinError

FREE_FAILURES = {"name and source": 5, "source": 20, "name": 50}
"""What is counted -> failures without a wait."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds."""
FORGET_AFTER = 3600.0
"""Seconds without a failure after which the count starts again."""


class Throttled(CpetwinError):
    """Too many wrong passwords; ``retry_after`` is in seconds."""

    code = "throttled"
    status = 429
    exit_code = 4

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many failed logins", f"try again in {retry_after} s")
        self.retry_after = retry_after


class _Count(NamedTuple):
    failures: int
    last: float


class GuessThrottle:
    """Counts failures per name, source and both. ``now`` gives seconds of a real (not the domain) clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic, capacity: int = 10_000) -> None:
        self._now = now
        self._capacity = capacity
        self._counts: OrderedDict[tuple[str, str, str], _Count] = OrderedDict()

    def begin(self, name: str, source: str) -> None:
        """Count an attempt as failed until ``success``. Raises Throttled, which does not count."""
        now = self._now()
        keys = self._keys(name, source)
        wait = max(self._wait(key, now) for key in keys)
        if wait > 0:
            raise Throttled(ceil(wait))
        for key in keys:
            count = self._current(key, now)
            self._counts[key] = _Count(count.failures + 1, now)
            self._counts.move_to_end(key)
        while len(self._counts) > self._capacity:
            self._counts.popitem(last=False)

    def success(self, name: str, source: str) -> None:
        """The attempt was right: the pair starts afresh, the wider counts lose this attempt only."""
        pair, *wider = self._keys(name, source)
        self._counts.pop(pair, None)
        for key in wider:
            count = self._counts.get(key)
            if count is not None:
                self._counts[key] = count._replace(failures=max(0, count.failures - 1))

    def __len__(self) -> int:
        return len(self._counts)

    @staticmethod
    def _keys(name: str, source: str) -> list[tuple[str, str, str]]:
        name, source = name[:64], source[:64]
        keys = [("name and source", name, source), ("name", name, "")]
        return [*keys, ("source", "", source)] if source else keys

    def _current(self, key: tuple[str, str, str], now: float) -> _Count:
        count = self._counts.get(key)
        return count if count is not None and now - count.last < FORGET_AFTER else _Count(0, now)

    def _wait(self, key: tuple[str, str, str], now: float) -> float:
        count = self._current(key, now)
        excess = count.failures - FREE_FAILURES[key[0]]
        if excess < 0:
            return 0.0
        return count.last + min(FIRST_WAIT * 2.0 ** min(excess, 20), LONGEST_WAIT) - now
