"""TIME and DURATION: every form of the surface, resolved to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.clock import from_iso, iso
from cpetwin.commands._time import parse_duration, parse_time, parse_zone, say_instant, say_span
from cpetwin.errors import BadInput

NOW = int(datetime(2026, 3, 5, 12, 30, tzinfo=UTC).timestamp() * 1000)  # a Thursday
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-03-05T12:30:00+00:00"),
        ("-2h", "2026-03-05T10:30:00+00:00"),
        ("+90s", "2026-03-05T12:31:30+00:00"),
        ("2 hours ago", "2026-03-05T10:30:00+00:00"),
        ("1 day ago", "2026-03-04T12:30:00+00:00"),
        ("in 10 minutes", "2026-03-05T12:40:00+00:00"),
        ("yesterday 18:00", "2026-03-04T18:00:00+00:00"),
        ("Yesterday", "2026-03-04T00:00:00+00:00"),
        ("tomorrow 02:00", "2026-03-06T02:00:00+00:00"),
        ("06:15", "2026-03-05T06:15:00+00:00"),
        ("last tuesday", "2026-03-03T00:00:00+00:00"),
        ("last thursday", "2026-02-26T00:00:00+00:00"),
        ("last friday 23:59:59.5", "2026-02-27T23:59:59.500+00:00"),
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T18:00", "2026-01-31T18:00:00+00:00"),
        ("2026-01-31 18:00:01.234567Z", "2026-01-31T18:00:01.234+00:00"),
        ("2026-01-31t18:00:00,5z", "2026-01-31T18:00:00.500+00:00"),
        ("2026-01-31T18:00:00+02:00", "2026-01-31T16:00:00+00:00"),
        ("20260131T180000Z", "2026-01-31T18:00:00+00:00"),
    ],
)
def test_a_time_is_what_people_mean(text: str, meant: str) -> None:
    assert parse_time(text, NOW, UTC) == from_iso(meant)


def test_a_time_without_zone_is_in_the_given_zone() -> None:
    assert iso(parse_time("2026-07-01T12:00", NOW, BERLIN)) == "2026-07-01T10:00:00.000+00:00"
    assert iso(parse_time("yesterday 18:00", NOW, BERLIN)) == "2026-03-04T17:00:00.000+00:00"
    assert iso(parse_time("2026-07-01T12:00Z", NOW, BERLIN)) == "2026-07-01T12:00:00.000+00:00"


def test_a_day_is_a_day_of_the_zone() -> None:
    """At 23:30 UTC it is tomorrow in Berlin already."""
    late = from_iso("2026-03-05T23:30:00+00:00")
    assert iso(parse_time("today", late, BERLIN), BERLIN) == "2026-03-06T00:00:00.000+01:00"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "last", "last week of may", "-2", "2 hours", "ago", "yesterday 25:00", "2026-13-01", "0000-00-00"],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_time(text, NOW, UTC)
    assert error.value.hint


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", 90_000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000), ("1h30m", 5_400_000),
     ("1.5h", 5_400_000), ("250ms", 250), ("2 weeks", 1_209_600_000), ("10 min", 600_000), ("0s", 0)],
)  # fmt: skip
def test_a_duration_has_units(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "h", "-5m", "5 parsecs", "5m later", "999999999d", "1e9d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_duration(text)


def test_zones_by_name_and_offset() -> None:
    assert parse_zone(None) is None
    assert parse_zone("utc") is UTC
    assert parse_zone("-03:30") == timezone(timedelta(hours=-3, minutes=-30))
    assert parse_zone("Europe/Berlin") == BERLIN
    for text in ("Middle/Earth", "../etc/passwd", "+99:00"):
        with pytest.raises(BadInput):
            parse_zone(text)


@given(st.integers(0, 4_000_000_000_000))
def test_printed_instants_are_read_back_exactly(at: int) -> None:
    assert from_iso(iso(at)) == at == parse_time(iso(at, BERLIN), NOW, None)


def test_instants_and_spans_for_people() -> None:
    assert say_instant(NOW + 3_600_000, UTC, NOW) == "13:30"
    assert say_instant(NOW + 86_400_000, UTC, NOW) == "2026-03-06 12:30+00:00"
    assert [say_span(s * 1000) for s in (40, 119, 180, 7200, 5 * 3600, 86400 * 30)] == [
        "40 s", "119 s", "3 min", "2 h", "5 h", "30 d",
    ]  # fmt: skip
