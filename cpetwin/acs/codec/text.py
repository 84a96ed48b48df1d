"""Text in and out of XML: local names, escaping, and the characters XML 1.0 can carry."""

from __future__ import annotations

import re

from .errors import Unwritable

XSI = frozenset(
    (
        "http://www.w3.org/2001/XMLSchema-instance",
        "http://www.w3.org/2000/10/XMLSchema-instance",
        "http://www.w3.org/1999/XMLSchema-instance",
    )
)

ILLEGAL = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
"""Characters that XML 1.0 cannot carry, as the inside of a regular expression's class."""

_plain = re.compile(r"[ -%'-;=?-~]*").fullmatch
_illegal = re.compile(f"[{ILLEGAL}]").search


def local(tag: str) -> str:
    """The name without ``{namespace}`` and without an undeclared ``prefix:``."""
    return tag if tag.isalnum() else tag.rpartition("}")[2].rpartition(":")[2]


def escape(value: str) -> str:
    """``value`` as element content. Raises Unwritable when XML 1.0 cannot carry it (TR-069 answers 9007)."""
    if _plain(value):
        return value
    bad = _illegal(value)
    if bad:
        raise Unwritable(
            f"the character U+{ord(bad.group()):04X} cannot be sent in XML", "remove it, or use a base64 parameter"
        )
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


is_cwmp = re.compile(r"urn:dslforum-org:cwmp-1-[0-9]{1,3}").fullmatch
"""Whether a namespace is one of CWMP: any minor version is accepted, official or not."""
