"""Commands in one shard: every step is checked against the state the command is in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from ....errors import Conflict
from ...report import CommandUpdate
from ..base import ACTIVE_STATES, NewCommand, StoredCommand

_Progress = tuple[list[dict[str, object]], object, bool | str | None]
_encode = msgspec.msgpack.encode
_decode_progress = msgspec.msgpack.Decoder(_Progress).decode
_COLUMNS = "number, device, state, kind, created, expires, not_before, actor, key, changed, body, progress"
_ACTIVE = ", ".join(f"'{state}'" for state in ACTIVE_STATES)
_DUE = "state IN ('held', 'queued') AND expires <= ?"
MAX_ATTEMPTS = 50
"""Attempts kept with a command; the first and the newest ones."""


def id_of(number: int, shard: int, shards: int) -> str:
    """Command ids are short words for people, ``c`` and a number; the number tells the shard."""
    return f"c{number * shards + shard}"


def number_of(command: str, shards: int) -> tuple[int, int] | None:
    """(number, shard) of a command id, None when it is no command id."""
    digits = command[1:]
    if not command.startswith("c") or not digits.isdecimal() or not digits.isascii() or len(digits) > 18:
        return None
    number, shard = divmod(int(digits), shards)
    return number, shard


class Commands:
    """The command table of one shard."""

    def __init__(self, shard: int, shards: int) -> None:
        self._shard = shard
        self._shards = shards

    def _stored(self, row: tuple[Any, ...]) -> StoredCommand:
        number, device, state, kind, created, expires, not_before, actor, key, changed, body, progress = row
        attempts, result, verified = _decode_progress(progress)
        return StoredCommand(
            id=id_of(number, self._shard, self._shards),
            device=device, state=state, kind=kind, created=created, expires=expires, not_before=not_before,
            actor=actor, key=key, changed=changed, body=body, attempts=attempts, result=result, verified=verified,
        )  # fmt: skip

    def number(self, command: str) -> int | None:
        """The number of a command id in this shard, None when it belongs to none or another."""
        place = number_of(command, self._shards)
        return place[0] if place is not None and place[1] == self._shard else None

    def get(self, db: sqlite3.Connection, number: int) -> StoredCommand | None:
        row = db.execute(f"SELECT {_COLUMNS} FROM command WHERE number=?", (number,)).fetchone()
        return self._stored(row) if row else None

    def by_id(self, db: sqlite3.Connection, command: str) -> StoredCommand | None:
        number = self.number(command)
        return self.get(db, number) if number is not None else None

    def add(self, db: sqlite3.Connection, new: NewCommand) -> tuple[StoredCommand, bool]:
        """Store a command; whether it is new. The same idempotency key gives the first one; with another body,
        Conflict."""
        if new.key:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM command WHERE device=? AND key=?", (new.device, new.key)
            ).fetchone()
            if row:
                known = self._stored(row)
                if known.body != new.body or known.kind != new.kind:
                    raise Conflict(
                        f"key {new.key!r} was used for {known.id}, which asks for something else",
                        "use a new --key for a new wish",
                    )
                return known, False
        number = db.execute(
            "INSERT INTO command(device, state, kind, created, expires, not_before, actor, key, changed, body,"
            " progress) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.device, new.kind, new.created, new.expires, new.not_before, new.actor, new.key, new.created,
                new.body, _encode(([], None, None)),
            ),
        ).lastrowid  # fmt: skip
        assert number is not None
        stored = self.get(db, number)
        assert stored is not None
        return stored, True

    def select(
        self,
        db: sqlite3.Connection,
        device: int | None,
        states: Sequence[str] | None,
        actor: str | None,
        since: int,
        limit: int,
    ) -> list[StoredCommand]:
        conditions: list[str] = ["created >= ?"]
        values: list[object] = [since]
        if device is not None:
            conditions.append("device = ?")
            values.append(device)
        if states is not None:
            known = tuple(states)
            if known == ACTIVE_STATES:
                conditions.append(f"state IN ({_ACTIVE})")
            else:
                conditions.append(f"state IN ({', '.join('?' * len(known))})")
                values += known
        if actor is not None:
            conditions.append("actor = ?")
            values.append(actor)
        order = "ASC" if device is not None else "DESC"
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM command WHERE {' AND '.join(conditions)} ORDER BY number {order} LIMIT ?",
            (*values, limit),
        )
        return [self._stored(row) for row in rows]

    def any_due(self, db: sqlite3.Connection, at: int) -> bool:
        """Whether a command has passed its expiry undelivered."""
        row = db.execute(f"SELECT 1 FROM command WHERE {_DUE} LIMIT 1", (at,)).fetchone()
        return row is not None

    def expire(self, db: sqlite3.Connection, at: int, limit: int) -> list[StoredCommand]:
        """Expire what was not delivered in time."""
        numbers = db.execute(
            f"SELECT number FROM command WHERE {_DUE} ORDER BY expires, number LIMIT ?", (at, limit)
        ).fetchall()
        expired: list[StoredCommand] = []
        for (number,) in numbers:
            db.execute("UPDATE command SET state='expired', changed=? WHERE number=?", (at, number))
            stored = self.get(db, number)
            assert stored is not None
            expired.append(stored)
        return expired

    def apply(self, db: sqlite3.Connection, update: CommandUpdate, at: int, device: int | None = None) -> bool:
        """One step of a command; False when it is in none of the expected states, or not one of ``device``."""
        number = self.number(update.command)
        stored = self.by_id(db, update.command)
        if stored is None or stored.state not in update.expect or device not in (None, stored.device):
            return False
        attempts = stored.attempts
        if update.attempt is not None:
            attempts = [*attempts, update.attempt]
            if len(attempts) > MAX_ATTEMPTS:
                attempts = [attempts[0], *attempts[2:]]
        result = stored.result if update.result is None else update.result
        verified = stored.verified if update.verified is None else update.verified
        db.execute(
            "UPDATE command SET state=?, changed=?, progress=? WHERE number=?",
            (update.state, at, _encode((attempts, result, verified)), number),
        )
        return True


def has_active(db: sqlite3.Connection, device: int) -> bool:
    """Whether the device has a command that is not finished."""
    row = db.execute(f"SELECT 1 FROM command WHERE device=? AND state IN ({_ACTIVE}) LIMIT 1", (device,)).fetchone()
    return row is not None
