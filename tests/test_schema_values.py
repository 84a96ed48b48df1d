"""Values by schema: lexical forms, their one form, what they mean; which writes are refused and what is said then."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import Value
from cpetwin.datamodel.lexical import (
    INTEGERS,
    UNKNOWN_TIME,
    Moment,
    canonical,
    parse_date_time,
    parse_integer,
    same,
    split_list,
)
from cpetwin.datamodel.schema import schema
from cpetwin.datamodel.writing import allowed, check_write
from cpetwin.errors import BadInput


@pytest.mark.parametrize(("kind", "text", "one"), [
    ("boolean", "1", "true"), ("boolean", " False", "false"), ("boolean", "TRUE", "true"),
    ("int", "+06", "6"), ("int", "-0", "0"), ("unsignedLong", "18446744073709551615", "18446744073709551615"),
    ("decimal", "1.50", "1.5"), ("decimal", "-0.0", "0"), ("decimal", "100", "100"), ("decimal", ".5", "0.5"),
    ("dateTime", "2026-01-31T18:00:00Z", "2026-01-31T18:00:00Z"),
    ("dateTime", "2026-01-31T18:00:00.500+02:00", "2026-01-31T16:00:00.5Z"),
    ("dateTime", "2026-01-31T18:00:00", "2026-01-31T18:00:00"),
    ("dateTime", "2025-12-31T24:00:00Z", "2026-01-01T00:00:00Z"),
    ("dateTime", "0001-01-01T00:00:00Z", UNKNOWN_TIME), ("dateTime", "0001-01-01T00:00:00", UNKNOWN_TIME),
    ("dateTime", "0000-00-00T00:00:00Z", None), ("dateTime", "0001-01-03T02:03:04Z", "0001-01-03T02:03:04Z"),
    ("hexBinary", "0a fF", "0AFF"), ("hexBinary", "", ""), ("base64", "YQ\n==", "YQ=="),
    ("MACAddress", "aa-bb-cc-00-11-22", "AA:BB:CC:00:11:22"), ("MACAddress", "aabbcc001122", "AA:BB:CC:00:11:22"),
    ("MACAddress", "", ""), ("IPAddress", "2001:DB8:0:0::1", "2001:db8::1"), ("IPAddress", "192.0.2.1", "192.0.2.1"),
    ("IPv4Prefix", "192.0.2.1/24", "192.0.2.1/24"), ("IPv6Prefix", "2001:DB8::/032", "2001:db8::/32"),
    ("IPPrefix", "/24", "/24"), ("UUID", "ABC", "abc"), ("string", " As Is ", " As Is "), ("", "x", "x"),
    ("boolean", "yes", None), ("boolean", "", None), ("int", "2147483648", None), ("unsignedInt", "-1", None),
    ("int", "1.0", None), ("int", "9" * 5000, None), ("int", "١", None), ("decimal", "1e3", None),
    ("decimal", "", None),
    ("dateTime", "2026-02-30T00:00:00Z", None), ("dateTime", "yesterday", None), ("dateTime", "", None),
    ("dateTime", "2026-01-01T00:00:00+15:00", None), ("dateTime", "9999-12-31T23:59:59-14:00", None),
    ("hexBinary", "abc", None), ("base64", "a", None), ("MACAddress", "aa:bb:cc:00:11", None),
    ("MACAddress", "aa:bb-cc:00:11:22", None), ("IPv4Address", "2001:db8::1", None), ("IPv6Address", "1.2.3.4", None),
    ("IPAddress", "1.2.3", None), ("IPv4Prefix", "/33", None), ("IPPrefix", "1.2.3.4", None),
    ("IPv4Prefix", "1.2.3.4/99", None),
])  # fmt: skip
def test_every_kind_has_one_form(kind: str, text: str, one: str | None) -> None:
    """Sloppy but plain forms are understood; what is malformed is refused, quickly."""
    if one is None:
        with pytest.raises(ValueError):
            canonical(text, kind)
        assert not same(text, "something else", kind)
    else:
        assert canonical(text, kind) == one
        assert canonical(one, kind) == one
        assert same(text, one, kind)


KINDS = sorted({"boolean", *INTEGERS, "decimal", "dateTime", "hexBinary", "base64", "MACAddress", "IPAddress",
                "IPv4Prefix", "IPv6Prefix", "IPPrefix", "UUID", "string"})  # fmt: skip


@given(st.sampled_from(KINDS), st.text(max_size=30) | st.text(alphabet="0123456789abcdefTZ:.-+/ ", max_size=30))
def test_no_text_breaks_a_kind_and_the_one_form_stays(kind: str, text: str) -> None:
    """canonical(canonical(x)) == canonical(x), or ValueError; nothing else."""
    try:
        one = canonical(text, kind)
    except ValueError:
        return
    assert canonical(one, kind) == one
    assert same(text, one, kind)


@given(st.integers(), st.sampled_from(sorted(INTEGERS)))
def test_integers_are_what_their_type_can_hold(number: int, kind: str) -> None:
    low, high = INTEGERS[kind]
    if low <= number <= high:
        assert canonical(str(number), kind) == str(number) and parse_integer(f" {number} ") == number
    else:
        with pytest.raises(ValueError):
            canonical(str(number), kind)


@given(st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-840, 840))
def test_a_time_means_the_same_in_every_zone(when: datetime, minutes: int) -> None:
    """To the millisecond."""
    when = when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=UTC)
    there = when.astimezone(timezone(timedelta(minutes=minutes)))
    assert same(there.isoformat(), when.isoformat(), "dateTime")
    assert parse_date_time(there.isoformat()).at == (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )


def test_times_that_are_no_instants() -> None:
    """Unknown, since boot, and on a wall clock of unknown zone (TR-106 section 3.2.3)."""
    assert parse_date_time(UNKNOWN_TIME) == Moment(None)
    assert parse_date_time("0001-01-02T00:00:01Z") == Moment(None, since_boot=86_401_000)
    assert parse_date_time("1970-01-01T00:00:01") == Moment(1000, zoned=False)
    assert not same("2026-01-31T18:00:00", "2026-01-31T18:00:00Z", "dateTime")


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_has_one_form(address: IPv6Address) -> None:
    assert same(address.exploded.upper(), address.compressed, "IPv6Address")


def test_lists_are_compared_item_by_item() -> None:
    """Blanks around items mean nothing; commas in nested lists do not separate."""
    servers = schema().parameter("Device.DHCPv4.Server.Pool.1.DNSServers")
    assert servers is not None and servers.list is not None
    assert same("192.0.2.1, 192.0.2.2", "192.0.2.1,192.0.2.2", servers)
    assert not same("192.0.2.1", "192.0.2.2", servers)
    assert split_list("") == [] and split_list("a,,b") == ["a", "", "b"]
    assert split_list("[1,2], [3,[4,5]],6") == ["[1,2]", "[3,[4,5]]", "6"]


# -- writes

RADIO, SECURITY = "Device.WiFi.Radio.1.", "Device.WiFi.AccessPoint.1.Security."


@pytest.mark.parametrize(("path", "text"), [
    (RADIO + "Channel", "6"), (RADIO + "Enable", "1"), (RADIO + "Enable", "true"), (RADIO + "GuardInterval", "400nsec"),
    (RADIO + "GuardInterval", "X_00256D_Short"), (RADIO + "OperatingStandards", "g, n"),
    (RADIO + "TransmitPower", "-1"), (SECURITY + "KeyPassphrase", "12345678"), (SECURITY + "PreSharedKey", "AB" * 32),
    (SECURITY + "WEPKey", "00" * 13),
    ("Device.DHCPv4.Server.Pool.1.MinAddress", "192.168.1.2"), ("Device.DHCPv4.Server.Pool.1.MinAddress", ""),
    ("Device.DHCPv4.Server.Pool.1.DNSServers", "192.0.2.1,192.0.2.2"), ("Device.DHCPv4.Server.Pool.1.DNSServers", ""),
    ("Device.Time.NTPServer1", "pool.ntp.org"), ("Device.DeviceInfo.NetworkProperties.X_V", "anything"),
    ("Device.X_V_Thing.Level", "any thing"), ("Device.IP.Diagnostics.IPPing.DiagnosticsState", "Requested"),
    ("Device.DHCPv4.Server.Pool.1.Chaddr", "00:11:22:aA:bB:cC"),
])  # fmt: skip
def test_what_the_model_allows_can_be_written(path: str, text: str) -> None:
    """Vendor values and vendor parameters are as good as any."""
    check_write(path, text, True)


@pytest.mark.parametrize(("path", "text", "wrong", "hint"), [
    (RADIO + "Channel", "0", "from 1 to 255", "a whole number from 1 to 255"),
    (RADIO + "Channel", "six", "not a whole number", "a whole number from 1 to 255"),
    (RADIO + "Channel", "", "not a whole number", "whole number"),
    (RADIO + "TransmitPower", "101", "from -1 to 100", "in percent"),
    (RADIO + "Enable", "yes", "boolean", "true or false"),
    (RADIO + "Enable", "True", "boolean", "true or false"),
    (RADIO + "GuardInterval", "Short", "none of the values", "one of 400nsec, 800nsec"),
    (RADIO + "GuardInterval", "auto", "did you mean Auto", "Auto"),
    (RADIO + "OperatingStandards", "n,zz", "'zz'", "comma-separated list"),
    (SECURITY + "KeyPassphrase", "short", "5 characters, 8 to 63", "text of 8 to 63 characters"),
    (SECURITY + "WEPKey", "00" * 6, "6 octets, 5 or 13", "pairs of hexadecimal digits of 5 or 13 octets"),
    (SECURITY + "PreSharedKey", "xyz", "hexadecimal", "at most 32 octets"),
    ("Device.DHCPv4.Server.Pool.1.MinAddress", "192.168.1", "not an IP address", "an IPv4 address like"),
    ("Device.DHCPv4.Server.Pool.1.DNSServers", "192.0.2.1,x", "'x'", "list of at most 4 items, each an IPv4 address"),
    ("Device.DHCPv4.Server.Pool.1.DNSServers", "192.0.2.1," * 4 + "192.0.2.1", "5 items", "at most 4 items"),
    ("Device.DHCPv4.Server.Pool.1.Chaddr", "00-11-22-aa-bb-cc", "must match", "a MAC address like"),
    ("Device.Time.NTPServer1", "x" * 65, "65 characters, at most 64", "text of at most 64 characters"),
    ("Device.IP.Diagnostics.IPPing.DiagnosticsState", "Complete", "only the device may say so", "Requested, Canceled"),
    ("Device.WiFi.Radio.1", "x", "is an object", "name a parameter"),
])  # fmt: skip
def test_what_the_model_does_not_allow_is_refused_with_what_it_does(
    path: str, text: str, wrong: str, hint: str
) -> None:
    """A sentence says what is wrong and one what would be allowed."""
    with pytest.raises(BadInput) as error:
        check_write(path, text, True)
    assert wrong in error.value.message and path in error.value.message
    assert hint in error.value.hint


def test_the_device_has_the_last_word_on_what_is_writable() -> None:
    """It may allow what the model does not, and forbid what the model allows; silent, the model decides."""
    check_write("Device.DeviceInfo.ModelName", "x", True)
    with pytest.raises(BadInput, match="read-only"):
        check_write("Device.DeviceInfo.ModelName", "x")
    with pytest.raises(BadInput, match="the device says that .* is read-only"):
        check_write(RADIO + "Channel", "6", False)
    with pytest.raises(BadInput, match="read-only"):
        check_write("Device.X_V.Thing", "6", False)
    check_write(RADIO + "Channel", "6")


def test_what_a_device_reports_can_be_written_back() -> None:
    """And where it does not keep to the model, its own type is all that is asked for."""
    standard = "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.Standard"
    check_write(standard, "ac", True, reported=Value("ac", "string"))
    check_write(standard, "ax", True, reported=Value("ac", "string"))
    with pytest.raises(BadInput):
        check_write(standard, "ax", True, reported=Value("n", "string"))
    check_write(RADIO + "Channel", "auto", True, reported=Value("6", "string"))
    with pytest.raises(BadInput, match="whole number"):
        check_write("Device.X_V.Level", "high", True, reported=Value("3", "unsignedInt"))
    with pytest.raises(BadInput, match="boolean"):
        check_write("Device.X_V.On", "2", True, reported=Value("1", "boolean"))
    check_write("Device.X_V.Odd", "what", True, reported=Value("1", "X_OwnType"))


def test_values_that_another_parameter_lists() -> None:
    """The device's own list if it is known, else that of the model; the null value goes without saying."""
    mode = SECURITY + "ModeEnabled"
    have = {
        SECURITY + "ModesSupported": "None,WPA2-Personal",
        "Device.WiFi.AccessPoint.2.Security.ModesSupported": "None",
    }
    check_write(mode, "WPA2-Personal", True, lookup=have.get)
    with pytest.raises(BadInput, match="the choice is None, WPA2-Personal") as error:
        check_write(mode, "WPA3-Personal", True, lookup=have.get)
    assert "ModesSupported" in error.value.hint
    with pytest.raises(BadInput, match="the choice is None$"):
        check_write("Device.WiFi.AccessPoint.2.Security.ModeEnabled", "WPA2-Personal", True, lookup=have.get)
    check_write(mode, "WPA3-Personal", True)
    with pytest.raises(BadInput):
        check_write(mode, "WPA9", True)


def test_a_secret_is_not_repeated_in_the_sentence() -> None:
    with pytest.raises(BadInput) as error:
        check_write(SECURITY + "KeyPassphrase", "hunter2", True)
    assert "hunter2" not in error.value.message + error.value.hint


@given(
    st.sampled_from(["Channel", "Enable", "GuardInterval", "OperatingStandards", "TransmitPower"]), st.text(max_size=40)
)
def test_no_value_breaks_the_check(name: str, text: str) -> None:
    """Allowed or BadInput with a hint."""
    try:
        check_write(RADIO + name, text, True)
    except BadInput as error:
        assert error.hint


def test_every_parameter_says_what_it_takes() -> None:
    """A sentence for each; a default of the model is allowed by the model, but for a diagnostics state."""
    slips = []
    for found in schema().parameters():
        assert allowed(found).startswith("it takes ")
        if found.default_type == "object" and found.writable and found.default:
            try:
                check_write(found.template, found.default, True)
            except BadInput:
                slips.append(found.template)
    assert [path.rpartition(".")[2] for path in slips] in ([], ["DiagnosticsState"]), slips


@pytest.mark.parametrize("name", ["tr098-tplink-ec220g5v2-2023.csv.gz", "tr181-tplink-ec220g5v3-2023.csv.gz"])
def test_real_devices_can_be_given_their_own_values(shared: Path, name: str) -> None:
    """Every writable parameter of a real dump takes the value it has; few need the device's word for it."""
    with gzip.open(shared / "datamodel" / "dumps" / name, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["object"] == "0" and row["writable"] == "1" and row["value"]]
    own = 0
    for row in rows:
        check_write(row["path"], row["value"], True, reported=Value(row["value"], row["type"]))
        try:
            check_write(row["path"], row["value"], True)
        except BadInput:
            own += 1
    assert own / len(rows) < 0.1
