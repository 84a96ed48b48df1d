"""A process that writes to a store as fast as it can and says what was acknowledged, until it is killed.

    python store_writer.py FOLDER SEED

Each line is one acknowledgement: ``report KEY NUMBER`` (the device's counter has this value), ``command KEY ID``,
``step ID STATE``, ``audit N``.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from cpetwin.twin import AuditEntry, CommandUpdate, DeviceId, Names, NewCommand, Observations, Report
from cpetwin.twin.store.sqlite import SqliteStore

DEVICES = 6
NUMBER = "Device.ManagementServer.ParameterKey"
PATHS = [f"Device.Table.{i}.Value" for i in range(1, 41)]


def say(*words: object) -> None:
    print(*words, flush=True)


async def device_life(store: SqliteStore, number: int, choose: random.Random) -> None:
    """Informs, reads of every size and commands of one device, one after the other."""
    device = await store.enrol(DeviceId("001122", "HG", f"S{number}"), 1, "cwmp")
    last = (await store.twin(device.key)).get(NUMBER)
    count = int(last.text or 0) if last is not None else 0
    while True:
        count += 1
        inform = Observations([NUMBER], [str(count)], ["string"])
        size = choose.choice((0, 3, 40))
        values = Observations(PATHS[:size], [str(count)] * size, ["string"] * size) if size else None
        names = Names("Device.", PATHS, [True] * 40) if choose.random() < 0.2 else None
        await store.commit(
            Report(device=device.key, at=count, inform=inform, values=values, names=names, discovered=names is not None)
        )
        say("report", device.key, count)
        if choose.random() < 0.5:
            new = NewCommand(device.key, "set", count, 10**9, 0, "noc", f"k{count}", b"body")
            command = (await store.add_commands([new]))[0]
            say("command", device.key, command.id)
            step = CommandUpdate(command.id, ("queued",), choose.choice(("sent", "cancelled")))
            await store.update_command(step, count)
            say("step", command.id, step.state)


async def auditing(store: SqliteStore) -> None:
    number = len(await store.audit(limit=10**6))
    while True:
        await store.add_audit(AuditEntry(number, "noc", "act", f"subject {number % 5}"))
        say("audit", number)
        number += 1


async def main(folder: Path, seed: int) -> None:
    choose = random.Random(seed)
    store = SqliteStore(folder)
    say("ready")
    lives = [device_life(store, number, random.Random(choose.random())) for number in range(DEVICES)]
    await asyncio.gather(auditing(store), *lives)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
