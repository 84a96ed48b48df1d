"""Parameter trees of the simulators: dumps read exactly, compiled without loss, made-up ones of the right size."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from cpetwin.errors import BadInput
from cpetwin.simulators.generate import generate
from cpetwin.simulators.trees import BUILTIN, builtin, compile_tree, load_compiled, load_dump, parse_dump

HEADER = "path,object,writable,type,value\n"


@pytest.mark.parametrize("name", BUILTIN)
def test_the_builtin_trees_are_the_dumps(shared: Path, name: str) -> None:
    """What comes with the package equals the dump of ../shared row by row: values, types, writability, objects."""
    file = shared / "datamodel" / "dumps" / f"{name}.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    tree = builtin(name)
    leaves = {r["path"]: (r["value"], r["type"] or "string", r["writable"] == "1") for r in rows if r["object"] == "0"}
    assert {path: tuple(leaf) for path, leaf in tree.leaves.items()} == leaves
    assert tree.objects == {r["path"] + ".": r["writable"] == "1" for r in rows if r["object"] == "1"}
    loaded, bad = load_dump(file)
    assert not bad
    assert loaded.leaves == tree.leaves


def test_compiling_loses_nothing() -> None:
    tree = generate(300, seed=7)
    again = load_compiled(compile_tree(tree))
    assert (again.leaves, again.objects, again.root) == (tree.leaves, tree.objects, tree.root)


def test_bad_rows_are_reported_by_line_and_the_rest_is_used() -> None:
    """A row that cannot be used never stops the fleet, and never goes unmentioned."""
    text = HEADER + "\n".join(
        (
            "Device.A.B,0,1,string,x",
            "Device.A.B,0,1,string,again",
            "Device..C,0,1,string,x",
            "Device.D,0,maybe,string,x",
            "Device.E,0,1,float,1.5",
            "Device.F,0,1,string",
            'Device.G,0,0,,"with ""quotes"", and comma"',
        )
    )
    tree, bad = parse_dump("d", text)
    assert [row.line for row in bad] == [3, 4, 5, 6, 7]
    assert tree.leaves["Device.A.B"].text == "x"
    assert tree.leaves["Device.G"] == ('with "quotes", and comma', "string", False)


def test_missing_parents_and_management_are_added() -> None:
    tree, _ = parse_dump("d", HEADER + "Device.A.1.B,0,0,string,x\n")
    assert tree.objects == {
        "Device.": False,
        "Device.A.": False,
        "Device.A.1.": False,
        "Device.ManagementServer.": False,
    }
    assert tree.leaves["Device.ManagementServer.ParameterKey"].text == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path,value\n",
        HEADER,
        HEADER + "Foo.Bar,0,0,string,x\n",
        HEADER + "Device.A,0,0,,\nInternetGatewayDevice.B,0,0,,\n",
    ],
)
def test_what_is_no_dump_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_dump("d", text)


def test_a_broken_file_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "broken.csv.gz"
    file.write_bytes(b"no gzip")
    with pytest.raises(BadInput, match=r"broken\.csv\.gz"):
        load_dump(file)


@pytest.mark.parametrize("root", ["tr181", "tr098"])
@pytest.mark.parametrize("size", [5, 300, 1500, 5000])
def test_generated_trees_have_the_wanted_size_and_repeat(size: int, root: str) -> None:
    """The same size and seed give the same tree; what every CPE has below ManagementServer comes on top."""
    tree = generate(size, 3, root)
    assert size <= len(tree.paths) <= size + 9
    assert generate(size, 3, root).leaves == tree.leaves
    assert size == 5 or generate(size, 4, root).leaves != tree.leaves
