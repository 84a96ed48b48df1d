"""Device rows: making, finding, changing and listing them in one shard."""

from __future__ import annotations

import sqlite3

import msgspec

from ...contact import DEFAULT_INTERVAL, SLACK
from ...identity import DeviceId
from ..base import FACTS, INVENTORY, Device
from .schema import INDEXED

_BASE = "key id identity oui product_class serial protocol state first_seen tags".split()
_SELECT = (
    f"SELECT {', '.join('d.' + c for c in (*_BASE, *FACTS, *INVENTORY))},"
    " c.last_contact, c.interval, c.epoch, s.revision"
    " FROM device d JOIN contact c ON c.device = d.key JOIN state s ON s.device = d.key"
)
_ALL = (*FACTS, *INVENTORY)
_FIRST = len(_BASE)
_decode_tags = msgspec.json.Decoder(dict[str, str]).decode

SEARCHED = ("id", "identity", "serial", *INDEXED)
"""Columns that ``find`` looks into."""
SORTABLE = frozenset((*_BASE, *_ALL, "last_contact"))


def _device(row: tuple[object, ...]) -> Device:
    base = dict(zip(_BASE, row, strict=False))
    rest = dict(zip(_ALL, row[_FIRST:], strict=False))
    last_contact, interval, epoch, revision = row[_FIRST + len(_ALL) :]
    return msgspec.convert(
        {
            **base,
            "tags": _decode_tags(str(base["tags"])),
            "facts": {name: rest[name] for name in FACTS if rest[name]},
            "inventory": {name: rest[name] for name in INVENTORY if rest[name]},
            "last_contact": last_contact,
            "interval": interval,
            "epoch": epoch,
            "revision": revision,
        },
        Device,
    )


def by_key(db: sqlite3.Connection, key: int) -> Device | None:
    row = db.execute(f"{_SELECT} WHERE d.key = ?", (key,)).fetchone()
    return _device(row) if row else None


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
    names = [name for name in facts if name in FACTS]
    if not names:
        return
    row = db.execute(f"SELECT {', '.join(names)} FROM device WHERE key = ?", (key,)).fetchone()
    _set_columns(db, key, {n: facts[n] for n, old in zip(names, row, strict=True) if old != facts[n]})


def update(
    db: sqlite3.Connection,
    key: int,
    state: str | None,
    inventory: dict[str, str] | None,
    tags: dict[str, str | None] | None,
) -> Device:
    known = by_key(db, key)
    assert known is not None
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


def update_identity(db: sqlite3.Connection, key: int, identity: DeviceId) -> None:
    """ProductClass is an attribute: the same twin under a new printed id."""
    _set_columns(db, key, {"product_class": identity.product_class, "id": identity.text})


def _set_columns(db: sqlite3.Connection, key: int, changes: dict[str, str]) -> None:
    if changes:
        assignments = ", ".join(f"{name} = ?" for name in changes)
        db.execute(f"UPDATE device SET {assignments} WHERE key = ?", (*changes.values(), key))


def forget(db: sqlite3.Connection, key: int) -> None:
    for table in ("contact", "state", "twin", "history", "command", "event"):
        db.execute(f"DELETE FROM {table} WHERE device = ?", (key,))
    db.execute("DELETE FROM device WHERE key = ?", (key,))


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
        "SELECT key FROM device WHERE id LIKE ? ESCAPE '\\' OR id LIKE ? ESCAPE '\\' OR serial LIKE ? ESCAPE '\\' LIMIT ?",
        (f"{pattern}%", f"%{pattern}", f"{pattern}%", limit),
    ).fetchall()
    return [key for (key,) in rows]


def search(db: sqlite3.Connection, text: str, limit: int) -> list[Device]:
    """Exact matches of the searched columns; without any, devices where a column contains the text."""
    union = " UNION ".join(
        f"SELECT key FROM device WHERE {name} = ?1 COLLATE NOCASE{_present(name)}" for name in SEARCHED
    )
    keys = [key for (key,) in db.execute(f"{union} LIMIT ?2", (text, limit))]
    if not keys:
        part = " OR ".join(f"{name} LIKE ?1 ESCAPE '\\'" for name in (*SEARCHED, "address"))
        keys = [k for (k,) in db.execute(f"SELECT key FROM device WHERE {part} LIMIT ?2", (f"%{_like(text)}%", limit))]
    return [device for key in keys if (device := by_key(db, key)) is not None]


def _present(name: str) -> str:
    return f" AND {name} <> ''" if name in INDEXED else ""


def listing(db: sqlite3.Connection, where: dict[str, str]) -> tuple[str, list[object]]:
    """SQL condition and arguments for simple equality on columns (``tag.NAME`` too)."""
    parts: list[str] = []
    values: list[object] = []
    for name, value in where.items():
        if name.startswith("tag."):
            parts.append("json_extract(d.tags, ?) = ?")
            values += [f'$."{name[4:]}"', value]
        else:
            parts.append(f"d.{name} = ? COLLATE NOCASE")
            values.append(value)
    return (" WHERE " + " AND ".join(parts) if parts else ""), values


def page(
    db: sqlite3.Connection, where: dict[str, str], sort: str, descending: bool, limit: int, offset: int
) -> list[Device]:
    condition, values = listing(db, where)
    column = f"c.{sort}" if sort == "last_contact" else f"d.{sort}"
    order = "DESC" if descending else "ASC"
    rows = db.execute(
        f"{_SELECT}{condition} ORDER BY {column} {order}, d.id ASC LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    return [_device(row) for row in rows]


def count(db: sqlite3.Connection, where: dict[str, str]) -> int:
    condition, values = listing(db, where)
    number: int = db.execute(f"SELECT count(*) FROM device d{condition}", values).fetchone()[0]
    return number
