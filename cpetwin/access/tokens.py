"""Tokens: 32 random bytes of which only the SHA-256 is stored, and the principals they stand for.

A token never gives more than its user's role; its own role and scopes narrow that. Principals are
cached; every change made here empties what it touches, and an entry is read again after CACHE_SECONDS
because another process may have changed it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..clock import DAY, HOUR, MINUTE, Clock
from ..errors import BadInput, Denied, NotFound, Unauthenticated
from ..twin.store.base import Store
from .accounts import (
    KIND,
    TOKENS,
    USED,
    USERS,
    Token,
    User,
    check_name,
    decode_token,
    decode_user,
    encode,
    token_hash,
    token_id,
)
from .auditing import entry
from .principal import Principal
from .roles import BEFORE_OWN_PASSWORD, NEVER_IMPLIED, check_scopes, permissions_of

PREFIX = "cpt_"
LOGIN_LIFETIME = 12 * HOUR
DEFAULT_LIFETIME = 90 * DAY
MAX_LIFETIME = 10 * 366 * DAY
USE_NOTED_EVERY = 10 * MINUTE
"""A token's last use is stored at most this often (ms)."""
CACHE_SECONDS = 30.0
MAX_TOKEN_TEXT = 128
MAX_LABEL = 100


class NewToken(NamedTuple):
    """The only time the text of a token is known. ``expires`` in ms, 0 is never."""

    text: str
    id: str
    expires: int


class TokenInfo(NamedTuple):
    """A token as people see it. ``last_used`` in ms, exact to USE_NOTED_EVERY, 0 is never."""

    id: str
    user: str
    kind: str
    label: str
    role: str | None
    scopes: list[str] | None
    created: int
    expires: int
    last_used: int


class _Cached(NamedTuple):
    principal: Principal
    user: str
    expires: int
    read_at: float
    noted: int


class Tokens:
    """Creates, checks and revokes tokens. ``lock`` is shared with Users: records change one act at a time."""

    def __init__(
        self, store: Store, clock: Clock, now: Callable[[], float] = time.monotonic, cache_size: int = 10_000
    ) -> None:
        self.lock = asyncio.Lock()
        self._store = store
        self._clock = clock
        self._now = now
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._cache_size = cache_size
        self._changes = 0

    async def authenticate(self, text: str) -> Principal:
        """The principal a token stands for. Raises Unauthenticated."""
        if not text.startswith(PREFIX) or len(text) > MAX_TOKEN_TEXT:
            raise Unauthenticated("this is no token of cpetwin", "cpetwin login, or cpetwin token create")
        hash = token_hash(text)
        at = self._clock.now()
        cached = self._cache.get(hash)
        if cached is None or self._now() - cached.read_at > CACHE_SECONDS:
            cached = await self._read(hash, cached.noted if cached else 0)
        if cached.expires and at >= cached.expires:
            raise Unauthenticated("the token has expired", "cpetwin login, or cpetwin token create")
        if at - cached.noted >= USE_NOTED_EVERY:
            await self._note_use(hash, at)
        return cached.principal

    async def create(
        self,
        principal: Principal,
        user: str | None = None,
        *,
        label: str = "",
        role: str | None = None,
        scopes: Iterable[str] | None = None,
        lifetime: int | None = None,
    ) -> NewToken:
        """An API token for oneself, or with token.admin for another user.

        ``lifetime`` in ms (default 90 days). Raises Denied when the token would have permissions that the
        principal lacks, BadInput for unknown roles and scopes or a bad lifetime, NotFound for unknown users.
        """
        if principal.must_change:
            raise Denied(f"{principal.user} must change the one-time password first", "cpetwin user password")
        owner_name = check_name(user) if user is not None else principal.user
        if owner_name != principal.user:
            principal.require("token.admin")
        if len(label) > MAX_LABEL or not (label.isprintable() or not label):
            raise BadInput(f"a label has at most {MAX_LABEL} printable characters", "shorten it")
        lifetime = DEFAULT_LIFETIME if lifetime is None else lifetime
        if not 0 < lifetime <= MAX_LIFETIME:
            raise BadInput("the life of a token is positive and at most ten years", "give for example 90d")
        wanted = None if scopes is None else frozenset(scopes)
        if wanted is not None:
            check_scopes(wanted)
        if role is not None:
            permissions_of(role)
        async with self.lock:
            owner = await self.user(owner_name)
            text, hash, token = self.make(owner_name, "api", lifetime, label=label, role=role, scopes=wanted)
            given = permissions_for(owner, token)
            if wanted is not None and (excess := sorted(wanted - given)):
                raise Denied(f"the role {role or owner.role} does not have {excess[0]}", "leave that scope out")
            may_give(principal, given)
            await self._store.put_records(
                KIND,
                {TOKENS + hash: encode(token)},
                audit=entry(
                    principal,
                    "token.create",
                    owner_name,
                    {
                        "token_id": token.id,
                        "label": label,
                        "role": role,
                        "scopes": token.scopes,
                        "expires": token.expires,
                    },
                    at=self._clock.now(),
                ),
            )
        return NewToken(text, token.id, token.expires)

    async def revoke(self, principal: Principal, id: str) -> TokenInfo:
        """End a token, one's own or with token.admin anybody's. Raises NotFound (also for a stranger's), Denied."""
        async with self.lock:
            for hash, token in await self.all():
                if token.id != id or not (token.user == principal.user or principal.may("token.admin")):
                    continue
                used = await self._store.record(KIND, USED + hash)
                await self._store.put_records(
                    KIND,
                    {TOKENS + hash: None, USED + hash: None},
                    audit=entry(principal, "token.revoke", token.user, {"token_id": id}, at=self._clock.now()),
                )
                self.forget_user(token.user)
                return _info(token, used)
        raise NotFound(f"there is no token {id[:64]!r}", "cpetwin token list")

    async def list_tokens(self, principal: Principal, user: str | None = None) -> list[TokenInfo]:
        """One's own tokens, or with token.admin those of ``user`` (None: everybody's), oldest first."""
        if user is not None and user != principal.user:
            principal.require("token.admin")
        everybody = user is None and principal.may("token.admin")
        wanted = user or principal.user
        used = dict(await self._store.records(KIND, USED))
        found = [
            _info(token, used.get(USED + hash)) for hash, token in await self.all() if everybody or token.user == wanted
        ]
        return sorted(found, key=lambda info: (info.created, info.id))

    # -- for Users, which holds the lock

    def make(
        self,
        user: str,
        kind: str,
        lifetime: int,
        *,
        label: str = "",
        role: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> tuple[str, str, Token]:
        """A new token that is not stored yet: its text, hash and record. ``lifetime`` 0 is for ever."""
        at = self._clock.now()
        text = PREFIX + secrets.token_urlsafe(32)
        hash = token_hash(text)
        expires = at + lifetime if lifetime else 0
        listed = None if scopes is None else sorted(scopes)
        return text, hash, Token(token_id(hash), user, kind, at, expires, label, role, listed)

    async def user(self, name: str) -> User:
        """Raises NotFound."""
        record = await self._store.record(KIND, USERS + name)
        if record is None:
            raise NotFound(f"there is no user {name[:64]!r}", "cpetwin user list")
        return decode_user(record)

    async def all(self) -> list[tuple[str, Token]]:
        """(hash, token) of every stored token."""
        records = await self._store.records(KIND, TOKENS)
        return [(key.removeprefix(TOKENS), decode_token(data)) for key, data in records]

    def forget_user(self, name: str) -> None:
        """Drop cached principals of a user, because the user or a token changed."""
        self._changes += 1
        for hash in [hash for hash, cached in self._cache.items() if cached.user == name]:
            del self._cache[hash]

    # -- inside

    async def _read(self, hash: str, noted: int) -> _Cached:
        changes = self._changes
        record = await self._store.record(KIND, TOKENS + hash)
        owner = None
        if record is not None:
            token = decode_token(record)
            owner = await self._store.record(KIND, USERS + token.user)
        if record is None or owner is None:
            self._cache.pop(hash, None)
            raise Unauthenticated("the token is unknown or was revoked", "cpetwin login, or cpetwin token create")
        user = decode_user(owner)
        must_change = user.must_change and token.kind == "login"
        permissions = permissions_for(user, token)
        if must_change:
            permissions &= BEFORE_OWN_PASSWORD
        principal = Principal(user.name, token.role or user.role, permissions, token.id, must_change)
        cached = _Cached(principal, user.name, token.expires, self._now(), noted)
        # Something may have been revoked while we were reading: then this answer is not kept.
        if changes == self._changes:
            self._keep(hash, cached)
        return cached

    def _keep(self, hash: str, cached: _Cached) -> None:
        self._cache[hash] = cached
        self._cache.move_to_end(hash)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)

    async def _note_use(self, hash: str, at: int) -> None:
        cached = self._cache.get(hash)
        if cached is not None:
            self._keep(hash, cached._replace(noted=at))
        async with self.lock:
            # Under the lock, so that a token just revoked leaves nothing behind.
            if await self._store.record(KIND, TOKENS + hash) is not None:
                await self._store.put_records(KIND, {USED + hash: at.to_bytes(8, "big")})


def _info(token: Token, used: bytes | None) -> TokenInfo:
    return TokenInfo(
        token.id, token.user, token.kind, token.label, token.role, token.scopes, token.created, token.expires,
        int.from_bytes(used, "big") if used else 0,
    )  # fmt: skip


def permissions_for(user: User, token: Token) -> frozenset[str]:
    """What user's role, token's role and token's scopes leave together. Only the CLI token has everything unasked."""
    permissions = permissions_of(user.role)
    if token.role is not None:
        permissions &= permissions_of(token.role)
    if token.scopes is not None:
        return permissions & frozenset(token.scopes)
    return permissions if token.kind == "cli" else permissions - NEVER_IMPLIED


def may_give(principal: Principal, permissions: frozenset[str]) -> None:
    """Nobody gives away what they do not have themselves. Raises Denied."""
    excess = sorted(permissions - principal.permissions)
    if excess:
        raise Denied(
            f"{principal.user} ({principal.role}) cannot give {excess[0]} without having it",
            "use a login or token with that permission",
        )
