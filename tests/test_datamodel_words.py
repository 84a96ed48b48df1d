"""The words of the data model: paths, values, conditions, and which parameters are secret or move by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import MAX_PATH, Path, Value, is_secret, is_volatile, parse_condition, root_of, same_value
from cpetwin.datamodel import template_of as template
from cpetwin.errors import BadInput

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_\-]{0,8}", fullmatch=True)
GOOD = st.lists(NAMES | st.integers(0, 999).map(str) | st.just("{i}"), min_size=1, max_size=6).map(".".join)


@given(GOOD, st.booleans())
def test_a_path_is_kept_as_written(text: str, is_object: bool) -> None:
    """Parsing checks and changes nothing; a final dot makes it an object."""
    path = Path.parse(text + "." * is_object)
    assert str(path) == text + "." * is_object
    assert path.is_object == is_object
    assert path.segments == tuple(text.split("."))


@pytest.mark.parametrize("text", ["", ".", "..", "Device..X", ".Device", "Device.X..", "Device.1a", "Device.a b", "A\n",
                                  "Device.X=1", "Device." + "x" * MAX_PATH, "Device.*.X", "A.\x00"])  # fmt: skip
def test_what_is_no_path_is_refused(text: str) -> None:
    """With a sentence that says why."""
    with pytest.raises(BadInput):
        Path.parse(text)


def test_a_template_has_no_instance_numbers() -> None:
    assert template("Device.WiFi.Radio.1.Stats.X") == "Device.WiFi.Radio.{i}.Stats.X"
    assert Path.parse("Device.Hosts.Host.12.").template == "Device.Hosts.Host.{i}."


def test_the_root_of_a_path() -> None:
    assert root_of("InternetGatewayDevice.DeviceInfo.X") == "InternetGatewayDevice."
    assert root_of("Device.") == "Device."
    assert root_of("DeviceInfo.X") is None


@pytest.mark.parametrize(("left", "right", "type_", "same"), [
    ("1", "true", "boolean", True), ("0", "False", "boolean", True), ("1", "0", "boolean", False),
    ("1", "true", "string", False), ("06", "6", "unsignedInt", True), ("-1", "-1", "int", True),
    ("a", "6", "int", False),
    ("6", "6 ", "string", False), ("", "0", "int", False), ("yes", "true", "boolean", False),
])  # fmt: skip
def test_values_are_compared_by_meaning(left: str, right: str, type_: str, same: bool) -> None:
    """Booleans and numbers have several spellings; texts have one."""
    assert same_value(left, right, type_) is same
    assert same_value(right, left, type_) is same


def test_a_number_of_thousands_of_digits_is_compared_and_nothing_else() -> None:
    """Devices are hostile; Python refuses to convert such a number."""
    assert same_value("9" * 5000, "9" * 5000, "int")
    assert not same_value("9" * 5000, "8", "int")


def lookup(values: dict[str, str]):  # type: ignore[no-untyped-def]
    return lambda path: Value(values[path], "string") if path in values else None


@given(st.text(max_size=20))
def test_any_text_can_be_compared_with(text: str) -> None:
    """Quoted, with backslash and quote escaped."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    condition = parse_condition(f'Device.A.B == "{quoted}"')
    assert condition.failing(lookup({"Device.A.B": text})) is None
    assert condition.failing(lookup({"Device.A.B": text + "x"})) == condition.comparisons[0]


def test_all_comparisons_must_hold() -> None:
    """The first that does not is named; what is not known is false; nothing asked is true."""
    condition = parse_condition('Device.A == 6 && Device.B.1.C=="x y"&&Device.A == 6')
    assert condition.paths == ("Device.A", "Device.B.1.C")
    assert condition.failing(lookup({"Device.A": "6", "Device.B.1.C": "x y"})) is None
    failing = condition.failing(lookup({"Device.A": "6"}))
    assert failing is not None and failing.path == "Device.B.1.C"
    assert parse_condition("  ").failing(lookup({})) is None


@pytest.mark.parametrize("text", ["Device.A", "Device.A ==", "Device.A == 1 &&", "Device.A == 1 || Device.B == 2",
                                  "Device.A != 1", 'Device.A == "x', "== 1", "Device.A == 1 2", "Device..A == 1",
                                  "&& Device.A == 1", "Device.A == 1" + " " * 5000])  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_condition(text)


@given(st.text(alphabet='ADevice.=&" 16\\', max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    """It is a condition, or BadInput."""
    try:
        parse_condition(text)
    except BadInput as error:
        assert error.message


SECRET = (
    "Device.WiFi.AccessPoint.1.Security.KeyPassphrase",
    "Device.WiFi.AccessPoint.1.Security.SAEPassphrase",
    "Device.WiFi.AccessPoint.1.WPS.PIN",
    "Device.ManagementServer.Password",
    "Device.X_V.AdminPassword",
    "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.PreSharedKey.1.PreSharedKey",
)
SHOWN = ("Device.WiFi.SSID.1.SSID", "Device.ManagementServer.Username", "Device.X.PasswordLength")
MOVING = (
    "Device.DeviceInfo.UpTime",
    "Device.WiFi.SSID.1.Stats.BytesSent",
    "Device.IP.X.PacketsReceived",
    "Device.WiFi.AccessPoint.1.AssociatedDevice.1.SignalStrength",
    "Device.Time.CurrentLocalTime",
    "Device.Hosts.Host.1.LeaseTimeRemaining",
)
STAYING = (
    "Device.WiFi.Radio.1.Channel",
    "Device.WiFi.SSID.1.SSID",
    "Device.DeviceInfo.SoftwareVersion",
    "Device.NAT.PortMapping.1.ExternalPort",
    "Device.Hosts.Host.1.Active",
)


@pytest.mark.parametrize("path", SECRET)
def test_secrets_are_recognised(path: str) -> None:
    assert is_secret(path)


@pytest.mark.parametrize("path", SHOWN)
def test_what_is_shown_is_no_secret(path: str) -> None:
    assert not is_secret(path)


@pytest.mark.parametrize("path", MOVING)
def test_what_moves_by_itself_makes_no_history(path: str) -> None:
    assert is_volatile(path)


@pytest.mark.parametrize("path", STAYING)
def test_configuration_and_state_make_history(path: str) -> None:
    assert not is_volatile(path)
