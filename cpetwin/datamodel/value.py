"""Values as devices write them: text plus the type the device reported (TR-106 section 3.2.3)."""

from __future__ import annotations

from typing import NamedTuple


class Value(NamedTuple):
    """One parameter value. ``text`` is the lexical form, byte for byte as received;
    ``type`` the XML Schema type without prefix (``string``, ``unsignedInt`` ...), possibly empty."""

    text: str
    type: str = "string"


XSD_TYPES = frozenset("string int long unsignedInt unsignedLong boolean dateTime base64Binary hexBinary base64".split())
"""Types a parameter can have on the CWMP wire (TR-106 table 2)."""

_TRUE = frozenset(("1", "true"))
_FALSE = frozenset(("0", "false"))
_INTEGER = frozenset(("int", "long", "unsignedInt", "unsignedLong"))


def same_value(left: str, right: str, type_: str = "string") -> bool:
    """Whether two lexical forms mean the same: ``1`` is ``true`` for a boolean, ``06`` is ``6`` for a number."""
    if left == right:
        return True
    if type_ == "boolean":
        a, b = left.strip().lower(), right.strip().lower()
        return (a in _TRUE and b in _TRUE) or (a in _FALSE and b in _FALSE)
    if type_ in _INTEGER:
        try:
            return int(left) == int(right)
        except ValueError:
            return False
    return False
