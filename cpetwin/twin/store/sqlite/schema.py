"""Tables of one shard file. Every device lives wholly in one shard, so a Report is one transaction.

Small rows that change at every contact (``contact``, ``state``) are kept away from wide indexed ones
(``device``) and from large ones (``twin``): bytes written are the limit, not CPU.

Numbers that people or programs keep are never given twice: AUTOINCREMENT where that costs nothing; the
event log always keeps its last row, and ``meta`` the highest device key of a forgotten device.
"""

from __future__ import annotations

from ..base import FACTS, INVENTORY

VERSION = 2

_COLUMNS = ",\n  ".join(f"{name} TEXT NOT NULL DEFAULT ''" for name in (*FACTS, *INVENTORY))

INDEXED = ("ip", "wan_ip", "mac", "home", "customer", "account", "phone", "name")
"""Device columns that people search by; empty ones take no space in the index."""

_INDEXES = "\n".join(
    f"CREATE INDEX device_{name} ON device({name} COLLATE NOCASE) WHERE {name} <> '';" for name in INDEXED
)

TABLES = f"""
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE device(
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL COLLATE NOCASE,
  identity TEXT NOT NULL UNIQUE,
  oui TEXT NOT NULL, product_class TEXT NOT NULL, serial TEXT NOT NULL COLLATE NOCASE,
  protocol TEXT NOT NULL, state TEXT NOT NULL, first_seen INTEGER NOT NULL,
  tags TEXT NOT NULL DEFAULT '{{}}',
  {_COLUMNS}
);
CREATE INDEX device_id ON device(id);
CREATE INDEX device_serial ON device(serial);
{_INDEXES}
CREATE TABLE contact(
  device INTEGER PRIMARY KEY, last_contact INTEGER NOT NULL, epoch INTEGER NOT NULL,
  interval INTEGER NOT NULL, announced INTEGER NOT NULL, facts INTEGER NOT NULL
);
CREATE TABLE state(
  device INTEGER PRIMARY KEY, revision INTEGER NOT NULL, discovered INTEGER NOT NULL, sweep_due INTEGER NOT NULL,
  inform_layout INTEGER NOT NULL, inform BLOB NOT NULL, overlay BLOB NOT NULL
);
CREATE TABLE twin(device INTEGER PRIMARY KEY, reference INTEGER NOT NULL, document BLOB NOT NULL);
CREATE TABLE history(
  id INTEGER PRIMARY KEY, device INTEGER NOT NULL, until INTEGER NOT NULL, changes BLOB NOT NULL
);
CREATE INDEX history_device ON history(device, until);
CREATE TABLE shape(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE reference(id INTEGER PRIMARY KEY, family INTEGER NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE path(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE inform_layout(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE command(
  number INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL, state TEXT NOT NULL, kind TEXT NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL, not_before INTEGER NOT NULL, actor TEXT NOT NULL,
  key TEXT NOT NULL, changed INTEGER NOT NULL, body BLOB NOT NULL, progress BLOB NOT NULL
);
CREATE INDEX command_active ON command(device)
  WHERE state IN ('held', 'queued', 'sent', 'verifying', 'unknown');
CREATE INDEX command_device ON command(device, number);
CREATE INDEX command_expires ON command(expires) WHERE state IN ('held', 'queued');
CREATE UNIQUE INDEX command_key ON command(device, key) WHERE key <> '';
CREATE TABLE event(
  number INTEGER PRIMARY KEY, device INTEGER NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL,
  kinds TEXT NOT NULL, detail BLOB
);
CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject TEXT NOT NULL, read INTEGER NOT NULL,
  entry BLOB NOT NULL, hash BLOB NOT NULL
);
CREATE INDEX audit_subject ON audit(subject, number);
CREATE TABLE record(
  kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY(kind, key)
);
PRAGMA user_version = {VERSION};
"""
