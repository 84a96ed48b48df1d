"""Values between TR-098 and Device:2: enumerations, units, encodings. Pure functions of one text.

The tables are parsed from the ``value_map`` column (``Up=Up;NoLink=Down;else Down``); what that column only
describes in words has a function here under the same words. What needs more than one parameter is in ``folds``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ...errors import BadInput
from .native import FALSE_WORDS, TRUE_WORDS
from .numbers import split_list
from .table import Mapped

Reader = Callable[[str], str | None]
"""Native text -> Device:2 text; None when Device:2 has no word for it (the parameter is then not shown)."""
Writer = Callable[[str, str], str]
"""(Device:2 text, present native text) -> native text. Raises BadInput with what would be allowed."""


class Words(NamedTuple):
    """A parsed enumeration map: ``reads`` by lower-case native word (None: absent), the rule for all others."""

    reads: dict[str, str | None]
    natives: dict[str, list[str]]
    otherwise: str | None
    same: bool

    def read(self, text: str) -> str | None:
        word = text.strip()
        if word.lower() in self.reads:
            return self.reads[word.lower()]
        return text if self.same else self.otherwise

    def write(self, text: str, now: str) -> str:
        choices = self.natives.get(text)
        if choices:
            return now if now.strip() in choices else choices[0]
        if self.same:
            return text
        raise BadInput(f"{text!r} is no value this device knows", "allowed: " + ", ".join(sorted(self.natives)))


@lru_cache(maxsize=256)
def parse_words(value_map: str) -> Words | None:
    """The enumeration in a value_map; None when it is prose."""
    reads: dict[str, str | None] = {}
    natives: dict[str, list[str]] = {}
    otherwise: str | None = None
    same = False
    for part in value_map.split(";"):
        left, sign, right = part.partition("=")
        if not sign:
            word = part.strip()
            if word in ("rest same", "else unchanged"):
                same = True
            elif word.startswith("else "):
                otherwise = word.removeprefix("else ")
            else:
                return None
            continue
        right = re.sub(r"\s+\(.*\)\Z", "", right.strip())
        for native in left.split("|"):
            value = None if right == "(absent)" else "" if right == "(empty)" else right
            reads[native.strip().lower()] = value
            if value is not None:
                natives.setdefault(value, []).append(native.strip())
    return Words(reads, natives, otherwise, same) if reads else None


def read_boolean(text: str) -> str:
    """``true`` or ``false`` for every way devices write them; anything else stays as it is."""
    word = text.strip().lower()
    return "true" if word in TRUE_WORDS else "false" if word in FALSE_WORDS else text


def write_boolean(text: str, now: str) -> str:
    """A boolean in the style the device uses (``1``/``0`` or ``true``/``false``)."""
    value = text.strip().lower()
    if value not in ("true", "false", "1", "0"):
        raise BadInput(f"{text!r} is no boolean", "allowed: true, false")
    yes = value in ("true", "1")
    style = now.strip()
    if style in ("1", "0"):
        return "1" if yes else "0"
    if style in ("Enabled", "Disabled"):
        return "Enabled" if yes else "Disabled"
    return "true" if yes else "false"


_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


def read_hex(text: str) -> str:
    return text if not text or _HEX.match(text) else text.encode().hex().upper()


def write_hex(text: str, now: str) -> str:
    """Hex as the device keeps it: as hex when it holds hex now, as text when it holds text."""
    if text and not _HEX.match(text):
        raise BadInput(f"{text!r} is not hexadecimal", "write pairs of 0-9 and A-F")
    if not now or _HEX.match(now):
        return text
    try:
        decoded = bytes.fromhex(text).decode("utf-8")
    except UnicodeDecodeError:
        return text
    return decoded if decoded.isprintable() else text


def _read_base64(text: str) -> str | None:
    try:
        return base64.b64decode(text.strip(), validate=True).hex().upper()
    except (binascii.Error, ValueError):
        return text if _HEX.match(text.strip()) else None


def _write_base64(text: str, now: str) -> str:
    del now
    if text and not _HEX.match(text):
        raise BadInput(f"{text!r} is not hexadecimal", "write pairs of 0-9 and A-F")
    return base64.b64encode(bytes.fromhex(text)).decode()


def _scaled(divisor: int) -> Reader:
    def read(text: str) -> str | None:
        number = text.strip()
        if not number.isdigit():
            return text if not number else None
        return str(int(number[:20]) // divisor)

    return read


def _read_mbps(text: str) -> str | None:
    match = re.match(r"\s*(\d{1,9}(?:\.\d{1,6})?)", text)
    return str(round(float(match[1]) * 1000)) if match else ("" if not text.strip() else None)


def _read_integer_part(text: str) -> str | None:
    match = re.match(r"\s*(\d{1,9})", text)
    return match[1] if match else None


def _read_unsigned(text: str) -> str:
    return "0" if text.strip().startswith("-") else text


def _write_unsigned(text: str, now: str) -> str:
    del now
    return text


def _read_pvc(text: str) -> str:
    return re.sub(r"\A\s*PVC:\s*", "", text, flags=re.IGNORECASE)


def _write_pvc(text: str, now: str) -> str:
    if not re.match(r"\d{1,4}/\d{1,5}\Z", text):
        raise BadInput(f"{text!r} is no VPI/VCI", "write it like 8/35")
    return "PVC:" + text if not now or now.upper().startswith("PVC") else text


def _read_mask(text: str) -> str | None:
    if not text.strip():
        return ""
    bits = _mask_bits(text.strip())
    return None if bits is None else f"/{bits}"


def _mask_bits(mask: str) -> int | None:
    parts = mask.split(".")
    if len(parts) != 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
        return None
    number = int.from_bytes(bytes(map(int, parts)))
    inverted = number ^ 0xFFFFFFFF
    return None if inverted & (inverted + 1) else 32 - inverted.bit_length()


def _write_mask(text: str, now: str) -> str:
    del now
    match = re.match(r"(?:[\d.]*)/(\d{1,2})\Z", text)
    if text == "":
        return ""
    if match is None or int(match[1]) > 32:
        raise BadInput(f"{text!r} is no prefix", "write it like /24")
    mask = (0xFFFFFFFF << (32 - int(match[1]))) & 0xFFFFFFFF
    return ".".join(map(str, mask.to_bytes(4)))


def _read_pin(text: str) -> str:
    digits = text.strip()
    return digits.zfill(8) if digits.isdigit() and int(digits) else ""


def _write_pin(text: str, now: str) -> str:
    del now
    if not text.isdigit() or len(text) not in (4, 8):
        raise BadInput("a WPS PIN has 4 or 8 digits")
    return str(int(text))


def _read_bcd(text: str) -> str:
    number = text.strip()
    if not number.isdigit() or not 15 < int(number) < 256:
        return "" if number in ("", "0") else text
    return f"{int(number) >> 4}.{int(number) & 15}"


def _write_list(text: str, now: str) -> str:
    del now
    return text


_PROSE: dict[str, tuple[Reader, Writer | None]] = {
    "fn:hex (pass through if already hex, else hex-encode the bytes)": (read_hex, write_hex),
    "base64 -> hexBinary": (_read_base64, _write_base64),
    "divide by 1000": (_scaled(1000), None),
    "divide by 1000000": (_scaled(1_000_000), None),
    "Mbps (string) x1000": (_read_mbps, None),
    "Auto=(absent);number=integer part": (_read_integer_part, None),
    "negative (-1 = not set) -> per parameter text": (_read_unsigned, _write_unsigned),
    "PVC:VPI/VCI -> VPI/VCI": (_read_pvc, _write_pvc),
    "dotted mask -> prefix length text": (_read_mask, _write_mask),
    "decimal, zero-padded to 8 digits": (_read_pin, _write_pin),
    "16=1.0;32=2.0 (BCD byte)": (_read_bcd, None),
    "comma list re-split": (lambda text: ",".join(split_list(text)), _write_list),
    "const 2.19 (twin schema version)": (lambda text: "2.19", None),
    "any value but Unlocked = SetupLocked": (
        lambda text: None if text.strip().lower() in ("", "unlocked") else "SetupLocked",
        None,
    ),
}
_WORDS_OF_PROSE = {
    "as DSL.Line.Status": "Up=Up;Initializing=Dormant;EstablishingLink=Dormant;NoSignal=Down;Error=Error;Disabled=Down",
    "as WANDSLInterfaceConfig.ModulationType": (
        "ADSL_G.dmt=G.992.1_Annex_A;ADSL_2plus=G.992.5_Annex_A;ADSL_G.dmt.bis=G.992.3_Annex_A;ADSL_G.lite=G.992.2;"
        "ADSL_ANSI_T1.413=T1.413;VDSL=G.993.1;else unchanged"
    ),
    "TR-104 v1 status words -> v2 words": (
        "Up=Up;Initializing=Quiescent;Registering=Quiescent;Unregistering=Quiescent;Error=Error;Testing=Testing;"
        "Quiescent=Quiescent;Disabled=Disabled"
    ),
    "Auto=-1;10=10;100=100;1000=1000;10000=10000": "Auto=-1;10=10;100=100;1000=1000;10000=10000;rest same",
}
_WORDS_OF_TARGET = {
    "CallControl.Line.{i}.CallStatus": (
        "Idle=Idle;Calling=Dialing;Ringing=Alerting;Connecting=Delivered;InCall=Connected;Hold=Connected;"
        "Disconnecting=Disconnected"
    ),
    "VoIPProfile.{i}.DTMFMethod": "InBand=InBand;RFC2833=RFC4733;SIPInfo=SIPInfo",
    "VoIPProfile.{i}.DTMFMethodG711": "InBand=InBand;RFC2833=RFC4733;SIPInfo=SIPInfo",
    "AccessPoint.{i}.CpeOperationMode": (
        "InfrastructureAccessPoint=Router;WirelessBridge|WirelessRepeater|WirelessStation=Bridge/Extender"
    ),
    "CallControl.Line.{i}.Enable": "Enabled=true;Quiescent=true;Disabled=false",
    "VoIPProfile.{i}.Enable": "Enabled=true;Quiescent=true;Disabled=false",
}
"""Enumerations that the table leaves out: the two voice models have different words."""
PLAIN = frozenset(
    (
        "",
        "same; superset on the Device:2 side",
        "same six values",
        "Requested, None, Complete same; errors same",
        "row 1 only",
        "only the row WEPKeyIndex is current",
        "join on MAC address",
        "instance 1=BE 2=BK 3=VI 4=VO",
        "order is renumbered after the LANDevice default pool",
        "POSIX 1003.1 TZ string is copied; Olson names looked up",
        "0=(AutoChannelEnable true)",
        "row with empty DestIPAddress and this Interface",
        "seconds since the last change, valid while Up",
        "true if any connection",
    )
)
"""value_map texts under which the text itself is kept."""


class Conversion(NamedTuple):
    """How one row converts; ``read`` None keeps the text, ``write`` None: cannot be written."""

    read: Reader | None
    write: Writer | None


@lru_cache(maxsize=8192)
def _conversion(value_map: str, native_type: str, type_: str, target: str) -> Conversion:
    for end, text in _WORDS_OF_TARGET.items():
        if target.endswith(end):
            words = parse_words(text)
            assert words is not None
            return Conversion(words.read, words.write)
    if value_map in _PROSE:
        return Conversion(*_PROSE[value_map])
    if value_map not in PLAIN:
        words = parse_words(_WORDS_OF_PROSE.get(value_map, value_map))
        if words is not None:
            return Conversion(words.read, words.write)
    if type_ == "boolean":
        return Conversion(read_boolean, write_boolean)
    if type_ == "hexBinary" and native_type != "hexBinary":
        return Conversion(read_hex, write_hex)
    return Conversion(None, keep)


def keep(text: str, now: str) -> str:
    """The writer of parameters whose text is the same on both sides."""
    del now
    return text


def conversion(mapped: Mapped) -> Conversion:
    """How the values of a row convert."""
    row = mapped.row
    return _conversion(row.value_map, row.native_type, row.type, row.target)


def legal(text: str, words: frozenset[str], is_list: bool) -> str | None:
    """``text`` as one of the legal words of Device:2, None when the device says something Device:2 has no word for.

    Case is forgiven; a list keeps its legal items; nothing and unknown words become ``Unknown`` where that is legal.
    """
    if text in words and not is_list:
        return text
    if is_list:
        items = [legal(item, words, False) for item in split_list(text)]
        kept = [item for item in items if item is not None]
        return ",".join(kept) if kept or not items else None
    folded = text.strip().lower()
    for word in words:
        if word.lower() == folded:
            return word
    if not folded and "None" in words and "Requested" in words:
        return "None"
    return "Unknown" if "Unknown" in words else None
