"""The world of the demo: where it lives, its processes, and who lives in it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ..errors import CpetwinError
from .steps import PLANS, REGIONS

STOP_SECONDS = 15.0
"""A process that was asked to end gets this long before it is killed."""

LINE_LIMIT = 1 << 20
TAIL_LINES = 12
PR_SET_PDEATHSIG = 1

_T = TypeVar("_T")
_prctl: Any = getattr(ctypes.CDLL(None), "prctl", None)


class DemoFailed(CpetwinError):
    """A process of the demo ended, or a command did not do what the demo shows."""


@dataclass(frozen=True)
class Place:
    """``folder`` is the demo's own and made afresh; ``data`` is elsewhere only where CPETWIN_DATA says so."""

    folder: Path
    data: Path

    @classmethod
    def prepare(cls, keep: bool) -> Place:
        folder = Path(".demo")
        if not keep and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        return cls(folder, Path(os.environ.get("CPETWIN_DATA") or folder / "data"))


async def cpetwin(*arguments: str, accept: Sequence[int] = (0,)) -> str:
    """Run one command to its end and return what it printed. Raises DemoFailed at an exit code not in ``accept``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cpetwin", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in accept:
        said = (err or out).decode(errors="replace").strip()
        raise DemoFailed(f"cpetwin {' '.join(arguments)} ended with exit code {process.returncode}: {said}")
    return out.decode()


class Child:
    """A long-running ``cpetwin`` process, used as ``async with``: it never outlives the block, nor the demo.

    Its lines on stdout go to ``hear``, its log to a file.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path, hear: Callable[[str], None]) -> None:
        self._name = name
        self._arguments = arguments
        self._log = log
        self._hear = hear

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-u", "-m", "cpetwin", *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, limit=LINE_LIMIT,
                start_new_session=True,  # Ctrl-C reaches the demo, which ends its processes in order
                preexec_fn=_end_with_parent if _prctl else None,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        if self._process.returncode is None:
            self._process.kill()
        await self._reader

    async def guard(self, work: Awaitable[_T]) -> _T:
        """The result of ``work``. Raises DemoFailed with the end of the log when the process ends before it."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._reader), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
            code = await self._process.wait()
            raise DemoFailed(f"the {self._name} ended with exit code {code}:\n{tail}", f"its log is {self._log}")
        finally:
            task.cancel()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(line.decode(errors="replace").rstrip("\n"))


def _end_with_parent() -> None:
    """In the child: be told to end should the demo be killed without a chance to do so itself."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Home:
    """A row of the inventory. Telephone numbers are of the range kept free for fiction."""

    number: int
    id: str
    oui: str
    product_class: str
    serial: str

    @property
    def phone(self) -> str:
        return f"+441632960{self.number:03d}"

    def row(self) -> dict[str, str]:
        region = REGIONS[self.number % len(REGIONS)]
        return {
            "serial": self.serial,
            "oui": self.oui,
            "product_class": self.product_class,
            "home": f"home-{self.number}",
            "customer": f"customer-{self.number}",
            "account": f"A{100000 + self.number}",
            "phone": self.phone,
            "region": region,
            "access_node": f"{region}-{self.number // 2 % 4 + 1}",
            "plan": PLANS[self.number % len(PLANS)],
        }


def write_inventory(file: Path, homes: Sequence[Home]) -> None:
    """The CSV that ``cpetwin inventory import`` reads."""
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(homes[0].row()))
        writer.writeheader()
        writer.writerows(home.row() for home in homes)
