"""Passwords: argon2id in a thread, a few at a time, and one-time passwords that people can type."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import BadInput, Unavailable

MIN_LENGTH, MAX_LENGTH = 8, 1024
"""Characters of a new password."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_CONCURRENT, _WAITING = 2, 64
_T = TypeVar("_T")


def default_hasher() -> PasswordHasher:
    """argon2id, 19 MiB, 2 passes, 1 lane (OWASP's minimum): about 30 ms, and two at once cost 38 MiB."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def one_time_password() -> str:
    """Four groups of four out of 32 letters and digits without look-alikes: 80 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def check_new(password: str, user: str) -> None:
    """Raises BadInput when a password is too short, too long, not text, or the user's name."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise BadInput(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters", "choose another password")
    if password.lower() == user:
        raise BadInput("the password is the user's name", "choose another password")
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise BadInput("the password is not valid text (UTF-8)", "choose another password") from error


class Passwords:
    """Hashes and verifies without stopping the loop. Memory is bounded by few workers and a bounded queue."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher if hasher is not None else default_hasher()
        # What unknown users are verified against, so that they take as long as known ones.
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The argon2 string. Raises Unavailable when too many are waiting."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, hash: str | None, password: str) -> bool:
        """Whether the password fits; with None (no such user) False after the same work."""
        fits = await self._run(self._verify, hash or self._nobody, password)
        return fits and hash is not None

    def is_outdated(self, hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hash)

    def _verify(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _run(self, function: Callable[..., _T], *args: str) -> _T:
        if self._waiting >= _WAITING:
            raise Unavailable("too many logins at once", "try again in some seconds")
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(function, *args)
        finally:
            self._waiting -= 1
