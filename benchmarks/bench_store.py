"""What the embedded store costs: reading and writing twins, periodic Informs, and bytes on disk.

    python -m benchmarks.bench_store [--devices 2000]

CPU time of the whole process (the commit thread included), in milliseconds and in yards (see ``yard``). The fleet
has 24 families of gateways with about 1,500 parameters; every device has its own entropy (see ``households``).
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import uvloop

from cpetwin.twin import DeviceEvent, DeviceId, Names, Observations, Report
from cpetwin.twin.store.sqlite import SqliteStore
from cpetwin.twin.store.sqlite.folder import folder_bytes

from . import yard
from .households import FAMILIES, Household, family, household

IN_FLIGHT = 64
PERIODIC = (DeviceEvent("2 PERIODIC"),)
TARGETS = {
    "read a full twin as values": 0.08,
    "read a full twin as a dictionary": 0.17,
    "write a snapshot, first time": 0.13,
    "write a snapshot, known layout": 0.13,
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


def inform(key: int, at: int, home: Household, changed: bool) -> Report:
    texts = [home.texts[i] + (str(at) if changed else "") for i in home.informed]
    columns = Observations(
        fresh([home.leaves[i] for i in home.informed]), texts, [home.types[i] for i in home.informed]
    )
    return Report(device=key, at=at, inform=columns, events=PERIODIC, facts={"ip": "192.0.2.1"})


def cpu(work: Callable[[], object], count: int) -> float:
    """CPU milliseconds of each of ``count`` things that ``work`` does."""
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
            "name": f"Household {home.serial[:6]}", "address": f"{number % 200} Long Street", "region": f"r{number % 9}",
        }  # fmt: skip
        identity = DeviceId(f"00{number % FAMILIES:02X}F4", f"HG{number % FAMILIES}", f"{home.serial}{number}")
        keys.append((await store.enrol(identity, 1, "cwmp", inventory=inventory)).key)
    return keys


async def fill(store: SqliteStore, homes: Sequence[Household], first: int) -> list[int]:
    """First contact and a few periodic sessions of every device."""
    keys = await enrol(store, homes, first)
    for at in range(4):
        await commit_all(store, [inform(key, 10 + at, home, at == 2) for key, home in zip(keys, homes, strict=True)])
        if not at:
            await commit_all(store, [discovery(k, 10, home) for k, home in zip(keys, homes, strict=True)])
    return keys


def changed(home: Household, random: Random) -> Household:
    """The same parameters with other counters."""
    texts = [
        str(random.randrange(10**6)) if text.isdecimal() and random.random() < 0.5 else text for text in home.texts
    ]
    return home._replace(texts=texts)


def rows(
    store: SqliteStore, homes: Sequence[Household], keys: Sequence[int], runner: asyncio.Runner
) -> list[tuple[str, float]]:
    """(work, CPU ms) of everything that is timed."""
    random = Random(5)
    found: list[tuple[str, float]] = []
    some = random.sample(range(len(keys)), min(600, len(keys)))

    def each(what: Callable[[int], object]) -> Callable[[], object]:
        return lambda: [what(i) for i in some]

    def load(i: int) -> object:
        shard = store._shard(keys[i])
        return store._twins[shard.number].load(shard.read, keys[i])

    each(load)()
    found.append(("read a full twin as values", cpu(each(lambda i: load(i).document.values), len(some))))  # type: ignore[attr-defined]
    found.append(("read a full twin as a dictionary", cpu(each(lambda i: load(i).values()), len(some))))  # type: ignore[attr-defined]

    def directly(reports: Sequence[Report]) -> Callable[[], object]:
        """Without commit and group, to see the work on the twin alone."""

        def work() -> None:
            for shard in store._shards:
                shard._writer.execute("BEGIN IMMEDIATE")
            for report in reports:
                shard = store._shard(report.device)
                store._twins[shard.number].commit(shard._writer, report)
            for shard in store._shards:
                shard._writer.execute("COMMIT")

        return work

    alike = [
        homes[i]._replace(texts=household(family(i % FAMILIES), 10**6 + i).texts[: len(homes[i].texts)]) for i in some
    ]
    alike = [h._replace(texts=(h.texts + homes[i].texts)[: len(h.leaves)]) for h, i in zip(alike, some, strict=True)]
    newcomers = runner.run(enrol(store, alike, 10**6))
    first = [discovery(key, 20, home) for key, home in zip(newcomers, alike, strict=True)]
    found.append(("write a snapshot, first time", cpu(directly(first), len(first))))
    again = [discovery(key, 30, changed(home, random)) for key, home in zip(newcomers, alike, strict=True)]
    found.append(("write a snapshot, known layout", cpu(directly(again), len(again))))
    deltas = []
    for i in some:
        picked = random.sample(range(len(homes[i].leaves)), 10)
        names, types = fresh([homes[i].leaves[p] for p in picked]), [homes[i].types[p] for p in picked]
        deltas.append(Report(device=keys[i], at=40, values=Observations(names, [f"{p}" for p in picked], types)))
    found.append(("write a 10-parameter delta", cpu(directly(deltas), len(deltas))))
    sweeps = []
    for i in some:
        home = changed(homes[i], random)
        values = Observations(fresh(home.leaves), home.texts, home.types)
        sweeps.append(Report(device=keys[i], at=50, values=values, cause="sweep"))
    found.append(("sweep of all values, a tenth changed", cpu(directly(sweeps), len(sweeps))))
    for word, change in (("unchanged", False), ("all changed", True)):
        runner.run(commit_all(store, [inform(k, 60, h, False) for k, h in zip(keys, homes, strict=True)]))
        reports = [inform(k, 61 + n, h, change) for n in range(3) for k, h in zip(keys, homes, strict=True)]
        took = cpu(lambda reports=reports: runner.run(commit_all(store, reports)), len(reports))  # type: ignore[misc]
        found.append((f"periodic Inform, {word}, durable, {IN_FLIGHT} in flight", took))
    return found


def table_bytes(folder: Path) -> list[tuple[str, int]]:
    """Bytes in each table and index of the store, largest first; empty when this SQLite cannot tell."""
    sizes: dict[str, int] = {}
    for file in (folder / "store").glob("*.db"):
        db = sqlite3.connect(file)
        try:
            for name, size in db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
                sizes[name] = sizes.get(name, 0) + size
        except sqlite3.OperationalError:
            return []
        finally:
            db.close()
    return sorted(sizes.items(), key=lambda item: -item[1])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--devices", type=int, default=2000)
    devices = options.parse_args().devices
    families = [family(number) for number in range(FAMILIES)]
    homes = [household(families[number % FAMILIES], number) for number in range(devices)]
    one = yard.measure()
    parameters = sum(len(home.leaves) for home in homes) / devices
    print(f"{devices} devices of {FAMILIES} families, {parameters:.0f} parameters each; a yard is {one:.2f} ms\n")
    with tempfile.TemporaryDirectory() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        folder = Path(place) / "data"
        half = devices // 2
        store = SqliteStore(folder)
        keys = runner.run(fill(store, homes[:half], 0))
        runner.run(store.close())
        before = folder_bytes(folder)
        tables = dict(table_bytes(folder))
        store = SqliteStore(folder)
        keys += runner.run(fill(store, homes[half:], half))
        runner.run(store.close())
        per_device = (folder_bytes(folder) - before) / (devices - half)
        store = SqliteStore(folder)
        print(f"{'work':56}{'ms':>9}{'yards':>9}{'target':>9}")
        for work, took in rows(store, homes, keys, runner):
            target = TARGETS.get(work)
            shown = f"{target / YARD_OF_TARGETS:9.3f}" if target else f"{'-':>9}"
            print(f"{work:56}{took:9.3f}{took / one:9.3f}{shown}")
        runner.run(store.close())
        print(f"\ndisk per further device: {per_device:.0f} bytes (target {DISK_TARGET}); of it by table:")
        for name, size in table_bytes(folder)[:14]:
            print(f"  {name:24}{size / (devices + 600):9.0f}")
        del tables


if __name__ == "__main__":
    main()
