"""The words of contact, at their edges."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from cpetwin.clock import HOUR, SECOND
from cpetwin.twin.contact import CONTACTS, contact, next_contact
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import Observations, Report
from cpetwin.twin.store.base import Device
from cpetwin.twin.store.sqlite import SqliteStore

T0 = 1_700_000_000_000
DEVICE = Device(
    key=1, id="001122-SN1", identity="001122-SN1", oui="001122", product_class="", serial="SN1", protocol="cwmp",
    first_seen=T0, last_contact=T0, interval=3600, epoch=1, revision=1, state="active", facts={}, inventory={}, tags={},
)  # fmt: skip


@pytest.mark.parametrize(
    ("silent", "word"),
    [
        (0, "due"),
        (5460 * SECOND, "due"),  # 1.5 x 3600 s + 60 s
        (5460 * SECOND + 1, "overdue"),
        (3 * HOUR, "overdue"),
        (3 * HOUR + 1, "lost"),
    ],
)
def test_silence_has_a_word(silent: int, word: str) -> None:
    assert contact(DEVICE, T0 + silent) == word


def test_a_transport_that_is_up_wins_over_silence() -> None:
    assert contact(DEVICE, T0 + 100 * HOUR, connected=True) == "connected"


def test_a_device_that_was_never_heard_has_no_next_contact() -> None:
    never = msgspec.structs.replace(DEVICE, last_contact=0)
    assert (contact(never, T0), next_contact(never)) == ("never", None)


def test_an_unknown_interval_gives_a_day_of_grace_and_no_promise() -> None:
    unknown = msgspec.structs.replace(DEVICE, interval=0)
    assert (contact(unknown, T0 + 30 * HOUR), next_contact(unknown)) == ("due", None)


def test_next_contact_is_on_the_grid_after_now() -> None:
    assert next_contact(DEVICE) == T0 + HOUR
    assert next_contact(DEVICE, T0 + HOUR) == T0 + 2 * HOUR
    assert next_contact(DEVICE, T0 + 10 * HOUR + 1) == T0 + 11 * HOUR


async def count(folder: Path, silences: list[tuple[int, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """What the store counts and what the rule says, for devices of (interval in s, silence in ms)."""
    store = SqliteStore(folder)
    path = "Device.ManagementServer.PeriodicInformInterval"
    rows = []
    for number, (interval, silent) in enumerate(silences):
        device = await store.enrol(DeviceId("001122", "", f"SN{number}"), T0, "cwmp")
        if silent >= 0:
            values = Observations([path], [str(interval)], ["unsignedInt"])
            await store.commit(Report(device=device.key, at=T0 - silent, inform=values))
        rows.append(await store.device(device.key))
    counted = await store.count_contacts(T0)
    await store.close()
    return counted, {word: sum(contact(row, T0) == word for row in rows) for word in CONTACTS}


def test_the_store_counts_by_the_same_rule(tmp_path: Path) -> None:
    """The strip of the page and the word of each device never disagree, also at the edges and for tiny intervals."""
    silences = [(3600, s) for s in (-1, 0, 5460 * SECOND, 5460 * SECOND + 1, 3 * HOUR, 3 * HOUR + 1)]
    silences += [(10, s * SECOND) for s in (20, 40, 75, 76)] + [(0, 30 * HOUR), (0, 100 * HOUR)]
    counted, ruled = asyncio.run(count(tmp_path, silences))
    assert counted == ruled and sum(counted.values()) == len(silences)
