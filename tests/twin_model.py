"""A twin as a plain dictionary, and one shard in memory, for the property tests of the twin room.

The model knows nothing of layouts, documents, overlays or folds: it is what ``document + overlay = full write`` is
measured against.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from cpetwin.datamodel import is_volatile
from cpetwin.twin import Change, Committed, DeviceId, Observations, Report
from cpetwin.twin.store.sqlite import devices
from cpetwin.twin.store.sqlite.codebook import ShardCodebook
from cpetwin.twin.store.sqlite.commands import Commands
from cpetwin.twin.store.sqlite.schema import TABLES
from cpetwin.twin.store.sqlite.twins import Twins
from cpetwin.twin.twin import Twin

KEY = 1


class MemoryShard:
    """The tables of one shard in memory, with one device."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(TABLES)
        devices.enrol(self.db, KEY, DeviceId("001122", "HG", "S1"), 1, "cwmp", "active", {}, {})
        self.twins = self._twins()

    def _twins(self) -> Twins:
        book = ShardCodebook()
        book.bind(lambda: self.db)
        return Twins(book, Commands(0, 1))

    def commit(self, report: Report) -> Committed:
        self.db.execute("BEGIN")
        try:
            committed = self.twins.commit(self.db, report)
        except BaseException:
            self.db.execute("ROLLBACK")
            self.twins.reset()
            raise
        self.db.execute("COMMIT")
        return committed

    def twin(self) -> Twin:
        return self.twins.load(self.db, KEY)

    def reopened(self) -> Twin:
        """The twin as a new process reads it."""
        return self._twins().load(self.db, KEY)

    def history(self) -> list[Change]:
        return self.twins.history(self.db, KEY, self.twin())

    def kinds(self) -> list[str]:
        """Kinds of the newest event row."""
        row = self.db.execute("SELECT kinds FROM event ORDER BY number DESC LIMIT 1").fetchone()
        return row[0].split(",") if row else []


@dataclass
class Known:
    """A parameter: ``at`` is when the value was last seen, ``floor`` the least that the twin must claim."""

    text: str | None = None
    type: str = ""
    writable: bool = False
    at: int = 0
    floor: int = 0


@dataclass
class Model:
    """What the Reports so far say, and every value a path ever had: path -> [(at, text or None)]."""

    known: dict[str, Known] = field(default_factory=dict)
    objects: dict[str, bool] = field(default_factory=dict)
    informed: set[str] = field(default_factory=set)
    past: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)

    def apply(self, report: Report) -> None:
        if report.inform is not None:
            self._see(report.inform, report.at, True)
            self.informed = set(report.inform.names)
        listed: dict[str, bool] = {}
        if report.names is not None:
            listed = dict(zip(report.names.paths, report.names.writable, strict=True))
            for path in [p for p in self.known if p.startswith(report.names.under)]:
                if path not in listed and path not in self.informed:
                    self._remove(path, report.at)
            for path in [p for p in self.objects if p.startswith(report.names.under) and p not in listed]:
                del self.objects[path]
            for path, writable in listed.items():
                if path.endswith("."):
                    self.objects[path] = writable
                else:
                    self.known.setdefault(path, Known()).writable = writable
        read = set(report.values.names) if report.values is not None else set()
        for prefix in report.complete:
            for path in [p for p in self.known if p.startswith(prefix)]:
                if path not in read and path not in listed and path not in self.informed:
                    self._remove(path, report.at)
        for prefix in report.gone:
            for path in [p for p in self.known if p.startswith(prefix)]:
                self._remove(path, report.at)
            for path in [p for p in self.objects if p.startswith(prefix)]:
                del self.objects[path]
        if report.values is not None:
            self._see(report.values, report.at, False)

    def _see(self, values: Observations, at: int, inform: bool) -> None:
        for name, text, type_ in zip(*values, strict=True):
            known = self.known.setdefault(name, Known())
            if known.text != text:
                self.past.setdefault(name, []).append((at, text))
            known.text, known.type, known.at = text, type_ or known.type, at
            if inform or name not in self.informed:
                known.floor = at

    def _remove(self, path: str, at: int) -> None:
        if self.known.pop(path).text is not None:
            self.past.setdefault(path, []).append((at, None))
        self.informed.discard(path)

    def text_at(self, path: str, at: int) -> str | None:
        text = None
        for time, value in self.past.get(path, []):
            if time <= at:
                text = value
        return text

    def check(self, twin: Twin) -> None:
        """The twin holds exactly what the model holds."""
        assert set(twin.paths()) == set(self.known)
        assert twin.values() == {path: known.text for path, known in self.known.items() if known.text is not None}
        assert twin.objects() == self.objects
        for path, known in self.known.items():
            parameter = twin.get(path)
            assert parameter is not None
            assert (parameter.text, parameter.writable) == (known.text, known.writable), path
            assert parameter.type == known.type, path
            if known.text is not None:
                assert known.floor <= parameter.observed_at <= known.at, (path, parameter, known)
            else:
                assert parameter.observed_at == 0

    def check_history(self, history: list[Change], times: list[int]) -> None:
        """Replaying the history gives the value of every past moment; each old value is the new one before it."""
        by_path: dict[str, list[Change]] = {}
        for change in history:
            by_path.setdefault(change.path, []).append(change)
        assert [c.at for c in history] == sorted(c.at for c in history)
        for path, past in self.past.items():
            if is_volatile(path):
                assert path not in by_path
                continue
            changes = by_path.get(path, [])
            for earlier, later in zip(changes, changes[1:], strict=False):
                assert later.old == earlier.new, (path, changes)
            for change in changes:
                assert change.old != change.new
            for at in times:
                if at >= past[0][0]:
                    assert _replay(changes, at, past[-1][1]) == self.text_at(path, at), (path, at, changes, past)


def _replay(changes: list[Change], at: int, last: str | None) -> str | None:
    done = [change for change in changes if change.at <= at]
    if done:
        return done[-1].new
    return changes[0].old if changes else last
