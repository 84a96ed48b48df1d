"""The event log and the audit chain of one shard."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from ...audit import GENESIS, AuditEntry, chain_hash
from ...event import Event

_encode = msgspec.msgpack.encode
_decode_details = msgspec.msgpack.Decoder(list[object]).decode
_decode_entry = msgspec.msgpack.Decoder(AuditEntry).decode
_KIND_SEPARATOR = ","


class Facts:
    """What a Report held, for the event log: kinds in order, and a plain JSON value for those that have one."""

    __slots__ = ("_details", "kinds")

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self._details: dict[int, object] = {}

    def add(self, kind: str, detail: object = None) -> None:
        """``kind`` must not hold a comma."""
        if detail is not None:
            self._details[len(self.kinds)] = detail
        self.kinds.append(kind)

    def details(self) -> bytes | None:
        """The values by position, None when there are none."""
        if not self._details:
            return None
        return _encode([self._details.get(position) for position in range(len(self.kinds))])


def add_event(db: sqlite3.Connection, device: int, revision: int, at: int, facts: Facts) -> int:
    """One compact row per Report and its number; 0 and no row when it held no facts."""
    if not facts.kinds:
        return 0
    return (
        db.execute(
            "INSERT INTO event(device, revision, at, kinds, detail) VALUES (?, ?, ?, ?, ?)",
            (device, revision, at, _KIND_SEPARATOR.join(facts.kinds), facts.details()),
        ).lastrowid
        or 0
    )


def add_fact(db: sqlite3.Connection, device: int, revision: int, at: int, kind: str, detail: object = None) -> int:
    """An event row with a single fact; returns its number."""
    facts = Facts()
    facts.add(kind, detail)
    return add_event(db, device, revision, at, facts)


def read_events(db: sqlite3.Connection, after: int, limit: int) -> tuple[list[Event], int]:
    """Events behind a position, oldest first, and the new position."""
    rows = db.execute(
        "SELECT e.number, coalesce(d.id, ''), e.revision, e.at, e.kinds, e.detail FROM event e"
        " LEFT JOIN device d ON d.key = e.device WHERE e.number > ? ORDER BY e.number LIMIT ?",
        (after, limit),
    ).fetchall()
    events: list[Event] = []
    for number, device, revision, at, joined, body in rows:
        after = number
        kinds = joined.split(_KIND_SEPARATOR)
        details = _decode_details(body) if body else [None] * len(kinds)
        for kind, detail in zip(kinds, details, strict=True):
            events.append(Event(device, revision, at, kind, {} if detail is None else {"value": detail}))
    return events, after


def add_audit(db: sqlite3.Connection, entry: AuditEntry | None) -> None:
    """Append to the chain of this shard."""
    if entry is None:
        return
    row = db.execute("SELECT hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    db.execute(
        "INSERT INTO audit(at, subject, read, entry, hash) VALUES (?, ?, ?, ?, ?)",
        (entry.at, entry.subject, entry.read, _encode(entry), chain_hash(row[0] if row else GENESIS, entry)),
    )


def read_audit(db: sqlite3.Connection, since: int, subject: str | None, reads: bool, limit: int) -> list[AuditEntry]:
    """The newest entries that fit, oldest first."""
    condition: list[str] = ["at >= ?"]
    values: list[object] = [since]
    if subject is not None:
        condition.append("subject = ?")
        values.append(subject)
    if not reads:
        condition.append("read = 0")
    rows = db.execute(
        f"SELECT entry FROM audit WHERE {' AND '.join(condition)} ORDER BY number DESC LIMIT ?", (*values, limit)
    ).fetchall()
    return [_decode_entry(body) for (body,) in reversed(rows)]


def walk_audit(db: sqlite3.Connection) -> Iterator[tuple[int, bool]]:
    """(number, intact) of every entry: its hash follows from the one before, no number is missing, and the last
    one is the last that was ever written."""
    newest = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    previous, expected = GENESIS, 1
    for number, body, stored in db.execute("SELECT number, entry, hash FROM audit ORDER BY number"):
        try:
            intact = number == expected and chain_hash(previous, _decode_entry(body)) == stored
        except msgspec.DecodeError:
            intact = False
        yield number, intact
        previous, expected = stored, number + 1
    if newest is not None and newest[0] >= expected:
        yield newest[0], False
