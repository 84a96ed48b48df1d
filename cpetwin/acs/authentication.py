"""Who is posting: the answer to our challenge, checked before the body is parsed (cwmp.md section 3)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..access.cpe import REALM, CpePrincipal
from ..access.credentials import Credentials
from ..clock import Clock
from .digest import BadAuthorization, Nonces, challenge, parse_authorization, verify_digest
from .digest import Credentials as Given

Scheme = Literal["digest", "basic"]


class Proof(NamedTuple):
    """``principal`` is proven. ``wrong``: credentials were given and do not fit; ``stale``: only the nonce was old."""

    principal: CpePrincipal | None = None
    wrong: bool = False
    stale: bool = False
    scheme: Scheme = "digest"
    generation: int = 0


NOTHING_GIVEN = Proof()


class Authentication:
    """Challenges and checks. Stateless but for the cached credentials, so that any worker can answer."""

    def __init__(self, credentials: Credentials, nonces: Nonces, clock: Clock, basic_over_http: bool) -> None:
        self._credentials = credentials
        self._nonces = nonces
        self._clock = clock
        self._basic_over_http = basic_over_http

    def challenge(self, secure: bool, stale: bool = False) -> tuple[tuple[bytes, bytes], ...]:
        """Header lines of a 401: one Digest challenge; Basic beside it only where it is safe or configured."""
        lines = [(b"WWW-Authenticate", challenge(REALM, self._nonces.mint(self._clock.now()), stale))]
        if secure or self._basic_over_http:
            lines.append((b"WWW-Authenticate", b'Basic realm="%s"' % REALM.encode()))
        return tuple(lines)

    async def prove(self, header: bytes | None, method: str, secure: bool) -> Proof:
        """Check an Authorization header."""
        if header is None:
            return NOTHING_GIVEN
        try:
            given = parse_authorization(header)
        except BadAuthorization:
            return Proof(wrong=True)
        if given.scheme == "basic" and not (secure or self._basic_over_http):
            return Proof(wrong=True, scheme="basic")
        principal = self._credentials.cached(given.username) or await self._credentials.lookup(given.username)
        proof = self._check(principal, given, method)
        if proof.wrong and not proof.stale:
            renewed = await self._credentials.lookup(given.username, fresh=True)
            if renewed != principal:
                return self._check(renewed, given, method)
        return proof

    def _check(self, principal: CpePrincipal | None, given: Given, method: str) -> Proof:
        """Whether the answer fits what is known of the username now."""
        if principal is None:
            return Proof(wrong=True)
        if given.scheme == "basic":
            generation = principal.basic(given.password)
            if generation is None:
                return Proof(wrong=True, scheme="basic")
            return Proof(principal, scheme="basic", generation=generation)
        freshness = self._nonces.check(given.nonce, self._clock.now())
        if freshness == "bad":
            return Proof(wrong=True)
        for secret, generation in principal.secrets:
            if verify_digest(given, method, secret):
                if freshness == "stale":
                    return Proof(wrong=True, stale=True)
                return Proof(principal, generation=generation)
        return Proof(wrong=True)
