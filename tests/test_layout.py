"""Layouts: cutting parameters into groups and putting them together again loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cpetwin.twin.layout import EMPTY, Layout, natural, plan, render, split

SEGMENTS = st.one_of(
    st.sampled_from(["Device", "WiFi", "Radio", "", "{i}", "0", "01", "1", "2", "10", "٣", "9" * 20, "X_a-b"]),
    st.text(max_size=6),
)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=7).map(".".join)
PARAMETERS = st.dictionaries(PATHS, st.tuples(st.sampled_from(("string", "int", "")), st.booleans()), max_size=40)
OBJECTS = st.dictionaries(PATHS.map(lambda path: path + "."), st.booleans(), max_size=12)


@given(PATHS)
def test_every_path_survives_the_cut(path: str) -> None:
    """Whatever a device calls a parameter, its parts make the same name again."""
    template, row, suffix = split(path)
    assert render(template, row) + suffix == path
    assert all(0 <= number < 2**63 for number in row)


@given(PARAMETERS, OBJECTS, st.randoms(use_true_random=False))
def test_a_layout_gives_back_every_path_and_value(
    parameters: dict[str, tuple[str, bool]], objects: dict[str, bool], random: object
) -> None:
    """Paths, types, writability, objects and values are those that were cut, whatever order they came in."""
    rows = [(path, type_, writable) for path, (type_, writable) in parameters.items()]
    made = plan([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], objects)
    values = made.arrange([path for path, _, _ in rows])
    assert values == list(made.layout.paths)
    assert {path: made.layout.attributes[p] for path, p in made.layout.index.items()} == parameters
    assert made.layout.objects == objects
    assert made.layout.size == len(parameters)
    random.shuffle(rows)  # type: ignore[attr-defined]
    again = plan([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], objects)
    assert again.layout.groups == made.layout.groups
    assert again.arrange([path for path, _, _ in rows]) == values


@given(PARAMETERS)
def test_bounds_are_the_positions_of_the_groups(parameters: dict[str, tuple[str, bool]]) -> None:
    """Every flat position lies in the bounds of its own group."""
    layout = plan(list(parameters), [t for t, _ in parameters.values()], [w for _, w in parameters.values()], {}).layout
    for position, group in enumerate(layout.numbers):
        first, end = layout.bounds[group]
        assert first <= position < end
    assert len(layout.bounds) == len(layout.groups)


def test_a_table_costs_one_shape_however_many_rows_it_has() -> None:
    """So ten thousand port mappings, or hosts that come and go, cost no new shape."""

    def shapes(rows: int) -> set[object]:
        paths = [f"Device.Hosts.Host.{i}.{n}" for i in range(1, rows) for n in ("A", "B")]
        return {group.shape for group in plan(paths, ["string"] * len(paths), [False] * len(paths), {}).layout.groups}

    assert shapes(5) == shapes(500)
    assert len(shapes(5)) == 1


def test_nested_rows_are_rows_of_their_own_table() -> None:
    """The row is the way through all tables."""
    assert split("Device.WiFi.AccessPoint.2.AssociatedDevice.13.Stats.BytesSent") == (
        "Device.WiFi.AccessPoint.{i}.AssociatedDevice.{i}.", (2, 13), "Stats.BytesSent",
    )  # fmt: skip
    assert split("Device.WiFi.RadioNumberOfEntries") == ("Device.WiFi.", (), "RadioNumberOfEntries")
    assert split("Device.RootDataModelVersion") == ("Device.", (), "RootDataModelVersion")


def test_rows_sort_by_number() -> None:
    """Radio.2 stands before Radio.10, and a name that looks like a huge number does no harm."""
    paths = ["D.Radio.A", "D.Radio." + "9" * 6000, "D.Radio.10.X", "D.Radio.2.X"]
    assert sorted(paths, key=natural) == ["D.Radio.2.X", "D.Radio.10.X", "D.Radio." + "9" * 6000, "D.Radio.A"]


def test_the_empty_layout() -> None:
    """It has no paths; values of no parameter are no values."""
    assert (EMPTY.paths, EMPTY.size, EMPTY.bounds) == ((), 0, ())
    assert plan([], [], [], {}).arrange([]) == []
    assert isinstance(plan([], [], [], {}).layout, Layout)
