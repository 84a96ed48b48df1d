"""Device rows: making, finding, changing and listing them in one shard."""

from __future__ import annotations

import sqlite3
import string
from collections.abc import Iterable
from typing import Any

import msgspec

from ....errors import BadInput, NotFound
from ...contact import DEFAULT_INTERVAL, SLACK
from ...identity import DeviceId
from ..base import FACTS, INVENTORY, Device, Known
from .schema import INDEXED

_BASE = "key id identity oui product_class serial protocol state first_seen tags".split()
_SELECT = (
    f"SELECT {', '.join('d.' + c for c in (*_BASE, *FACTS, *INVENTORY))},"
    " c.last_contact, c.interval, c.epoch, s.revision"
    " FROM device d JOIN contact c ON c.device = d.key JOIN state s ON s.device = d.key"
)
_ALL = (*FACTS, *INVENTORY)
_FIRST = len(_BASE)
_MIDDLE = _FIRST + len(FACTS)
_LAST = _FIRST + len(_ALL)
MAX_FACT = 1024
"""Longest fact that is kept, in characters; the device decides what it sends."""
_decode_tags = msgspec.json.Decoder(dict[str, str]).decode

SEARCHED = ("id", "identity", "serial", *INDEXED)
"""Columns that ``find`` looks into."""
SORTABLE = frozenset((*_BASE, *_ALL, "last_contact")) - {"tags"}
_NOCASE = frozenset(("id", "serial"))
"""Columns that are compared without regard to case (see schema)."""


def _device(row: tuple[Any, ...]) -> Device:
    """Built field by field: this is read at every contact."""
    key, id, identity, oui, product_class, serial, protocol, state, first_seen, tags = row[:_FIRST]
    last_contact, interval, epoch, revision = row[_LAST:]
    return Device(
        key, id, identity, oui, product_class, serial, protocol, first_seen, last_contact, interval, epoch, revision,
        state,
        {name: text for name, text in zip(FACTS, row[_FIRST:_MIDDLE], strict=True) if text},
        {name: text for name, text in zip(INVENTORY, row[_MIDDLE:_LAST], strict=True) if text},
        {} if tags == "{}" else _decode_tags(tags),
    )  # fmt: skip


def by_key(db: sqlite3.Connection, key: int) -> Device | None:
    row = db.execute(f"{_SELECT} WHERE d.key = ?", (key,)).fetchone()
    return _device(row) if row else None


def recognise(db: sqlite3.Connection, identity: str) -> Known | None:
    row = db.execute(
        "SELECT key, id, oui, product_class, state, vendor, model, firmware, root FROM device WHERE identity = ?",
        (identity,),
    ).fetchone()
    if row is None:
        return None
    key, id, oui, product_class, state, vendor, model, firmware, root = row
    facts = {"vendor": vendor, "model": model, "firmware": firmware, "root": root}
    return Known(key, id, identity, oui, product_class, state, facts)


def by_identity(db: sqlite3.Connection, identity: str) -> Device | None:
    row = db.execute(f"{_SELECT} WHERE d.identity = ?", (identity,)).fetchone()
    return _device(row) if row else None


def enrol(
    db: sqlite3.Connection,
    next_key: int,
    identity: DeviceId,
    at: int,
    protocol: str,
    state: str,
    facts: dict[str, str],
    inventory: dict[str, str],
) -> Device:
    """Insert the rows of a device, or return the known one."""
    known = by_identity(db, identity.identity)
    if known is not None:
        return known
    columns = {**facts, **inventory}
    names = ["key", "id", "identity", "oui", "product_class", "serial", "protocol", "state", "first_seen", *columns]
    db.execute(
        f"INSERT INTO device({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        (
            next_key, identity.text, identity.identity, identity.clean_oui, identity.product_class, identity.serial,
            protocol, state, at, *columns.values(),
        ),
    )  # fmt: skip
    db.execute("INSERT INTO contact VALUES (?, 0, 0, 0, 0, 0)", (next_key,))
    db.execute("INSERT INTO state VALUES (?, 0, 0, 0, 0, x'', x'')", (next_key,))
    made = by_key(db, next_key)
    assert made is not None
    return made


def update_facts(db: sqlite3.Connection, key: int, facts: dict[str, str]) -> None:
    """Write the facts that differ from what is stored, and no other column."""
    told = {name: text[:MAX_FACT] for name, text in facts.items() if name in FACTS}
    if not told:
        return
    row = db.execute(f"SELECT {', '.join(told)} FROM device WHERE key = ?", (key,)).fetchone()
    _set_columns(db, key, {name: told[name] for name, old in zip(told, row, strict=True) if old != told[name]})


def update(
    db: sqlite3.Connection,
    key: int,
    state: str | None,
    inventory: dict[str, str] | None,
    tags: dict[str, str | None] | None,
) -> Device:
    known = by_key(db, key)
    if known is None:
        raise NotFound(f"there is no device with key {key}")
    changes: dict[str, str] = {}
    if state is not None and state != known.state:
        changes["state"] = state
    for name, value in (inventory or {}).items():
        if name in INVENTORY and known.inventory.get(name, "") != value:
            changes[name] = value
    if tags:
        merged: dict[str, str | None] = {**known.tags, **tags}
        changes["tags"] = msgspec.json.encode({k: v for k, v in sorted(merged.items()) if v is not None}).decode()
    _set_columns(db, key, changes)
    made = by_key(db, key)
    assert made is not None
    return made


def count_contacts(db: sqlite3.Connection, now: int) -> dict[str, int]:
    """Devices by word of contact: the rule of ``twin.contact`` over one small table."""
    row = db.execute(
        "SELECT count(*), total(silent IS NULL), total(silent <= grace), total(silent > max(3 * step, grace)) FROM"
        " (SELECT silent, step, step * 3 / 2 + ?2 AS grace FROM"
        "  (SELECT CASE last_contact WHEN 0 THEN NULL ELSE ?1 - last_contact END AS silent,"
        "   CASE interval WHEN 0 THEN ?3 ELSE interval END * 1000 AS step FROM contact))",
        (now, SLACK, DEFAULT_INTERVAL),
    ).fetchone()
    everything, never, due, lost = map(int, row)
    return {"connected": 0, "due": due, "overdue": everything - never - due - lost, "lost": lost, "never": never}


def update_identity(db: sqlite3.Connection, key: int, identity: DeviceId) -> Device:
    """ProductClass is an attribute: the same twin under a new printed id."""
    _set_columns(db, key, {"product_class": identity.product_class, "id": identity.text})
    made = by_key(db, key)
    if made is None:
        raise NotFound(f"there is no device with key {key}")
    return made


def _set_columns(db: sqlite3.Connection, key: int, changes: dict[str, str]) -> None:
    if changes:
        assignments = ", ".join(f"{name} = ?" for name in changes)
        db.execute(f"UPDATE device SET {assignments} WHERE key = ?", (*changes.values(), key))


def forget(db: sqlite3.Connection, key: int, newest_event: int) -> None:
    """Remove the rows of a device, but for the event ``newest_event`` that says so. Its key is not given again."""
    for table in ("contact", "state", "twin", "history", "command"):
        db.execute(f"DELETE FROM {table} WHERE device = ?", (key,))
    db.execute("DELETE FROM event WHERE device = ? AND number < ?", (key, newest_event))
    db.execute("DELETE FROM device WHERE key = ?", (key,))
    db.execute(
        "INSERT INTO meta VALUES ('highest_key', ?1) ON CONFLICT(name) DO UPDATE SET value = ?1"
        " WHERE CAST(value AS INTEGER) < CAST(?1 AS INTEGER)",
        (str(key),),
    )


def highest_key(db: sqlite3.Connection) -> int:
    """The highest key ever given, 0 for none."""
    row = db.execute(
        "SELECT max(coalesce((SELECT max(key) FROM device), 0),"
        " coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'highest_key'), 0))"
    ).fetchone()
    return int(row[0])


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def matching_ids(db: sqlite3.Connection, text: str, limit: int) -> list[int]:
    """Keys of devices whose id, identity or serial is ``text``; else of those that begin or end with it."""
    exact = db.execute(
        "SELECT key FROM device WHERE id = ? UNION SELECT key FROM device WHERE identity = ?"
        " UNION SELECT key FROM device WHERE serial = ? LIMIT ?",
        (text, text, text, limit),
    ).fetchall()
    if exact:
        return [key for (key,) in exact]
    pattern = _like(text)
    rows = db.execute(
        "SELECT key FROM device WHERE id LIKE ?1 ESCAPE '\\' OR id LIKE ?2 ESCAPE '\\' OR serial LIKE ?1 ESCAPE '\\'"
        " LIMIT ?3",
        (f"{pattern}%", f"%{pattern}", limit),
    ).fetchall()
    return [key for (key,) in rows]


def search_exact(db: sqlite3.Connection, text: str, limit: int) -> list[Device]:
    """Devices where a searched column is the text."""
    union = " UNION ".join(
        f"SELECT key FROM device WHERE {name} = ?1 COLLATE NOCASE{_present(name)}" for name in SEARCHED
    )
    return _by_keys(db, db.execute(f"{union} LIMIT ?2", (text, limit)))


def search_part(db: sqlite3.Connection, text: str, limit: int) -> list[Device]:
    """Devices where a searched column or the address contains the text."""
    part = " OR ".join(f"{name} LIKE ?1 ESCAPE '\\'" for name in (*SEARCHED, "address"))
    return _by_keys(db, db.execute(f"SELECT key FROM device WHERE {part} LIMIT ?2", (f"%{_like(text)}%", limit)))


def _by_keys(db: sqlite3.Connection, rows: Iterable[tuple[int]]) -> list[Device]:
    return [device for (key,) in list(rows) if (device := by_key(db, key)) is not None]


def _present(name: str) -> str:
    return f" AND {name} <> ''" if name in INDEXED else ""


def _column(name: str) -> str:
    """SQL of a sortable column. Raises BadInput for any other name, which comes from people."""
    if name not in SORTABLE:
        raise BadInput(f"{name!r} is no column", "columns: " + ", ".join(sorted(SORTABLE - {"key"})))
    return f"c.{name}" if name == "last_contact" else f"d.{name}"


def listing(where: dict[str, str]) -> tuple[str, list[object]]:
    """SQL condition and arguments for simple equality on columns (``tag.NAME`` too). Raises BadInput."""
    parts: list[str] = []
    values: list[object] = []
    for name, value in where.items():
        if name.startswith("tag."):
            parts.append("EXISTS (SELECT 1 FROM json_each(d.tags) t WHERE t.key = ? AND t.value = ?)")
            values += [name[4:], value]
        else:
            parts.append(f"{_column(name)} = ? COLLATE NOCASE")
            values.append(value)
    return (" WHERE " + " AND ".join(parts) if parts else ""), values


def page(db: sqlite3.Connection, where: dict[str, str], sort: str, descending: bool, limit: int) -> list[Device]:
    """The first devices in an order. Raises BadInput for names that are no column."""
    condition, values = listing(where)
    order = "DESC" if descending else "ASC"
    rows = db.execute(f"{_SELECT}{condition} ORDER BY {_column(sort)} {order}, d.id ASC LIMIT ?", (*values, limit))
    return [_device(row) for row in rows]


def count(db: sqlite3.Connection, where: dict[str, str]) -> int:
    """How many devices fit."""
    condition, values = listing(where)
    number: int = db.execute(
        f"SELECT count(*) FROM device d JOIN contact c ON c.device = d.key{condition}", values
    ).fetchone()[0]
    return number


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def sort_key(device: Device, column: str) -> int | str:
    """What ``page`` sorts by, to merge the pages of several shards."""
    value = device.facts.get(column) or device.inventory.get(column) or getattr(device, column, "")
    if isinstance(value, int):
        return value
    return str(value).translate(_LOWER) if column in _NOCASE else str(value)
