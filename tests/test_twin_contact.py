"""The words of contact, at their edges."""

from __future__ import annotations

import msgspec
import pytest

from cpetwin.clock import HOUR, SECOND
from cpetwin.twin.contact import contact, next_contact
from cpetwin.twin.store.base import Device

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
