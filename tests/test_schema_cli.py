"""``cpetwin datamodel show|compile`` without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cpetwin.cli import run
from cpetwin.datamodel.schema import Schema

XML = """<document file="t.xml"><model name="Test:1.0"><object name="Test." access="readOnly" minEntries="1"
 maxEntries="1" version="1.0"><parameter name="A" access="readWrite"><syntax><boolean/></syntax></parameter></object>
</model></document>"""


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["datamodel", "show", *words]) == 0
    return capsys.readouterr().out


def test_show_says_what_a_parameter_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Type, range, access, version; the same for programs."""
    text = shown(capsys, "Device.WiFi.Radio.{i}.Channel")
    for words in ("unsignedInt", "1..255", "readWrite", "2.0", "it takes a whole number from 1 to 255"):
        assert words in text
    facts = json.loads(shown(capsys, "Device.WiFi.Radio.1.Channel", "--json"))
    assert facts["path"] == "Device.WiFi.Radio.{i}.Channel" and facts["kind"] == "parameter"
    assert facts["range"] == [{"min": 1, "max": 255}] and facts["protocols"] == ["cwmp", "usp"]
    alias = json.loads(shown(capsys, "Device.WiFi.Radio.1.Alias", "--protocol", "usp", "--json"))
    assert alias["access"] == "writeOnceReadOnly"
    band = json.loads(shown(capsys, "Device.WiFi.Radio.1.GuardInterval", "--json"))
    assert {"400nsec", "800nsec", "Auto"} <= {item["value"] for item in band["enumeration"]}
    assert "units" in json.loads(shown(capsys, "Device.DeviceInfo.UpTime", "--json"))


def test_show_says_what_an_object_a_command_and_an_event_are(capsys: pytest.CaptureFixture[str]) -> None:
    """With keys, members and arguments."""
    table = json.loads(shown(capsys, "Device.NAT.PortMapping.", "--json"))
    assert table["table"] and table["access"] == "readWrite" and table["entries"] == {"min": 0, "max": None}
    assert {"parameters": ["Alias"], "functional": False} in table["unique_keys"]
    assert "RemoteHost + ExternalPort + Protocol" in shown(capsys, "Device.NAT.PortMapping.1")
    ping = json.loads(shown(capsys, "Device.IP.Diagnostics.IPPing()", "--json"))
    assert ping["async"] and ping["input"][2] == {
        "name": "Host", "mandatory": True, "since": "2.12", "type": "string", "base": "string",
        "size": [{"min": 0, "max": 256}],
    }  # fmt: skip
    assert "NumberOfRepetitions" in shown(capsys, "Device.IP.Diagnostics.IPPing()")
    assert "CommandKey" in shown(capsys, "Device.Boot!")


def test_an_unknown_path_is_not_found_and_gets_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["datamodel", "show", "Device.WiFi.Radio.1.Chanel"]) == 3
    assert "Device.WiFi.Radio.{i}.Channel" in capsys.readouterr().err
    assert run(["datamodel", "show", "\x00"]) == 3
    assert run(["datamodel", "show", "Device.LocalAgent.EndpointID", "--protocol", "cwmp"]) == 3
    assert "for cwmp" in capsys.readouterr().err


def test_compile_writes_a_table_and_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table answers; broken XML is exit 1 with file and line."""
    source, output = tmp_path / "t.xml", tmp_path / "table"
    source.write_text(XML)
    assert run(["datamodel", "compile", str(source), "--output", str(output), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == output.stat().st_size
    assert said["models"][0] | {} == {
        "model": "Test:1.0", "protocol": "cwmp", "objects": 1, "parameters": 1, "commands": 0, "events": 0,
        "profiles": 0,
    }  # fmt: skip
    assert Schema.load(output).parameter("Test.A") is not None
    assert run(["datamodel", "compile", str(source), "--output", str(output)]) == 0
    source.write_text(XML.replace("<boolean/>", "\n<bool/>"))
    assert run(["datamodel", "compile", str(source), "--output", str(output)]) == 1
    assert "t.xml, line 3: <bool> is no type" in capsys.readouterr().err
    assert run(["datamodel", "compile", str(tmp_path / "no.xml"), "--output", str(output)]) == 1
    source.write_text(XML)
    assert run(["datamodel", "compile", str(source), "--output", str(tmp_path / "no" / "x")]) == 1
