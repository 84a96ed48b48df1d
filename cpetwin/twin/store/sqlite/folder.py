"""The data folder: shard files, the lock that keeps a second server out, and what can be said of it from outside."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ....errors import BadInput, Conflict, NotFound
from .log import walk_audit
from .schema import TABLES, VERSION
from .shard import connect

T = TypeVar("T")

DEFAULT_SHARDS = 2
STORE = "store"
LOCK = "lock"


_SHARD_FILE = re.compile(r"shard-([0-9]{1,6})\.db\Z")


def shard_files(folder: Path) -> list[Path]:
    """Files of an existing store in order of shard number. Raises NotFound when there is none."""
    numbered = [
        (int(match[1]), file) for file in (folder / STORE).glob("*.db") if (match := _SHARD_FILE.match(file.name))
    ]
    if not numbered:
        raise NotFound(f"{folder} is no data folder of cpetwin", "name the folder that was given to serve --data")
    return [file for _, file in sorted(numbered)]


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
        _sync(partial)
        os.rename(partial, store)
        _sync(folder)
    files = shard_files(folder)
    identities = {_check(file, number, len(files)) for number, file in enumerate(files)}
    if len(identities) != 1:
        raise BadInput(f"the files in {store} belong to different stores", "restore the folder from one backup")
    return files, identities.pop()


def _create(file: Path, number: int, shards: int, identity: str) -> None:
    for leftover in (file, *_companions(file)):
        leftover.unlink(missing_ok=True)
    db = connect(file, create=True)
    os.chmod(file, 0o600)
    db.executescript(f"BEGIN; {TABLES} COMMIT;")
    db.executemany(
        "INSERT INTO meta VALUES (?, ?)", [("shard", str(number)), ("shards", str(shards)), ("id", identity)]
    )
    db.close()


def _companions(file: Path) -> tuple[Path, Path]:
    """The write-ahead log of a shard file and its index."""
    return file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")


def _sync(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(file: Path, number: int, shards: int) -> str:
    try:
        with closing(connect(file)) as db:
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                raise BadInput(
                    f"{file} has schema {version}, this program knows {VERSION}",
                    "use the program version that wrote it, or restore a backup",
                )
            meta = dict(db.execute("SELECT name, value FROM meta"))
    except sqlite3.DatabaseError as error:
        raise BadInput(
            f"{file} cannot be read: {error}", "cpetwin store check DIR says more; restore a backup"
        ) from error
    if (meta.get("shard"), meta.get("shards")) != (str(number), str(shards)):
        raise BadInput(f"{file} is not shard {number} of {shards}", "a shard file is missing or was renamed")
    return str(meta["id"])


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
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith(("-wal", "-shm")):
                continue
            with suppress(FileNotFoundError):  # a file that goes away meanwhile takes no space
                total += os.stat(os.path.join(where, name)).st_size
    return total


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    return {name: int(db.execute(sql).fetchone()[0]) for name, sql in _COUNTS.items()}


def _figures(counted: list[dict[str, int]], folder: Path) -> dict[str, object]:
    counts = {name: sum(counts[name] for counts in counted) for name in _COUNTS}
    size = folder_bytes(folder)
    return {
        "devices": counts["devices"],
        "bytes": size,
        "bytes_per_device": round(size / counts["devices"], 1) if counts["devices"] else None,
        **{name: value for name, value in counts.items() if name != "devices"},
    }


def stats_of(connections: list[sqlite3.Connection], folder: Path) -> dict[str, object]:
    """The figures of ``store stats``."""
    return _figures([_counts(db) for db in connections], folder)


@contextmanager
def _look(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, for a shard file that a server may be using or have left behind.

    A file without write-ahead log is opened as immutable, because even a reader would leave a log behind.
    """
    mode = "mode=ro" if _companions(file)[0].exists() else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=10)) as db:
        db.execute("PRAGMA query_only=1")
        yield db


def _steadily(file: Path, look: Callable[[sqlite3.Connection], T]) -> T:
    """The result of ``look``, repeated when a server started meanwhile on a file taken for immutable."""
    alone = not _companions(file)[0].exists()
    try:
        with _look(file) as db:
            result = look(db)
    except sqlite3.DatabaseError:
        if not alone or not _companions(file)[0].exists():
            raise
    else:
        if not alone or not _companions(file)[0].exists():
            return result
    with _look(file) as db:
        return look(db)


def folder_stats(folder: Path) -> dict[str, object]:
    """``store stats DIR`` without a server, or beside a running one; nothing is written."""
    return _figures([_steadily(file, _counts) for file in shard_files(folder)], folder)


def folder_check(folder: Path) -> list[str]:
    """``store check DIR``: everything found wrong, empty when the store is sound. Nothing is written, and a
    running server is not held up."""
    problems: list[str] = []
    identities: set[str] = set()
    files = shard_files(folder)
    for number, file in enumerate(files):
        try:
            found, meta = _steadily(file, _problems)
            problems += [f"{file.name}: {problem}" for problem in found]
            identities.add(meta.get("id", ""))
            if (meta.get("shard"), meta.get("shards")) != (str(number), str(len(files))):
                problems.append(f"{file.name}: is not shard {number} of {len(files)}")
        except sqlite3.DatabaseError as error:
            problems.append(f"{file.name}: {error}")
    if len(identities) > 1:
        problems.append("the files belong to different stores")
    return problems


def _problems(db: sqlite3.Connection) -> tuple[list[str], dict[str, str]]:
    """What is wrong in one file, and its meta table."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        return [f"has schema {version}, this program knows {VERSION}"], dict(db.execute("SELECT name, value FROM meta"))
    found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    broken = next((number for number, intact in walk_audit(db) if not intact), None)
    if broken is not None:
        found.append(f"the audit chain is broken at entry {broken}")
    for table in ("contact", "state"):
        missing = db.execute(
            f"SELECT count(*) FROM device d LEFT JOIN {table} t ON t.device = d.key WHERE t.device IS NULL"
        ).fetchone()[0]
        if missing:
            found.append(f"{missing} devices have no {table} row")
    return found, dict(db.execute("SELECT name, value FROM meta"))
