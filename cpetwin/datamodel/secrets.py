"""Which parameters are secret: hidden or secured ones are shown nowhere and never logged.

The data model marks them hidden (TR-181, ``hidden="true"`` and ``secured="true"``); a device's own
vendor parameters are recognised by their last name.
"""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"

_SECRET_LEAF = re.compile(
    r"(Password|Passphrase|PassPhrase|PreSharedKey|Psk|PSK|Secret|SharedKey|PrivateKey|"
    r"KeyPassphrase|SAEPassphrase|WEPKey|WepKey|AuthKey|EncryptionKey|PIN)\Z"
)


@lru_cache(maxsize=65536)
def is_secret(path: str) -> bool:
    """True when the last name of the parameter says that its value is a credential."""
    return _SECRET_LEAF.search(path.rpartition(".")[2]) is not None
