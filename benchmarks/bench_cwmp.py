"""CWMP sessions over real sockets against ``cpetwin serve``: server CPU including durable commit, and bytes written.

Conditions: DEVICES devices with full trees in the store, 18-value Informs, 64 sessions in flight, a new TCP
connection per session. The load generator is another process; its CPU is not counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from cpetwin.access.credentials import Credentials
from cpetwin.access.secrets import open_box
from cpetwin.clock import DAY, SystemClock
from cpetwin.queue import Command, Queue
from cpetwin.simulators.generate import generate
from cpetwin.twin import DeviceId, Names, Observations, Report
from cpetwin.twin.store.sqlite import SqliteStore

from .yard import measure

LOGIN = ("bench", "bench-password")


class Work(NamedTuple):
    """One row: what is run, and the target in yards (0: none)."""

    name: str
    parameters: int
    sessions: int
    options: tuple[str, ...] = ()
    auth: str = "off"
    commands: bool = False
    first: bool = False
    yards: float = 0.0


WORKS = (
    Work("periodic, twin of 5 parameters, changed values", 5, 30_000, ("--vary",), yards=0.14),
    Work("periodic, twin of 300 parameters, changed values", 300, 30_000, ("--vary",), yards=0.14),
    Work("periodic, twin of 1,500 parameters, changed values", 1500, 30_000, ("--vary",), yards=0.14),
    Work("periodic, twin of 1,500 parameters, unchanged", 1500, 30_000),
    Work("periodic with Digest, 1,500 parameters", 1500, 20_000, ("--vary",), auth="required", yards=0.17),
    Work("one SetParameterValues, verified by re-read", 300, 20_000, commands=True, yards=0.18),
    Work("first contact, full read of 1,500 parameters", 1500, 3_000, ("--first",), first=True, yards=3.2),
)


def serial(number: int) -> str:
    return f"B{number:07d}"


async def fill(folder: Path, devices: int, parameters: int, commands: int, own: bool) -> None:
    """Put devices with full trees into a new store, through the Store interface."""
    store = SqliteStore(folder)
    tree = generate(parameters, 0)
    now = SystemClock().now()
    random = Random(1)
    paths = (*tree.objects, *tree.leaves)
    writable = (*tree.objects.values(), *(leaf.writable for leaf in tree.leaves.values()))
    names = tuple(tree.leaves)
    types = tuple(leaf.type for leaf in tree.leaves.values())
    texts = [leaf.text for leaf in tree.leaves.values()]
    varying = [i for i, text in enumerate(texts) if text.isdecimal() and len(text) > 3]
    for start in range(0, devices, 1000):
        numbers = range(start, min(devices, start + 1000))
        made = await asyncio.gather(
            *(store.enrol(DeviceId("00D09E", "BENCH", serial(n)), now, "cwmp") for n in numbers)
        )
        reports = []
        for device in made:
            values = list(texts)
            for position in varying:
                values[position] = str(random.randrange(10 ** len(values[position])))
            reports.append(
                Report(
                    device=device.key, at=now, names=Names(tree.root, paths, writable),
                    values=Observations(names, values, types), discovered=True, sweep_due=now + 30 * DAY,
                    cause="discovery",
                )
            )  # fmt: skip
        await asyncio.gather(*(store.commit(report) for report in reports))
    if own:
        credentials = Credentials(store, open_box(folder), SystemClock())
        await credentials.prepare(LOGIN)
        for number in range(devices):
            await credentials.set_preshared(f"00D09E-{serial(number)}", serial(number), LOGIN[1])
    if commands:
        await queue_commands(store, folder, commands, tree)
    await store.close()


async def queue_commands(store: SqliteStore, folder: Path, commands: int, tree) -> None:
    queue = Queue(store, SystemClock(), open_box(folder))
    path = next(p for p, leaf in tree.leaves.items() if leaf.writable and p.endswith("Alias"))
    for start in range(0, commands, 500):
        known = [await store.find_identity(f"00D09E-{serial(n)}") for n in range(start, min(commands, start + 500))]
        await asyncio.gather(
            *(
                queue.submit(device, Command(kind="set", args={"values": {path: "bench"}}), actor="bench")
                for device in known
                if device is not None
            )
        )


@contextmanager
def server(folder: Path, auth: str) -> Iterator[dict[str, object]]:
    """A real server on free ports; yields its server.json and process."""
    environment = {**os.environ, "CPETWIN_CPE_USER": LOGIN[0], "CPETWIN_CPE_PASSWORD": LOGIN[1]}
    log = (folder.parent / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "cpetwin", "serve", "--data", str(folder), "--cwmp-port", "0", "--http-port", "0",
         "--cpe-auth", auth],
        env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    log.close()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                yield {**json.loads(line[6:]), "pid": process.pid}
                break
        else:
            raise RuntimeError(f"the server did not start, see {folder.parent / 'server.log'}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def used(pid: int) -> tuple[float, int]:
    """CPU seconds and bytes written of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return ticks / os.sysconf("SC_CLK_TCK"), int(io["write_bytes"])


def run_load(work: Work, url: str, serials: Path) -> dict[str, float]:
    command = [
        sys.executable, "-m", "benchmarks.load_cwmp", url, "--serials", str(serials), "--sessions", str(work.sessions),
        "--tree", str(work.parameters), *work.options,
    ]  # fmt: skip
    if work.auth == "required":
        command += ["--password", LOGIN[1]]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def run(base: Path, devices: int, only: str) -> Iterator[list[str]]:
    """One row of the table per work."""
    for work in (work for work in WORKS if only in work.name):
        folder = base / f"twins-{work.parameters}-{work.auth}-{work.first}-{work.commands}"
        if not folder.exists():
            stored = 0 if work.first else max(devices, work.sessions if work.commands else 0)
            commands = work.sessions if work.commands else 0
            asyncio.run(fill(folder, stored, work.parameters, commands, work.auth == "required"))
        serials = base / "serials"
        count = work.sessions if work.first or work.commands else devices
        serials.write_text("\n".join(serial(n) for n in range(count)))
        yard = measure()
        with server(folder, work.auth) as ready:
            pid = int(str(ready["pid"]))
            cpu, written = used(pid)
            load = run_load(work, str(ready["cwmp"]), serials)
            cpu, written = used(pid)[0] - cpu, used(pid)[1] - written
        yard = (yard + measure()) / 2
        each = cpu / work.sessions * 1000
        yield [
            work.name, f"{each:.3f}", f"{each / yard:.2f}", f"{work.yards or '-'}",
            f"{written / work.sessions / 1000:.1f}",
            f"{work.sessions / load['seconds']:.0f}", f"{load['failed']:.0f}", f"{yard:.2f}",
        ]  # fmt: skip


HEADER = ["work", "ms CPU", "yards", "target", "kB written", "sessions/s", "failed", "yard ms"]


def main(base: Path, devices: int, only: str = "") -> None:
    print(" | ".join(HEADER))
    started = time.time()
    for row in run(base, devices, only):
        print(" | ".join(row), flush=True)
    print(f"{devices} devices, {time.time() - started:.0f} s")
