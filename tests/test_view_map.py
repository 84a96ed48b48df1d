"""``cpetwin datamodel map``: the counts are exact, bad rows are reported and kept, secrets are masked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from view_trees import TR098, TR181, needs_shared

from cpetwin.cli import run
from cpetwin.commands._datamodel_map import map_dump
from cpetwin.errors import BadInput, NotFound

HEADER = "path,object,writable,type,value\n"
IGD = "InternetGatewayDevice."


def dumped(tmp_path: Path, text: str | bytes, header: str = HEADER) -> Path:
    file = tmp_path / "dump.csv"
    file.write_bytes(text if isinstance(text, bytes) else (header + text).encode())
    return file


def complete(found: dict[str, object]) -> None:
    """The promises of the counts."""
    unmapped = found["unmapped"]
    assert isinstance(unmapped, list)
    assert found["mapped"] + len(unmapped) == found["parameters"]  # type: ignore[operator]
    assert found["standard"] + found["vendor"] == found["parameters"]  # type: ignore[operator]


@needs_shared
def test_the_real_dumps(capsys: pytest.CaptureFixture[str]) -> None:
    """As a document and for people."""
    assert run(["datamodel", "map", str(TR098), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    complete(found)
    assert (found["parameters"], found["vendor"], found["problems"]) == (1299, 582, [])
    assert found["mapped"] > 1150 and found["view"]["Device.WiFi.Radio.1.Channel"] == "6"
    own = map_dump(TR181)
    complete(own)
    assert own["mapped"] == own["parameters"] and own["unmapped"] == []
    assert run(["datamodel", "map", str(TR098)]) == 0
    assert "Device.WiFi.SSID.1.SSID" in capsys.readouterr().out


def test_bad_rows_are_reported_and_kept(tmp_path: Path) -> None:
    """Missing types, duplicates, strange booleans, instance 0, missing and extra columns, no path, no UTF-8."""
    rows = [
        f"{IGD}DeviceInfo.ModelName,0,0,,h\u00e9 \u4e16",
        f"{IGD}DeviceInfo.ModelName,0,0,string,again",
        f"{IGD}ManagementServer.STUNEnable,0,1,boolean,maybe",
        f"{IGD}LANDevice.0.WLANConfiguration.0.SSID,0,1,string,zero",
        f"{IGD}DeviceInfo.UpTime,0",
        f"{IGD}DeviceInfo.Description,0,0,string,a,b",
        ",0,0,string,lost",
        f"{IGD}DeviceInfo.SerialNumber,perhaps,0,string,1",
        f"{IGD}LANDevice.1,1,0,,",
        "Unheard.Of,0,0,string,x",
    ]
    found = map_dump(dumped(tmp_path, "\n".join(rows)))
    complete(found)
    assert found["parameters"] == 9
    assert set(found["unmapped"]) == {"", "Unheard.Of"}
    assert found["view"]["Device.DeviceInfo.ModelName"] == "again"
    assert "zero" in found["view"].values()
    said = {(p["line"], p["text"].split(":")[0].split(";")[0]) for p in found["problems"]}
    for line, text in (
        (2, "the type is missing"), (3, "path appears again"), (4, "'maybe' is no boolean"), (5, "instance number 0"),
        (6, "missing"), (7, "more columns than 5"), (8, "the path is missing"), (9, "object is 'perhaps', no boolean"),
    ):  # fmt: skip
        assert (line, text) in said, (line, text)


def test_five_thousand_rows_without_header_in_latin_1(tmp_path: Path) -> None:
    """Order of columns as documented when there is no header; bytes that are no UTF-8 lose nothing."""
    rows = [f"{IGD}X_VND_Table.{n}.Name,0,1,string,\u00e9{n}" for n in range(5000)]
    found = map_dump(dumped(tmp_path, "\n".join(rows).encode("latin-1")))
    complete(found)
    assert found["parameters"] == found["vendor"] == found["mapped"] == 5000
    assert found["view"]["Device.X_VND_Table.7.Name"] == "\u00e97"


def test_secrets_are_masked(tmp_path: Path) -> None:
    """A dump with readable credentials shows none of them."""
    names = ("ManagementServer.Password", "LANDevice.1.WLANConfiguration.1.X_V_PreSharedKey")
    rows = "\n".join(f"{IGD}{name},0,1,string,hunter22" for name in names)
    assert "hunter22" not in json.dumps(map_dump(dumped(tmp_path, rows)))


def test_files_that_are_no_dumps(tmp_path: Path) -> None:
    """Empty is empty; broken gzip and missing files are said."""
    assert map_dump(dumped(tmp_path, b""))["parameters"] == 0
    with pytest.raises(BadInput):
        map_dump(dumped(tmp_path, gzip.compress(b"path,object\n")[:-6]))
    with pytest.raises(NotFound):
        map_dump(tmp_path / "absent.csv")
