"""Instance numbers of Device:2 rows, per device: allocated once, kept when rows come and go, never used twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_KEYS = 4096
"""Keys remembered per table; the oldest are forgotten beyond it, but their numbers stay used."""


class _Table:
    __slots__ = ("forgotten", "next", "numbers", "used")

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.used: set[int] = set()
        self.next = 1
        self.forgotten = False


class InstanceMap:
    """The allocation of one device, to be stored with its twin.

    ``InstanceMap(saved)`` takes what ``saved()`` returned (plain dicts, lists, strings and integers, ready for
    msgpack or JSON). Reading a view may allocate: store the map again when ``changed`` is true. A key names a
    native row (``wanip:1.1.1``) or, for hosts, the MAC address; ``facts`` keeps what was once found out
    about a row (the band of an access point) for times when the device does not say.
    """

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        self.changed = False
        self._tables: dict[str, _Table] = {}
        self._facts: dict[str, str] = dict((saved or {}).get("facts", {}))
        for name, (next_, forgotten, numbers) in (saved or {}).get("tables", {}).items():
            table = self._tables[name] = _Table()
            table.numbers = dict(numbers)
            table.used = set(table.numbers.values())
            table.next, table.forgotten = int(next_), bool(forgotten)

    def saved(self) -> dict[str, Any]:
        """The map as plain data."""
        tables = {name: [t.next, t.forgotten, dict(t.numbers)] for name, t in self._tables.items()}
        return {"tables": tables, "facts": dict(self._facts)}

    def number(self, table: str, key: str, prefer: int = 0, floor: int = 1) -> int:
        """The number of ``key`` in a Device:2 ``table``, allocated when new.

        ``prefer`` is taken when it was never used; otherwise the next free number that is at least ``floor``.
        """
        entry = self._tables.get(table)
        if entry is None:
            entry = self._tables[table] = _Table()
        known = entry.numbers.get(key)
        if known is not None:
            return known
        free = prefer > 0 and prefer not in entry.used and (prefer >= entry.next or not entry.forgotten)
        number = prefer
        if not free:
            number = floor
            if entry.forgotten and number < entry.next:
                number = entry.next
            while number in entry.used:
                number += 1
        entry.numbers[key] = number
        entry.used.add(number)
        entry.next = max(entry.next, number + 1)
        if len(entry.numbers) > MAX_KEYS:
            oldest = next(iter(entry.numbers))
            entry.used.discard(entry.numbers.pop(oldest))
            entry.forgotten = True
        self.changed = True
        return number

    def find(self, table: str, key: str) -> int | None:
        """The number of a key if it has one."""
        entry = self._tables.get(table)
        return None if entry is None else entry.numbers.get(key)

    def items(self) -> Iterator[tuple[str, str, int]]:
        """Every allocation: (table, key, number)."""
        for name, table in self._tables.items():
            for key, number in table.numbers.items():
                yield name, key, number

    def fact(self, key: str) -> str:
        """What was remembered under ``key``; empty when nothing was."""
        return self._facts.get(key, "")

    def remember(self, key: str, text: str) -> None:
        """Keep a short fact about a native row."""
        if self._facts.get(key) != text and (key in self._facts or len(self._facts) < MAX_KEYS):
            self._facts[key] = text
            self.changed = True
