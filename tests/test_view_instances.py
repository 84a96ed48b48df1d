"""Instance numbers: stable when rows come and go, never used twice, the same for the same tree; the table itself."""

from __future__ import annotations

import json
import random

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from view_trees import FIBRE, SHARED, needs_shared, tree, view

from cpetwin.datamodel.view import InstanceMap, table
from cpetwin.datamodel.view.build import build
from cpetwin.datamodel.view.instances import MAX_KEYS
from cpetwin.datamodel.view.numbers import RULES
from cpetwin.datamodel.view.record import Data


def hosts(*macs: str) -> str:
    return "\n".join(f"LANDevice.1.Hosts.Host.{n}.MACAddress! = {mac}" for n, mac in enumerate(macs, 1))


def numbers(text: str, instances: InstanceMap) -> dict[str, str]:
    shown = view(tree(text), instances).values()
    return {value: path for path, value in shown.items() if path.endswith(".PhysAddress")}


def test_hosts_keep_their_number_by_mac() -> None:
    """However the device renumbers its rows; one that left and came back has its old number; a new one a new one."""
    a, b, c = "02:00:00:00:00:0A", "02:00:00:00:00:0B", "02:00:00:00:00:0C"
    instances = InstanceMap()
    first = numbers(hosts(a, b), instances)
    assert numbers(hosts(b, a), instances) == first
    assert numbers(hosts(c), instances)[c] == "Device.Hosts.Host.3.PhysAddress"
    back = numbers(hosts(c, b, a), InstanceMap(json.loads(json.dumps(instances.saved()))))
    assert {mac: back[mac] for mac in first} == first


def test_rows_without_or_with_the_same_mac_are_all_shown() -> None:
    """Nothing is dropped because a key is missing or doubled."""
    shown = view(tree(hosts("", "02:00:00:00:00:0A", "02:00:00:00:00:0A"))).values()
    assert sum(path.endswith(".PhysAddress") for path in shown) == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(0, 9)), max_size=80))
def test_numbers_are_never_given_twice(asked: list[tuple[str, int, int]]) -> None:
    """Whatever is asked for, in any order, through any number of savings."""
    instances, seen = InstanceMap(), {}
    for name, key, prefer in asked:
        number = instances.number(name, str(key), prefer)
        assert number > 0 and seen.setdefault((name, number), key) == key
        instances = InstanceMap(instances.saved())
        assert instances.number(name, str(key)) == number and not instances.changed


def test_a_device_that_invents_rows_for_ever_is_bounded() -> None:
    """Old keys are forgotten, their numbers are not used again."""
    instances = InstanceMap()
    given_ = [instances.number("Hosts.Host", str(n)) for n in range(MAX_KEYS + 500)]
    assert len(set(given_)) == len(given_)
    assert len(instances.saved()["tables"]["Hosts.Host"][2]) == MAX_KEYS
    assert InstanceMap(instances.saved()).number("Hosts.Host", "0") > max(given_)


def test_the_order_of_the_tree_does_not_matter() -> None:
    """The same parameters give the same numbers, in whatever order they arrive."""
    values = tree(FIBRE)
    shuffled = list(values.items())
    random.Random(4).shuffle(shuffled)
    assert view(dict(shuffled)).values() == view(values).values()


def test_a_connection_keeps_its_number_when_another_goes() -> None:
    """Rows of the view come and go without renaming the others."""
    instances = InstanceMap()
    both = view(tree(FIBRE), instances).values()
    username = next(p for p, v in both.items() if v == "203.0.113.7" and ".IP." in p)
    without = "\n".join(line for line in FIBRE.splitlines() if not line.startswith("WC.2."))
    assert view(tree(without), instances).values()[username] == "203.0.113.7"
    assert view(tree(FIBRE), instances).values() == both


def test_aliases_name_the_native_row() -> None:
    """cpe-wanppp-1-1-1, where the device has no alias of its own."""
    shown = view(tree(FIBRE)).values()
    assert shown["Device.PPP.Interface.1.Alias"] == "cpe-wanppp-1-1-1"
    assert all(len(v) <= 64 for p, v in shown.items() if p.endswith(".Alias"))


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_index_rule_of_the_table_is_known() -> None:
    """No row numbers its instances by a rule nobody wrote."""
    for row in table().rows:
        assert row.rule.partition("+")[0] in RULES, row.rule


def test_every_row_has_as_many_numbers_as_its_target_asks_for() -> None:
    """No Device:2 path is left with a {i} in it."""
    for row in table().rows:
        if row.target:
            values = {row.native.replace("{i}", "1"): ("1", row.native_type, True)}
            assert not [p for p in view(values).values() if "{i}" in p], row  # type: ignore[arg-type]


@needs_shared
def test_the_committed_table_is_what_the_sources_say() -> None:
    """Rebuilt from the CSV files and the XML, it is the same."""
    from importlib.resources import files

    committed = files("cpetwin.datamodel").joinpath("data").joinpath("tr098.msgpack.zst").read_bytes()

    def data(raw: bytes) -> Data:
        return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(raw), type=Data)

    assert data(build(SHARED)) == data(committed)
    assert len(data(committed).rows) == 2242 and len(data(committed).rules) == 31


def test_an_unknown_folder_is_said(tmp_path: pytest.TempPathFactory) -> None:
    """Building without the sources names the file that is missing."""
    with pytest.raises(FileNotFoundError, match="tr-181"):
        build(tmp_path)  # type: ignore[arg-type]
