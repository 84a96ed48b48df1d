"""What a device remembers in its flash, and where a fleet keeps that between two runs of the simulator."""

from __future__ import annotations

import sqlite3
from pathlib import Path as FilePath

import msgspec


class Memory(msgspec.Struct):
    """The part of a device that survives a power cut.

    ``values``    parameters that differ from the dump, by path
    ``added``     leaves of rows made by AddObject: type and writability
    ``objects``   rows made by AddObject and the objects in them; ``gone`` objects deleted from the dump's tree
    ``next_row``  the next row number of a table that AddObject used
    ``notify``    notification attribute by path, where it is not the default
    ``reported``  last value told to the ACS of parameters with notification
    ``events``    announcements not yet acknowledged: code, command key
    ``informs``   accepted ScheduleInform: due (ms), command key
    """

    values: dict[str, str] = {}
    added: dict[str, tuple[str, bool]] = {}
    objects: dict[str, bool] = {}
    gone: list[str] = []
    next_row: dict[str, int] = {}
    notify: dict[str, int] = {}
    access: dict[str, str] = {}
    reported: dict[str, str] = {}
    events: list[tuple[str, str]] = []
    informs: list[tuple[int, str]] = []
    boots: int = 0
    bootstrapped: bool = False


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Memory)


class MemoryStore:
    """One SQLite file (mode 0600) with the memory of every device; each save is committed at once."""

    def __init__(self, folder: FilePath) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / "devices.sqlite"
        file.touch(mode=0o600)
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS device (id TEXT PRIMARY KEY, memory BLOB NOT NULL)")

    def load(self, device: str) -> Memory | None:
        row = self._db.execute("SELECT memory FROM device WHERE id = ?", (device,)).fetchone()
        return None if row is None else _DECODER.decode(row[0])

    def save(self, device: str, memory: Memory) -> None:
        self._db.execute("INSERT OR REPLACE INTO device VALUES (?, ?)", (device, _ENCODER.encode(memory)))

    def close(self) -> None:
        self._db.close()
