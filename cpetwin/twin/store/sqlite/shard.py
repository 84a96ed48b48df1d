"""One shard file: a writer with self-clocking group commit and a reader that never waits for it.

Statements run on the event loop, only COMMIT (the fsync) in a thread. While it runs, further writes
gather; as soon as it returns they go as the next group. No timer, and the more load the larger the group.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ....errors import CpetwinError, Unavailable

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], Any]

MAX_GROUP = 512
"""Writes in one transaction at most, so that a burst does not block the loop for long."""
CHECKPOINT_PAGES = 16384
"""Write-ahead log pages (4 kB) before a checkpoint: large, because a page changed often is then copied once."""
CACHE_KIB = 64 * 1024


def connect(file: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open a shard file with the settings every connection needs."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        timeout=10,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


class Shard:
    """``write`` runs a function in the next group; ``read`` is a connection that sees what is committed."""

    def __init__(self, number: int, file: Path, on_rollback: Callable[[], None]) -> None:
        self.number = number
        self.file = file
        self.read = connect(file)
        self._writer = connect(file)
        self._on_rollback = on_rollback
        self._waiting: list[tuple[Write, asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, f"commit-{number}")
        self.groups = 0
        self.writes = 0

    def write(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run ``function`` in a transaction; the future resolves when it is durable.

        A ``CpetwinError`` raised before the function wrote anything is its result alone. Any other
        exception rolls the whole group back and fails it, because half a change must not stay.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((function, future))
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        return future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
                try:
                    results = self._apply(group)
                    await loop.run_in_executor(self._thread, self._writer.execute, "COMMIT")
                except BaseException as error:
                    self._abandon(group, error)
                    if not isinstance(error, Exception):
                        raise
                    continue
                self.groups += 1
                self.writes += len(group)
                for (_, future), (result, failure) in zip(group, results, strict=True):
                    if future.done():
                        continue
                    if failure is None:
                        future.set_result(result)
                    else:
                        future.set_exception(failure)
        finally:
            self._running = None

    def _apply(self, group: list[tuple[Write, asyncio.Future[Any]]]) -> list[tuple[Any, CpetwinError | None]]:
        self._writer.execute("BEGIN IMMEDIATE")
        results: list[tuple[Any, CpetwinError | None]] = []
        for function, _ in group:
            try:
                results.append((function(self._writer), None))
            except CpetwinError as refused:
                results.append((None, refused))
        return results

    def _abandon(self, group: list[tuple[Write, asyncio.Future[Any]]], error: BaseException) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self._on_rollback()
        reason = Unavailable(f"the store could not write: {error}", "see the server's log; nothing of it was stored")
        reason.__cause__ = error
        for _, future in group:
            if not future.done():
                future.set_exception(reason)

    async def close(self) -> None:
        """Wait for what is under way, fold the write-ahead log into the file and close."""
        while self._running is not None:
            await asyncio.wait([self._running])
        self._thread.shutdown()
        self.read.close()
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()
