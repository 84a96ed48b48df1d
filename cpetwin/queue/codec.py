"""How a command is stored: its secrets sealed, the rest readable. And how it is shown: secrets masked."""

from __future__ import annotations

import base64
from typing import Protocol

import msgspec

from ..datamodel import MASK, is_secret
from .command import Command


class Box(Protocol):
    """What seals secrets (``access.SecretBox``)."""

    def seal(self, secret: bytes, context: str) -> bytes: ...
    def open(self, sealed: bytes, context: str) -> bytes: ...


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Command).decode
_SEALED = "sealed"


def _context(kind: str, path: str) -> str:
    return f"command/{kind}/{path}"


def _secret_name(args: dict[str, object], name: str) -> bool:
    return is_secret(f"{args.get('table', '')}{name}")


def encode_command(command: Command, box: Box) -> bytes:
    """The body to store. Values of secret parameters are sealed."""
    values = command.args.get("values")
    if isinstance(values, dict):
        stored = {
            name: [_SEALED, base64.b64encode(box.seal(text.encode(), _context(command.kind, name))).decode()]
            if _secret_name(command.args, name)
            else text
            for name, text in values.items()
        }
        command = msgspec.structs.replace(command, args={**command.args, "values": stored})
    return _encode(command)


def decode_command(body: bytes, box: Box) -> Command:
    """The command with its secrets, for delivery only."""
    command = _decode(body)
    values = command.args.get("values")
    if isinstance(values, dict):
        opened = {
            name: box.open(base64.b64decode(text[1]), _context(command.kind, name)).decode()
            if isinstance(text, list)
            else text
            for name, text in values.items()
        }
        command = msgspec.structs.replace(command, args={**command.args, "values": opened})
    return command


def masked_command(body: bytes) -> Command:
    """The command as people may see it: ``***`` for secrets, without opening them."""
    command = _decode(body)
    values = command.args.get("values")
    if isinstance(values, dict):
        shown = {name: MASK if isinstance(text, list) else text for name, text in values.items()}
        command = msgspec.structs.replace(command, args={**command.args, "values": shown})
    return command


def carries_secrets(body: bytes) -> bool:
    """Whether a stored command would hand a secret to the device."""
    values = _decode(body).args.get("values")
    return isinstance(values, dict) and any(isinstance(text, list) for text in values.values())


def same_command(left: bytes, right: bytes, box: Box) -> bool:
    """Whether two stored bodies ask for the same (sealed values differ in their bytes)."""
    return decode_command(left, box) == decode_command(right, box)
