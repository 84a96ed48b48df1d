"""What the embedded store costs: reading and writing twins, periodic Informs, and bytes on disk.

    python -m benchmarks.bench_store [--devices 2000]

CPU time of the whole process (the commit thread included), in milliseconds and in yards (see ``yard``). The fleet
has 24 families of gateways with about 1,500 parameters; every device has its own entropy (see ``households``).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import uvloop

from cpetwin.twin import DeviceEvent, DeviceId, Names, Observations, Report
from cpetwin.twin.store.sqlite import SqliteStore
from cpetwin.twin.store.sqlite.folder import folder_bytes
from cpetwin.twin.twin import Twin

from . import yard
from .households import FAMILIES, Household, family, household

IN_FLIGHT = 64
SAMPLE = 400
PERIODIC = (DeviceEvent("2 PERIODIC"),)
TARGETS = {
    "read a full twin as values": 0.08,
    "read a full twin as a dictionary": 0.17,
    "write a snapshot": 0.13,
    "write a 10-parameter delta": 0.025,
}
"""Milliseconds where a yard is 2.5 ms."""
YARD_OF_TARGETS = 2.5
DISK_TARGET = 5000


def fresh(texts: Sequence[str]) -> list[str]:
    """Equal strings that nobody has hashed yet, as they come from the wire."""
    return [(text + "!")[:-1] for text in texts]


def discovery(key: int, at: int, home: Household) -> Report:
    values = Observations(fresh(home.leaves), home.texts, home.types)
    names = Names(home.names[0][: home.names[0].index(".") + 1], home.names, home.writable)
    return Report(device=key, at=at, names=names, values=values, discovered=True, cause="discovery")


def inform(key: int, at: int, home: Household, changed: int) -> Report:
    """A periodic Inform with so many values that no earlier one had."""
    texts = [home.texts[i] + (f"-{at}" if n < changed else "") for n, i in enumerate(home.informed)]
    columns = Observations(
        fresh([home.leaves[i] for i in home.informed]), texts, [home.types[i] for i in home.informed]
    )
    return Report(device=key, at=at, inform=columns, events=PERIODIC, facts={"ip": "192.0.2.1"})


def cpu(work: Callable[[], object], count: int) -> float:
    """CPU milliseconds of each of ``count`` things that ``work`` does."""
    gc.collect()
    start = time.process_time()
    work()
    return (time.process_time() - start) / count * 1000


async def commit_all(store: SqliteStore, reports: Sequence[Report]) -> None:
    """Durable commits, so many in flight."""
    waiting = iter(reports)

    async def worker() -> None:
        for report in waiting:
            await store.commit(report)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def enrol(store: SqliteStore, homes: Sequence[Household], first: int) -> list[int]:
    keys: list[int] = []
    for number, home in enumerate(homes, first):
        inventory = {
            "home": f"H{number:07d}", "customer": f"C{number:07d}", "phone": f"+4930{number:07d}", "plan": "fibre 250",
            "name": f"Household {home.serial[:6]}", "address": f"{number % 200} Long Street",
            "region": f"r{number % 9}",
        }  # fmt: skip
        identity = DeviceId(f"00{number % FAMILIES:02X}F4", f"HG{number % FAMILIES}", f"{home.serial}{number}")
        keys.append((await store.enrol(identity, 1, "cwmp", inventory=inventory)).key)
    return keys


async def fill(store: SqliteStore, homes: Sequence[Household], first: int) -> list[int]:
    """First contact and a few periodic sessions of every device, the last with a few values changed."""
    keys = await enrol(store, homes, first)
    both = list(zip(keys, homes, strict=True))
    await commit_all(store, [inform(key, 10, home, 0) for key, home in both])
    for start in range(0, len(both), 200):
        await commit_all(store, [discovery(key, 11, home) for key, home in both[start : start + 200]])
    for at in (20, 30, 40):
        await commit_all(store, [inform(key, at, home, at // 20) for key, home in both])
    return keys


def changed(home: Household, random: Random, share: float) -> Household:
    """The same parameters, a share of them with other values."""
    return home._replace(texts=[str(random.randrange(10**6)) if random.random() < share else t for t in home.texts])


class Bench:
    """A filled store and a table of what was measured."""

    def __init__(self, store: SqliteStore, runner: asyncio.Runner, homes: list[Household], keys: list[int]) -> None:
        self.store, self.runner, self.homes, self.keys = store, runner, homes, keys
        self.random = Random(5)
        self.some = self.random.sample(range(len(keys)), min(SAMPLE, len(keys)))
        self.table: list[tuple[str, float]] = []

    def measure(self, work: str, what: Callable[[int], object]) -> None:
        """``what`` for each of some devices."""
        self.table.append((work, cpu(lambda: [what(i) for i in self.some], len(self.some))))

    def measure_commits(self, work: str, reports: Sequence[Report]) -> None:
        """Reports without group and commit, to see the work on the twin alone."""
        shards = self.store._shards
        for shard in shards:
            shard._writer.execute("BEGIN IMMEDIATE")

        def commit() -> None:
            for report in reports:
                shard = shards[report.device % len(shards)]
                self.store._twins[shard.number].commit(shard._writer, report)

        self.table.append((work, cpu(commit, len(reports))))
        for shard in shards:
            shard._writer.execute("COMMIT")

    def load(self, i: int) -> Twin:
        shard = self.store._shard(self.keys[i])
        return self.store._twins[shard.number].load(shard.read, self.keys[i])

    def reads(self) -> None:
        for i in self.some:
            self.load(i)
        self.measure("read a full twin as values", lambda i: self.load(i).document.values)
        self.measure("read a full twin as a dictionary", lambda i: self.load(i).values())
        self.measure("read one parameter", lambda i: self.load(i).get(self.homes[i].leaves[500]))
        self.measure("read a full twin as parameters with their ages", lambda i: self.load(i).parameters())

    def snapshots(self) -> None:
        """First full reads: of devices like one seen before, and of devices with hosts of their own."""
        random = self.random
        models = [household(family(number), -1) for number in range(FAMILIES)]
        for kind, made in (
            ("names like another's", [changed(models[n % FAMILIES], random, 0.2) for n in range(SAMPLE)]),
            ("names of its own", [household(family(n % FAMILIES), 10**6 + n) for n in range(SAMPLE)]),
        ):
            keys = self.runner.run(enrol(self.store, made, (10**6, 2 * 10**6)[kind == "names of its own"]))
            both = list(zip(keys, made, strict=True))
            if kind == "names like another's":
                twice, both = both[: 2 * FAMILIES], both[2 * FAMILIES :]
                self.runner.run(commit_all(self.store, [discovery(key, 20, home) for key, home in twice]))
            first = [discovery(key, 20, home) for key, home in both]
            self.measure_commits(f"write a snapshot, first time, {kind}", first)
            again = [discovery(key, 30, changed(home, random, 0.05)) for key, home in both]
            self.measure_commits(f"write a snapshot, known layout, {kind}", again)

    def deltas(self) -> None:
        """Ten parameters, most of them known to change in this fleet, until the overlay is folded and after."""
        for at in (50, 51):
            reports = []
            for i in self.some:
                home = self.homes[i]
                picked = list(range(at % 50, 1000, 100))
                names, types = fresh([home.leaves[p] for p in picked]), [home.types[p] for p in picked]
                reports.append(Report(device=self.keys[i], at=at, values=Observations(names, [f"{at}"] * 10, types)))
            if at == 50:
                self.runner.run(commit_all(self.store, reports))
                reports = [
                    msgspec.structs.replace(r, at=51, values=r.values._replace(texts=["x"] * 10)) for r in reports
                ]  # type: ignore[union-attr]
                self.measure_commits("write a 10-parameter delta", reports)
        for share in (0.01, 0.1):
            reports = []
            for i in self.some:
                home = changed(self.homes[i], self.random, share)
                values = Observations(fresh(home.leaves), home.texts, home.types)
                reports.append(Report(device=self.keys[i], at=60 + int(share * 100), values=values, cause="sweep"))
            self.measure_commits(f"sweep of all values, {share:.0%} changed", reports)

    def informs(self) -> None:
        both = list(zip(self.keys, self.homes, strict=True))
        for change in (0, 3, 18):
            self.runner.run(commit_all(self.store, [inform(key, 100, home, change) for key, home in both]))
            took = 0.0
            for at in range(3):
                reports = [inform(key, (200 + at) if change else 100, home, change) for key, home in both]
                took += cpu(lambda reports=reports: self.runner.run(commit_all(self.store, reports)), len(reports)) / 3  # type: ignore[misc]
            self.table.append((f"periodic Inform, {change} of 18 changed, durable, {IN_FLIGHT} in flight", took))


def table_bytes(folder: Path) -> dict[str, int]:
    """Bytes in each table and index of the store; empty when this SQLite cannot tell."""
    sizes: dict[str, int] = {}
    for file in (folder / "store").glob("*.db"):
        with closing(sqlite3.connect(file)) as db:
            try:
                for name, size in db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
                    sizes[name] = sizes.get(name, 0) + size
            except sqlite3.OperationalError:
                return {}
    return sizes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--devices", type=int, default=2000)
    devices = options.parse_args().devices
    families = [family(number) for number in range(FAMILIES)]
    homes = [household(families[number % FAMILIES], number) for number in range(devices)]
    yards = [yard.measure()]
    parameters = sum(len(home.leaves) for home in homes) / devices
    print(f"{devices} devices of {FAMILIES} families, {parameters:.0f} parameters each")
    with tempfile.TemporaryDirectory() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        folder = Path(place) / "data"
        half = devices // 2
        keys: list[int] = []
        sizes = []
        for part in (homes[:half], homes[half:]):
            store = SqliteStore(folder)
            keys += runner.run(fill(store, part, len(keys)))
            runner.run(store.close())
            sizes.append((folder_bytes(folder), table_bytes(folder)))
        store = SqliteStore(folder)
        bench = Bench(store, runner, homes, keys)
        for part_of_table in (bench.reads, bench.snapshots, bench.deltas, bench.informs):
            part_of_table()
            yards.append(yard.measure())
        runner.run(store.close())
    one = sum(yards) / len(yards)
    print(f"a yard is {one:.2f} ms, the mean of {', '.join(f'{y:.2f}' for y in yards)} between the parts\n")
    print(f"{'work':64}{'ms':>8}{'yards':>8}{'target':>8}")
    for work, took in bench.table:
        target = next((f"{ms / YARD_OF_TARGETS:.3f}" for name, ms in TARGETS.items() if work.startswith(name)), "-")
        print(f"{work:64}{took:8.3f}{took / one:8.3f}{target:>8}")
    (before, tables_before), (after, tables_after) = sizes
    more = devices - half
    print(f"\ndisk: {(after - before) / more:.0f} bytes for each further device (target {DISK_TARGET}), of them:")
    grown = {name: (size - tables_before.get(name, 0)) / more for name, size in tables_after.items()}
    for name, size in sorted(grown.items(), key=lambda item: -item[1])[:14]:
        print(f"  {name:28}{size:7.0f}")


if __name__ == "__main__":
    main()
