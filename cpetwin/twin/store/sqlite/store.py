"""The embedded store: the Store interface over a few SQLite files in one data folder."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from ....datamodel import is_volatile
from ....errors import Ambiguous, BadInput, Conflict, NotFound
from ...audit import AuditEntry
from ...contact import CONTACTS
from ...event import Event
from ...identity import DeviceId
from ...report import CommandUpdate, Report
from ...twin import Twin
from ..base import DEVICE_STATES, FACTS, INVENTORY, Change, Committed, Device, Known, NewCommand, StoredCommand
from . import devices
from .codebook import ShardCodebook
from .commands import Commands, number_of
from .folder import DEFAULT_SHARDS, FolderLock, open_folder, stats_of
from .log import add_audit, add_fact, read_audit, read_events, walk_audit
from .shard import Shard
from .twins import Twins

MAX_CANDIDATES = 10
EXPIRE_BATCH = 500
MAX_ROWS = 2**40
MAX_TEXT = 512
"""Longest text that is searched for, in characters."""
_decode_cursor = msgspec.json.Decoder(list[int]).decode


class SqliteStore:
    """One process, a few files. Device keys are ``row * shards + shard``; a device never changes its shard."""

    def __init__(self, folder: Path, shards: int = DEFAULT_SHARDS) -> None:
        self.folder = folder
        self._lock = FolderLock(folder)
        try:
            files, self.id = open_folder(folder, shards)
            self._shards: list[Shard] = []
            self._twins: list[Twins] = []
            self._commands = [Commands(number, len(files)) for number in range(len(files))]
            for number, file in enumerate(files):
                book = ShardCodebook()
                twins = Twins(book, self._commands[number])
                shard = Shard(number, file, twins.reset)
                book.bind(partial(_reader_of, shard))
                self._shards.append(shard)
                self._twins.append(twins)
            self._next_row = [devices.highest_key(shard.read) // len(files) + 1 for shard in self._shards]
        except BaseException:
            self._lock.release()
            raise

    async def close(self) -> None:
        """Finish what is under way; afterwards no write-ahead log is left."""
        for shard in self._shards:
            await shard.close()
        self._lock.release()

    def _shard(self, key: int) -> Shard:
        return self._shards[key % len(self._shards)]

    def _by_text(self, text: str) -> Shard:
        return self._shards[crc32(text.encode()) % len(self._shards)]

    # -- devices
    async def enrol(
        self,
        identity: DeviceId,
        at: int,
        protocol: str,
        state: str = "active",
        facts: dict[str, str] | None = None,
        inventory: dict[str, str] | None = None,
        audit: AuditEntry | None = None,
    ) -> Device:
        shard = self._by_text(identity.identity)
        _known_columns(facts, FACTS)
        _known_columns(inventory, INVENTORY)

        def write(db: Any) -> Device:
            key = self._next_row[shard.number] * len(self._shards) + shard.number
            device = devices.enrol(db, key, identity, at, protocol, state, facts or {}, inventory or {})
            if device.key == key:
                self._next_row[shard.number] += 1
                add_fact(db, key, 0, at, "enrolled")
                add_audit(db, audit)
            return device

        return await shard.write(write)

    async def device(self, key: int) -> Device:
        device = devices.by_key(self._shard(key).read, key)
        if device is None:
            raise NotFound(f"there is no device with key {key}")
        return device

    async def recognise(self, identity: str) -> Known | None:
        return devices.recognise(self._by_text(identity).read, identity)

    async def find_identity(self, identity: str) -> Device | None:
        return devices.by_identity(self._by_text(identity).read, identity)

    async def resolve(self, text: str) -> Device:
        _check_text(text)
        keys: list[int] = []
        for shard in self._shards:
            keys += devices.matching_ids(shard.read, text, MAX_CANDIDATES + 1)
        found = [await self.device(key) for key in keys]
        exact = [d for d in found if text.lower() in (d.id.lower(), d.identity.lower(), d.serial.lower())]
        found = exact or found
        if not found or not text:
            raise NotFound(
                f"no device is called {text!r}", "cpetwin find TEXT searches phone, serial, MAC, IP and names"
            )
        if len(found) > 1:
            raise Ambiguous(f"{text!r} fits several devices", sorted(d.id for d in found)[:MAX_CANDIDATES])
        return found[0]

    async def search(self, text: str, limit: int = 50) -> list[Device]:
        _check_text(text)
        limit = max(0, min(limit, MAX_ROWS))
        found: list[Device] = []
        for look in (devices.search_exact, devices.search_part):
            for shard in self._shards:
                found += look(shard.read, text, limit)
            if found:
                break
        return sorted(found, key=lambda d: d.id)[:limit]

    async def devices(
        self, where: dict[str, str] | None = None, sort: str = "id", limit: int = 100, cursor: str | None = None
    ) -> tuple[list[Device], int, str | None]:
        where = where or {}
        for name, value in where.items():
            _check_text(name)
            _check_text(value)
        descending, column = sort.startswith("-"), sort.removeprefix("-")
        offset = min(_positions(cursor, 1)[0], MAX_ROWS)
        wanted = min(limit, MAX_ROWS) if limit > 0 else MAX_ROWS
        rows: list[Device] = []
        total = 0
        for shard in self._shards:
            rows += devices.page(shard.read, where, column, descending, offset + wanted)
            total += devices.count(shard.read, where)
        rows.sort(key=lambda d: devices.sort_key(d, "id"))
        rows.sort(key=lambda d: devices.sort_key(d, column), reverse=descending)
        page = rows[offset : offset + wanted]
        following = _cursor([offset + len(page)]) if page and offset + len(page) < total else None
        return page, total, following

    async def count_contacts(self, now: int) -> dict[str, int]:
        counted = [devices.count_contacts(shard.read, now) for shard in self._shards]
        return {word: sum(counts[word] for counts in counted) for word in CONTACTS}

    async def update_device(
        self,
        key: int,
        *,
        state: str | None = None,
        inventory: dict[str, str] | None = None,
        tags: dict[str, str | None] | None = None,
        audit: AuditEntry | None = None,
    ) -> Device:
        _known_columns(inventory, INVENTORY)
        if state is not None and state not in DEVICE_STATES:
            raise BadInput(f"{state!r} is no state of a device", "states: " + ", ".join(DEVICE_STATES))

        def write(db: Any) -> Device:
            device = devices.update(db, key, state, inventory, tags)
            add_audit(db, audit)
            return device

        return await self._shard(key).write(write)

    async def update_identity(self, key: int, identity: DeviceId, at: int) -> Device:
        """The device reports another ProductClass: same twin, new printed id, and an event."""

        def write(db: Any) -> Device:
            device = devices.update_identity(db, key, identity)
            add_fact(db, key, device.revision, at, "product-class", identity.product_class)
            return device

        return await self._shard(key).write(write)

    async def forget(self, key: int, audit: AuditEntry) -> None:
        def write(db: Any) -> None:
            device = devices.by_key(db, key)
            if device is None:
                raise NotFound(f"there is no device with key {key}")
            number = add_fact(db, key, device.revision, audit.at, "forgotten", device.id)
            devices.forget(db, key, number)
            add_audit(db, audit)

        await self._shard(key).write(write)

    # -- twins
    async def commit(self, report: Report) -> Committed:
        twins = self._twins[report.device % len(self._shards)]
        return await self._shard(report.device).write(lambda db: twins.commit(db, report))

    async def twin(self, key: int) -> Twin:
        return self._twins[key % len(self._shards)].load(self._shard(key).read, key)

    async def history(self, key: int, path: str | None = None, since: int = 0) -> list[Change]:
        twins = self._twins[key % len(self._shards)]
        with self._shard(key).snapshot() as db:
            twin = twins.load(db, key)
            device = devices.by_key(db, key)
            changes = twins.history(db, key, twin)
        first_seen = device.first_seen if device is not None else 0
        return [change for change in _with_first_reports(changes, twin, first_seen, path) if change.at >= since]

    # -- commands
    async def add_commands(
        self, commands: Sequence[NewCommand], audit: AuditEntry | None = None
    ) -> list[StoredCommand]:
        by_shard: dict[int, list[int]] = {}
        for position, new in enumerate(commands):
            by_shard.setdefault(new.device % len(self._shards), []).append(position)
        stored: dict[int, StoredCommand] = {}
        for number, positions in by_shard.items():

            def write(db: Any, number: int = number, positions: list[int] = positions) -> list[StoredCommand]:
                stored: list[StoredCommand] = []
                any_new = False
                for position in positions:
                    new = commands[position]
                    device = devices.by_key(db, new.device)
                    if device is None:
                        raise NotFound(f"there is no device with key {new.device}")
                    command, is_new = self._commands[number].add(db, new)
                    if is_new:
                        add_fact(db, new.device, device.revision, new.created, "command.queued", command.id)
                        any_new = True
                    stored.append(command)
                if any_new:
                    add_audit(db, audit)
                return stored

            stored.update(zip(positions, await self._shards[number].write(write), strict=True))
        return [stored[position] for position in range(len(commands))]

    async def command(self, id: str) -> StoredCommand:
        place = number_of(id, len(self._shards))
        found = self._commands[place[1]].get(self._shards[place[1]].read, place[0]) if place else None
        if found is None:
            raise NotFound(f"there is no command {id!r}", "cpetwin queue list shows them")
        return found

    async def commands(
        self,
        device: int | None = None,
        states: Sequence[str] | None = None,
        actor: str | None = None,
        since: int = 0,
        limit: int = 100,
    ) -> list[StoredCommand]:
        if device is not None:
            shard = self._shard(device)
            return self._commands[shard.number].select(shard.read, device, states, actor, since, limit)
        found: list[StoredCommand] = []
        for shard in self._shards:
            found += self._commands[shard.number].select(shard.read, None, states, actor, since, limit)
        return sorted(found, key=lambda c: (c.created, len(c.id), c.id), reverse=True)[:limit]

    async def update_command(self, update: CommandUpdate, at: int, audit: AuditEntry | None = None) -> StoredCommand:
        known = await self.command(update.command)
        shard = self._shard(known.device)

        table = self._commands[shard.number]

        def write(db: Any) -> StoredCommand:
            applied = table.apply(db, update, at)
            stored = table.by_id(db, update.command)
            if not applied or stored is None:
                state = stored.state if stored is not None else "gone"
                raise Conflict(
                    f"{update.command} is {state}; it must be {' or '.join(update.expect)} for that",
                    f"cpetwin queue show {update.command}",
                )
            add_fact(db, stored.device, _revision(db, stored.device), at, f"command.{stored.state}", stored.id)
            add_audit(db, audit)
            return stored

        return await shard.write(write)

    async def expire_commands(self, at: int) -> list[StoredCommand]:
        expired: list[StoredCommand] = []
        for shard in self._shards:
            table = self._commands[shard.number]

            def write(db: Any, table: Commands = table) -> list[StoredCommand]:
                found = table.expire(db, at, EXPIRE_BATCH)
                for command in found:
                    add_fact(db, command.device, _revision(db, command.device), at, "command.expired", command.id)
                return found

            while table.any_due(shard.read, at):
                expired += await shard.write(write)
        return expired

    # -- log
    async def events(self, cursor: str | None = None, limit: int = 1000) -> tuple[list[Event], str]:
        positions = _positions(cursor, len(self._shards))
        found: list[Event] = []
        for shard in self._shards:
            part, positions[shard.number] = read_events(shard.read, positions[shard.number], limit)
            found += part
        return found, _cursor(positions)

    async def audit(
        self, since: int = 0, subject: str | None = None, reads: bool = False, limit: int = 1000
    ) -> list[AuditEntry]:
        found: list[AuditEntry] = []
        for shard in self._shards:
            found += read_audit(shard.read, since, subject, reads, limit)
        return sorted(found, key=lambda e: e.at)[-limit:]

    async def add_audit(self, entry: AuditEntry) -> None:
        await self._by_text(entry.subject).write(lambda db: add_audit(db, entry))

    async def verify_audit(self) -> tuple[int, str | None]:
        checked = 0
        for shard in self._shards:
            for number, intact in walk_audit(shard.read):
                if not intact:
                    return checked, f"{shard.file.name}: entry {number} does not follow from the one before it"
                checked += 1
        return checked, None

    # -- small records
    async def record(self, kind: str, key: str) -> bytes | None:
        row = self._by_text(kind).read.execute("SELECT body FROM record WHERE kind=? AND key=?", (kind, key)).fetchone()
        return row[0] if row else None

    async def records(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        rows = self._by_text(kind).read.execute(
            "SELECT key, body FROM record WHERE kind=? AND key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
            (kind, prefix, len(prefix), prefix),
        )
        return list(rows)

    async def put_records(self, kind: str, items: dict[str, bytes | None], audit: AuditEntry | None = None) -> None:
        def write(db: Any) -> None:
            for key, body in items.items():
                if body is None:
                    db.execute("DELETE FROM record WHERE kind=? AND key=?", (kind, key))
                else:
                    db.execute(
                        "INSERT INTO record(kind, key, body) VALUES (?, ?, ?)"
                        " ON CONFLICT(kind, key) DO UPDATE SET body = excluded.body",
                        (kind, key, body),
                    )
            add_audit(db, audit)

        await self._by_text(kind).write(write)

    # -- care
    def write_counts(self) -> tuple[int, int]:
        """Writes so far, and the transactions they were grouped into."""
        return sum(shard.writes for shard in self._shards), sum(shard.groups for shard in self._shards)

    async def stats(self) -> dict[str, object]:
        return stats_of([shard.read for shard in self._shards], self.folder)


def _reader_of(shard: Shard) -> sqlite3.Connection:
    return shard.read


def _known_columns(given: dict[str, str] | None, known: tuple[str, ...]) -> None:
    for name in given or {}:
        if name not in known:
            raise BadInput(f"{name!r} is no column here", "columns: " + ", ".join(known))


def _check_text(text: str) -> None:
    """Raises BadInput for what people cannot have meant and the database could not look for."""
    if len(text) > MAX_TEXT:
        raise BadInput(f"a text to look for has at most {MAX_TEXT} characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInput("the text holds half a character (a lone surrogate)")


def _revision(db: Any, device: int) -> int:
    row = db.execute("SELECT revision FROM state WHERE device = ?", (device,)).fetchone()
    return int(row[0]) if row else 0


def _with_first_reports(changes: list[Change], twin: Twin, first_seen: int, path: str | None) -> list[Change]:
    """History of a path or subtree with the first report of each parameter, which is derived, not stored.

    Parameters that move by themselves have none: what they were at first is not known any more.
    """
    if path is not None:
        changes = [c for c in changes if c.path == path or (path.endswith(".") and c.path.startswith(path))]
    firsts: dict[str, Change] = {}
    for change in changes:
        if change.path not in firsts:
            firsts[change.path] = change
    shown = [
        Change(min(first_seen, c.at), c.path, None, c.old, "first report") for c in firsts.values() if c.old is not None
    ]
    if path is not None:
        under = twin.parameters(path) if path.endswith(".") else [p for p in (twin.get(path),) if p is not None]
        shown += [
            Change(first_seen, p.path, None, p.text, "first report")
            for p in under
            if p.path not in firsts and p.text is not None and not is_volatile(p.path)
        ]
    return sorted([*shown, *changes], key=lambda c: c.at)


def _cursor(positions: list[int]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(positions)).decode().rstrip("=")


def _positions(cursor: str | None, count: int) -> list[int]:
    if not cursor:
        return [0] * count
    try:
        positions = _decode_cursor(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        positions = []
    if len(positions) != count or any(not 0 <= p < 2**63 for p in positions):
        raise BadInput("that is no cursor of this store", "start without a cursor, or use the one of the last answer")
    return positions
