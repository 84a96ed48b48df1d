"""Users: who may log in, with which role and password, and what the first start makes.

Every change is one ``put_records`` with its audit entry; whatever tokens it ends go in the same write.
A one-time password allows to look and to change it, nothing else (``Principal.must_change``).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..clock import Clock
from ..errors import BadInput, Conflict, Unauthenticated
from ..twin.store.base import Store
from .accounts import KIND, TOKENS, USED, USERS, User, check_name, decode_user, encode, token_hash
from .auditing import entry
from .passwords import Passwords, check_new, one_time_password
from .principal import SYSTEM, Principal
from .roles import NEVER_IMPLIED, permissions_of
from .throttle import GuessThrottle
from .tokens import LOGIN_LIFETIME, Tokens, may_give

OWNER = "admin"
"""The user that the first start makes; the owner of the data folder acts as this user."""
MAX_LOGINS = 20
"""Login tokens of one user; a further login ends the oldest."""


class Login(NamedTuple):
    """``expires`` in ms. With ``must_change`` the token may only read and change the password."""

    token: str
    user: str
    role: str
    expires: int
    must_change: bool


class UserInfo(NamedTuple):
    """A user as people see it. Times in ms."""

    name: str
    role: str
    must_change: bool
    created: int
    password_changed: int


class Users:
    """Users of one store. ``tokens`` must be the only Tokens of that store in this process (they share a lock)."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tokens: Tokens,
        passwords: Passwords | None = None,
        throttle: GuessThrottle | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._passwords = passwords if passwords is not None else Passwords()
        self._throttle = throttle if throttle is not None else GuessThrottle()

    # -- logging in

    async def login(self, name: str, password: str, source: str = "") -> Login:
        """A token for a right password. ``source`` is the caller's address, for the throttle.

        Raises Unauthenticated (the same for unknown users and wrong passwords, after the same work) or Throttled.
        """
        self._throttle.begin(name, source)
        user = await self._find(name)
        if not await self._passwords.verify(user.hash if user else None, password):
            # The name is not repeated unless it is one of ours: people type passwords into the wrong field.
            who = user.name if user else "(unknown user)"
            await self._store.add_audit(entry(SYSTEM, "login.failed", who, {"source": source}, at=self._clock.now()))
            raise Unauthenticated("user or password is wrong", "an admin can give a new one-time password")
        assert user is not None
        self._throttle.success(name, source)
        hash = await self._passwords.hash(password) if self._passwords.is_outdated(user.hash) else user.hash
        async with self._tokens.lock:
            # Read again: hashing took a while, and the user may have been changed or removed meanwhile.
            current = await self._find(name)
            if current is None or current.hash != user.hash:
                raise Unauthenticated("the user was changed during the login", "log in again")
            text, key, token = self._tokens.make(user.name, "login", LOGIN_LIFETIME)
            items: dict[str, bytes | None] = {TOKENS + key: encode(token)}
            items.update(_removal(await self._superfluous_logins(user.name)))
            if hash != user.hash:
                items[USERS + user.name] = encode(msgspec.structs.replace(current, hash=hash))
            await self._store.put_records(
                KIND, items, audit=entry(_as_actor(current), "login", user.name, {"source": source}, at=token.created)
            )
        return Login(text, user.name, current.role, token.expires, current.must_change)

    async def passwd(self, principal: Principal, old: str, new: str) -> None:
        """Change one's own password; other logins of the user end, the one in use stays.

        Raises Unauthenticated when ``old`` is wrong, Throttled, BadInput when ``new`` will not do.
        """
        check_new(new, principal.user)
        if new == old:
            raise BadInput("the new password is the old one", "choose another password")
        self._throttle.begin(principal.user, "passwd")
        user = await self._tokens.user(principal.user)
        if not await self._passwords.verify(user.hash, old):
            raise Unauthenticated("the old password is wrong", "an admin can give a new one-time password")
        self._throttle.success(principal.user, "passwd")
        await self._set_password(principal, user, new, must_change=False, keep_token=principal.token)

    # -- administration

    async def add_user(self, principal: Principal, name: str, role: str, password: str | None = None) -> str:
        """Make a user. Returns the one-time password, or "" when a password was given.

        Raises BadInput (name, role, password), Conflict when the user exists, Denied.
        """
        principal.require("user.admin")
        check_name(name)
        self._may_make(principal, role)
        if password is not None:
            check_new(password, name)
        chosen = password if password is not None else one_time_password()
        hash = await self._passwords.hash(chosen)
        async with self._tokens.lock:
            if await self._find(name) is not None:
                raise Conflict(f"the user {name} exists", "cpetwin user role or cpetwin user password change it")
            await self._add(principal, name, role, hash, must_change=password is None)
        return "" if password is not None else chosen

    async def list_users(self, principal: Principal) -> list[UserInfo]:
        """All users by name. Raises Denied."""
        principal.require("user.admin")
        return [UserInfo(u.name, u.role, u.must_change, u.created, u.changed) for u in await self._all()]

    async def set_role(self, principal: Principal, name: str, role: str) -> None:
        """Takes effect at once, also for tokens in use. Raises NotFound, BadInput, Denied, Conflict (last admin)."""
        principal.require("user.admin")
        self._may_make(principal, role)
        async with self._tokens.lock:
            user = await self._tokens.user(name)
            self._may_make(principal, user.role)
            if user.role == role:
                return
            await self._keep_an_admin(user)
            await self._store.put_records(
                KIND,
                {USERS + name: encode(msgspec.structs.replace(user, role=role))},
                audit=entry(principal, "user.role", name, {"from": user.role, "to": role}, at=self._clock.now()),
            )
            self._tokens.forget_user(name)

    async def reset_password(self, principal: Principal, name: str) -> str:
        """A new one-time password for somebody; their logins end. Raises NotFound, Denied."""
        principal.require("user.admin")
        user = await self._tokens.user(name)
        self._may_make(principal, user.role)
        password = one_time_password()
        await self._set_password(principal, user, password, must_change=True, keep_token="")
        return password

    async def remove_user(self, principal: Principal, name: str) -> None:
        """The user and all its tokens go. Raises NotFound, Denied, Conflict (last admin)."""
        principal.require("user.admin")
        async with self._tokens.lock:
            user = await self._tokens.user(name)
            self._may_make(principal, user.role)
            await self._keep_an_admin(user)
            hashes = [hash for hash, token in await self._tokens.all() if token.user == name]
            await self._store.put_records(
                KIND,
                {USERS + name: None, **_removal(hashes)},
                audit=entry(principal, "user.remove", name, {"role": user.role}, at=self._clock.now()),
            )
            self._tokens.forget_user(name)

    # -- first start

    async def prepare(self, token_file: Path) -> str | None:
        """Make the owner and the CLI token of a data folder where they are missing.

        Returns the owner's one-time password when there was no user yet (show it once), else None.
        The token file (mode 0600) is written anew when it is gone or its token is not valid any more.
        """
        password = None
        if not await self._all():
            password = one_time_password()
            hash = await self._passwords.hash(password)
            async with self._tokens.lock:
                await self._add(SYSTEM, OWNER, "admin", hash, must_change=True)
        async with self._tokens.lock:
            present = _stored_token(token_file)
            former = [hash for hash, token in await self._tokens.all() if token.kind == "cli"]
            if present in former:
                return password
            admins = [user.name for user in await self._all() if user.role == "admin"]
            owner = OWNER if OWNER in admins else admins[0]
            text, key, token = self._tokens.make(owner, "cli", 0, label="data folder")
            await self._store.put_records(
                KIND,
                {TOKENS + key: encode(token), **_removal(former)},
                audit=entry(SYSTEM, "token.create", owner, {"token_id": token.id, "kind": "cli"}, at=token.created),
            )
            for name in {owner, OWNER}:
                self._tokens.forget_user(name)
            _write_private(token_file, text)
        return password

    # -- inside

    async def _find(self, name: str) -> User | None:
        record = await self._store.record(KIND, USERS + name) if len(name) <= 64 else None
        return decode_user(record) if record is not None else None

    async def _all(self) -> list[User]:
        users = [decode_user(data) for _, data in await self._store.records(KIND, USERS)]
        return sorted(users, key=lambda user: user.name)

    async def _add(self, principal: Principal, name: str, role: str, hash: str, must_change: bool) -> None:
        at = self._clock.now()
        await self._store.put_records(
            KIND,
            {USERS + name: encode(User(name, role, hash, must_change, at, at))},
            audit=entry(principal, "user.add", name, {"role": role, "one_time": must_change}, at=at),
        )

    async def _set_password(
        self, principal: Principal, user: User, password: str, must_change: bool, keep_token: str
    ) -> None:
        hash = await self._passwords.hash(password)
        async with self._tokens.lock:
            current = await self._tokens.user(user.name)
            if current.hash != user.hash or current.role != user.role:
                raise Conflict(f"the user {user.name} was changed meanwhile", "try again")
            ended = [
                key
                for key, token in await self._tokens.all()
                if token.user == user.name and token.kind == "login" and token.id != keep_token
            ]
            at = self._clock.now()
            changed = msgspec.structs.replace(current, hash=hash, must_change=must_change, changed=at)
            detail = {"one_time": must_change, "logins_ended": len(ended)}
            await self._store.put_records(
                KIND,
                {USERS + user.name: encode(changed), **_removal(ended)},
                audit=entry(principal, "user.password", user.name, detail, at=at),
            )
            self._tokens.forget_user(user.name)

    async def _superfluous_logins(self, name: str) -> list[str]:
        """Hashes of a user's expired logins, and of the oldest ones beyond MAX_LOGINS with the coming one."""
        now = self._clock.now()
        logins = [(hash, t) for hash, t in await self._tokens.all() if t.user == name and t.kind == "login"]
        alive = sorted((t.created, hash) for hash, t in logins if t.expires > now)
        expired = [hash for hash, t in logins if t.expires <= now]
        return expired + [hash for _, hash in alive[: max(0, len(alive) + 1 - MAX_LOGINS)]]

    async def _keep_an_admin(self, user: User) -> None:
        if user.role == "admin" and [u.name for u in await self._all() if u.role == "admin"] == [user.name]:
            raise Conflict(f"{user.name} is the last admin", "make another admin first")

    @staticmethod
    def _may_make(principal: Principal, role: str) -> None:
        may_give(principal, permissions_of(role) - NEVER_IMPLIED)


def _as_actor(user: User) -> Principal:
    return Principal(user.name, user.role, frozenset())


def _removal(hashes: list[str]) -> dict[str, bytes | None]:
    return {prefix + hash: None for hash in hashes for prefix in (TOKENS, USED)}


def _stored_token(path: Path) -> str:
    """Hash of the token in the file, "" when there is no file."""
    return token_hash(path.read_text().strip()) if path.exists() else ""


def _write_private(path: Path, text: str) -> None:
    """Replace a file by a new one of mode 0600, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
