"""Credentials of devices: the shared bootstrap credential, each device's own, and those for Connection Requests.

CPE -> ACS passwords are kept as HA1 only, Connection Request passwords reversibly (the ACS has to use
them); both are sealed. One kind of record, so that a credential and the binding of its username change
in one write:

    bootstrap           username and password for new devices (sealed)
    device/IDENTITY     the generations of a device's own credential
    user/USERNAME       the identity a username is bound to
    request/IDENTITY    Connection Request username and password (sealed)

A rotation has two phases: every generation is valid until the device uses a newer one.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import string
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from zlib import crc32

import msgspec

from ..clock import Clock
from ..errors import BadInput, Conflict
from ..twin.audit import AuditEntry
from ..twin.store.base import Store
from .auditing import entry
from .cpe import CpePrincipal, ha1
from .principal import DEVICE, SYSTEM, Principal
from .secrets import SecretBox

KIND = "cpe-credential"
BOOTSTRAP, DEVICES, USERNAMES, REQUESTS = "bootstrap", "device/", "user/", "request/"

MAX_FIELD = 256
"""Characters of a username or password (TR-181 ManagementServer.Username, .Password)."""
MAX_OWN_NAME = 128
"""A username made from an identity is at most this long; a longer identity is hashed."""
MAX_GENERATIONS = 4
"""The settled generation and the newest unsettled ones; a device that never answers cannot pile them up."""
PASSWORD_LENGTH = 24
_ALPHABET = string.ascii_letters + string.digits
_STRIPES = 64


class Login(NamedTuple):
    """A username and its password in clear. Never log it."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username!r}, ***)"


class _Generation(msgspec.Struct, frozen=True):
    number: int
    username: str
    ha1: str


class _Own(msgspec.Struct, frozen=True):
    """A device's own credential as it is before sealing; see CpePrincipal for ``settled`` and ``reopened``.

    ``generations`` are oldest first. ``imported`` is the username and HA1 of the last import, so that importing
    the same file again does not bring back what a rotation has ended.
    """

    generations: list[_Generation] = []
    newest: int = 0
    settled: int = 0
    reopened: bool = False
    imported: tuple[str, str] | None = None

    @property
    def usernames(self) -> set[str]:
        return {g.username for g in self.generations}

    @property
    def proven(self) -> bool:
        return self.settled > 0 and not self.reopened


_encode = msgspec.msgpack.Encoder().encode
_decode_own = msgspec.msgpack.Decoder(_Own).decode
_decode_login = msgspec.msgpack.Decoder(tuple[str, str]).decode


class Credentials:
    """The credentials of one store. Principals are cached (``cache_size`` of them, least recently read go first).

    Another process may have changed what is cached here: when a device's answer fits nothing, ask
    ``lookup(username, fresh=True)`` once before refusing it.
    """

    def __init__(self, store: Store, box: SecretBox, clock: Clock, cache_size: int = 20_000) -> None:
        self._store = store
        self._box = box
        self._clock = clock
        self._bootstrap: Login | None = None
        self._cache: OrderedDict[str, CpePrincipal] = OrderedDict()
        self._cache_size = cache_size
        self._changes = 0
        self._stripes = [asyncio.Lock() for _ in range(_STRIPES)]

    # -- the bootstrap credential

    async def prepare(self, preset: tuple[str, str] | None = None) -> Login:
        """Load the bootstrap credential; make it on first use. Call it before anything else.

        A ``preset`` (see ``preset_bootstrap``) replaces what is stored. Raises BadInput, Conflict when a
        device has that username.
        """
        async with self._locked(BOOTSTRAP):
            record = await self._store.record(KIND, BOOTSTRAP)
            stored = Login(*_decode_login(self._box.open(record, _context(BOOTSTRAP)))) if record is not None else None
            wanted = Login(*preset) if preset is not None else stored or Login("cpe-" + _random(6), _random())
            if wanted != stored:
                check_login(*wanted)
                if await self._store.record(KIND, USERNAMES + wanted.username) is not None:
                    raise Conflict(
                        f"the username {wanted.username!r} belongs to a device", "choose another bootstrap username"
                    )
                await self._store.put_records(
                    KIND,
                    {BOOTSTRAP: self._box.seal(_encode(tuple(wanted)), _context(BOOTSTRAP))},
                    audit=self._entry(SYSTEM, "cpe.bootstrap-set", "", {"username": wanted.username}),
                )
            self._bootstrap = wanted
            self._forget({wanted.username, *([stored.username] if stored else [])})
            return wanted

    @property
    def bootstrap(self) -> Login:
        """The bootstrap credential in clear, for ``server.json`` and ``enrol show``."""
        if self._bootstrap is None:
            raise RuntimeError("Credentials.prepare has not been called")
        return self._bootstrap

    # -- for the wire rooms

    def cached(self, username: str) -> CpePrincipal | None:
        """What ``lookup`` would say, if it can be said without asking the store; None tells nothing."""
        return self._cache.get(username)

    async def lookup(self, username: str, fresh: bool = False) -> CpePrincipal | None:
        """Whose username this is, None for nobody's. ``fresh`` asks the store again."""
        principal = None if fresh else self._cache.get(username)
        if principal is not None:
            return principal
        if not _is_field(username):
            return None
        changes = self._changes
        bootstrap = self.bootstrap
        if username == bootstrap.username:
            principal = CpePrincipal("bootstrap", username, "", ((ha1(*bootstrap), 0),))
        else:
            principal = await self._read(username)
        # Unknown names are not kept, or a guesser would push everybody else out of memory.
        if principal is None:
            self._cache.pop(username, None)
        elif changes == self._changes:
            self._cache[username] = principal
            self._cache.move_to_end(username)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        return principal

    async def used(self, principal: CpePrincipal, generation: int) -> None:
        """The device proved itself with this generation: older ones end. Costs nothing when that is settled.

        Call it only after ``admit`` allowed the session: a foreign identity must not settle anything.
        """
        if principal.kind != "device" or (generation <= principal.settled and not principal.reopened):
            return
        identity = principal.identity
        async with self._locked(identity):
            own = await self._own(identity)
            if generation not in [g.number for g in own.generations] or (generation <= own.settled and own.proven):
                return
            settled = max(own.settled, generation)
            kept = [g for g in own.generations if g.number >= settled]
            after = msgspec.structs.replace(own, generations=kept, settled=settled, reopened=False)
            await self._write(identity, own, after, DEVICE, "cpe.credential-settled", {"generation": settled})

    async def is_proven(self, identity: str) -> bool:
        """Whether the device has used a credential of its own (and was not reopened since): see ``admit``."""
        return (await self._own(identity)).proven

    async def reopen(self, identity: str, principal: Principal = SYSTEM) -> None:
        """Let a reset device come with the bootstrap credential until it uses one of its own.

        For a re-enrolment by policy ``auto`` and when an operator approves a device. What was valid stays
        valid, so the right device is not locked out should another one have pretended.
        """
        async with self._locked(identity):
            own = await self._own(identity)
            if own.proven:
                after = msgspec.structs.replace(own, reopened=True)
                await self._write(identity, own, after, principal, "cpe.credential-reopened", {})

    async def rotate(self, identity: str, principal: Principal = SYSTEM) -> Login:
        """A new password (24 letters and digits) for the device; the username stays what it was.

        The former one is valid until the device uses the new one. The caller sends both in one
        SetParameterValues (ManagementServer.Username, .Password).
        """
        if not identity:
            raise BadInput("a credential needs a device identity", "OUI-Serial")
        own = await self._own(identity)
        username = own.generations[-1].username if own.generations else await self._free_username(identity)
        login = Login(username, _random())
        await self._add(identity, login, principal, "cpe.credential-rotated")
        return login

    # -- what operators bring

    async def set_preshared(self, identity: str, username: str, password: str, principal: Principal = SYSTEM) -> bool:
        """The device has (or will get) this credential. False when that was known already.

        A former credential stays valid until this one is used. Raises BadInput, Conflict when the username
        belongs to another device or is the bootstrap username.
        """
        check_login(username, password)
        imported = (username, ha1(username, password))
        if (await self._own(identity)).imported == imported:
            return False
        await self._add(identity, Login(username, password), principal, "cpe.credential-preshared", imported)
        return True

    async def forget(self, identity: str, principal: Principal = SYSTEM) -> None:
        """Everything known of a device's credentials goes (``device forget``, ``device deny``)."""
        async with self._locked(identity):
            own = await self._own(identity)
            if not own.newest and await self._store.record(KIND, REQUESTS + identity) is None:
                return
            await self._store.put_records(
                KIND,
                {
                    DEVICES + identity: None,
                    REQUESTS + identity: None,
                    **{USERNAMES + username: None for username in own.usernames},
                },
                audit=self._entry(principal, "cpe.credential-removed", identity),
            )
            self._forget(own.usernames)

    # -- Connection Requests

    async def connection_request_credentials(self, identity: str) -> Login | None:
        """What the ACS presents to the device in a Connection Request, if it has been issued or set."""
        record = await self._store.record(KIND, REQUESTS + identity)
        if record is None:
            return None
        return Login(*_decode_login(self._box.open(record, _context(REQUESTS + identity))))

    async def issue_connection_request(self, identity: str, principal: Principal = SYSTEM) -> Login:
        """The device's Connection Request credential, made on first demand and then always the same.

        So setting it on the device (ManagementServer.ConnectionRequestUsername, ...Password) may be repeated.
        """
        async with self._locked(identity):
            known = await self.connection_request_credentials(identity)
            if known is not None:
                return known
            login = Login("acs-" + _random(12), _random())
            await self._put_request(identity, login, principal, "cpe.connection-request-issued")
            return login

    async def set_connection_request(
        self, identity: str, username: str, password: str, principal: Principal = SYSTEM
    ) -> None:
        """The device is known to accept this credential. Raises BadInput."""
        check_login(username, password)
        async with self._locked(identity):
            await self._put_request(identity, Login(username, password), principal, "cpe.connection-request-set")

    # -- inside

    @asynccontextmanager
    async def _locked(self, *names: str) -> AsyncIterator[None]:
        """Changes of one identity or username, one at a time; a fixed number of locks, always taken in order."""
        async with AsyncExitStack() as stack:
            for stripe in sorted({crc32(name.encode("utf-8", "surrogatepass")) % _STRIPES for name in names}):
                await stack.enter_async_context(self._stripes[stripe])
            yield

    async def _read(self, username: str) -> CpePrincipal | None:
        bound = await self._store.record(KIND, USERNAMES + username)
        if bound is None:
            return None
        identity = bound.decode()
        own = await self._own(identity)
        found = tuple((g.ha1, g.number) for g in reversed(own.generations) if g.username == username)
        if not found:
            return None
        return CpePrincipal("device", username, identity, found, own.settled, own.reopened)

    async def _own(self, identity: str) -> _Own:
        record = await self._store.record(KIND, DEVICES + identity)
        return _decode_own(self._box.open(record, _context(DEVICES + identity))) if record is not None else _Own()

    async def _free_username(self, identity: str) -> str:
        """The identity itself (``OUI-Serial``, as TR-069 proposes), or a name made from it."""
        username = identity
        if len(identity) > MAX_OWN_NAME:
            username = "cpe-" + hashlib.sha256(identity.encode()).hexdigest()[:32]
        bound = await self._store.record(KIND, USERNAMES + username)
        taken = username == self.bootstrap.username or (bound is not None and bound.decode() != identity)
        return f"{username}-{_random(8)}" if taken else username

    async def _add(
        self, identity: str, login: Login, principal: Principal, action: str,
        imported: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Append a generation and bind its username."""
        async with self._locked(identity, login.username):
            bound = await self._store.record(KIND, USERNAMES + login.username)
            if login.username == self.bootstrap.username or (bound is not None and bound.decode() != identity):
                owner = bound.decode() if bound is not None else "the bootstrap credential"
                raise Conflict(
                    f"the username {login.username!r} belongs to {owner}", "every device needs a username of its own"
                )
            own = await self._own(identity)
            number = own.newest + 1
            every = [*own.generations, _Generation(number, login.username, ha1(*login))]
            # The generation the device has used is never dropped for newer ones it may not have received.
            unsettled = [g for g in every if g.number != own.settled]
            kept = [g for g in every if g.number == own.settled] + unsettled[-(MAX_GENERATIONS - 1) :]
            after = msgspec.structs.replace(own, generations=kept, newest=number, imported=imported or own.imported)
            detail: dict[str, object] = {"username": login.username, "generation": number}
            await self._write(identity, own, after, principal, action, detail)

    async def _write(
        self, identity: str, before: _Own, after: _Own, principal: Principal, action: str, detail: dict[str, object]
    ) -> None:
        gone = before.usernames - after.usernames
        items: dict[str, bytes | None] = {
            DEVICES + identity: self._box.seal(_encode(after), _context(DEVICES + identity)),
            **{USERNAMES + name: identity.encode() for name in after.usernames - before.usernames},
            **{USERNAMES + name: None for name in gone},
        }
        await self._store.put_records(KIND, items, audit=self._entry(principal, action, identity, detail))
        self._forget(before.usernames | after.usernames)

    async def _put_request(self, identity: str, login: Login, principal: Principal, action: str) -> None:
        key = REQUESTS + identity
        await self._store.put_records(
            KIND,
            {key: self._box.seal(_encode(tuple(login)), _context(key))},
            audit=self._entry(principal, action, identity, {"username": login.username}),
        )

    def _forget(self, usernames: set[str]) -> None:
        self._changes += 1
        for username in usernames:
            self._cache.pop(username, None)

    def _entry(
        self, principal: Principal, action: str, subject: str, detail: Mapping[str, object] | None = None
    ) -> AuditEntry:
        return entry(principal, action, subject, detail, at=self._clock.now())


def preset_bootstrap(username: str | None, password: str | None) -> tuple[str, str] | None:
    """The pair of CPETWIN_CPE_USER and CPETWIN_CPE_PASSWORD, None when neither is set. Raises BadInput."""
    if not username and not password:
        return None
    if not username or not password:
        raise BadInput(
            "only one of CPETWIN_CPE_USER and CPETWIN_CPE_PASSWORD is set", "set both, or neither to have them made"
        )
    check_login(username, password)
    return username, password


def check_login(username: str, password: str) -> None:
    """Raises BadInput when a device could not be given this username or password."""
    if not _is_field(username) or ":" in username:
        raise BadInput(
            f"a device's username has 1 to {MAX_FIELD} printable characters and no colon", "choose another username"
        )
    if not _is_field(password):
        raise BadInput(f"a device's password has 1 to {MAX_FIELD} printable characters", "choose another password")


def _is_field(text: str) -> bool:
    """Printable (no control characters, no half surrogates), neither empty nor too long."""
    return 0 < len(text) <= MAX_FIELD and text.isprintable()


def _context(key: str) -> str:
    return f"cpe/{key}"


def _random(length: int = PASSWORD_LENGTH) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
