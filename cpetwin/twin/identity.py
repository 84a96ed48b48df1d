"""Who a device is (TR-069 A.3.3.1 DeviceIdStruct) and how its id is written."""

from __future__ import annotations

import re

import msgspec

_PLAIN = re.compile(rb"[A-Za-z0-9._]")
_NOT_HEX = re.compile(r"[^0-9A-F]")


def escape(text: str) -> str:
    """Percent-encode every byte outside ``[A-Za-z0-9._]`` (the dash included)."""
    if text.isascii() and text.replace(".", "").replace("_", "").isalnum():
        return text
    return "".join(chr(b) if _PLAIN.match(bytes((b,))) else f"%{b:02X}" for b in text.encode("utf-8", "surrogatepass"))


class DeviceId(msgspec.Struct, frozen=True):
    """The identity a device claims. Fields are raw, as sent; the derived forms are escaped.

    The identity key is OUI + serial number. ProductClass is an attribute: when it changes the
    device stays the same twin and the change is an event.
    """

    oui: str
    product_class: str
    serial: str

    @property
    def clean_oui(self) -> str:
        """OUI in upper case without anything that is no hex digit."""
        return _NOT_HEX.sub("", self.oui.upper())

    @property
    def identity(self) -> str:
        """The key of the twin: ``OUI-Serial``, escaped."""
        return f"{self.clean_oui}-{escape(self.serial)}"

    @property
    def text(self) -> str:
        """The id people see: ``OUI-ProductClass-Serial``, or ``OUI-Serial`` without a product class."""
        if not self.product_class:
            return self.identity
        return f"{self.clean_oui}-{escape(self.product_class)}-{escape(self.serial)}"
