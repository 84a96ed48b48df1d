"""Faults, events and dateTimes: the tables say what cwmp.md says."""

from __future__ import annotations

import pytest

from cpetwin.acs.codec import EVENTS, FAULTS, event_info, fault_info, parse_time


def test_retry_classes_follow_the_specification() -> None:
    """cwmp.md section 10, last line."""
    transient = {9002, 9004, 9010, *range(9014, 9019), 8005}
    permanent = {9000, 9003, *range(9005, 9009), 9013, 9019, *range(9030, 9033)}
    for code in transient:
        assert FAULTS[code].retry == "transient"
    for code in permanent:
        assert FAULTS[code].retry == "permanent"
    assert {code for code, row in FAULTS.items() if row.retry == "policy"} == {8001, 9001, 9009}
    assert {code for code, row in FAULTS.items() if row.retry == "credentials"} == {9012}


def test_every_code_of_the_specification_has_a_row() -> None:
    assert set(FAULTS) == {*range(8000, 8007), *range(9000, 9033)}
    assert all(row.meaning and row.section in ("A.5.1", "A.5.2") for row in FAULTS.values())


def test_who_erred() -> None:
    """Client is the sender of the request."""
    assert {c for c, row in FAULTS.items() if row.faultcode == "Client"} == {8003, 9003, 9005, 9006, 9007, 9008}


def test_vendor_and_unknown_faults_are_not_repeated() -> None:
    assert fault_info(9850).meaning == "Vendor fault"
    assert fault_info(9500).meaning == "Unknown fault"
    assert {fault_info(9850).retry, fault_info(9500).retry} == {"permanent"}


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("0 BOOTSTRAP", "InformResponse"),
        ("7 TRANSFER COMPLETE", "TransferCompleteResponse"),
        ("M Download", "TransferCompleteResponse"),
        ("M ChangeDUState", "DUStateChangeCompleteResponse"),
        ("10 AUTONOMOUS TRANSFER COMPLETE", "AutonomousTransferCompleteResponse"),
        ("X CT-COM BIND", "InformResponse"),
        ("M X_00AABB_Dance", "InformResponse"),
    ],
)
def test_which_answer_delivers_an_event(code: str, answer: str) -> None:
    assert event_info(code).acknowledged_by == answer


def test_only_method_events_are_cumulative() -> None:
    assert {code for code, row in EVENTS.items() if row.cumulative} == {c for c in EVENTS if c.startswith("M ")}
    assert event_info("M X_00AABB_Dance").has_key and not event_info("X CT-COM BIND").has_key
    assert EVENTS["6 CONNECTION REQUEST"].retry == "never"
    assert len(EVENTS) == 21


NOON = 1_709_208_000_000  # 2024-02-29T12:00:00Z


@pytest.mark.parametrize(
    ("text", "ms", "kind"),
    [
        ("2024-02-29T12:00:00Z", NOON, "absolute"),
        ("2024-02-29T12:00:00", NOON, "local"),
        ("2024-02-29T12:00:00.25Z", NOON + 250, "absolute"),
        ("2024-02-29T12:00:00.123456789Z", NOON + 123, "absolute"),
        ("2024-02-29T14:00:00+02:00", NOON, "absolute"),
        ("2024-02-29T14:00:00+0200", NOON, "absolute"),
        ("2024-02-29T09:30:00-02:30", NOON, "absolute"),
        ("2024-02-29T12:00:00+0000", NOON, "absolute"),
        (" 2024-02-29 12:00:00 ", NOON, "local"),
        ("2024-2-29t12:0:0z", NOON, "absolute"),
        ("1970-01-01T00:01:00Z", 60_000, "absolute"),
        ("0001-01-01T00:00:00Z", None, "unknown"),
        ("0001-01-01T01:12:09", 4_329_000, "relative"),
        ("0001-01-03T00:00:00", 172_800_000, "relative"),
        ("9999-12-31T23:59:59Z", None, "infinite"),
        ("", None, "nonsense"),
        ("yesterday", None, "nonsense"),
        ("2023-02-29T12:00:00Z", None, "nonsense"),
        ("0000-00-00T00:00:00Z", None, "nonsense"),
        ("2024-02-29T25:00:00Z", None, "nonsense"),
        ("2024-02-29", None, "nonsense"),
        ("١٢٣٤-02-29T12:00:00Z", None, "nonsense"),
    ],
)
def test_times_as_devices_write_them(text: str, ms: int | None, kind: str) -> None:
    """cwmp.md section 9: nothing fails, the raw text is kept."""
    assert parse_time(text) == (ms, kind, text)


def test_an_endless_time_is_cut() -> None:
    assert parse_time("9" * 100_000) == (None, "nonsense", "9" * 64)
