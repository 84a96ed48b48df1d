"""What was acknowledged is there after the process was killed, wherever it was at that moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from store_writer import NUMBER, PATHS

from cpetwin.twin.store.sqlite import SqliteStore, folder_check, folder_stats

WRITER = Path(__file__).with_name("store_writer.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(WRITER.parent.parent)}


def killed_writer(folder: Path, seed: int, acknowledgements: int) -> list[list[str]]:
    """Run the writer until it has said so many lines and a little longer, kill it, and return every whole line."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(folder), str(seed)], stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(acknowledgements)]
        finally:
            writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines(keepends=True)
    assert writer.returncode == -signal.SIGKILL, "the writer ended by itself"
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


async def check(folder: Path, said: list[list[str]], devices: set[int]) -> None:
    """Everything acknowledged is there; what was under way is there wholly or not at all."""
    store = SqliteStore(folder)
    try:
        counts: dict[int, int] = {}
        states: dict[str, str] = {}
        audits = -1
        for what, *words in said:
            if what == "report":
                counts[int(words[0])] = int(words[1])
            elif what == "command":
                states[words[1]] = "queued"
            elif what == "step":
                states[words[0]] = words[1]
            elif what == "audit":
                audits = int(words[0])
        devices |= counts.keys()
        for key, acknowledged in counts.items():
            twin = await store.twin(key)
            number = twin.get(NUMBER)
            assert number is not None and number.text is not None
            assert int(number.text) in (acknowledged, acknowledged + 1)
            assert (await store.device(key)).last_contact == int(number.text)
            rows = [int(p.text) for p in twin.parameters("Device.Table.") if p.text is not None]
            assert max(rows, default=0) <= int(number.text)
            assert len(set(rows[3:])) <= 1, "a large read is there wholly or not at all"
        for command, state in states.items():
            assert (await store.command(command)).state in (state, "sent", "cancelled")
        entries = await store.audit(limit=10**6)
        assert [e.at for e in entries] in (list(range(audits + 1)), list(range(audits + 2)))
        assert await store.verify_audit() == (len(entries), None)
        seen, cursor = [], None
        while True:
            found, cursor = await store.events(cursor)
            if not found:
                break
            seen += found
        told = {str(event.detail["value"]) for event in seen if event.kind == "command.queued"}
        assert states.keys() <= told
        for key in devices:
            changes = [change for change in await store.history(key, PATHS[0]) if change.cause != "first report"]
            assert all(later.old == earlier.new for earlier, later in zip(changes, changes[1:], strict=False))
    finally:
        await store.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path, seed: int) -> None:
    """Killed and restarted on the same folder three times, each time at another moment."""
    folder = tmp_path / "data"
    choose = random.Random(seed)
    devices: set[int] = set()
    for round in range(3):
        said = killed_writer(folder, seed * 100 + round, choose.randint(1, 400))
        assert folder_check(folder) == [], "checked as the kill left it"
        assert folder_stats(folder)["devices"] in range(7)
        asyncio.run(check(folder, said, devices))
        assert folder_check(folder) == []


def test_a_writer_killed_while_it_makes_the_folder(tmp_path: Path) -> None:
    """The folder is whole or made anew; it is never half a store."""
    for seed in range(3):
        folder = tmp_path / str(seed)
        process = subprocess.Popen(
            [sys.executable, str(WRITER), str(folder), "0"], stdout=subprocess.DEVNULL, env=ENVIRONMENT
        )
        while not folder.exists():
            assert process.poll() is None
        process.kill()
        process.wait()
        store = SqliteStore(folder)
        asyncio.run(store.close())
        assert folder_check(folder) == []
