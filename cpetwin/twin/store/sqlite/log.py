"""The event log and the audit chain of one shard."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from ...audit import GENESIS, AuditEntry, chain_hash
from ...event import Event

_encode = msgspec.msgpack.encode
_decode_detail = msgspec.msgpack.Decoder(dict[str, object]).decode
_decode_entry = msgspec.msgpack.Decoder(AuditEntry).decode


def add_event(
    db: sqlite3.Connection, device: int, revision: int, at: int, kinds: Sequence[str], detail: dict[str, object]
) -> None:
    """One compact row per Report: what kinds of facts it held, and their keys if they have any."""
    db.execute(
        "INSERT INTO event(device, revision, at, kinds, detail) VALUES (?, ?, ?, ?, ?)",
        (device, revision, at, ",".join(kinds), _encode(detail) if detail else None),
    )


def read_events(db: sqlite3.Connection, after: int, limit: int) -> tuple[list[Event], int]:
    """Events behind a position, oldest first, and the new position."""
    rows = db.execute(
        "SELECT e.number, coalesce(d.id, ''), e.revision, e.at, e.kinds, e.detail FROM event e"
        " LEFT JOIN device d ON d.key = e.device WHERE e.number > ? ORDER BY e.number LIMIT ?",
        (after, limit),
    ).fetchall()
    events: list[Event] = []
    for number, device, revision, at, kinds, body in rows:
        after = number
        detail = _decode_detail(body) if body else {}
        for kind in kinds.split(","):
            events.append(Event(device, revision, at, kind, {"value": detail[kind]} if kind in detail else {}))
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
    condition, values = ["at >= ?"], [since]
    if subject is not None:
        condition.append("subject = ?")
        values.append(subject)  # type: ignore[arg-type]
    if not reads:
        condition.append("read = 0")
    rows = db.execute(
        f"SELECT entry FROM audit WHERE {' AND '.join(condition)} ORDER BY number DESC LIMIT ?", (*values, limit)
    ).fetchall()
    return [_decode_entry(body) for (body,) in reversed(rows)]


def walk_audit(db: sqlite3.Connection) -> Iterator[tuple[int, bool]]:
    """(number, intact) of every entry: its hash follows from the one before, and no number is missing."""
    previous, expected = GENESIS, 1
    for number, body, stored in db.execute("SELECT number, entry, hash FROM audit ORDER BY number"):
        try:
            intact = number == expected and chain_hash(previous, _decode_entry(body)) == stored
        except msgspec.DecodeError:
            intact = False
        yield number, intact
        previous, expected = stored, number + 1
