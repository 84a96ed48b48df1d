"""Inventory: the parser survives any file and reports by line; the import is idempotent and audited."""

from __future__ import annotations

import asyncio
import csv
import io

import pytest
from fakes import FakeStore
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.access import inventory_file
from cpetwin.access.credentials import Credentials
from cpetwin.access.inventory import BATCH, ImportResult, apply
from cpetwin.access.inventory_file import COLUMNS, LineError, parse_inventory, shorten
from cpetwin.access.principal import Principal
from cpetwin.access.secrets import SecretBox
from cpetwin.clock import ManualClock
from cpetwin.errors import BadInput, Denied, Unavailable
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.store.base import Device

NOC = Principal("nina", "noc", frozenset({"inventory.write"}))


def parse(text: str | bytes) -> inventory_file.Parsed:
    return parse_inventory(text.encode() if isinstance(text, str) else text, "homes.csv")


# -- reading


def test_columns_cells_and_line_numbers() -> None:
    parsed = parse(
        "serial,oui,product_class,home,phone,credentials\nSN1,001122,Box,H1,+49 1,u:p:q\n\nSN2,00-11-22,,,,\n"
    )
    assert parsed.errors == []
    assert [tuple(row) for row in parsed.rows] == [
        (2, "001122", "Box", "SN1", {"home": "H1", "phone": "+49 1"}, ("u", "p:q")),
        (4, "001122", "", "SN2", {}, None),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_line_ends_and_encodings_of_spreadsheets(delimiter: str, newline: str, encoding: str) -> None:
    lines = ["Serial,OUI,Access Node", 'SN1,001122,"Köln, 3; x"']
    text = newline.join(line.replace(",", delimiter, 2) for line in lines) + newline
    parsed = parse_inventory(text.encode(encoding), "f")
    assert parsed.errors == []
    assert parsed.rows[0].inventory == {"access_node": "Köln, 3; x"}


def test_bad_rows_are_reported_by_line_and_the_others_load() -> None:
    parsed = parse(
        "serial,oui,credentials,name\n"  # 1
        "SN1,001122,,a\n"
        ",001122,,b\n"  # 3 no serial
        "SN3,1122,,c\n"  # 4 bad OUI
        "SN4,001122,SECRET,d\n"  # 5 bad credentials
        "SN5,001122,,e,f\n"  # 6 too many cells
        "SN6\n"  # 7 too few
        'SN7,001122,,"open\n'  # 8 quote never closed
        'SN8,001122,,"x"y\n'  # 9 wrong quotes
        "SN9,001122,,a\x1bb\n"  # 10 control character
        f"{'S' * 65},001122,,a\n"  # 11 too long
        "SN11,001122,,z\n"
    )
    assert [row.serial for row in parsed.rows] == ["SN1", "SN11"]
    assert [error.line for error in parsed.errors] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "SECRET" not in str(parsed.errors)


def test_a_quoted_cell_may_span_lines_and_the_next_row_keeps_its_number() -> None:
    parsed = parse('serial,address\nSN1,"Road 1\nTown"\nSN2,x\n')
    assert [(row.line, row.inventory["address"]) for row in parsed.rows] == [(2, "Road 1 Town"), (4, "x")]


def test_one_stray_quote_does_not_eat_the_file() -> None:
    parsed = parse('serial,name\nSN0,"oops\n' + "".join(f"SN{i},n\n" for i in range(1, 101)))
    assert len(parsed.rows) == 100
    assert [error.line for error in parsed.errors] == [2]


def test_unknown_columns_are_reported_with_the_nearest_name() -> None:
    parsed = parse("serial,regoin,xyz\nSN1,north,1\n")
    assert parsed.unknown_columns == ["regoin (did you mean region?)", "xyz"]
    assert parsed.rows[0].inventory == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"SN1,001122\n", "does not name a column serial"),
        (b"oui,home\n001122,H\n", "does not name a column serial"),
        (b"serial,home,home\n", "twice"),
        (b"serial\nSN\xff\n", "not utf-8"),
        (b"serial," + b",".join(b"c%d" % i for i in range(200)), "columns"),
        (b'"serial', "does not name"),
        (b"\x1f\x8b\x08\x00", "not utf-8"),
    ],
)
def test_a_file_that_is_unusable_as_a_whole_is_refused_with_what_to_do(text: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        parse(text)
    assert caught.value.message.startswith(("homes.csv", "the first line of homes.csv"))
    assert caught.value.hint


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory_file, "MAX_ROWS", 10)
    for filling in ("SN,\n", ",bad\n"):
        with pytest.raises(BadInput, match="rows"):
            parse("serial,name\n" + filling * 11)
    with pytest.raises(BadInput, match="lines"):
        parse("serial,name\n" + "\n" * 21)
    monkeypatch.setattr(inventory_file, "MAX_FILE", 1 << 20)
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        parse(b"serial\n" + b"x" * (1 << 20))
    assert [e.line for e in parse("serial,name\nSN1," + "x" * 20_000).errors] == [2]
    errors = [LineError(line, "x") for line in range(5000)]
    assert shorten(errors)[-1] == (0, "and 4000 more errors")


def test_credentials_do_not_show_in_a_rows_repr() -> None:
    assert "topsecret" not in repr(parse("serial,credentials\nSN1,u:topsecret\n"))


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        parse(data)
    except BadInput:
        return


@given(st.text(alphabet='a1,;\t"\n\r:\u00e4\x00 ', max_size=120))
def test_any_text_below_a_header_gives_rows_or_errors_by_line(body: str) -> None:
    parsed = parse("serial,name,credentials\n" + body)
    lines = [entry.line for entry in (*parsed.rows, *parsed.errors)]
    assert len(lines) == len(set(lines))
    assert all(line >= 2 for line in lines)


cell = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["C", "Z"]), max_size=12)
tables = st.lists(
    st.tuples(st.from_regex(r"[A-Z0-9]{1,12}", fullmatch=True), st.sampled_from(["", "001122"]), cell, cell),
    max_size=12,
)


@given(tables, st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_back(table: list[tuple[str, str, str, str]], delimiter: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([("serial", "oui", "name", "address"), *table])
    parsed = parse(file.getvalue())
    assert parsed.errors == []
    assert [(r.serial, r.oui, r.inventory.get("name", ""), r.inventory.get("address", "")) for r in parsed.rows] == [
        (serial, oui, name.strip(), address.strip()) for serial, oui, name, address in table
    ]


def test_every_column_of_the_surface_is_known() -> None:
    assert set(COLUMNS) == set(
        "serial oui product_class home customer account phone region access_node parent plan name address "
        "credentials".split()
    )


# -- importing


class World:
    def __init__(self, store: FakeStore, runner: asyncio.Runner) -> None:
        self.store = store
        self.credentials = Credentials(store, SecretBox(bytes(32)), ManualClock(5))
        self._runner = runner
        runner.run(self.credentials.prepare(("boot", "pw")))

    def load(self, text: str, principal: Principal = NOC) -> ImportResult:
        rows = parse(text).rows
        return self._runner.run(apply(self.store, self.credentials, rows, principal, at=5))

    def heard(self, oui: str, product_class: str, serial: str) -> None:
        self._runner.run(self.store.enrol(DeviceId(oui, product_class, serial), 1, "cwmp"))

    def row(self, identity: str) -> tuple[str, dict[str, str]]:
        device = self._runner.run(self.store.find_identity(identity))
        assert device is not None
        return device.state, device.inventory


@pytest.fixture
def world(store: FakeStore, runner: asyncio.Runner) -> World:
    return World(store, runner)


def test_before_first_contact_a_device_is_expected(world: World) -> None:
    assert world.load("serial,oui,home\nSN1,001122,H1\n") == ImportResult(1, 0, 0, [])
    assert world.row("001122-SN1") == ("expected", {"home": "H1"})


def test_after_first_contact_the_row_is_completed_and_stays_active(world: World) -> None:
    world.heard("001122", "Box", "SN1")
    assert world.load("serial,oui,home\nSN1,001122,H1\n") == ImportResult(0, 1, 0, [])
    assert world.row("001122-SN1") == ("active", {"home": "H1"})


def test_importing_again_changes_nothing_and_empty_cells_leave_alone(world: World) -> None:
    text = "serial,oui,home,phone,credentials\nSN1,001122,H1,123,u:p\nSN2,001122,H2,,\n"
    assert world.load(text) == ImportResult(2, 0, 0, [])
    assert world.load(text) == ImportResult(0, 0, 2, [])
    assert world.load("serial,oui,home,phone\nSN1,001122,H9,\nSN2,001122,,\n") == ImportResult(0, 1, 1, [])
    assert world.row("001122-SN1")[1] == {"home": "H9", "phone": "123"}


def test_the_serial_alone_finds_exactly_one_known_device(world: World) -> None:
    world.heard("001122", "", "SN1")
    world.heard("001122", "", "SN2")
    world.heard("AABBCC", "", "SN2")
    result = world.load("serial,home\nSN1,H1\nSN2,H2\nSN3,H3\nN1,H4\n")
    assert (result.updated, [error.line for error in result.errors]) == (1, [3, 4, 5])
    assert "several devices" in result.errors[0].reason
    assert "OUI" in result.errors[1].reason


def test_a_serial_in_other_letters_is_another_device(
    world: World, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the store's listing does not tell capitals from small letters."""
    world.heard("001122", "", "sn1")
    world.heard("AABBCC", "", "SN1")

    async def caseless(where: dict[str, str], **more: object) -> tuple[list[Device], int, None]:
        found = [row for row in store.rows.values() if row.serial.lower() == where["serial"].lower()]
        return found, len(found), None

    monkeypatch.setattr(store, "devices", caseless)
    assert world.load("serial,home\nSN1,H1\n").updated == 1
    assert world.row("AABBCC-SN1")[1] == {"home": "H1"}
    assert [error.line for error in world.load("serial,home\nSn1,H1\n").errors] == [2]


def test_a_parent_is_found_by_serial_or_id_before_and_after_it_is_known(world: World) -> None:
    world.heard("AABBCC", "Box", "KNOWN")
    result = world.load(
        "serial,oui,product_class,parent\n"
        "C1,001122,,G1\n"  # by serial, further down in this file
        "C2,001122,,001122-Gate-G1\n"  # by id
        "C3,001122,,KNOWN\n"
        "C4,001122,,AABBCC-Box-KNOWN\n"
        "G1,001122,Gate,\n"
    )
    assert result == ImportResult(5, 0, 0, [])
    assert [world.row(f"001122-C{i}")[1]["parent"] for i in (1, 2, 3, 4)] == [
        "001122-G1", "001122-G1", "AABBCC-KNOWN", "AABBCC-KNOWN",
    ]  # fmt: skip


def test_a_shortened_parent_is_not_guessed(world: World, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the store resolves prefixes."""
    world.heard("AABBCC", "Box", "KNOWN")

    async def first(text: str) -> Device:
        return next(iter(store.rows.values()))

    monkeypatch.setattr(store, "resolve", first)
    result = world.load("serial,oui,parent\nC1,001122,KNO\n")
    assert [error.line for error in result.errors] == [2]


def test_wrong_parents_fall_out_with_their_children(world: World, store: FakeStore) -> None:
    result = world.load(
        "serial,oui,parent\nA,001122,nobody\nB,001122,A\nC,001122,B\nD,001122,D\nE,001122,\nTWO,001122,\n"
        "TWO,AABBCC,\nF,001122,TWO\n"
    )
    assert [error.line for error in result.errors] == [2, 3, 4, 5, 9]
    assert sorted(row.serial for row in store.rows.values()) == ["E", "TWO", "TWO"]


def test_a_device_may_stand_in_the_file_once(world: World) -> None:
    world.heard("001122", "", "SN1")
    result = world.load("serial,oui,home\nSN1,001122,H1\nSN1,,H2\nSN1,001122,H3\n")
    assert result.updated == 1
    assert result.errors == [
        LineError(3, "the same device as in line 2"), LineError(4, "the same device as in line 2"),
    ]  # fmt: skip
    assert world.row("001122-SN1")[1] == {"home": "H1"}


def test_credentials_are_set_and_a_taken_username_leaves_the_line_out(
    world: World, store: FakeStore, runner: asyncio.Runner
) -> None:
    result = world.load("serial,oui,credentials\nSN1,001122,u:p1\nSN2,001122,u:p2\nSN3,001122,boot:p3\n")
    assert (result.created, [error.line for error in result.errors]) == (1, [3, 4])
    principal = runner.run(world.credentials.lookup("u"))
    assert principal is not None
    assert (principal.identity, principal.basic("p1"), principal.basic("p2")) == ("001122-SN1", 1, None)
    assert "p2" not in str(result)
    assert [row.serial for row in store.rows.values()] == ["SN1"]


def test_each_written_device_is_audited_by_names_not_values(world: World, store: FakeStore) -> None:
    world.load("serial,oui,phone,credentials\nSN1,001122,0123456789,user:hunter2\n")
    world.load("serial,oui,phone\nSN1,001122,999\n")
    entries = [(e.actor, e.action, e.subject, e.detail) for e in store.audited if e.action.startswith("inventory.")]
    counts = {"created": 0, "updated": 0, "unchanged": 0, "errors": 0}
    assert entries == [
        ("nina", "inventory.create", "001122-SN1", {"columns": ["phone"]}),
        ("nina", "inventory.import", "", {**counts, "created": 1}),
        ("nina", "inventory.update", "001122-SN1", {"columns": ["phone"]}),
        ("nina", "inventory.import", "", {**counts, "updated": 1}),
    ]
    assert b"hunter2" not in store.everything()


def test_a_device_heard_during_the_import_still_gets_its_inventory(
    world: World, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is enrolled by its own session between the import's look and its write."""
    enrol = store.enrol

    async def late(identity: DeviceId, *args: object) -> object:
        await enrol(identity, 1, "cwmp")
        return await enrol(identity, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "enrol", late)
    world.load("serial,oui,home\nSN1,001122,H1\n")
    assert world.row("001122-SN1") == ("active", {"home": "H1"})


def test_more_rows_than_one_batch(world: World) -> None:
    text = "serial,oui,home\n" + "".join(f"S{i},001122,H{i}\n" for i in range(2 * BATCH + 1))
    assert world.load(text) == ImportResult(2 * BATCH + 1, 0, 0, [])
    assert world.load(text) == ImportResult(0, 0, 2 * BATCH + 1, [])


def test_a_failing_store_is_no_bad_line(world: World, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(store, "enrol", broken)
    with pytest.raises(Unavailable):
        world.load("serial,oui\nSN1,001122\n")


def test_importing_needs_the_permission(world: World, store: FakeStore) -> None:
    writes = store.writes
    with pytest.raises(Denied, match=r"inventory\.write"):
        world.load("serial,oui\nSN1,001122\n", Principal("lea", "l1", frozenset()))
    assert store.writes == writes
