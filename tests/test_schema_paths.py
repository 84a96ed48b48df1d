"""The schema answers about any path: types, bounds, access, versions, protocols, suggestions; secrets and counters."""

from __future__ import annotations

import csv
import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import is_secret, is_volatile
from cpetwin.datamodel.element import Object, Parameter
from cpetwin.datamodel.facts import Range, Size
from cpetwin.datamodel.schema import Schema, schema


def parameter(path: str, protocol: str | None = None) -> Parameter:
    found = schema().parameter(path, protocol)
    assert found is not None, path
    return found


def table(path: str) -> Object:
    found = schema().object(path)
    assert found is not None, path
    return found


@pytest.mark.parametrize("path", ["Device.WiFi.Radio.1.Channel", "Device.WiFi.Radio.{i}.Channel",
                                  "Device.WiFi.Radio.*.Channel", "Device.WiFi.Radio.4711.Channel"])  # fmt: skip
def test_a_path_may_be_concrete_a_template_or_a_wildcard(path: str) -> None:
    found = parameter(path)
    assert found.template == "Device.WiFi.Radio.{i}.Channel" and found.name == "Channel"
    assert (found.type, found.ranges, found.access, found.writable) == (
        "unsignedInt", (Range(1, 255),), "readWrite", True,
    )  # fmt: skip
    assert (found.since, found.status, found.protocols, found.model) == (
        "2.0",
        "current",
        ("cwmp", "usp"),
        "Device:2.19",
    )


def test_types_are_followed_to_their_base() -> None:
    """A named type, its own base and the primitive one."""
    found = parameter("Device.IP.Interface.1.IPv4Address.1.IPAddress")
    assert (found.type, found.types, found.base) == ("IPv4Address", ("IPv4Address", "IPAddress"), "string")
    assert found.sizes == (Size(0, 15),) and len(found.patterns) == 2
    assert parameter("Device.WiFi.SSID.1.Stats.BytesSent").type == "StatsCounter64"
    assert parameter("Device.Hosts.Host.1.PhysAddress").base == "string"


def test_protocols_see_their_own() -> None:
    """Aliases are written once in USP; CWMP knows no commands, USP no ConnectionRequestURL."""
    alias = "Device.WiFi.Radio.1.Alias"
    assert parameter(alias).access == parameter(alias, "cwmp").access == "readWrite"
    assert parameter(alias, "usp").access == "writeOnceReadOnly" and parameter(alias, "usp").type == "_AliasUSP"
    assert parameter(alias, "usp").since == "2.12"
    assert schema().parameter("Device.ManagementServer.ConnectionRequestURL", "usp") is None
    assert schema().object("Device.LocalAgent.", "cwmp") is None
    ping = schema().command("Device.IP.Diagnostics.IPPing()")
    assert ping is not None and ping.asynchronous and ping.protocols == ("usp",)
    assert [a.path for a in ping.inputs if a.mandatory][:2] == ["ProtocolVersion", "Host"]
    scan = schema().command("Device.WiFi.NeighboringWiFiDiagnostic()")
    assert scan is not None and "Result.{i}.BSSID" in [a.path for a in scan.outputs]
    boot = schema().event("Device.Boot!")
    assert boot is not None and [a.path for a in boot.arguments][0] == "CommandKey"


def test_tables_say_what_can_be_added_and_what_tells_rows_apart() -> None:
    """With or without the instance; a table and its rows are one."""
    mapping = table("Device.NAT.PortMapping.")
    assert mapping == table("Device.NAT.PortMapping.3.")
    assert mapping.is_table and mapping.writable and (mapping.low, mapping.high) == (0, None)
    assert ("RemoteHost", "ExternalPort", "Protocol") in [key.parameters for key in mapping.keys]
    assert mapping.count_parameter == "PortMappingNumberOfEntries"
    assert not table("Device.WiFi.Radio.1.").writable
    assert "Device.WiFi.Radio.{i}.Stats." in schema().children("Device.WiFi.Radio.1.")
    assert "Device.WiFi.Radio.{i}." in schema().children("Device.WiFi")
    assert "Device.RootDataModelVersion" in schema().children("Device.") and "Device.WiFi." in schema().children(
        "Device."
    )
    assert schema().children("Device.Nothing.") == ()


def test_services_hang_below_both_roots() -> None:
    """A TR-098 gateway speaks the old voice service, a Device:2 one the new; what only the other knows is found too."""
    old = parameter("InternetGatewayDevice.Services.VoiceService.1.VoiceProfile.1.Line.1.Enable")
    assert old.model == "VoiceService:1.1"
    new = parameter("Device.Services.VoiceService.1.CallControl.Line.1.Enable")
    assert (new.model, new.type) == ("VoiceService:2.0", "boolean")
    assert parameter("Device.Services.VoiceService.1.VoiceProfile.1.Line.1.Enable").model == "VoiceService:1.1"
    provider = parameter("Device.Services.VoiceService.1.CallControl.Line.1.Provider")
    assert provider.reference is not None
    assert all(target.startswith("Device.Services.VoiceService.{i}.") for target in provider.reference.targets)


def test_status_and_references() -> None:
    assert parameter("Device.Time.NTPServer1").status == "deleted"
    assert parameter("InternetGatewayDevice.DeviceSummary").status == "deprecated"
    layers = parameter("Device.WiFi.SSID.1.LowerLayers")
    assert layers.reference is not None and layers.reference.kind == "path" and layers.list is not None
    mode = parameter("Device.WiFi.AccessPoint.1.Security.ModeEnabled")
    assert mode.reference is not None
    assert mode.reference.targets == ("Device.WiFi.AccessPoint.{i}.Security.ModesSupported",)


def test_nearly_every_reference_leads_somewhere() -> None:
    """Two slips of the published models lead nowhere; a third would be ours."""
    everything = set(schema().templates()) | {p.template for p in schema().parameters()}
    missing = set()
    for found in schema().parameters():
        for target in found.reference.targets if found.reference else ():
            if target not in everything and target + "{i}." not in everything:
                missing.add(target)
    assert missing <= {"InternetGatewayDevice.Hosts.Host."}


@pytest.mark.parametrize(("wrong", "meant"), [
    ("Device.WiFi.Radio.1.Chanel", "Device.WiFi.Radio.{i}.Channel"),
    ("Device.Wifi.Radio.1.Channel", "Device.WiFi.Radio.{i}.Channel"),
    ("Device.WiFi.Rado.1.Channel", "Device.WiFi.Radio.{i}.Channel"),
    ("Device.WiFi.Radio.Channel", "Device.WiFi.Radio.{i}.Channel"),
    ("WiFi.Radio.Channel", "Device.WiFi.Radio.{i}.Channel"),
    ("Device.DeviceInfo.Uptime", "Device.DeviceInfo.UpTime"),
    ("Device.IP.Diagnostics.IPPin()", "Device.IP.Diagnostics.IPPing()"),
    ("InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.SSIDD",
     "InternetGatewayDevice.LANDevice.{i}.WLANConfiguration.{i}.SSID"),
    ("Device.WiFi.Radio.1.Channel.Width", "Device.WiFi.Radio.{i}.Channel"),
    ("ConnectionRequestURL", "Device.ManagementServer.ConnectionRequestURL"),
])  # fmt: skip
def test_wrong_names_get_the_nearest_valid_one(wrong: str, meant: str) -> None:
    assert schema().find(wrong) is None
    assert meant in schema().nearest(wrong)


@given(st.text(alphabet="Device.WFRado0129{i}*[]() !\x00é", max_size=80))
def test_no_path_breaks_the_schema(path: str) -> None:
    """Devices name what they like: it is known or it is not, and there are suggestions or none."""
    for text in (path, "Device." + path, "Device.WiFi." + path):
        found = schema().find(text)
        assert found is None or "{i}" in found.template or found.template.startswith("Device.")
    assert all(schema().find(near) for near in schema().nearest("Device.WiFi." + path))


def test_every_template_finds_itself() -> None:
    """Whatever the schema names it also answers, with every instance number."""
    for found in schema().parameters():
        assert schema().parameter(found.template.replace("{i}", "12")) is found or found.template.count("{i}") == 0
        assert schema().parameter(found.template) == found


def test_every_pattern_of_the_models_is_understood() -> None:
    """XML Schema patterns that Python reads in the same way."""
    for found in schema().parameters():
        for pattern in found.patterns:
            re.compile(pattern)
            assert not re.search(r"\\[pPicIC]|\[[^\]]*-\[", pattern)


def test_the_command_line_does_not_load_the_schema_to_start() -> None:
    """Only a command that asks for it pays for it."""
    code = "import sys, cpetwin.cli, cpetwin.commands.twin; print('cpetwin.datamodel.schema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_one_place_is_decoded_at_a_time() -> None:
    """Asking for Wi-Fi does not decode DSL."""
    fresh = Schema.load(Path(__import__("cpetwin.datamodel.schema", fromlist=["TABLE"]).TABLE))
    assert fresh.parameter("Device.WiFi.Radio.1.Channel") is not None
    assert set(fresh._blocks) == {("Device", "WiFi")}


# -- secrets and counters

NAMED_SECRET = re.compile(
    r"(Password|Passphrase|PassPhrase|PreSharedKey|Psk|PSK|Secret|SharedKey|PrivateKey|"
    r"KeyPassphrase|SAEPassphrase|WEPKey|WepKey|AuthKey|EncryptionKey|PIN)\Z"
)
"""The names that were secret before there was a schema."""


def test_hidden_and_secured_parameters_are_secret() -> None:
    """All of them but commands, in both protocols; by name alone the first two would be shown."""
    for path in ("Device.Routing.Babel.MACKeySet.1.MACKey.1.KeyValue",
                 "Device.IP.Diagnostics.IPLayerCapacityMetrics.AuthenticationCode",
                 "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.WPS.DevicePassword"):  # fmt: skip
        assert is_secret(path)
    for protocol in ("cwmp", "usp"):
        for found in schema().parameters(protocol=protocol):
            if found.secured or (found.hidden and not found.is_command):
                assert is_secret(found.template), found.template


def test_nothing_standard_is_less_protected_than_by_name() -> None:
    """But for flags, which are no credentials (SharedPassword, HexadecimalPassword)."""
    for found in schema().parameters():
        if NAMED_SECRET.search(found.name):
            assert is_secret(found.template) or found.base == "boolean"


def test_a_number_that_the_model_knows_is_no_secret_by_its_name() -> None:
    """The key of a bridge in TR-098 is its number; that of a vendor's wireless bridge is a password."""
    assert not is_secret("InternetGatewayDevice.Layer2Bridging.Bridge.1.BridgeKey")
    assert is_secret("InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.X_TP_WDSBridge.BridgeKey")


@pytest.mark.parametrize(("path", "moves"), [
    ("Device.Ethernet.Interface.1.Stats.BytesSent", True),
    ("Device.WiFi.Radio.1.Stats.Noise", True),
    ("Device.DSL.Line.1.DownstreamNoiseMargin", True),
    ("Device.DeviceInfo.MemoryStatus.Free", True),
    ("Device.WiFi.Radio.1.Stats.Reset", False),
    ("Device.HPNA.Interface.1.NoiseMargin", False),
    ("Device.IP.Diagnostics.IPPing.AverageResponseTime", False),
    ("InternetGatewayDevice.WANDevice.1.WANConnectionDevice.1.WANPPPConnection.1.CurrentMRUSize", False),
    ("InternetGatewayDevice.QueueManagement.MaxQueues", False),
    ("Device.X_V.Thing.UpTime", True),
    ("Device.X_V.Thing.Name", False),
])  # fmt: skip
def test_what_moves_by_itself_is_told_by_the_schema(path: str, moves: bool) -> None:
    """Counters by type; what can be written never moves by itself; vendors by name."""
    assert is_volatile(path) is moves


@pytest.mark.parametrize("name", ["tr098-tplink-ec220g5v2-2023.csv.gz", "tr181-tplink-ec220g5v3-2023.csv.gz"])
def test_real_devices_keep_their_secrets(shared: Path, name: str) -> None:
    """Every parameter of a real dump that was protected by name still is; few others are."""
    with gzip.open(shared / "datamodel" / "dumps" / name, "rt") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["object"] == "0"]
    before = {path for path in paths if NAMED_SECRET.search(path.rpartition(".")[2])}
    now = {path for path in paths if is_secret(path)}
    assert before and before <= now
    assert {path.rpartition(".")[2] for path in now - before} <= {"BridgeKey", "AdminPwd", "UserPwd"}
