"""The audit record: who did what to whom, chained by hashes so that a removed line shows.

An entry is written in the same transaction as the act it records. Each store file has a chain of
its own; ``verify`` in ``access`` walks them all.
"""

from __future__ import annotations

import hashlib

import msgspec

GENESIS = b"\0" * 32


class AuditEntry(msgspec.Struct, frozen=True):
    """``subject`` is a device id, user name or command; ``detail`` holds plain JSON values without secrets."""

    at: int
    actor: str
    action: str
    subject: str = ""
    detail: dict[str, object] = {}
    read: bool = False


def chain_hash(previous: bytes, entry: AuditEntry) -> bytes:
    """SHA-256 over the previous hash and the canonical JSON of the entry."""
    return hashlib.sha256(previous + msgspec.json.encode(entry, order="deterministic")).digest()
