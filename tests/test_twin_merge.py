"""Document + overlay = full write: whatever the order of Reports, a twin is what a plain dictionary says it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twin_model import KEY, MemoryShard, Model

from cpetwin.errors import BadInput
from cpetwin.twin import DeviceEvent, Names, Observations, Report
from cpetwin.twin import rewrite as rewrite_module
from cpetwin.twin.document import MAX_DOCUMENT
from cpetwin.twin.merge import MAX_NAME, SMALL_READ
from cpetwin.twin.rewrite import MAX_PARAMETERS
from cpetwin.twin.store.sqlite import twins as twins_module
from cpetwin.twin.store.sqlite.codebook import MAX_INFORM_PARAMETERS

TYPES = {
    **{f"Device.DeviceInfo.{name}": "string" for name in ("SoftwareVersion", "HardwareVersion", "X_Vendor-1")},
    "Device.DeviceInfo.UpTime": "unsignedInt",
    "Device.ManagementServer.ParameterKey": "string",
    "Device.ManagementServer.PeriodicInformInterval": "unsignedInt",
    **{f"Device.WiFi.Radio.{i}.Channel": "int" for i in (1, 2, 10)},
    **{f"Device.WiFi.Radio.{i}.Enable": "boolean" for i in (1, 2, 10)},
    **{f"Device.WiFi.Radio.{i}.Stats.BytesSent": "unsignedLong" for i in (1, 2)},
    **{f"Device.Hosts.Host.{i}.{name}": "string" for i in (1, 2, 3, 4) for name in ("HostName", "PhysAddress")},
    **{f"Device.Hosts.Host.{i}.IPv4Address.{j}.IPAddress": "string" for i in (1, 2) for j in (1, 2)},
    "Device.Odd.01.X": "string",
    "Device.X_Y.{i}.Z.2.V": "string",
    "Device.Hosts.Host.7": "string",
    "Device..Empty": "string",
    "Device.Naïve.٣.π": "string",
    "NoDots": "string",
    "Other.1.Root": "string",
}  # fmt: skip
PATHS = sorted(TYPES)
OBJECTS = (
    "Device.", "Device.WiFi.", "Device.WiFi.Radio.", "Device.WiFi.Radio.1.", "Device.WiFi.Radio.1.Stats.",
    "Device.Hosts.", "Device.Hosts.Host.", "Device.Hosts.Host.1.", "Device.Hosts.Host.2.",
    "Device.Hosts.Host.1.IPv4Address.", "Device.Hosts.Host.3.",
)  # fmt: skip
SUBTREES = ("", "Device.", "Device.WiFi.", "Device.Hosts.", "Device.Hosts.Host.2.", "Device.DeviceInfo.")
TEXTS = st.sampled_from(("", "a", "b", "300", "\x00é\U0001f600"))


@contextmanager
def small_limits() -> Iterator[None]:
    """Overlays fold and reads count as large early, so that short sequences see every way."""
    with patch.object(twins_module, "SMALL_READ", 4), patch.object(twins_module, "FOLD_BYTES", 300):
        yield


@st.composite
def observations(draw: st.DrawFn, paths: list[str], most: int = 40, typed: bool = False) -> Observations:
    names = draw(st.lists(st.sampled_from(paths), max_size=most, unique=True)) if paths else []
    texts = draw(st.lists(TEXTS, min_size=len(names), max_size=len(names)))
    untyped = draw(st.booleans()) and not typed
    return Observations(names, texts, ["" if untyped else TYPES[name] for name in names])


@st.composite
def informs(draw: st.DrawFn) -> dict[str, object]:
    fixed = [p for p in PATHS if p.startswith(("Device.DeviceInfo", "Device.Man"))]
    more = draw(st.booleans())
    return {"inform": draw(observations([*fixed, *PATHS[:6]] if more else fixed, 8, typed=True))}


@st.composite
def listings(draw: st.DrawFn, under: str | None = None) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES)) if under is None else under
    below = [p for p in (*PATHS, *OBJECTS) if p.startswith(under)]
    left_out = set(draw(st.lists(st.sampled_from(below), max_size=6)))
    listed = [p for p in below if p not in left_out]
    writable = [draw(st.booleans())] * len(listed)
    leaves = [p for p in listed if not p.endswith(".")]
    values = draw(observations(leaves, len(PATHS)))
    if draw(st.booleans()):
        texts = draw(st.lists(TEXTS, min_size=len(leaves), max_size=len(leaves)))
        values = Observations(leaves, texts, [TYPES[p] for p in leaves])
    complete = (under,) if draw(st.booleans()) else ()
    return {"names": Names(under, listed, writable), "values": values, "complete": complete, "cause": "sweep"}


@st.composite
def reads(draw: st.DrawFn) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES))
    below = [p for p in PATHS if p.startswith(under)]
    if draw(st.booleans()):
        texts = draw(st.lists(TEXTS, min_size=len(below), max_size=len(below)))
        values = Observations(below, texts, [TYPES[p] for p in below])
    else:
        values = draw(observations(below))
    return {"values": values, "cause": "sweep"}


@st.composite
def complete_reads(draw: st.DrawFn) -> dict[str, object]:
    under = draw(st.sampled_from(SUBTREES[1:]))
    return {"values": draw(observations([p for p in PATHS if p.startswith(under)])), "complete": (under,)}


@st.composite
def losses(draw: st.DrawFn) -> dict[str, object]:
    gone = tuple(draw(st.lists(st.sampled_from(OBJECTS[1:]), min_size=1, max_size=2)))
    left = [path for path in PATHS if not path.startswith(gone)]
    return {"gone": gone, "values": draw(st.none() | observations(left)), "cause": "c1"}


@st.composite
def repetitions(draw: st.DrawFn) -> dict[str, object]:
    """What lists the tree as it is and reads all or some of it (see ``again``)."""
    return {
        "again": True,
        "texts": draw(st.lists(TEXTS, min_size=1, max_size=50)),
        "step": draw(st.sampled_from((1, 1, 3))),
    }


def again(model: Model, texts: list[str], step: int) -> dict[str, object]:
    """The parts of a Report that finds the structure unchanged; every ``step``-th parameter is read."""
    leaves = [path for path in model.known if path.startswith("Device.")]
    objects = [path for path in model.objects if path.startswith("Device.")]
    writable = [model.known[path].writable for path in leaves] + [model.objects[path] for path in objects]
    read = leaves[::step]
    values = Observations(read, [texts[i % len(texts)] for i in range(len(read))], [TYPES[path] for path in read])
    return {"names": Names("Device.", [*leaves, *objects], writable), "values": values, "cause": "sweep"}


BEFORE = st.one_of(informs(), reads())
AFTER = st.one_of(
    informs(), informs(), reads(), reads(), repetitions(), repetitions(), complete_reads(), listings(), losses()
)
SEQUENCES = st.builds(
    lambda before, first, after: [*before, {**first, "discovered": True}, *after],
    st.lists(BEFORE, max_size=3),
    listings(under="Device."),
    st.lists(AFTER, max_size=14),
)


@settings(max_examples=200)
@given(SEQUENCES)
def test_document_and_overlay_are_a_full_write(sequence: list[dict[str, object]]) -> None:
    """Values, types, writability and objects are those of the model; no value claims to be younger than it is;
    history tells every past value, across folds."""
    shard, model = MemoryShard(), Model()
    times = []
    with small_limits():
        for number, parts in enumerate(sequence):
            if parts.get("again"):
                parts = again(model, parts["texts"], parts["step"])  # type: ignore[arg-type]
            report = Report(device=KEY, at=1000 + 10 * number, **parts)  # type: ignore[arg-type]
            before = shard.twin().revision
            committed = shard.commit(report)
            model.apply(report)
            times.append(report.at)
            model.check(shard.twin())
            assert committed.revision in (before, before + 1, before + 2)
        model.check(shard.reopened())
        model.check_history(shard.history(), times)


# -- one promise each


@pytest.fixture
def shard() -> MemoryShard:
    return MemoryShard()


def columns(*rows: tuple[str, str] | tuple[str, str, str]) -> Observations:
    return Observations([r[0] for r in rows], [r[1] for r in rows], [r[2] if len(r) > 2 else "string" for r in rows])


def discovery(paths: dict[str, str], at: int = 1000, **more: object) -> Report:
    names = Names("Device.", list(paths), [True] * len(paths))
    values = Observations(list(paths), list(paths.values()), ["string"] * len(paths))
    return Report(device=KEY, at=at, names=names, values=values, discovered=True, **more)  # type: ignore[arg-type]


def tree(count: int) -> dict[str, str]:
    return {f"Device.WiFi.AccessPoint.{i}.Name": f"n{i}" for i in range(1, count + 1)}


def observed(shard: MemoryShard, path: str) -> int:
    parameter = shard.twin().get(path)
    assert parameter is not None
    return parameter.observed_at


def test_the_first_inform_and_discovery_make_no_history(shard: MemoryShard) -> None:
    """First reports are derived, not stored: a new device costs no history row."""
    shard.commit(Report(device=KEY, at=5, inform=columns(("Device.DeviceInfo.SoftwareVersion", "1"))))
    shard.commit(discovery(tree(100), 10))
    assert shard.history() == []
    assert shard.db.execute("SELECT count(*) FROM history").fetchone() == (0,)


def test_a_discovery_that_contradicts_the_inform_is_a_change(shard: MemoryShard) -> None:
    """What was known before the first full read has a history from its first report on."""
    path = "Device.DeviceInfo.SoftwareVersion"
    shard.commit(Report(device=KEY, at=5, inform=columns((path, "1"))))
    shard.commit(discovery({path: "2"}, 10, cause="discovery"))
    assert [(c.at, c.old, c.new, c.cause) for c in shard.history()] == [(10, "1", "2", "discovery")]


def test_a_parameter_that_leaves_the_inform_keeps_its_age(shard: MemoryShard) -> None:
    """It is as old as the last Inform that held it, not as the one that does not."""
    a, b = ("Device.DeviceInfo.SoftwareVersion", "1"), ("Device.ManagementServer.ParameterKey", "k", "int")
    shard.commit(Report(device=KEY, at=100, inform=columns(a, b)))
    shard.commit(Report(device=KEY, at=200, inform=columns(a)))
    assert (observed(shard, a[0]), observed(shard, b[0])) == (200, 100)
    kept = shard.twin().get(b[0])
    assert kept is not None and kept.type == "int"


def test_a_sweep_that_finds_everything_unchanged_costs_one_age(shard: MemoryShard) -> None:
    """No value is copied into the overlay, though one parameter of the group is in the Inform."""
    paths = {f"Device.DeviceInfo.P{i}": "x" for i in range(SMALL_READ + 10)}
    inform = columns(("Device.DeviceInfo.P1", "x"))
    shard.commit(Report(device=KEY, at=50, inform=inform))
    shard.commit(discovery(paths, 100))
    shard.commit(Report(device=KEY, at=200, values=columns(*paths.items()), cause="sweep"))
    overlay = shard.twin().overlay
    assert (overlay.values, list(overlay.ages.values()), overlay.log) == ({}, [200], [])
    assert observed(shard, "Device.DeviceInfo.P5") == 200


def test_a_group_read_in_part_is_not_as_young_as_its_youngest(shard: MemoryShard) -> None:
    """What a sweep did not read keeps its age, also when folded."""
    shard.commit(discovery(tree(SMALL_READ + 10), 100))
    part = dict(list(tree(SMALL_READ + 9).items()))
    shard.commit(Report(device=KEY, at=200, values=columns(*part.items()), cause="sweep"))
    last = f"Device.WiFi.AccessPoint.{SMALL_READ + 10}.Name"
    assert (observed(shard, "Device.WiFi.AccessPoint.1.Name"), observed(shard, last)) == (200, 100)
    shard.commit(Report(device=KEY, at=300, gone=("Device.WiFi.AccessPoint.3.",)))
    assert (observed(shard, "Device.WiFi.AccessPoint.1.Name"), observed(shard, last)) == (200, 100)


def test_a_name_read_twice_does_not_stand_for_another(shard: MemoryShard) -> None:
    """A sweep that repeats one name and leaves out another must not refresh the age of the one left out."""
    shard.commit(discovery(tree(SMALL_READ + 10), 100))
    rows = [*list(tree(SMALL_READ + 9).items()), ("Device.WiFi.AccessPoint.1.Name", "n1")]
    shard.commit(Report(device=KEY, at=200, values=columns(*rows), cause="sweep"))
    assert observed(shard, f"Device.WiFi.AccessPoint.{SMALL_READ + 10}.Name") == 100


def test_of_a_parameter_sent_twice_the_last_value_counts(shard: MemoryShard) -> None:
    """In Informs, small reads and full reads alike."""
    path = "Device.DeviceInfo.SoftwareVersion"
    twice = columns((path, "1"), ("Device.DeviceInfo.X", "-"), (path, "2"))
    shard.commit(Report(device=KEY, at=1, inform=twice))
    assert shard.twin().values()[path] == "2"
    shard.commit(Report(device=KEY, at=2, inform=columns((path, "3"), ("Device.DeviceInfo.X", "-"), (path, "4"))))
    assert shard.twin().values()[path] == "4"
    shard.commit(Report(device=KEY, at=3, values=columns(("A.B", "1"), ("A.B", "2"))))
    assert shard.twin().values()["A.B"] == "2"
    shard.commit(Report(device=KEY, at=4, names=Names("Device.", [path, path], [False, True]), values=twice))
    assert shard.twin().values()[path] == "2"
    assert [(c.old, c.new) for c in shard.history() if c.path == path] == [("2", "4"), ("4", "2")]


def test_an_inform_without_parameters_is_an_inform(shard: MemoryShard) -> None:
    """It opens a session and takes nothing away."""
    shard.commit(Report(device=KEY, at=1, inform=columns(("Device.DeviceInfo.X", "1"))))
    committed = shard.commit(Report(device=KEY, at=2, inform=columns()))
    assert committed.epoch == 2
    assert shard.twin().values() == {"Device.DeviceInfo.X": "1"}
    assert observed(shard, "Device.DeviceInfo.X") == 1


def test_what_is_gone_is_gone_from_the_inform_too(shard: MemoryShard) -> None:
    """A deleted row does not come back with a value of the Inform that began the session."""
    shard.commit(Report(device=KEY, at=1, inform=columns(("Device.IP.Interface.2.Status", "Up"), ("Device.A.B", "1"))))
    shard.commit(Report(device=KEY, at=2, gone=("Device.IP.Interface.2.",)))
    shard.commit(Report(device=KEY, at=3, values=columns(*tree(SMALL_READ + 1).items()), complete=("Device.WiFi.",)))
    assert shard.twin().get("Device.IP.Interface.2.Status") is None
    assert shard.twin().values()["Device.A.B"] == "1"


@pytest.mark.parametrize("count", [MAX_INFORM_PARAMETERS + 1, 3])
def test_an_inform_too_large_to_be_one_is_kept_like_a_read(shard: MemoryShard, count: int) -> None:
    """Nothing of it is lost, and older Informs do not hide it."""
    text = "x" * 40_000
    shard.commit(Report(device=KEY, at=1, inform=columns(("Device.A.P0", "old"), ("Device.A.Q", "stays"))))
    rows = [(f"Device.A.P{i}", text if count == 3 else str(i)) for i in range(count)]
    shard.commit(Report(device=KEY, at=2, inform=columns(*rows)))
    assert shard.twin().values() == {**dict(rows), "Device.A.Q": "stays"}
    assert (observed(shard, "Device.A.P0"), observed(shard, "Device.A.Q")) == (2, 1)
    shard.commit(Report(device=KEY, at=3, inform=columns(("Device.A.P0", "new"))))
    assert shard.twin().values()["Device.A.P0"] == "new"
    assert [(c.old, c.new) for c in shard.history() if c.path == "Device.A.P0"][-1] == (rows[0][1], "new")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "Device.", "Device.Radio.01.X", "Device.A.5", "5", "5.A", "Device.{i}.X", "A.{i}.2.B", "Device..X",
     "Device.A.٣.B", "Device.A." + "9" * 5000 + ".B", "Device.A.99999999999999999999.B", "A.-1.B", "A b.c\n.d", "\x00",
     "Device.A.18446744073709551615.B", "Ünï.cödé.1.😀"],
)  # fmt: skip
def test_odd_names_are_neither_lost_nor_fatal(shard: MemoryShard, name: str) -> None:
    """Whatever a device calls a parameter, it is kept under that name, or counted when it is too long."""
    shard.commit(Report(device=KEY, at=1, inform=columns((name, "1"), ("Device.B.C", "1"))))
    shard.commit(Report(device=KEY, at=2, values=columns((name, "2"))))
    shard.commit(discovery({**tree(40), name: "3"}, 3))
    expected = {**tree(40), "Device.B.C": "1"}
    if len(name) <= MAX_NAME:
        expected |= {name: "3"}
    else:
        assert "truncated" in shard.kinds()
    if name.endswith("."):  # as an entry of a listing that is an object; its value came all the same
        assert name in shard.twin().objects()
    assert shard.reopened().values() == expected
    shard.commit(Report(device=KEY, at=4, values=columns((name, "4")), complete=(name,)))
    assert shard.reopened().values().get(name) == ("4" if name in expected else None)
    assert shard.twin().parameters() == sorted(
        shard.twin().parameters(), key=lambda p: shard.twin().paths().index(p.path)
    )


def test_a_device_with_too_many_parameters_is_cut_and_counted(shard: MemoryShard) -> None:
    """50,000 of them are kept, those of the Inform among them; the log says how many are not."""
    shard.commit(Report(device=KEY, at=1, inform=columns(("Device.Z.Z", "1"))))
    shard.commit(discovery({f"Device.A.{i}.X": "v" for i in range(MAX_PARAMETERS)}, 2))
    assert len(shard.twin().paths()) == MAX_PARAMETERS
    assert shard.twin().values()["Device.Z.Z"] == "1"
    assert "truncated" in shard.kinds()
    shard.commit(Report(device=KEY, at=3, values=columns(*((f"Device.B.{i}.X", "v") for i in range(100)))))
    assert len(shard.twin().paths()) == MAX_PARAMETERS


def test_large_values_are_kept(shard: MemoryShard) -> None:
    """A value of 4 MB is a value."""
    large = "ä" * (2 << 20)
    shard.commit(discovery({"Device.A.B": large, "Device.A.C": "c"}, 1))
    shard.commit(Report(device=KEY, at=2, values=columns(("Device.A.C", large))))
    assert shard.reopened().values() == {"Device.A.B": large, "Device.A.C": large}


def test_a_twin_too_large_for_its_document_loses_the_largest_values(shard: MemoryShard) -> None:
    """They exist, were not read, and are counted; nothing that cannot be read back is written."""
    large = "x" * (MAX_DOCUMENT // 3)
    shard.commit(discovery({f"Device.A.P{i}": large for i in range(4)} | {"Device.A.Small": "s"}, 1))
    assert shard.reopened().values()["Device.A.Small"] == "s"
    assert len(shard.reopened().paths()) == 5
    assert "truncated" in shard.kinds()


def test_columns_of_unequal_length_are_refused(shard: MemoryShard) -> None:
    """Before anything is written."""
    for parts in (
        {"inform": Observations(["A.B"], [], [])},
        {"values": Observations(["A.B"], ["1"], [])},
        {"names": Names("A.", ["A.B"], [])},
    ):
        with pytest.raises(BadInput):
            shard.commit(Report(device=KEY, at=1, **parts))  # type: ignore[arg-type]
    assert shard.twin().paths() == []


def test_events_of_one_report_keep_their_keys_apart(shard: MemoryShard) -> None:
    """Two events of one kind, and a code with a comma, each with its own command key."""
    events = (DeviceEvent("M Download", "k1"), DeviceEvent("M Download", "k2"), DeviceEvent("X a,b", ""))
    shard.commit(Report(device=KEY, at=1, inform=columns(), events=events))
    assert shard.kinds() == ["session", "event.m-download", "event.m-download", "event.x-a-b"]


@pytest.mark.parametrize(("text", "seconds"), [("300", 300), ("00000000300", 300), ("0", 0), ("-5", 0), ("x", 0),
                                               ("9" * 30, 0), ("315360001", 0)])  # fmt: skip
def test_only_a_sensible_interval_is_believed(shard: MemoryShard, text: str, seconds: int) -> None:
    """Seconds up to ten years; anything else leaves what was known."""
    shard.commit(Report(device=KEY, at=1, inform=columns(("Device.ManagementServer.PeriodicInformInterval", text))))
    assert shard.db.execute("SELECT interval FROM contact").fetchone() == (seconds,)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("known_listing", [False, True])
def test_a_tree_listed_again_is_taken_over_quickly_and_exactly(
    shard: MemoryShard, step: int, known_listing: bool
) -> None:
    """The ways that need no new cut give what the model says: values, ages, types and history."""
    model = Model()
    paths = {path: "1" for path in PATHS if path.startswith(("Device.W", "Device.H"))}
    first = Report(
        device=KEY, at=10, discovered=True,
        names=Names("Device.", [*paths, *OBJECTS], [True] * (len(paths) + len(OBJECTS))),
        values=Observations(list(paths), list(paths.values()), [TYPES[path] for path in paths]),
    )  # fmt: skip
    times, ways = [], []
    original = rewrite_module._relisted

    def watched(*given: object) -> object:
        made = original(*given)  # type: ignore[arg-type]
        ways.append(made is not None)
        return made

    with patch.object(rewrite_module, "_relisted", watched):
        if not known_listing:
            rewrite_module._PLANS.clear()
            rewrite_module._MET.clear()
        for number in range(6):
            at = 10 + 10 * number
            parts = again(model, [str(number), "same", f"{number % 2}"], step) if number else {}
            report = Report(device=KEY, at=at, **parts) if number else first  # type: ignore[arg-type]
            shard.commit(report)
            model.apply(report)
            model.check(shard.twin())
            times.append(at)
            small = Report(device=KEY, at=at + 5, values=columns(("Device.WiFi.Radio.2.Channel", f"{number}", "int")))
            shard.commit(small)
            model.apply(small)
            model.check(shard.twin())
            times.append(at + 5)
    model.check(shard.reopened())
    model.check_history(shard.history(), times)
    assert True in ways or known_listing, "the quick way was never taken"
