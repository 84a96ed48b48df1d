"""The data folder: shard files, the lock that keeps a second server out, and what can be said of it from outside."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from pathlib import Path

from ....errors import BadInput, Conflict, NotFound
from .log import walk_audit
from .schema import TABLES, VERSION
from .shard import connect

DEFAULT_SHARDS = 2
STORE = "store"
LOCK = "lock"


def shard_files(folder: Path) -> list[Path]:
    """Files of an existing store in order of shard number. Raises NotFound when there is none."""
    files = sorted((folder / STORE).glob("shard-*.db"), key=lambda f: int(f.stem.split("-")[1]))
    if not files:
        raise NotFound(f"{folder} is no data folder of cpetwin", "name the folder that was given to serve --data")
    return files


def open_folder(folder: Path, shards: int = DEFAULT_SHARDS) -> tuple[list[Path], str]:
    """Create or check the store of a data folder; returns the shard files and the folder's random id.

    Raises BadInput when the files were written by a newer program, or files are missing.
    """
    store = folder / STORE
    if not store.exists():
        partial = folder / f"{STORE}.new"
        partial.mkdir(parents=True, mode=0o700, exist_ok=True)
        identity = secrets.token_hex(16)
        for number in range(shards):
            _create(partial / f"shard-{number}.db", number, shards, identity)
        os.rename(partial, store)
    files = shard_files(folder)
    identities = {_check(file, number, len(files)) for number, file in enumerate(files)}
    if len(identities) != 1:
        raise BadInput(f"the files in {store} belong to different stores", "restore the folder from one backup")
    return files, identities.pop()


def _create(file: Path, number: int, shards: int, identity: str) -> None:
    file.unlink(missing_ok=True)
    db = connect(file, create=True)
    os.chmod(file, 0o600)
    db.executescript(f"BEGIN; {TABLES} COMMIT;")
    db.executemany(
        "INSERT INTO meta VALUES (?, ?)", [("shard", str(number)), ("shards", str(shards)), ("id", identity)]
    )
    db.close()


def _check(file: Path, number: int, shards: int) -> str:
    db = connect(file)
    try:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise BadInput(
                f"{file} has schema {version}, this program knows {VERSION}",
                "use the program version that wrote it, or restore a backup",
            )
        meta = dict(db.execute("SELECT name, value FROM meta"))
        if (meta.get("shard"), meta.get("shards")) != (str(number), str(shards)):
            raise BadInput(f"{file} is not shard {number} of {shards}", "a shard file is missing or was renamed")
        return str(meta["id"])
    finally:
        db.close()


class FolderLock:
    """One server per data folder: an advisory lock that dies with the process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / LOCK, "a+")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Conflict(
                f"another server runs on {folder}", "stop it, or give this one its own --data folder"
            ) from None

    def release(self) -> None:
        self._file.close()


_COUNTS = {
    "devices": "SELECT count(*) FROM device",
    "shapes": "SELECT count(*) FROM shape",
    "references": "SELECT count(*) FROM reference",
    "with_full_tree": "SELECT count(*) FROM state WHERE discovered > 0",
    "history_bytes": "SELECT coalesce(sum(length(changes)), 0) FROM history",
    "queue": "SELECT count(*) FROM command WHERE state IN ('held', 'queued', 'sent', 'verifying', 'unknown')",
    "events": "SELECT count(*) FROM event",
}


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in the data folder; write-ahead logs and their indexes are not counted."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    )


def stats_of(connections: list[sqlite3.Connection], folder: Path) -> dict[str, object]:
    """The figures of ``store stats``."""
    counts = {name: sum(int(db.execute(sql).fetchone()[0]) for db in connections) for name, sql in _COUNTS.items()}
    size = folder_bytes(folder)
    return {
        "devices": counts["devices"],
        "bytes": size,
        "bytes_per_device": round(size / counts["devices"], 1) if counts["devices"] else None,
        **{name: value for name, value in counts.items() if name != "devices"},
    }


def folder_stats(folder: Path) -> dict[str, object]:
    """``store stats DIR`` without a server, or beside a running one."""
    connections = [connect(file) for file in shard_files(folder)]
    try:
        return stats_of(connections, folder)
    finally:
        for db in connections:
            db.close()


def folder_check(folder: Path) -> list[str]:
    """``store check DIR``: everything found wrong, empty when the store is sound."""
    problems: list[str] = []
    for file in shard_files(folder):
        db = connect(file)
        try:
            problems += [f"{file.name}: {row[0]}" for row in db.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
            broken = next((number for number, intact in walk_audit(db) if not intact), None)
            if broken is not None:
                problems.append(f"{file.name}: the audit chain is broken at entry {broken}")
            for table in ("contact", "state"):
                missing = db.execute(
                    f"SELECT count(*) FROM device d LEFT JOIN {table} t ON t.device = d.key WHERE t.device IS NULL"
                ).fetchone()[0]
                if missing:
                    problems.append(f"{file.name}: {missing} devices have no {table} row")
        except sqlite3.DatabaseError as error:
            problems.append(f"{file.name}: {error}")
        finally:
            db.close()
    return problems
