"""What patterns mean on a device: wildcards, search expressions, aliases and references, found without a scan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import Value
from cpetwin.datamodel.matching import Tree, covers, matches, resolve
from cpetwin.datamodel.path_parser import parse_pattern
from cpetwin.errors import BadInput

VALUES = {
    "Device.DeviceInfo.ModelName": Value("M1"),
    "Device.IP.Interface.1.Name": Value("eth0"),
    "Device.IP.Interface.1.Alias": Value("wan-1"),
    "Device.IP.Interface.1.Stats.ErrorsSent": Value("3", "unsignedInt"),
    "Device.IP.Interface.2.Name": Value("br0"),
    "Device.IP.Interface.2.Stats.ErrorsSent": Value("0", "unsignedInt"),
    "Device.NAT.PortMapping.1.Interface": Value("Device.IP.Interface.2"),
    "Device.NAT.PortMapping.2.Interface": Value(""),
    "Device.Bridging.Ports": Value("Device.IP.Interface.2, Device.IP.Interface.1.,Device.IP.Interface.77"),
    "Device.WiFi.Radio.1.Channel": Value("6", "unsignedInt"),
    "Device.WiFi.Radio.1.Enable": Value("1", "boolean"),
    "Device.WiFi.Radio.1.Standards": Value("b, g,n"),
    "Device.WiFi.Radio.2.Channel": Value("36", "unsignedInt"),
    "Device.WiFi.Radio.2.Enable": Value("false", "boolean"),
    "Device.WiFi.Radio.10.Channel": Value("6", "unsignedInt"),
    "Device.WiFi.Radio.10.Enable": Value("0", "boolean"),
    "Device.WiFi.RadioNumberOfEntries": Value("3", "unsignedInt"),
    "Device.WiFi.SSID.1.LowerLayers": Value("Device.WiFi.Radio.1."),
    "Device.WiFi.SSID.2.LowerLayers": Value("Device.WiFi.Radio.10."),
}
TREE = Tree.of(VALUES, objects=("Device.NAT.PortMapping.3.",))


@pytest.mark.parametrize(("pattern", "found"), [
    ("Device.WiFi.Radio.1.Channel", ["Device.WiFi.Radio.1.Channel"]),
    ("Device.WiFi.Radio.7.Channel", []),
    ("Device.WiFi.Radio.*.Channel", [f"Device.WiFi.Radio.{n}.Channel" for n in (1, 2, 10)]),
    ("Device.WiFi.Radio.{i}.Channel", [f"Device.WiFi.Radio.{n}.Channel" for n in (1, 2, 10)]),
    ("Device.WiFi.Radio.*.", [f"Device.WiFi.Radio.{n}." for n in (1, 2, 10)]),
    ("Device.WiFi.Radio.{i}", [f"Device.WiFi.Radio.{n}" for n in (1, 2, 10)]),
    ("Device.NAT.PortMapping.*.", [f"Device.NAT.PortMapping.{n}." for n in (1, 2, 3)]),
    ("Device.WiFi.", ["Device.WiFi."]),
    ("Device.Nothing.", []),
    ("Device.WiFi.Radio.[Channel==6].", ["Device.WiFi.Radio.1.", "Device.WiFi.Radio.10."]),
    ("Device.WiFi.Radio.[Channel==6&&Enable==true].Enable", ["Device.WiFi.Radio.1.Enable"]),
    ("Device.WiFi.Radio.[Enable!=true].", ["Device.WiFi.Radio.2.", "Device.WiFi.Radio.10."]),
    ("Device.WiFi.Radio.[Channel>=06&&Channel<36.5].", [f"Device.WiFi.Radio.{n}." for n in (1, 2, 10)]),
    ("Device.WiFi.Radio.[Standards~=\"n\"].", ["Device.WiFi.Radio.1."]),
    ("Device.WiFi.Radio.[Nothing!=1].", []),
    ("Device.IP.Interface.[Stats.ErrorsSent>0].Name", ["Device.IP.Interface.1.Name"]),
    ("Device.IP.Interface.[Name==\"eth0\"].", ["Device.IP.Interface.1."]),
    ("Device.IP.Interface.[wan-1].Name", ["Device.IP.Interface.1.Name"]),
    ("Device.NAT.PortMapping.1.Interface+.Name", ["Device.IP.Interface.2.Name"]),
    ("Device.NAT.PortMapping.*.Interface+.Name", ["Device.IP.Interface.2.Name"]),
    ("Device.Bridging.Ports+.", ["Device.IP.Interface.2."]),
    ("Device.Bridging.Ports#2+.Name", ["Device.IP.Interface.1.Name"]),
    ("Device.Bridging.Ports#3+.Name", []),
    ("Device.Bridging.Ports#*+.Name", ["Device.IP.Interface.2.Name", "Device.IP.Interface.1.Name"]),
    ("Device.WiFi.SSID.[LowerLayers+.Enable==true].", ["Device.WiFi.SSID.1."]),
    ("Device.WiFi.SSID.*.LowerLayers+.Channel", ["Device.WiFi.Radio.1.Channel", "Device.WiFi.Radio.10.Channel"]),
    ("Device.IP.Interface.*.Renew()", ["Device.IP.Interface.1.Renew()", "Device.IP.Interface.2.Renew()"]),
    ("Device.Nothing.Boot!", []),
])  # fmt: skip
def test_a_pattern_stands_for_these_paths(pattern: str, found: list[str]) -> None:
    """Rows come by number; what a device does not have is left out; a reference into nowhere leads nowhere."""
    assert resolve(parse_pattern(pattern), TREE) == found


@pytest.mark.parametrize("pattern", ["Device.WiFi.Radio.*.Channel", "Device.WiFi.Radio.{i}.", "Device.Reboot()"])
@pytest.mark.parametrize("path", ["Device.WiFi.Radio.3.Channel", "Device.WiFi.Radio.3.", "Device.Reboot()"])
def test_a_path_is_matched_without_the_device(pattern: str, path: str) -> None:
    fits = {("Device.WiFi.Radio.*.Channel", "Device.WiFi.Radio.3.Channel"),
            ("Device.WiFi.Radio.{i}.", "Device.WiFi.Radio.3."), ("Device.Reboot()", "Device.Reboot()")}  # fmt: skip
    assert matches(parse_pattern(pattern), path) is ((pattern, path) in fits)


def test_an_object_covers_everything_below() -> None:
    assert covers(parse_pattern("Device.WiFi.Radio.*."), "Device.WiFi.Radio.3.Stats.BytesSent")
    assert not covers(parse_pattern("Device.WiFi.Radio.*."), "Device.WiFi.SSID.1.SSID")
    assert not covers(parse_pattern("Device.WiFi.Radio.*.Channel"), "Device.WiFi.Radio.1.ChannelX")


def test_what_depends_on_values_needs_the_device() -> None:
    search = parse_pattern("Device.WiFi.Radio.[Channel==6].")
    assert matches(search, "Device.WiFi.Radio.10.", TREE)
    assert not matches(search, "Device.WiFi.Radio.2.", TREE)
    for ask in (matches, covers):
        with pytest.raises(BadInput):
            ask(search, "Device.WiFi.Radio.1.")


PATHS = st.lists(
    st.sampled_from(("Device", "A", "B", "A-B", "1", "2", "10", "0", "01", "x1")), min_size=1, max_size=5
).map(lambda tail: "Device." + ".".join(tail))
STATIC = st.lists(st.sampled_from(("A", "B", "A-B", "1", "10", "*")), max_size=4).map(
    lambda parts: "Device." + "".join(f"{part}." for part in parts)
)


@given(st.sets(PATHS, max_size=25), STATIC, st.sampled_from(("", "A", "A-B", "1")))
def test_resolving_finds_what_a_scan_would(paths: set[str], above: str, last: str) -> None:
    """Binary searches on sorted paths against a look at every path. Numbers with zeros in front are no rows."""
    pattern = parse_pattern(above + last)
    everything = set(paths)
    for path in paths:
        parts = path.split(".")
        everything |= {".".join(parts[:end]) + "." for end in range(1, len(parts))}
    expected = {path for path in everything if matches(pattern, path)}
    assert set(resolve(pattern, Tree.of({path: Value("") for path in paths}))) == expected


def test_a_fixed_prefix_is_not_scanned() -> None:
    """With 20,000 parameters beside it, a pattern reads a few dozen paths."""

    class Counted(list[str]):
        read = 0

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            Counted.read += 1
            return super().__getitem__(index)

    paths = Counted(sorted([f"Device.Hosts.Host.{n}.P{m}" for n in range(1, 1001) for m in range(20)] + [*VALUES]))
    tree = Tree(paths, VALUES.get)
    assert len(resolve(parse_pattern("Device.WiFi.Radio.[Channel==6].Enable"), tree)) == 2
    assert Counted.read < 200


def test_a_hostile_list_of_references_is_cut() -> None:
    """A device may write as many references as it likes; only so many are followed."""
    values = {"Device.L": Value(",".join(["Device.A"] * 1_000_000)), "Device.A.P": Value("1")}
    assert resolve(parse_pattern("Device.L#*+.P"), Tree.of(values)) == ["Device.A.P"]
