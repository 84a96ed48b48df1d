"""Twins in one shard: what a Report does to the rows of its device, in one transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple
from zlib import crc32

import msgspec
import zstandard

from ....errors import NotFound, Stale
from ...document import Document, DocumentCodec
from ...facts import INTERVAL_PATHS, facts_from
from ...merge import SMALL_READ, add_inform, add_sweep, add_values, rewrite
from ...overlay import FOLD_BYTES, Overlay, decode_overlay, encode_overlay
from ...report import Observations, Report
from ...twin import LastInform, Twin
from ..base import Change, Committed
from .codebook import InformLayout, ShardCodebook
from .commands import Commands, has_active
from .devices import update_facts
from .log import add_event

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
MAX_INTERVAL = 10 * 365 * 86400


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

    def load(self, db: sqlite3.Connection, key: int, hot: Hot | None = None) -> Twin:
        """Assemble the twin of a device."""
        hot = hot or self.hot(db, key)
        return self._assemble(db, key, hot, decode_overlay(hot.overlay))

    def _assemble(self, db: sqlite3.Connection, key: int, hot: Hot, overlay: Overlay) -> Twin:
        layout = self.book.inform(hot.inform_layout)
        texts = _decode_texts(hot.inform) if hot.inform else []
        inform = LastInform(layout.names, layout.types, texts, hot.last_contact)
        return Twin(hot.revision, self._document(db, key), overlay, inform, self.book.path_text, hot.discovered)

    def _document(self, db: sqlite3.Connection, key: int) -> Document | None:
        row = db.execute("SELECT reference, document FROM twin WHERE device=?", (key,)).fetchone()
        return self.codec.decode(row[0], row[1]) if row else None

    def history(self, db: sqlite3.Connection, key: int, since: int) -> list[Change]:
        """Packed and recent changes in order of time."""
        changes: list[Change] = []
        rows = db.execute(
            "SELECT changes FROM history WHERE device=? AND until>=? ORDER BY until, id", (key, since)
        ).fetchall()
        for (body,) in rows:
            for at, ref, old, new, cause in _decode_changes(_decompress(body)):
                changes.append(Change(at, self.book.path_text(ref), old, new, cause))
        changes += self.load(db, key).recent_changes()
        return [change for change in changes if change.at >= since]

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
        self.book.load(db)
        kinds: list[str] = []
        detail: dict[str, object] = {}
        inferred: dict[str, str] = {}
        duplicate = False
        new = hot
        if report.inform is not None:
            new, duplicate = self._announce(report, report.inform, hot, kinds, detail, inferred)
        structural = report.names is not None or report.complete or report.gone
        if structural:
            new = self._rewrite(db, key, new, report, kinds)
        elif report.values is not None:
            new = self._read(db, key, new, report, report.values, kinds)
        if report.values is not None:
            inferred |= facts_from(report.values.names, report.values.texts)
            new = new._replace(interval=_interval(report.values, new.interval))
        if len(new.overlay) > FOLD_BYTES:
            new = self._rewrite(db, key, new, None, kinds)
        if report.sweep_due is not None:
            new = new._replace(sweep_due=report.sweep_due)
        new = self._store_facts(db, key, new, report.facts, inferred)
        self._store_hot(db, key, hot, new)
        refused = []
        for update in report.updates:
            if self.commands.apply(db, update, report.at, kinds, detail) is None:
                refused.append(update.command)
        if kinds:
            add_event(db, key, new.revision, report.at, kinds, detail)
        return Committed(
            new.revision, new.epoch, has_active(db, key), new.discovered, new.sweep_due, tuple(refused), duplicate
        )

    def _announce(
        self,
        report: Report,
        inform: Observations,
        hot: Hot,
        kinds: list[str],
        detail: dict[str, object],
        inferred: dict[str, str],
    ) -> tuple[Hot, bool]:
        """An Inform opens a session: new epoch, its values, its events unless they are a repetition."""
        announced = crc32(_encode(report.events))
        duplicate = report.retry_count > 0 and announced == hot.announced
        kinds.append("session")
        if not duplicate:
            for code, command_key in report.events:
                kind = _event_kind(code)
                if kind != "periodic":
                    kinds.append(kind)
                if command_key:
                    detail[kind] = command_key
        new = hot._replace(epoch=hot.epoch + 1, last_contact=report.at, announced=announced)
        layout = InformLayout(tuple(inform.names), tuple(inform.types))
        number = self.book.inform_id(layout)
        texts = _encode(inform.texts)
        if number == hot.inform_layout and texts == hot.inform:
            return new, duplicate
        overlay = decode_overlay(hot.overlay)
        if not number:
            add_values(overlay, inform, {}, [], report.at, "inform", self.book.path_ref)
            inferred |= facts_from(inform.names, inform.texts)
            kinds.append("values")
            return new._replace(overlay=encode_overlay(overlay), revision=hot.revision + 1), duplicate
        old = self.book.inform(hot.inform_layout)
        old_texts = _decode_texts(hot.inform) if hot.inform else []
        changed = add_inform(
            overlay, layout.names, layout.types, old.names, old_texts, inform.texts, report.at, self.book.path_ref
        )
        inferred |= facts_from(inform.names, inform.texts)
        new = new._replace(
            inform_layout=number, inform=texts, overlay=encode_overlay(overlay), interval=_interval(inform, hot.interval)
        )
        if changed:
            kinds.append("values")
            new = new._replace(revision=hot.revision + 1)
        return new, duplicate

    def _read(
        self, db: sqlite3.Connection, key: int, hot: Hot, report: Report, read: Observations, kinds: list[str]
    ) -> Hot:
        overlay = decode_overlay(hot.overlay)
        layout = self.book.inform(hot.inform_layout)
        informed = {name: position for position, name in enumerate(layout.names)}
        texts = _decode_texts(hot.inform) if hot.inform else []
        inside = Observations([], [], [])
        outside = Observations([], [], [])
        for name, text, type_ in zip(*read, strict=True):
            target = inside if name in informed else outside
            target.names.append(name), target.texts.append(text), target.types.append(type_)  # type: ignore[attr-defined]
        add_values(overlay, inside, informed, texts, report.at, report.cause, self.book.path_ref)
        if len(outside.names) > SMALL_READ:
            twin = self._assemble(db, key, hot, decode_overlay(hot.overlay))
            add_sweep(twin, overlay, outside, report.at, report.cause, self.book.path_ref)
        else:
            add_values(overlay, outside, informed, texts, report.at, report.cause, self.book.path_ref)
        kinds.append("values")
        return hot._replace(
            revision=hot.revision + 1, overlay=encode_overlay(overlay), inform=_encode(texts) if texts else hot.inform
        )

    def _rewrite(self, db: sqlite3.Connection, key: int, hot: Hot, report: Report | None, kinds: list[str]) -> Hot:
        made = rewrite(self._assemble(db, key, hot, decode_overlay(hot.overlay)), report)
        if made.dropped:
            kinds.append("truncated")
        reference, body = self.codec.encode(made.document)
        db.execute(
            "INSERT INTO twin(device, reference, document) VALUES (?, ?, ?) ON CONFLICT(device) DO UPDATE"
            " SET reference = excluded.reference, document = excluded.document",
            (key, reference, body),
        )
        if made.history:
            packed: _Changes = [(c.at, self.book.path_ref(c.path), c.old, c.new, c.cause) for c in made.history]
            db.execute(
                "INSERT INTO history(device, until, changes) VALUES (?, ?, ?)",
                (key, made.history[-1].at, _compress(_encode(packed))),
            )
        new = hot._replace(overlay=b"")
        if report is None:
            return new
        kinds.append("tree" if report.names is not None else "values")
        new = new._replace(revision=hot.revision + 1)
        if report.names is not None and not hot.discovered:
            new = new._replace(discovered=report.at)
        return self._refresh_inform(new, report)

    def _refresh_inform(self, hot: Hot, report: Report) -> Hot:
        """Values read now are newer than those of the last Inform."""
        if report.values is None or not hot.inform:
            return hot
        layout = self.book.inform(hot.inform_layout)
        read = dict(zip(report.values.names, report.values.texts, strict=True))
        texts = [read.get(name, text) for name, text in zip(layout.names, _decode_texts(hot.inform), strict=True)]
        return hot._replace(inform=_encode(texts))

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


def _interval(values: Observations, current: int) -> int:
    for path in INTERVAL_PATHS:
        if path in values.names:
            text = values.texts[list(values.names).index(path)]
            if text.isdecimal() and 0 < int(text[:10]) <= MAX_INTERVAL:
                return int(text[:10])
    return current


_EVENT_KINDS = {
    "0": "bootstrap", "1": "boot", "2": "periodic", "3": "scheduled", "4": "value-change", "6": "connection-request",
    "7": "transfer-complete", "8": "diagnostics-complete", "13": "wakeup", "14": "heartbeat",
}  # fmt: skip


def _event_kind(code: str) -> str:
    """``1 BOOT`` -> ``boot``; others become a word made from their code."""
    head = code.split(" ", 1)[0]
    return _EVENT_KINDS.get(head) or "event." + "-".join(code.lower().split())[:64]

