"""Twins in one shard: what a Report does to the rows of its device, in one transaction."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec
import zstandard

from ....clock import MINUTE, SECOND
from ....errors import BadInput, NotFound, Stale
from ...document import Document, DocumentCodec, DocumentTooLarge
from ...facts import landmarks
from ...merge import SMALL_READ, add_inform, add_informed, add_sweep, add_values, unique
from ...overlay import FOLD_BYTES, UNKNOWN, LogEntry, decode_overlay, encode_overlay
from ...report import Observations, Report
from ...rewrite import moves_much, rewrite, slim
from ...twin import LastInform, Twin
from ..base import Change, Committed
from .codebook import InformLayout, ShardCodebook
from .commands import Commands, has_active
from .devices import update_facts
from .log import Facts, add_event

_encode = msgspec.msgpack.Encoder().encode
_decode_texts = msgspec.msgpack.Decoder(list[str]).decode
_Changes = list[tuple[int, int | str, str | None, str | None, str]]
_decode_changes = msgspec.msgpack.Decoder(_Changes).decode
_compress = zstandard.ZstdCompressor(level=1, write_checksum=False).compress
_decompress = zstandard.ZstdDecompressor().decompress

_HOT = (
    "SELECT c.epoch, c.last_contact, c.interval, c.announced, c.facts, s.revision, s.discovered, s.sweep_due,"
    " s.inform_layout, s.inform, s.overlay FROM contact c JOIN state s ON s.device = c.device WHERE c.device = ?"
)
_WHOLE = _HOT.replace(
    " FROM contact c JOIN state s ON s.device = c.device",
    ", t.reference, t.document FROM contact c JOIN state s ON s.device = c.device"
    " LEFT JOIN twin t ON t.device = c.device",
)
"""Everything of a twin in one statement, so that it is of one moment whatever is being committed."""
MAX_INFORM_BYTES = 32 << 10
"""Bytes of an Inform's values at most; a larger Inform is kept like a read."""
MAX_EVENTS = 64
"""Events of one Inform (TR-069 A.3.3.1: EventStruct[<=64]); more are not logged."""
MAX_KEY = 256
RETRY_SLACK = 10 * MINUTE
RETRY_BASE = 20 * SECOND
"""A device repeats its announcement within ``RETRY_SLACK + RETRY_BASE * 2**RetryCount`` (TR-069 3.2.1.1, doubled)."""


class Hot(NamedTuple):
    """The small rows of a device: all that a periodic session needs. Times in ms, ``interval`` in s."""

    epoch: int
    last_contact: int
    interval: int
    announced: int
    facts: int
    revision: int
    discovered: int
    sweep_due: int
    inform_layout: int
    inform: bytes
    overlay: bytes


class Twins:
    """Reports in, rows out, for one shard."""

    def __init__(self, book: ShardCodebook, commands: Commands) -> None:
        self.book = book
        self.commands = commands
        self.codec = DocumentCodec(book)

    def reset(self) -> None:
        """After a rollback: nothing in memory may refer to what was not stored."""
        self.book.reset()
        self.codec = DocumentCodec(self.book)

    # -- reading
    def hot(self, db: sqlite3.Connection, key: int) -> Hot:
        row = db.execute(_HOT, (key,)).fetchone()
        if row is None:
            raise NotFound(f"there is no device with key {key}")
        return Hot(*row)

    def load(self, db: sqlite3.Connection, key: int) -> Twin:
        """Assemble the twin of a device. Raises NotFound."""
        row = db.execute(_WHOLE, (key,)).fetchone()
        if row is None:
            raise NotFound(f"there is no device with key {key}")
        *hot, reference, body = row
        document = self.codec.decode(reference, body) if body is not None else None
        return self._assemble(Hot(*hot), document)

    def _assemble(self, hot: Hot, document: Document | None) -> Twin:
        layout = self.book.inform(hot.inform_layout)
        texts = _decode_texts(hot.inform) if hot.inform else []
        inform = LastInform(layout.names, layout.types, texts, hot.last_contact)
        overlay = decode_overlay(hot.overlay)
        return Twin(hot.revision, document, overlay, inform, self.book.path_text, hot.discovered)

    def _twin(self, db: sqlite3.Connection, key: int, hot: Hot) -> Twin:
        """The twin as the rows in hand say, with the stored document."""
        row = db.execute("SELECT reference, document FROM twin WHERE device=?", (key,)).fetchone()
        return self._assemble(hot, self.codec.decode(row[0], row[1]) if row else None)

    def history(self, db: sqlite3.Connection, key: int, twin: Twin) -> list[Change]:
        """Packed and recent changes in order of time; ``twin`` must be of the same moment as ``db``."""
        changes: list[Change] = []
        rows = db.execute("SELECT changes FROM history WHERE device=? ORDER BY until, id", (key,)).fetchall()
        for (body,) in rows:
            for at, ref, old, new, cause in _decode_changes(_decompress(body)):
                changes.append(Change(at, self.book.path_text(ref), old, new, cause))
        return changes + twin.recent_changes()

    # -- writing
    def commit(self, db: sqlite3.Connection, report: Report) -> Committed:
        """Apply a Report. Raises NotFound and Stale before anything is written."""
        key = report.device
        hot = self.hot(db, key)
        if report.inform is None and report.epoch and report.epoch < hot.epoch:
            raise Stale(
                f"session {report.epoch} of the device was replaced by session {hot.epoch}",
                "only the newest session of a device may report",
            )
        _check_columns(report)
        inform, values, marks = report.inform, report.values, None
        if inform is not None and len(set(inform.names)) != len(inform.names):
            inform = unique(inform)
        if values is not None:
            marks = landmarks(tuple(values.names))
            if not marks.unique:
                values = unique(values)
                marks = landmarks(tuple(values.names))
                report = msgspec.structs.replace(report, values=values)
        self.book.load(db)
        facts = Facts()
        inferred: dict[str, str] = {}
        duplicate = False
        new = hot
        if inform is not None:
            new, duplicate = self._announce(report, inform, hot, facts, inferred)
        if report.names is not None or report.complete or report.gone:
            new = self._rewrite(db, key, new, report, facts)
        elif values is not None:
            new = self._read(db, key, new, report, values, facts)
        if values is not None and marks is not None:
            inferred |= marks.facts_of(values.texts)
            new = new._replace(interval=marks.interval_of(values.texts, new.interval))
        if len(new.overlay) > FOLD_BYTES:
            new = self._fold(db, key, new, facts)
        if report.discovered and not hot.discovered:
            new = new._replace(discovered=report.at)
        if report.sweep_due is not None:
            new = new._replace(sweep_due=report.sweep_due)
        new = self._store_facts(db, key, new, report.facts, inferred)
        self._store_hot(db, key, hot, new)
        for kind, note in report.notes.items():
            facts.add(kind, note)
        refused = []
        for update in report.updates:
            if self.commands.apply(db, update, report.at, key):
                facts.add(f"command.{update.state}", update.command)
            else:
                refused.append(update.command)
        add_event(db, key, new.revision, report.at, facts)
        pending = inform is not None and has_active(db, key)
        return Committed(new.revision, new.epoch, pending, new.discovered, new.sweep_due, tuple(refused), duplicate)

    def _announce(
        self, report: Report, inform: Observations, hot: Hot, facts: Facts, inferred: dict[str, str]
    ) -> tuple[Hot, bool]:
        """An Inform opens a session: new epoch, its values, its events unless they are a repetition."""
        announced = crc32(_encode(report.events))
        duplicate = report.retry_count > 0 and announced == hot.announced and _is_repetition(report, hot)
        facts.add("session")
        if not duplicate:
            for code, command_key in report.events[:MAX_EVENTS]:
                kind = _event_kind(code)
                if kind != "periodic":
                    facts.add(kind, command_key[:MAX_KEY] or None)
        new = hot._replace(epoch=hot.epoch + 1, last_contact=report.at, announced=announced)
        layout = InformLayout(tuple(inform.names), tuple(inform.types))
        number = self.book.inform_id(layout)
        texts = _encode(inform.texts)
        if number and number == hot.inform_layout and texts == hot.inform:
            return new, duplicate
        overlay = decode_overlay(hot.overlay)
        before = self.book.inform(hot.inform_layout)
        before_texts = _decode_texts(hot.inform) if hot.inform else []
        old = LastInform(before.names, before.types, before_texts, hot.last_contact)
        if not number or len(texts) > MAX_INFORM_BYTES:
            add_inform(overlay, (), (), report.at, old, False, self.book.path_ref)
            _count_dropped(facts, add_values(overlay, inform, report.at, "inform", self.book.path_ref))
            changed, number, texts = True, 0, b""
        else:
            first = hot.revision == 0
            changed = add_inform(overlay, layout.names, inform.texts, report.at, old, first, self.book.path_ref)
        marks = landmarks(layout.names)
        inferred |= marks.facts_of(inform.texts)
        new = new._replace(
            inform_layout=number,
            inform=texts,
            overlay=encode_overlay(overlay),
            interval=marks.interval_of(inform.texts, hot.interval),
        )
        if changed:
            facts.add("values")
            new = new._replace(revision=hot.revision + 1)
        return new, duplicate

    def _read(
        self, db: sqlite3.Connection, key: int, hot: Hot, report: Report, read: Observations, facts: Facts
    ) -> Hot:
        twin = self._twin(db, key, hot) if len(read.names) > SMALL_READ else None
        if twin is not None and moves_much(twin, read):
            return self._rewrite(db, key, hot, report, facts, twin)
        overlay = decode_overlay(hot.overlay)
        layout = self.book.inform(hot.inform_layout)
        informed = {name: position for position, name in enumerate(layout.names)}
        texts = _decode_texts(hot.inform) if hot.inform else []
        outside = add_informed(overlay, read, informed, texts, report.at, report.cause, self.book.path_ref)
        if twin is not None:
            found = [] if outside is read else [name for name in read.names if name in informed]
            dropped = add_sweep(twin, overlay, outside, found, report.at, report.cause, self.book.path_ref)
        else:
            dropped = add_values(overlay, outside, report.at, report.cause, self.book.path_ref)
        _count_dropped(facts, dropped)
        facts.add("values")
        return hot._replace(
            revision=hot.revision + 1, overlay=encode_overlay(overlay), inform=_encode(texts) if texts else hot.inform
        )

    def _fold(self, db: sqlite3.Connection, key: int, hot: Hot, facts: Facts) -> Hot:
        """Make an overlay small. Changes whose old values are known need no document to become history."""
        overlay = decode_overlay(hot.overlay)
        if overlay.log and all(old != UNKNOWN for _, _, old, _, _ in overlay.log):
            self._pack(db, key, overlay.log)
            overlay.log.clear()
            kept = encode_overlay(overlay)
            if len(kept) <= FOLD_BYTES // 2:
                return hot._replace(overlay=kept)
            hot = hot._replace(overlay=kept)
        return self._rewrite(db, key, hot, None, facts)

    def _pack(self, db: sqlite3.Connection, key: int, changes: Sequence[LogEntry]) -> None:
        db.execute(
            "INSERT INTO history(device, until, changes) VALUES (?, ?, ?)",
            (key, changes[-1][0], _compress(_encode(changes))),
        )

    def _rewrite(
        self,
        db: sqlite3.Connection,
        key: int,
        hot: Hot,
        report: Report | None,
        facts: Facts,
        twin: Twin | None = None,
    ) -> Hot:
        made = rewrite(twin or self._twin(db, key, hot), report, not hot.discovered)
        document, dropped = made.document, made.dropped
        try:
            reference, body = self.codec.encode(document)
        except DocumentTooLarge:
            slimmed = slim(document)
            document, dropped = slimmed.document, dropped + slimmed.dropped
            reference, body = self.codec.encode(document)
        _count_dropped(facts, dropped)
        db.execute(
            "INSERT INTO twin(device, reference, document) VALUES (?, ?, ?) ON CONFLICT(device) DO UPDATE"
            " SET reference = excluded.reference, document = excluded.document",
            (key, reference, body),
        )
        if made.history:
            self._pack(db, key, [(c.at, self.book.path_ref(c.path), c.old, c.new, c.cause) for c in made.history])
        new = hot._replace(overlay=b"")
        if report is None:
            return new
        facts.add("tree" if report.names is not None else "values")
        new = new._replace(revision=hot.revision + 1)
        return self._refresh_inform(new, document)

    def _refresh_inform(self, hot: Hot, document: Document) -> Hot:
        """Values read now are newer than those of the last Inform, and what is gone is gone from it too."""
        if not hot.inform:
            return hot
        layout = self.book.inform(hot.inform_layout)
        index, values = document.layout.index, document.values
        texts: list[str] = []
        stays: list[int] = []
        for position, (name, text) in enumerate(zip(layout.names, _decode_texts(hot.inform), strict=True)):
            flat = index.get(name)
            if flat is not None:
                stays.append(position)
                read = values[flat]
                texts.append(text if read is None else read)
        if len(stays) == len(layout.names):
            return hot._replace(inform=_encode(texts))
        smaller = InformLayout(tuple([layout.names[p] for p in stays]), tuple([layout.types[p] for p in stays]))
        number = self.book.inform_id(smaller)
        return hot._replace(inform_layout=number, inform=_encode(texts) if number else b"")

    def _store_facts(
        self, db: sqlite3.Connection, key: int, hot: Hot, told: dict[str, str], inferred: dict[str, str]
    ) -> Hot:
        """The wide device row is touched only when a fact changed; ``told`` ones come with every Inform."""
        digest = crc32(repr(sorted(told.items())).encode()) if told else hot.facts
        if inferred or digest != hot.facts:
            update_facts(db, key, told | inferred)
        return hot._replace(facts=digest)

    def _store_hot(self, db: sqlite3.Connection, key: int, old: Hot, new: Hot) -> None:
        if new[:5] != old[:5]:
            db.execute(
                "UPDATE contact SET epoch=?, last_contact=?, interval=?, announced=?, facts=? WHERE device=?",
                (*new[:5], key),
            )
        if new[5:] != old[5:]:
            db.execute(
                "UPDATE state SET revision=?, discovered=?, sweep_due=?, inform_layout=?, inform=?, overlay=?"
                " WHERE device=?",
                (*new[5:], key),
            )


def _check_columns(report: Report) -> None:
    """Raises BadInput when columns that belong together differ in length."""
    for read in (report.inform, report.values):
        if read is not None and not len(read.names) == len(read.texts) == len(read.types):
            raise BadInput("names, texts and types of observations differ in number")
    if report.names is not None and len(report.names.paths) != len(report.names.writable):
        raise BadInput("paths and writability of names differ in number")


def _count_dropped(facts: Facts, dropped: int) -> None:
    if dropped:
        facts.add("truncated", dropped)


def _is_repetition(report: Report, hot: Hot) -> bool:
    """Whether the stored announcement is recent enough to be an earlier attempt of this one."""
    return report.at - hot.last_contact <= RETRY_SLACK + (RETRY_BASE << min(report.retry_count, 10))


_EVENT_KINDS = {
    "0": "bootstrap", "1": "boot", "2": "periodic", "3": "scheduled", "4": "value-change", "6": "connection-request",
    "7": "transfer-complete", "8": "diagnostics-complete", "13": "wakeup", "14": "heartbeat",
}  # fmt: skip
_NO_WORD = re.compile(r"[^a-z0-9._-]+")


def _event_kind(code: str) -> str:
    """``1 BOOT`` -> ``boot``; others become a word made from their code."""
    kind = _EVENT_KINDS.get(code.split(" ", 1)[0])
    return kind or "event." + _NO_WORD.sub("-", code[:MAX_KEY].lower())[:64]
