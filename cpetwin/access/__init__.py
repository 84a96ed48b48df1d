"""Who may do what: users, roles, tokens and the audit record; and which device is who.

For people: ``Users.login`` gives a token, ``Tokens.authenticate`` turns it into a ``Principal``, and
``principal.require("command.queue")`` is the question every act asks. For devices: ``Credentials.lookup``
says whose username it is, ``admit`` decides about the session. Secrets are sealed by a ``SecretBox`` whose
key lies outside the data folder. Everything is kept through the Store, with its audit entry in the same write.
"""

from .auditing import entry
from .cpe import REALM, CpePrincipal, ha1
from .credentials import Credentials, preset_bootstrap
from .enrolment import Admission, admit, must_challenge
from .inventory import ImportResult
from .inventory_file import parse_inventory
from .passwords import Passwords
from .principal import DEVICE, SYSTEM, Principal
from .roles import PERMISSIONS, ROLES
from .secrets import SecretBox, SecretsError, open_box
from .throttle import GuessThrottle, Throttled
from .tokens import Tokens
from .users import Users

__all__ = [
    "DEVICE",
    "PERMISSIONS",
    "REALM",
    "ROLES",
    "SYSTEM",
    "Admission",
    "CpePrincipal",
    "Credentials",
    "GuessThrottle",
    "ImportResult",
    "Passwords",
    "Principal",
    "SecretBox",
    "SecretsError",
    "Throttled",
    "Tokens",
    "Users",
    "admit",
    "entry",
    "ha1",
    "must_challenge",
    "open_box",
    "parse_inventory",
    "preset_bootstrap",
]
