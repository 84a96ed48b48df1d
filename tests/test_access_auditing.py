"""Audit entries: no secret gets in, size is bounded, and what is shown cannot play tricks on a terminal."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.access.auditing import COLUMNS, MAX_ITEMS, MAX_TEXT, as_json, as_rows, entry
from cpetwin.access.principal import Principal

ANN = Principal("ann", "noc", frozenset())
SECRET = "s3cr3t"
WIFI = "Device.WiFi.AccessPoint.1.Security.KeyPassphrase"


def detail_of(**detail: Any) -> dict[str, object]:
    return entry(ANN, "command.queue", "001122-SN1", detail, at=1).detail


def test_secrets_are_masked_wherever_they_stand() -> None:
    detail = detail_of(
        password=SECRET,
        values={WIFI: SECRET, "Device.WiFi.SSID.1.SSID": "home"},
        list=[{"path": WIFI, "value": SECRET, "old": SECRET, "type": "string"}],
        text=f"{WIFI}={SECRET}",
        spaced=f" {WIFI} = {SECRET}",
        deep={"a": {"Token": SECRET}},
        raw=SECRET.encode(),
    )
    assert SECRET not in str(detail)
    assert detail["values"] == {WIFI: "***", "Device.WiFi.SSID.1.SSID": "home"}
    assert detail["list"] == [{"path": WIFI, "value": "***", "old": "***", "type": "string"}]


def test_plain_values_stay_as_they_are() -> None:
    assert detail_of(a=1, b=None, c=True, d=1.5, e=["x", 2], f={"g": "h"}, i="A=B") == {
        "a": 1, "b": None, "c": True, "d": 1.5, "e": ["x", 2], "f": {"g": "h"}, "i": "A=B",
    }  # fmt: skip


def test_oversized_parts_are_cut_and_say_so() -> None:
    detail = detail_of(text="x" * 5000, list=list(range(1000)), map={str(i): i for i in range(1000)})
    assert len(str(detail["text"])) < MAX_TEXT + 40
    assert detail["list"][-1] == f"({1000 - MAX_ITEMS} more)"  # type: ignore[index]
    assert len(detail["map"]) == MAX_ITEMS + 1  # type: ignore[arg-type]
    nested: Any = "end"
    for _ in range(100):
        nested = {"n": nested}
    assert "(too deep)" in str(detail_of(n=nested))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=6), anything, max_size=5))
def test_any_detail_becomes_plain_json(detail: dict[str, object]) -> None:
    item = entry(ANN, "x", "y", detail, at=1)
    assert msgspec.json.decode(msgspec.json.encode(item.detail)) == item.detail
    assert all(cell.isprintable() for cell in as_rows([item])[0])


def test_a_row_shows_when_who_what_to_whom() -> None:
    item = entry(ANN, "device.read", "001122-SN1", {"columns": ["phone"], "reason": "call"}, at=0, read=True)
    assert len(COLUMNS) == 5
    assert as_rows([item], timezone(timedelta(hours=2))) == [
        ("1970-01-01T02:00:00.000+02:00", "ann", "device.read (read)", "001122-SN1", 'columns=["phone"] reason=call')
    ]
    assert as_json(item)["at"] == "1970-01-01T00:00:00.000+00:00"


def test_control_characters_cannot_play_tricks_on_a_terminal() -> None:
    row = as_rows([entry(ANN, "x", "\x1b[2Jname\u202e", {"a": "b\nc"}, at=0)])[0]
    assert row[3] == "\\x1b[2Jname\\u202e"
    assert row[4] == "a=b\\nc"
