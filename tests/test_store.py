"""The promises of the Store: atomic, in order, refusing what is stale, finding what is there."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cpetwin.errors import Ambiguous, BadInput, Conflict, NotFound, Stale, Unavailable
from cpetwin.queue.command import TRANSITIONS
from cpetwin.twin import (
    AuditEntry,
    CommandUpdate,
    Device,
    DeviceEvent,
    DeviceId,
    Names,
    NewCommand,
    Observations,
    Report,
)
from cpetwin.twin.store.sqlite import SqliteStore, folder_check, folder_stats
from cpetwin.twin.store.sqlite import folder as folder_module
from cpetwin.twin.store.sqlite.schema import VERSION

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
VERSION_PATH = "Device.DeviceInfo.SoftwareVersion"


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def store(tmp_path: Path, run: Run[Any]) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "data")
    yield made
    run(made.close())


def values(*rows: tuple[str, str]) -> Observations:
    return Observations([name for name, _ in rows], [text for _, text in rows], ["string"] * len(rows))


def inform(device: Device | int, at: int, *rows: tuple[str, str], **more: Any) -> Report:
    return Report(device=device if isinstance(device, int) else device.key, at=at, inform=values(*rows), **more)


def enrol(store: SqliteStore, run: Run[Any], serial: str = "S1", product: str = "HG", **more: Any) -> Device:
    device: Device = run(store.enrol(DeviceId("001122", product, serial), 10, "cwmp", **more))
    return device


def new(device: Device, key: str = "", kind: str = "set", body: bytes = b"body", expires: int = 10_000) -> NewCommand:
    return NewCommand(device.key, kind, 100, expires, 0, "noc", key, body)


def kinds(store: SqliteStore, run: Run[Any]) -> list[tuple[str, object]]:
    """Kind and detail of every event."""
    found, _ = run(store.events(limit=100_000))
    return [(event.kind, event.detail.get("value")) for event in found]


def shard_of(store: SqliteStore, device: Device) -> sqlite3.Connection:
    """A connection of the test's own to the file that holds a device."""
    return sqlite3.connect(store.folder / "store" / f"shard-{device.key % 2}.db", isolation_level=None)


# -- atomicity


def test_a_write_that_fails_in_the_middle_leaves_nothing(store: SqliteStore, run: Run[Any]) -> None:
    """Twin, facts, commands and events are those of before, and the store goes on."""
    device = enrol(store, run)
    run(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
    before = run(store.device(device.key)), run(store.twin(device.key)).values(), kinds(store, run)
    names = Names("Device.", [f"Device.A.P{i}" for i in range(50)], [True] * 50)
    poison = inform(device, 30, (VERSION_PATH, "2"), names=names, notes={"broken": "\ud800"})
    with pytest.raises(BadInput):
        run(store.commit(poison))
    with pytest.raises(Unavailable):
        run(store.commit(inform(device, 30, (VERSION_PATH, "2"), notes={"broken": object()})))
    assert (run(store.device(device.key)), run(store.twin(device.key)).values(), kinds(store, run)) == before
    run(store.commit(inform(device, 40, (VERSION_PATH, "3"))))
    assert run(store.twin(device.key)).values() == {VERSION_PATH: "3"}
    assert [(c.old, c.new) for c in run(store.history(device.key))] == [(None, "1"), ("1", "3")]


def test_one_bad_write_does_not_fail_its_neighbours(store: SqliteStore, run: Run[Any]) -> None:
    """Writes of many devices share a transaction; each keeps its own fate, in order."""
    made = [enrol(store, run, f"S{i}") for i in range(8)]

    async def all_at_once() -> list[object]:
        tasks = []
        for device in made:
            tasks.append(store.commit(inform(device, 20, (VERSION_PATH, device.serial))))
            tasks.append(store.commit(inform(device, 21, (VERSION_PATH, "\udfff"))))
            tasks.append(store.commit(inform(device, 22, (VERSION_PATH, "bad"), notes={"x": object()})))
            tasks.append(store.commit(Report(device=10_000 + device.key, at=20)))
            tasks.append(store.commit(inform(device, 23, ("Device.A.B", device.serial))))
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = run(all_at_once())
    assert [type(r).__name__ for r in results] == ["Committed", "BadInput", "Unavailable", "NotFound", "Committed"] * 8
    for device in made:
        assert run(store.twin(device.key)).values() == {VERSION_PATH: device.serial, "Device.A.B": device.serial}
        assert run(store.device(device.key)).epoch == 2


def test_commands_of_one_call_are_stored_together_or_not_at_all(store: SqliteStore, run: Run[Any]) -> None:
    """A conflict of the second takes the first back, with its event and audit entry."""
    device = enrol(store, run)
    run(store.add_commands([new(device, "k1")]))
    before = kinds(store, run)
    with pytest.raises(Conflict):
        run(store.add_commands([new(device, "k2"), new(device, "k1", body=b"other")], AuditEntry(1, "a", "b")))
    assert len(run(store.commands(device.key))) == 1
    assert kinds(store, run) == before
    assert run(store.audit()) == []


@pytest.mark.parametrize("wrong", [{"expires": 2**63}, {"body": "x"}, {"key": "\ud800"}])
def test_what_the_file_cannot_hold_is_bad_input(store: SqliteStore, run: Run[Any], wrong: dict[str, Any]) -> None:
    """Numbers over 64 bits and half characters; nothing is stored."""
    device = enrol(store, run)
    with pytest.raises((BadInput, Unavailable)):
        run(store.add_commands([new(device, **wrong) if "body" not in wrong else new(device, body=object())]))  # type: ignore[arg-type]
    assert run(store.commands(device.key)) == []


def test_half_characters_are_refused_wherever_they_come_from(store: SqliteStore, run: Run[Any]) -> None:
    """In Informs, reads, names of parameters, tags, records, audit entries and searches: BadInput, nothing stored."""
    device = enrol(store, run)
    bad = "x\ud800"
    audit = AuditEntry(1, bad, "act")
    for attempt in (
        lambda: store.commit(inform(device, 20, (VERSION_PATH, bad))),
        lambda: store.commit(inform(device, 20, (bad, "1"))),
        lambda: store.commit(Report(device=device.key, at=20, values=values((VERSION_PATH, bad)))),
        lambda: store.commit(Report(device=device.key, at=20, values=values((bad, "1")), complete=("x",))),
        lambda: store.commit(inform(device, 20, events=(DeviceEvent("1 BOOT", bad),))),
        lambda: store.enrol(DeviceId("001122", bad, "S2"), 10, "cwmp"),
        lambda: store.update_device(device.key, tags={"a": bad}),
        lambda: store.update_device(device.key, inventory={"name": bad}),
        lambda: store.put_records("user", {bad: b""}),
        lambda: store.add_audit(audit),
        lambda: store.update_device(device.key, state="denied", audit=audit),
        lambda: store.resolve(bad),
        lambda: store.search(bad),
        lambda: store.devices({"name": bad}),
    ):
        with pytest.raises(BadInput):
            run(attempt())  # type: ignore[no-untyped-call]
    assert run(store.twin(device.key)).paths() == []
    assert run(store.device(device.key)) == device
    assert run(store.audit()) == []


def test_a_nul_is_a_character_like_any_other(store: SqliteStore, run: Run[Any]) -> None:
    """In values, facts and searched columns."""
    device = enrol(store, run)
    run(store.commit(inform(device, 20, (VERSION_PATH, "a\0b"))))
    assert run(store.twin(device.key)).values() == {VERSION_PATH: "a\0b"}
    assert run(store.device(device.key)).facts["firmware"] == "a\0b"


# -- sessions


def test_a_report_of_a_replaced_session_is_refused(store: SqliteStore, run: Run[Any]) -> None:
    """Each Inform opens a session with a higher epoch; the older one may not write any more."""
    device = enrol(store, run)
    first = run(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
    second = run(store.commit(inform(device, 30, (VERSION_PATH, "1"))))
    assert (first.epoch, second.epoch) == (1, 2)
    with pytest.raises(Stale):
        run(store.commit(Report(device=device.key, at=40, epoch=1, values=values((VERSION_PATH, "old")))))
    run(store.commit(Report(device=device.key, at=40, epoch=2, values=values((VERSION_PATH, "2")))))
    run(store.commit(Report(device=device.key, at=50, epoch=0, values=values(("Device.A.B", "c")))))
    assert run(store.twin(device.key)).values() == {VERSION_PATH: "2", "Device.A.B": "c"}


def test_a_repeated_announcement_is_logged_once(store: SqliteStore, run: Run[Any]) -> None:
    """Values and session are taken; the events were stored with the first attempt, also across a restart."""
    device = enrol(store, run)
    boot = (DeviceEvent("1 BOOT"), DeviceEvent("M Reboot", "key7"))
    first = run(store.commit(inform(device, 20_000, (VERSION_PATH, "1"), events=boot)))
    again = run(store.commit(inform(device, 30_000, (VERSION_PATH, "2"), events=boot, retry_count=1)))
    other = run(store.commit(inform(device, 40_000, (VERSION_PATH, "2"), events=boot[:1], retry_count=2)))
    assert (first.duplicate, again.duplicate, other.duplicate) == (False, True, False)
    assert [k for k in kinds(store, run) if k[0] not in ("session", "values", "enrolled")] == [
        ("boot", None), ("event.m-reboot", "key7"), ("boot", None),
    ]  # fmt: skip
    assert run(store.twin(device.key)).values() == {VERSION_PATH: "2"}


def test_a_new_event_after_a_lost_attempt_is_no_repetition(store: SqliteStore, run: Run[Any]) -> None:
    """A boot long after the last one is another boot, though its first announcement did not reach us."""
    device = enrol(store, run)
    boot = (DeviceEvent("1 BOOT"),)
    run(store.commit(inform(device, 20_000, events=boot)))
    day_later = run(store.commit(inform(device, 86_400_000, events=boot, retry_count=1)))
    assert not day_later.duplicate
    assert [k for k, _ in kinds(store, run)].count("boot") == 2


def test_events_carry_what_belongs_to_them(store: SqliteStore, run: Run[Any]) -> None:
    """Two facts of one kind in one Report keep their own details, in order."""
    device = enrol(store, run)
    one, two = run(store.add_commands([new(device), new(device)]))
    steps = tuple(CommandUpdate(c.id, ("queued",), "sent") for c in (one, two))
    events = (DeviceEvent("M Download", "k1"), DeviceEvent("M Download", "k2"), DeviceEvent("2 PERIODIC"))
    run(store.commit(inform(device, 20, events=events, updates=steps, notes={"note": {"a": [1]}})))
    assert kinds(store, run) == [
        ("enrolled", None), ("command.queued", one.id), ("command.queued", two.id), ("session", None),
        ("event.m-download", "k1"), ("event.m-download", "k2"), ("note", {"a": [1]}),
        ("command.sent", one.id), ("command.sent", two.id),
    ]  # fmt: skip
    found, _ = run(store.events())
    assert {event.device for event in found} == {device.id}


# -- commands


def test_an_idempotency_key_gives_the_first_command(store: SqliteStore, run: Run[Any]) -> None:
    """One command, one event, one audit entry; another wish under the same key is a Conflict; keys are per device."""
    device, other = enrol(store, run), enrol(store, run, "S2")
    audit = AuditEntry(1, "noc", "command.set", device.id)
    first = run(store.add_commands([new(device, "k")], audit))[0]
    assert run(store.add_commands([new(device, "k")], audit))[0] == first
    with pytest.raises(Conflict):
        run(store.add_commands([new(device, "k", body=b"other")], audit))
    with pytest.raises(Conflict):
        run(store.add_commands([new(device, "k", kind="get")], audit))
    assert run(store.add_commands([new(other, "k")]))[0].id != first.id
    assert len(run(store.audit())) == 1
    assert [k for k, _ in kinds(store, run)].count("command.queued") == 2
    without = run(store.add_commands([new(device), new(device)]))
    assert without[0].id != without[1].id


def test_every_step_needs_its_state(store: SqliteStore, run: Run[Any]) -> None:
    """For every state and every step of the table: done when expected, refused and without effect otherwise."""
    device = enrol(store, run)
    states = list(TRANSITIONS)
    for state in states:
        for expected in states:
            command = run(store.add_commands([new(device)]))[0]
            run(store.update_command(CommandUpdate(command.id, ("queued",), state), 1))
            step = CommandUpdate(command.id, (expected,), "done", {"at": 5}, {"r": 1}, True)
            if expected == state:
                done = run(store.update_command(step, 7))
                assert (done.state, done.changed, done.attempts, done.result, done.verified) == (
                    "done", 7, [{"at": 5}], {"r": 1}, True,
                )  # fmt: skip
                continue
            with pytest.raises(Conflict):
                run(store.update_command(step, 7))
            refused = run(store.commit(Report(device=device.key, at=8, updates=(step,))))
            assert refused.refused == (command.id,)
            stored = run(store.command(command.id))
            assert (stored.state, stored.attempts, stored.result) == (state, [], None)


def test_a_report_steps_only_commands_of_its_own_device(store: SqliteStore, run: Run[Any]) -> None:
    """Command numbers repeat in each file; the id tells them apart."""
    made = [enrol(store, run, f"S{i}") for i in range(6)]
    stored = {device.key: run(store.add_commands([new(device)]))[0] for device in made}
    assert len({device.key % 2 for device in made}) == 2
    for device in made:
        steps = tuple(CommandUpdate(c.id, ("queued",), "sent") for k, c in stored.items() if k != device.key)
        committed = run(store.commit(Report(device=device.key, at=20, updates=steps)))
        assert set(committed.refused) == {step.command for step in steps}
    assert {run(store.command(c.id)).state for c in stored.values()} == {"queued"}


def test_attempts_are_bounded_and_keep_the_first(store: SqliteStore, run: Run[Any]) -> None:
    """Fifty of them: the first and the newest."""
    device = enrol(store, run)
    command = run(store.add_commands([new(device)]))[0]
    for number in range(60):
        run(store.update_command(CommandUpdate(command.id, ("queued",), "queued", {"n": number}), 1))
    attempts = run(store.command(command.id)).attempts
    assert [a["n"] for a in attempts] == [0, *range(11, 60)]


def test_commands_are_listed_in_their_order(store: SqliteStore, run: Run[Any]) -> None:
    """Oldest first within a device, newest first across devices; filtered by state, actor and time."""
    made = [enrol(store, run, f"S{i}") for i in range(4)]
    ids = []
    for at in range(12):
        device = made[at % 4]
        command = NewCommand(device.key, "set", at, 10_000, 0, f"user{at % 3}", "", b"")
        ids.append(run(store.add_commands([command]))[0].id)
    run(store.update_command(CommandUpdate(ids[0], ("queued",), "done"), 50))

    def listed(**filters: Any) -> list[str]:
        return [command.id for command in run(store.commands(**filters))]

    assert listed() == ids[::-1]
    assert listed(limit=5) == ids[:6:-1]
    assert listed(device=made[1].key) == ids[1::4]
    assert listed(states=("done",)) == [ids[0]]
    assert listed(device=made[0].key, states=("queued", "sent")) == [ids[4], ids[8]]
    assert listed(actor="user1") == ids[1::3][::-1]
    assert listed(since=10) == [ids[11], ids[10]]


def test_what_expires_is_returned_once(store: SqliteStore, run: Run[Any]) -> None:
    """Queued and held ones at their time, however many; those on their way do not expire."""
    made = [enrol(store, run, f"S{i}") for i in range(3)]
    batch = [new(made[i % 3], expires=200 + i) for i in range(1200)]
    stored = run(store.add_commands(batch))
    run(store.update_command(CommandUpdate(stored[0].id, ("queued",), "sent"), 1))
    run(store.update_command(CommandUpdate(stored[1].id, ("queued",), "held"), 1))
    assert run(store.expire_commands(199)) == []
    expired = run(store.expire_commands(1300))
    assert {c.id for c in expired} == {c.id for c in stored[1:1101]}
    assert {c.state for c in expired} == {"expired"}
    assert run(store.expire_commands(1300)) == []
    assert [k for k, _ in kinds(store, run)].count("command.expired") == 1100
    assert run(store.command(stored[0].id)).state == "sent"


@pytest.mark.parametrize("id", ["", "c", "x1", "c-1", "c1.5", "c" + "9" * 30, "c٣", "c999999", "C1"])
def test_what_is_no_command_is_not_found(store: SqliteStore, run: Run[Any], id: str) -> None:
    with pytest.raises(NotFound):
        run(store.command(id))


# -- audit


def test_the_audit_chain_holds(store: SqliteStore, run: Run[Any]) -> None:
    """Entries come back in order, filtered by subject and kind of act, and verify counts them."""
    for number in range(12):
        run(store.add_audit(AuditEntry(number, "noc", "act", f"d{number % 4}", {"n": number}, number % 3 == 0)))
    assert run(store.verify_audit()) == (12, None)
    assert [e.at for e in run(store.audit(reads=True))] == list(range(12))
    assert all(not e.read for e in run(store.audit()))
    assert [e.at for e in run(store.audit(subject="d1", reads=True))] == [1, 5, 9]
    assert [e.at for e in run(store.audit(since=9, reads=True))] == [9, 10, 11]
    assert [e.at for e in run(store.audit(reads=True, limit=2))] == [10, 11]


TAMPERING = {
    "changed": "UPDATE audit SET entry = (SELECT entry FROM audit WHERE number = 1) WHERE number = 3",
    "a hash changed": "UPDATE audit SET hash = zeroblob(32) WHERE number = 3",
    "garbage": "UPDATE audit SET entry = x'c1' WHERE number = 3",
    "removed": "DELETE FROM audit WHERE number = 3",
    "the last removed": "DELETE FROM audit WHERE number = 6",
    "all removed": "DELETE FROM audit",
    "swapped": "UPDATE audit SET (entry, hash) ="
    " (SELECT a.entry, a.hash FROM audit a WHERE a.number = 7 - audit.number) WHERE number IN (3, 4)",
    "renumbered": "UPDATE audit SET number = number + 10 WHERE number > 3",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_with_the_audit_shows(store: SqliteStore, run: Run[Any], how: str) -> None:
    """A changed, removed, swapped or forged entry breaks the chain, for the server and for ``store check``."""
    for number in range(6):
        run(store.add_audit(AuditEntry(number, "noc", "act", "one subject", {"n": number})))
    for file in folder_module.shard_files(store.folder):
        db = sqlite3.connect(file)
        with db:
            db.execute(TAMPERING[how])
        db.close()
    broken = run(store.verify_audit())[1]
    assert broken is not None
    assert any("audit chain is broken" in problem for problem in folder_check(store.folder))


def test_an_entry_is_stored_with_its_act_or_not_at_all(store: SqliteStore, run: Run[Any]) -> None:
    device = enrol(store, run)
    audit = AuditEntry(1, "noc", "device.state", device.id)
    run(store.update_device(device.key, state="denied", audit=audit))
    with pytest.raises(NotFound):
        run(store.update_device(99_999, state="denied", audit=audit))
    with pytest.raises(BadInput):
        run(store.update_device(device.key, state="no state", audit=audit))
    assert run(store.audit()) == [audit]


# -- events


def test_a_cursor_resumes_where_it_was(store: SqliteStore, run: Run[Any]) -> None:
    """Page by page nothing is missed and nothing comes twice, also what is added meanwhile."""
    made = [enrol(store, run, f"S{i}") for i in range(7)]
    seen, cursor = [], None
    for at in range(12):
        found, cursor = run(store.events(cursor, limit=3))
        seen += found
        run(store.commit(inform(made[at % 7], 100 + at, events=(DeviceEvent("1 BOOT"),))))
    while True:
        found, following = run(store.events(cursor, limit=3))
        if not found:
            assert following == cursor
            break
        seen, cursor = seen + found, following
    everything = run(store.events(None, limit=1000))[0]
    assert sorted(seen, key=str) == sorted(everything, key=str)
    for device in made:
        mine = [event for event in seen if event.device == device.id]
        assert [event.at for event in mine] == sorted(event.at for event in mine)


NO_CURSORS = ("x", "!!", "W10", "WzFd", "WzEsMl0x", "WzEsLTFd", "WzEsMS41XQ", "é", "e30", "\ud800",
              "WzEsOTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", "WzEsOTIyMzM3MjAzNjg1NDc3NTgwOF0")  # fmt: skip


@pytest.mark.parametrize("cursor", NO_CURSORS)
def test_a_cursor_that_is_none_is_refused(store: SqliteStore, run: Run[Any], cursor: str) -> None:
    """Garbage, the wrong number of positions, negative and huge ones."""
    with pytest.raises(BadInput):
        run(store.events(cursor))
    if cursor != "WzFd":  # one position is what a page of devices has
        with pytest.raises(BadInput):
            run(store.devices(cursor=cursor))


def test_events_go_on_after_a_device_was_forgotten(store: SqliteStore, run: Run[Any]) -> None:
    """Their numbers are never given twice, so that a cursor misses nothing."""
    device, other = enrol(store, run), enrol(store, run, "S2")
    for at in range(5):
        run(store.commit(inform(device, 20 + at, events=(DeviceEvent("1 BOOT"),))))
    _, cursor = run(store.events())
    run(store.forget(device.key, AuditEntry(99, "noc", "forget", device.id)))
    run(store.commit(inform(other, 100, events=(DeviceEvent("1 BOOT"),))))
    again = run(store.enrol(DeviceId("001122", "HG", "S1"), 200, "cwmp"))
    found, _ = run(store.events(cursor))
    assert sorted(e.kind for e in found) == ["boot", "enrolled", "forgotten", "session"]
    assert again.key != device.key


# -- devices


def test_enrolling_twice_gives_the_same_device(store: SqliteStore, run: Run[Any]) -> None:
    """The identity is OUI and serial; a later ProductClass, state or fact does not make another device."""
    first = enrol(store, run, facts={"vendor": "V"}, inventory={"region": "north"}, audit=AuditEntry(1, "a", "enrol"))
    again = enrol(store, run, product="Other", state="pending", audit=AuditEntry(1, "a", "enrol"))
    assert again == first
    assert first.facts == {"vendor": "V"} and first.inventory == {"region": "north"}
    assert len(run(store.audit())) == 1
    assert run(store.find_identity("001122-S1")) == first
    assert run(store.find_identity("001122-s1")) is None
    with pytest.raises(BadInput):
        enrol(store, run, "S9", facts={"no_such": "x"})


def test_a_new_product_class_keeps_the_twin(store: SqliteStore, run: Run[Any]) -> None:
    """Same key, twin and commands under a new printed id, and an event that says so."""
    device = enrol(store, run)
    run(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
    changed = run(store.update_identity(device.key, DeviceId("001122", "HG 2", "S1"), 30))
    assert (changed.key, changed.id, changed.identity) == (device.key, "001122-HG%202-S1", device.identity)
    assert run(store.resolve("001122-HG%202-S1")).key == device.key
    assert run(store.twin(device.key)).values() == {VERSION_PATH: "1"}
    assert kinds(store, run)[-1] == ("product-class", "HG 2")
    with pytest.raises(NotFound):
        run(store.update_identity(99_999, DeviceId("001122", "X", "S1"), 30))


def test_resolving_an_id(store: SqliteStore, run: Run[Any]) -> None:
    """Full id, identity, serial, or what only one id begins or ends with."""
    one = enrol(store, run, "ABC123")
    enrol(store, run, "ABC999")
    same = [run(store.enrol(DeviceId(oui, "X", "SAME"), 1, "cwmp")) for oui in ("AAAAAA", "BBBBBB")]
    for text in ("001122-HG-ABC123", "001122-hg-abc123", "001122-ABC123", "ABC123", "abc1", "C123"):
        assert run(store.resolve(text)).key == one.key
    with pytest.raises(Ambiguous) as several:
        run(store.resolve("001122-HG-ABC"))
    assert several.value.candidates == ["001122-HG-ABC123", "001122-HG-ABC999"]
    with pytest.raises(Ambiguous):
        run(store.resolve("SAME"))
    assert run(store.resolve("AAAAAA-SAME")).key == same[0].key
    for text in ("", "nothing", "ABC_23", "%", "ABC%"):
        with pytest.raises(NotFound):
            run(store.resolve(text))
    with pytest.raises(BadInput):
        run(store.resolve("x" * 100_000))


def test_searching_people_and_addresses(store: SqliteStore, run: Run[Any]) -> None:
    """Exact matches first and alone, in whichever file they are; else parts; wildcards mean themselves."""
    for number in range(6):
        enrol(
            store,
            run,
            f"S{number}",
            inventory={"phone": f"+49301{number}", "name": f"Home {number}", "account": "100%"},
        )
    enrol(store, run, "+493011", inventory={"address": "Long Street 5"})

    def found(text: str, limit: int = 50) -> list[str]:
        return [device.serial for device in run(store.search(text, limit))]

    assert found("+493013") == ["S3"]
    assert found("+493011") == ["+493011", "S1"]
    assert found("home 2") == ["S2"]
    assert found("HOME") == [f"S{n}" for n in range(6)]
    assert found("HOME", limit=2) == ["S0", "S1"]
    assert found("00%") == [f"S{n}" for n in range(6)]
    assert found("street") == ["+493011"]
    assert found("Ho_e") == []


def test_pages_of_devices(store: SqliteStore, run: Run[Any]) -> None:
    """Every order gives each device once, page by page, the same as all at once."""
    for number in range(23):
        serial = f"{'aAbB'[number % 4]}{number}"
        enrol(
            store,
            run,
            serial,
            inventory={"region": f"r{number % 3}"},
            facts={"firmware": f"{'vV'[number % 2]}{number % 5}"},
        )

    for sort in (
        "id",
        "-id",
        "serial",
        "-serial",
        "region",
        "-region",
        "firmware",
        "-firmware",
        "last_contact",
        "first_seen",
    ):
        everything, total, following = run(store.devices(sort=sort, limit=0))
        assert (total, following) == (23, None)
        paged, cursor = [], None
        while True:
            page, total, cursor = run(store.devices(sort=sort, limit=5, cursor=cursor))
            paged += page
            assert total == 23
            if cursor is None:
                break
        assert [d.id for d in paged] == [d.id for d in everything]
        assert len({d.id for d in paged}) == 23
    regions = [d.inventory["region"] for d in run(store.devices(sort="-region", limit=0))[0]]
    assert regions == sorted(regions, reverse=True)
    serials = [d.serial.lower() for d in run(store.devices(sort="serial", limit=0))[0]]
    assert serials == sorted(serials)


def test_devices_that_fit(store: SqliteStore, run: Run[Any]) -> None:
    """Equality on columns and tags, however tags are called; what is no column is refused, not executed."""
    made = [enrol(store, run, f"S{n}", inventory={"region": f"R{n % 2}"}) for n in range(6)]
    odd = "q\"'.$[x] ü"
    run(store.update_device(made[0].key, tags={"batch": "7", odd: "yes"}))
    run(store.update_device(made[1].key, tags={"batch": "7", "old": "x"}))
    run(store.update_device(made[1].key, tags={"old": None}))
    run(store.commit(inform(made[2], 777)))

    def fit(**where: str) -> list[str]:
        page, total, _ = run(store.devices({name.replace("__", "."): value for name, value in where.items()}))
        assert total == len(page)
        return [device.serial for device in page]

    assert fit(region="r1") == ["S1", "S3", "S5"]
    assert fit(tag__batch="7") == ["S0", "S1"]
    assert fit(tag__batch="7", region="R1") == ["S1"]
    assert fit(**{f"tag.{odd}": "yes"}) == ["S0"]
    assert fit(tag__old="x") == []
    assert fit(last_contact="777") == ["S2"]
    assert run(store.device(made[1].key)).tags == {"batch": "7"}
    for where, sort in (
        ({"no_such": "1"}, "id"), ({}, "no_such"), ({}, "tag.batch"), ({}, "--id"), ({}, ""), ({"tags": "{}"}, "id"),
        ({}, "tag.x LIMIT 1; DROP TABLE device"), ({"key; DROP TABLE device": "1"}, "id"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            run(store.devices(where, sort))


def test_facts_follow_values_and_only_sensible_ones(store: SqliteStore, run: Run[Any]) -> None:
    """From Informs and reads; an unspecified address is no fact; a hostile length is cut."""
    device = enrol(store, run)
    wan = "InternetGatewayDevice.WANDevice.1.WANConnectionDevice.2.WANPPPConnection.1.ExternalIPAddress"
    run(store.commit(inform(device, 20, (VERSION_PATH, "1.0"), (wan, "203.0.113.7"), facts={"ip": "192.0.2.1"})))
    run(
        store.commit(
            Report(
                device=device.key, at=30, values=values((wan, "0.0.0.0"), ("Device.DeviceInfo.ModelName", "M" * 9999))
            )
        )
    )
    facts = run(store.device(device.key)).facts
    assert (facts["firmware"], facts["wan_ip"], facts["ip"], len(facts["model"])) == (
        "1.0",
        "203.0.113.7",
        "192.0.2.1",
        256,
    )


def test_a_forgotten_device_leaves_nothing(store: SqliteStore, run: Run[Any]) -> None:
    """No row anywhere but the event that it was forgotten; key and command ids are not given again, after a restart."""
    keep, device = enrol(store, run), enrol(store, run, "S2")
    names = Names("Device.", ["Device.A.B"], [True])
    run(store.commit(inform(device, 20, (VERSION_PATH, "1"), names=names, values=values(("Device.A.B", "secret")))))
    run(store.commit(Report(device=device.key, at=30, values=values(("Device.A.B", "2")), complete=("Device.",))))
    command = run(store.add_commands([new(device)]))[0]
    run(store.forget(device.key, AuditEntry(99, "noc", "forget", device.id)))
    with pytest.raises(NotFound):
        run(store.forget(device.key, AuditEntry(99, "noc", "forget", device.id)))
    for attempt in (
        store.device(device.key), store.twin(device.key), store.history(device.key), store.command(command.id),
        store.commit(inform(device, 50)), store.resolve("S2"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            run(attempt)
    db = shard_of(store, device)
    for table in ("device", "contact", "state", "twin", "history", "command"):
        column = "key" if table == "device" else "device"
        assert db.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (device.key,)).fetchone() == (0,), table
    assert db.execute("SELECT kinds FROM event WHERE device = ?", (device.key,)).fetchall() == [("forgotten",)]
    db.close()
    assert run(store.device(keep.key)) == keep
    assert len(run(store.audit())) == 1

    run(store.close())
    again = SqliteStore(store.folder)
    newer = run(again.enrol(DeviceId("001122", "HG", "S2"), 60, "cwmp"))
    assert newer.key != device.key
    assert run(again.add_commands([new(newer)]))[0].id != command.id
    run(again.close())


def test_contacts_are_counted_by_the_rule(store: SqliteStore, run: Run[Any]) -> None:
    """Every device falls under one word, across files."""
    made = [enrol(store, run, f"S{n}") for n in range(4)]
    interval = "Device.ManagementServer.PeriodicInformInterval"
    for device, at in zip(made[1:], (1_000_000, 600_000, 1), strict=True):
        run(store.commit(inform(device, at, (interval, "300"))))
    assert run(store.count_contacts(1_200_000)) == {"connected": 0, "due": 1, "overdue": 1, "lost": 1, "never": 1}


# -- records


def test_records(store: SqliteStore, run: Run[Any]) -> None:
    """Written and deleted together, listed by prefix in order, whatever the prefix holds."""
    run(store.put_records("user", {"a%": b"1", "a_": b"2", "b": b"3", "": b"0"}, AuditEntry(1, "x", "y")))
    run(store.put_records("other", {"a%": b"9"}))
    assert run(store.record("user", "b")) == b"3"
    assert run(store.record("user", "c")) is None
    assert run(store.records("user", "a")) == [("a%", b"1"), ("a_", b"2")]
    assert run(store.records("user", "a%")) == [("a%", b"1")]
    run(store.put_records("user", {"b": None, "a%": b"new"}))
    assert run(store.records("user")) == [("", b"0"), ("a%", b"new"), ("a_", b"2")]


# -- reading while writing


def test_a_twin_is_of_one_moment(store: SqliteStore, run: Run[Any]) -> None:
    """Read again and again while folds are being committed, it never mixes an old overlay with a new document, and
    history neither misses nor repeats a change."""
    device = enrol(store, run)
    paths = [f"Device.A.{i}.P" for i in range(40)]

    async def write() -> None:
        names = Names("Device.", paths, [True] * 40)
        first = values(*((path, "0") for path in paths))
        await store.commit(Report(device=device.key, at=1, names=names, values=first, discovered=True))
        for at in range(2, 60):
            rows = values(*((path, f"{at}" + "x" * 60) for path in paths[: at % 40 + 1]))
            await store.commit(Report(device=device.key, at=at, values=rows, complete=() if at % 3 else ("Device.Z.",)))

    async def main() -> int:
        task = asyncio.create_task(write())
        looks = 0
        while not task.done():
            await asyncio.sleep(0)
            before = (await store.twin(device.key)).values().get(paths[0])
            changes = await store.history(device.key, paths[0])
            after = (await store.twin(device.key)).values().get(paths[0])
            assert [change.old for change in changes[1:]] == [change.new for change in changes[:-1]]
            assert (changes[-1].new if changes else None) in (before, after)
            looks += 1
        await task
        return looks

    assert run(main()) > 0


# -- the folder


def test_a_clean_close_leaves_no_write_ahead_log(tmp_path: Path, run: Run[Any]) -> None:
    """Closing waits for what is under way, and twice is as good as once."""
    store = SqliteStore(tmp_path / "data")
    device = enrol(store, run)

    async def main() -> None:
        pending = asyncio.ensure_future(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
        await asyncio.sleep(0)
        await store.close()
        assert (await pending).revision == 1
        with pytest.raises(Unavailable):
            await store.commit(inform(device, 30))
        await store.close()

    run(main())
    assert [file.name for file in (tmp_path / "data" / "store").iterdir() if not file.name.endswith(".db")] == []
    again = SqliteStore(tmp_path / "data")
    assert run(again.twin(device.key)).values() == {VERSION_PATH: "1"}
    assert again.id == store.id
    run(again.close())


def test_a_second_server_is_kept_out(store: SqliteStore, run: Run[Any]) -> None:
    """Until the first has closed the folder."""
    with pytest.raises(Conflict, match="another server"):
        SqliteStore(store.folder)
    run(store.close())
    run(SqliteStore(store.folder).close())


def closed(tmp_path: Path, run: Run[Any]) -> Path:
    """The folder of a store with a few devices, closed."""
    store = SqliteStore(tmp_path / "data")
    for number in range(4):
        device = enrol(store, run, f"S{number}")
        run(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
    run(store.close())
    return store.folder


def test_a_newer_schema_is_refused_with_a_way_out(tmp_path: Path, run: Run[Any]) -> None:
    """And the lock is free again afterwards."""
    folder = closed(tmp_path, run)
    for wrong in (VERSION + 1, VERSION):
        db = sqlite3.connect(folder / "store" / "shard-1.db")
        db.execute(f"PRAGMA user_version = {wrong}")
        db.close()
        if wrong != VERSION:
            with pytest.raises(BadInput) as refused:
                SqliteStore(folder)
            assert "schema" in refused.value.message and refused.value.hint
            assert any("schema" in problem for problem in folder_check(folder))
    run(SqliteStore(folder).close())


@pytest.mark.parametrize("harm", ["missing", "renamed", "foreign", "garbage", "empty", "all missing"])
def test_a_damaged_folder_is_refused(tmp_path: Path, run: Run[Any], harm: str) -> None:
    """No file is made anew in place of one that is missing, and ``store check`` says what is wrong."""
    folder = closed(tmp_path, run)
    files = [folder / "store" / f"shard-{number}.db" for number in range(2)]
    if harm == "missing":
        files[1].unlink()
    elif harm == "renamed":
        os.rename(files[0], folder / "x")
        os.rename(files[1], files[0])
        os.rename(folder / "x", files[1])
    elif harm == "foreign":
        shutil.copy(closed(tmp_path / "other", run) / "store" / "shard-1.db", files[1])
    elif harm == "garbage":
        files[1].write_bytes(b"this is no database" * 1000)
    elif harm == "empty":
        files[1].write_bytes(b"")
    else:
        for file in files:
            file.unlink()
    with pytest.raises((BadInput, NotFound)) as refused:
        SqliteStore(folder)
    assert refused.value.hint
    if harm == "all missing":
        with pytest.raises(NotFound):
            folder_check(folder)
    else:
        assert folder_check(folder) != []
    assert len(list((folder / "store").glob("*.db"))) == {"missing": 1, "all missing": 0}.get(harm, 2)


def test_a_creation_that_was_cut_short_is_made_anew(tmp_path: Path, run: Run[Any]) -> None:
    """What a killed process left half-made is not taken for a store, nor for a part of one."""
    partial = tmp_path / "data" / "store.new"
    partial.mkdir(parents=True)
    for name in ("shard-0.db", "shard-0.db-wal", "shard-0.db-shm"):
        (partial / name).write_bytes(b"half made")
    store = SqliteStore(tmp_path / "data")
    enrol(store, run)
    run(store.close())
    assert folder_check(store.folder) == []


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(f): (f.stat().st_mtime_ns, f.read_bytes()) for f in folder.rglob("*") if f.is_file() and f.suffix == ".db"
    }


def test_looking_at_a_closed_folder_changes_nothing(tmp_path: Path, run: Run[Any]) -> None:
    """Neither ``store stats`` nor ``store check`` writes, or leaves a file behind."""
    folder = closed(tmp_path, run)
    before, names = state_of(folder), sorted(folder.rglob("*"))
    stats = folder_stats(folder)
    assert (stats["devices"], stats["queue"], stats["with_full_tree"]) == (4, 0, 0)
    assert folder_check(folder) == []
    assert (state_of(folder), sorted(folder.rglob("*"))) == (before, names)
    with pytest.raises(NotFound):
        folder_stats(tmp_path / "nothing here")


def test_looking_beside_a_running_server(store: SqliteStore, run: Run[Any]) -> None:
    """The figures are those of the server, what is in the write-ahead log included; nothing of it is moved."""
    device = enrol(store, run)
    run(store.commit(inform(device, 20, (VERSION_PATH, "1"))))
    run(store.add_commands([new(device)]))
    logs = {file: file.read_bytes() for file in (store.folder / "store").glob("*-wal")}
    before = state_of(store.folder)
    assert folder_stats(store.folder) == run(store.stats())
    assert folder_check(store.folder) == []
    assert state_of(store.folder) == before
    assert {file: file.read_bytes() for file in (store.folder / "store").glob("*-wal")} == logs
    run(store.commit(inform(device, 30, (VERSION_PATH, "2"))))
    assert run(store.stats())["devices"] == 1


def test_checking_finds_rows_that_are_missing(tmp_path: Path, run: Run[Any]) -> None:
    folder = closed(tmp_path, run)
    for number in range(2):
        db = sqlite3.connect(folder / "store" / f"shard-{number}.db")
        with db:
            db.execute("DELETE FROM state")
        db.close()
    assert all("no state row" in problem for problem in folder_check(folder))
    assert folder_check(folder)
