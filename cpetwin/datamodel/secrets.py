"""Which parameters are secret: hidden or secured ones are shown nowhere and never logged.

The schema decides where it knows the path (TR-106 ``hidden``, ``secured``). The last name decides for vendor
parameters, and for standard ones too: a model that forgot to hide a password does not unhide it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .instances import without_instances

MASK = "***"

_SECRET_LEAF = re.compile(
    r"(Password|Passwd|PassWord|password|Pwd|Passphrase|PassPhrase|Passkey|PassKey|PreSharedKey|Psk|PSK|PSKKey|Secret|"
    r"SharedKey|PrivateKey|KeyPassphrase|SAEPassphrase|WEPKey|WepKey|WPAKey|WpaKey|AuthKey|EncryptionKey|SecretKey|"
    r"BridgeKey|PIN|PinCode|PINCode|PUK)\Z"
)
_PLAIN = frozenset(("boolean", "dateTime"))
"""Types that hold no credential."""


@lru_cache(maxsize=65536)
def is_secret(path: str) -> bool:
    """True when the value of the parameter is a credential."""
    return _secret(without_instances(path))


@lru_cache(maxsize=16384)
def _secret(template: str) -> bool:
    named = _SECRET_LEAF.search(template.rpartition(".")[2]) is not None
    # Loaded when first asked: most commands of the command line never are.
    from .schema import schema

    known = schema().parameter(template)
    if known is None:
        return named
    if known.secured or (known.hidden and not known.is_command):
        return True
    return named and known.base not in _PLAIN and (known.writable or known.base == "string")
