"""Lexical forms of values: parse them, write them in one way, compare what they mean (TR-106 section 3.2.3).

A *kind* is a primitive type (``boolean``) or a named one with a form of its own (``MACAddress``). Devices are sloppy,
so reading is lenient where the meaning is plain (``True``, ``00-11-22-33-44-55``); ``canonical`` writes the one form.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import NamedTuple

from .element import Typed

MAX_DIGITS = 40
"""Characters of a number at most; the largest type has 20 digits."""

INTEGERS: dict[str, tuple[int, int]] = {
    "int": (-(1 << 31), (1 << 31) - 1),
    "unsignedInt": (0, (1 << 32) - 1),
    "long": (-(1 << 63), (1 << 63) - 1),
    "unsignedLong": (0, (1 << 64) - 1),
}
"""type -> smallest and largest value."""

UNKNOWN_TIME = "0001-01-01T00:00:00Z"
"""What a device says for a time that it does not know (TR-106 section 3.2.3)."""

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\Z")
_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)?\Z", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-]?)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(NamedTuple):
    """A dateTime. ``at`` is milliseconds since 1970 UTC: None when the device does not know the time, or counts from
    its boot (``since_boot`` milliseconds, TR-106: years below 1000). ``zoned`` False: ``at`` is on the device's own,
    unknown wall clock."""

    at: int | None
    since_boot: int | None = None
    zoned: bool = True


def parse_boolean(text: str) -> bool:
    """``0 1 true false``, in any case. Raises ValueError."""
    word = text.strip().lower()
    if word in ("1", "true"):
        return True
    if word in ("0", "false"):
        return False
    raise ValueError("neither true nor false")


def parse_integer(text: str) -> int:
    """Raises ValueError; never slow, whatever a device sends."""
    word = text.strip()
    if len(word) > MAX_DIGITS or not _INTEGER.match(word):
        raise ValueError("not a whole number")
    return int(word)


def parse_decimal(text: str) -> Decimal:
    word = text.strip()
    if len(word) > MAX_DIGITS or not _DECIMAL.match(word):
        raise ValueError("not a decimal number")
    try:
        return Decimal(word)
    except InvalidOperation as error:
        raise ValueError("not a decimal number") from error


def parse_date_time(text: str) -> Moment:
    """An xsd:dateTime; a missing zone and the unknown time are understood. Raises ValueError."""
    match = _DATE_TIME.match(text.strip())
    if match is None:
        raise ValueError("not a date and time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    late = hour == 24 and minute == second == 0
    found = datetime(max(year, 1), month, day, 0 if late else hour, minute, second, tzinfo=UTC)
    fraction = int(f"{match[7] or '0':0<3.3}")
    shift = timedelta(days=late)
    zone = match[8]
    if zone not in (None, "Z"):
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        if offset > timedelta(hours=14):
            raise ValueError("no such zone")
        shift += offset if zone[0] == "-" else -offset
    if year < 1000:
        since = (found - datetime(1, 1, 1, tzinfo=UTC) + shift) // timedelta(milliseconds=1) + fraction
        return Moment(None, since_boot=since if since > 0 else None)
    at = (found - _EPOCH + shift) // timedelta(milliseconds=1) + fraction
    return Moment(at, zoned=zone is not None)


def split_list(text: str) -> list[str]:
    """The items of a comma-separated list, blanks around them ignored; commas in ``[...]`` do not separate.

    The empty text is the empty list. ``%2C`` in an item stays as it is (TR-106 leaves it to the parameter).
    """
    if not text.strip():
        return []
    if "[" not in text:
        return [item.strip() for item in text.split(",")]
    items, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == "," and depth <= 0:
            items.append(text[start:position].strip())
            start = position + 1
    return [*items, text[start:].strip()]


def octets(text: str, base: str) -> int:
    """Length in octets of a hexBinary or base64 value. Raises ValueError when it is none."""
    word = "".join(text.split())
    if base == "hexBinary":
        if not _HEX.match(word):
            raise ValueError("not pairs of hexadecimal digits")
        return len(word) // 2
    try:
        return len(base64.b64decode(word, validate=True))
    except binascii.Error as error:
        raise ValueError("not base64") from error


# -- one form


def _boolean(text: str) -> str:
    return "true" if parse_boolean(text) else "false"


def _whole(kind: str) -> Callable[[str], str]:
    low, high = INTEGERS[kind]

    def canonical_integer(text: str) -> str:
        number = parse_integer(text)
        if not low <= number <= high:
            raise ValueError(f"not from {low} to {high}")
        return str(number)

    return canonical_integer


def _decimal(text: str) -> str:
    number = parse_decimal(text)
    return "0" if not number else f"{number.normalize():f}"


def _date_time(text: str) -> str:
    """UTC without trailing zeros; without zone as it is, but for those zeros."""
    moment = parse_date_time(text)
    if moment.at is None and moment.since_boot is None:
        return UNKNOWN_TIME
    start = _EPOCH if moment.at is not None else datetime(1, 1, 1, tzinfo=UTC)
    try:
        when = start + timedelta(milliseconds=moment.at if moment.at is not None else moment.since_boot or 0)
    except OverflowError as error:
        raise ValueError("no such date") from error
    fraction = f".{when.microsecond // 1000:03}".rstrip("0").rstrip(".")
    return f"{when.year:04}-{when:%m-%dT%H:%M:%S}{fraction}{'Z' if moment.zoned else ''}"


def _hex(text: str) -> str:
    octets(text, "hexBinary")
    return "".join(text.split()).upper()


def _base64(text: str) -> str:
    octets(text, "base64")
    return "".join(text.split())


def _mac(text: str) -> str:
    word = text.strip()
    if not word:
        return ""
    if not _MAC.match(word):
        raise ValueError("not a MAC address")
    digits = re.sub("[:-]", "", word).upper()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _ip(version: int | None) -> Callable[[str], str]:
    def canonical_ip(text: str) -> str:
        word = text.strip()
        if not word:
            return ""
        try:
            address = ip_address(word)
        except ValueError as error:
            raise ValueError("not an IP address") from error
        if version not in (None, address.version):
            raise ValueError(f"not an IPv{version} address")
        return _ip_text(address)

    return canonical_ip


def _ip_text(address: IPv4Address | IPv6Address) -> str:
    return str(address).lower()


def _prefix(version: int | None) -> Callable[[str], str]:
    def canonical_prefix(text: str) -> str:
        word = text.strip()
        if not word:
            return ""
        address, slash, length = word.partition("/")
        if not slash or not length.isdecimal() or len(length) > 3:
            raise ValueError("not an address with a prefix length")
        if not address:
            # A length alone is a length of unknown address (TR-106 IPPrefix).
            if int(length) > (32 if version == 4 else 128):
                raise ValueError("no such prefix length")
            return f"/{int(length)}"
        try:
            found = ip_interface(f"{address}/{int(length)}")
        except ValueError as error:
            raise ValueError("not an address with a prefix length") from error
        if version not in (None, found.version):
            raise ValueError(f"not an IPv{version} prefix")
        return f"{_ip_text(found.ip)}/{int(length)}"

    return canonical_prefix


def _lower(text: str) -> str:
    return text.strip().lower()


_CANONICAL: dict[str, Callable[[str], str]] = {
    "boolean": _boolean,
    **{kind: _whole(kind) for kind in INTEGERS},
    "decimal": _decimal,
    "dateTime": _date_time,
    "hexBinary": _hex,
    "base64": _base64,
    "base64Binary": _base64,
    "MACAddress": _mac,
    "IEEE_EUI64": _lower,
    "IPAddress": _ip(None),
    "IPv4Address": _ip(4),
    "IPv6Address": _ip(6),
    "IPPrefix": _prefix(None),
    "IPv4Prefix": _prefix(4),
    "IPv6Prefix": _prefix(6),
    "UUID": _lower,
    "ZigBeeNetworkAddress": _lower,
}
"""kind -> its one form. What is not here is text: every form means something else."""


def kind_of(value: Typed | str) -> str:
    """The kind of a parameter or argument (its most special type with a form of its own), or of a wire type."""
    if isinstance(value, str):
        return value
    return next((name for name in value.types if name in _CANONICAL), value.base)


def canonical(text: str, value: Typed | str) -> str:
    """The one form of ``text`` for a parameter (lists item by item) or a type. Raises ValueError that says why not."""
    form = _CANONICAL.get(kind_of(value))
    if not isinstance(value, str) and value.list is not None:
        return ",".join(form(item) if form and not item.startswith("[") else item for item in split_list(text))
    return form(text) if form else text


def same(left: str, right: str, value: Typed | str) -> bool:
    """Whether two lexical forms mean the same. What is malformed equals only itself."""
    if left == right:
        return True
    try:
        return canonical(left, value) == canonical(right, value)
    except ValueError:
        return False
