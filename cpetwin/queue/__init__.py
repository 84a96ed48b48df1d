"""What shall happen to a device: commands, their order, expiry and outcome; and the sync policy.

``Queue`` accepts wishes and keeps them; wire rooms take them from the Store at contact, translate
them to their protocol and report each step. The queue knows no protocol.
"""

from .codec import decode_command, encode_command, masked_command
from .command import DEFAULT_EXPIRY, FINAL_STATES, KINDS, TRANSITIONS, Command
from .service import Queue

__all__ = [
    "DEFAULT_EXPIRY",
    "FINAL_STATES",
    "KINDS",
    "TRANSITIONS",
    "Command",
    "Queue",
    "decode_command",
    "encode_command",
    "masked_command",
]
