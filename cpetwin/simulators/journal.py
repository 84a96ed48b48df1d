"""The journal: one flushed line per RPC that a device *executed*, the truth that checks compare the server with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path as FilePath
from typing import TextIO


class Journal:
    """Appends to a file, or only counts when there is none. ``t`` is seconds since the epoch."""

    def __init__(self, file: FilePath | None = None) -> None:
        self._stream: TextIO | None = file.open("a", encoding="utf-8") if file is not None else None
        self.counts: Counter[str] = Counter()

    def write(self, now: int, device: str, rpc: str, key: str, args: object, result: object) -> None:
        """Record one executed RPC. ``device`` is the id as the server prints it, ``key`` as received."""
        self.counts[rpc] += 1
        if self._stream is not None:
            row = {"t": now / 1000, "device": device, "rpc": rpc, "key": key, "args": args, "result": result}
            self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
