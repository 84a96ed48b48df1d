"""HTTP Digest and Basic authentication, both ends, without I/O (RFC 7616, RFC 2617, RFC 7617).

Server side for CPE -> ACS: one challenge (MD5, qop="auth"), nonces that any worker can check, answers with and
without qop. Client side for Connection Requests: the odd challenges that devices send (cwmp.md sections 3 and 11).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Literal

from .http_auth import BadAuthorization, parse_schemes, quote, text_of

__all__ = [
    "BadAuthorization", "BadChallenge", "Challenge", "Credentials", "Nonces", "authorize_request", "challenge", "ha1",
    "parse_authorization", "parse_challenge", "same_uri", "verify_digest",
]  # fmt: skip

AHEAD_MS = 60_000
"""How far another worker's clock may be ahead of ours."""


class BadChallenge(ValueError):
    """No challenge that we answer; the text says why."""


# ---- server side ---------------------------------------------------------------------------------------------------


class Nonces:
    """Time-bound nonces that need no memory: time, salt and HMAC-SHA256 under ``secret``, in hex.

    ``lifetime_ms`` should outlast a session. A nonce may be used again within it: replay is bounded by time, not by
    counting, so that it survives a new TCP connection, a lost answer and another worker.
    """

    def __init__(self, secret: bytes, lifetime_ms: int) -> None:
        self._secret = secret
        self._lifetime_ms = lifetime_ms

    def mint(self, now: int) -> str:
        """A nonce of this moment (milliseconds since the epoch): 56 hex digits."""
        head = now.to_bytes(8, "big") + secrets.token_bytes(4)
        return (head + self._mac(head)).hex()

    def check(self, nonce: str, now: int) -> Literal["ok", "stale", "bad"]:
        """``stale``: ours, but not of now (answer 401 with stale=true); ``bad``: not ours."""
        if len(nonce) != 56 or not nonce.isascii():
            return "bad"
        try:
            raw = bytes.fromhex(nonce)
        except ValueError:
            return "bad"
        if len(raw) != 28 or not hmac.compare_digest(raw[12:], self._mac(raw[:12])):
            return "bad"
        minted = int.from_bytes(raw[:8], "big")
        return "ok" if now - self._lifetime_ms <= minted <= now + AHEAD_MS else "stale"

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._secret, head, "sha256")[:16]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization header says. ``password`` is of Basic only, all below it of Digest only."""

    scheme: Literal["basic", "digest"]
    username: str
    password: str = field(default="", repr=False)
    realm: str = ""
    nonce: str = ""
    uri: str = ""
    response: str = field(default="", repr=False)
    algorithm: str = ""
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str = ""


def challenge(realm: str, nonce: str, stale: bool = False) -> bytes:
    """The value of WWW-Authenticate: exactly one Digest challenge, as old CPEs fail on more or stronger ones."""
    value = f'Digest realm={quote(realm)}, nonce={quote(nonce)}, algorithm=MD5, qop="auth"'
    return (value + (", stale=true" if stale else "")).encode()


def parse_authorization(header: bytes) -> Credentials:
    """Read an Authorization header, leniently in form and strictly in size. Raises BadAuthorization."""
    scheme, _, rest = header.strip().partition(b" ")
    if scheme.lower() == b"basic":
        return _parse_basic(rest.strip())
    schemes = parse_schemes(header)
    if len(schemes) != 1 or schemes[0][0] != "digest":
        raise BadAuthorization("not exactly one Digest answer")
    given = schemes[0][1]
    names = ("realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce", "opaque")
    if not given.get("username") or not given.get("nonce") or not given.get("response"):
        raise BadAuthorization("username, nonce or response missing")
    return Credentials("digest", given["username"], **{name: given.get(name, "") for name in names})


def _parse_basic(token: bytes) -> Credentials:
    if len(token) > 1024:
        raise BadAuthorization("header too long")
    try:
        user, colon, password = b64decode(token, validate=True).partition(b":")
    except Base64Error as error:
        raise BadAuthorization("not base64") from error
    if not colon:
        raise BadAuthorization("no colon in Basic credentials")
    return Credentials("basic", text_of(user), text_of(password))


def ha1(user: str, realm: str, password: str) -> str:
    """MD5(user:realm:password) in hex: what is kept instead of a password (RFC 2617 3.2.2.2)."""
    return _hash("md5", user, realm, password)


def verify_digest(credentials: Credentials, method: str, ha1: str) -> bool:
    """Whether the answer was computed with ``ha1``, in constant time. The nonce is checked by ``Nonces``.

    The uri is the one the client wrote, whatever it posted to (see ``same_uri``). Without qop the legacy form of
    RFC 2069; MD5 only, since nothing else was offered.
    """
    if credentials.scheme != "digest" or credentials.algorithm.lower() not in ("", "md5"):
        return False
    ha2 = _hash("md5", method, credentials.uri)
    qop = credentials.qop.lower()
    if qop == "auth":
        expected = _hash("md5", ha1, credentials.nonce, credentials.nc, credentials.cnonce, credentials.qop, ha2)
    elif qop == "":
        expected = _hash("md5", ha1, credentials.nonce, ha2)
    else:
        return False
    return hmac.compare_digest(expected.encode(), credentials.response.lower().encode())


def same_uri(credentials: Credentials, path: bytes) -> bool:
    """Whether the digest uri names the requested path; empty and absolute ones count. A mismatch is only reported."""
    uri = credentials.uri
    if "://" in uri:
        uri = "/" + uri.partition("://")[2].partition("/")[2]
    return uri in ("", text_of(path))


# ---- client side ---------------------------------------------------------------------------------------------------

_ALGORITHMS = {
    # as written, in lower case -> (hashlib name, session variant, preference)
    "": ("md5", False, 0),
    "md5": ("md5", False, 0),
    "md5-sess": ("md5", True, 0),
    "sha-256": ("sha256", False, 1),
    "sha-256-sess": ("sha256", True, 1),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge we can answer. ``algorithm`` as the device wrote it, empty when it wrote none."""

    scheme: Literal["basic", "digest"]
    realm: str
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    qop: Literal["", "auth"] = ""
    stale: bool = False


def parse_challenge(values: list[bytes], allow_basic: bool = False) -> Challenge:
    """The best Digest challenge (SHA-256 before MD5) of all WWW-Authenticate values; Basic only if allowed.

    Raises BadChallenge when there is none, and BadAuthorization (a ValueError, too) when a value cannot be read.
    """
    schemes = [scheme for value in values for scheme in parse_schemes(value)]
    found = [_digest(given) for scheme, given in schemes if scheme == "digest" and _answerable(given)]
    if found:
        return max(found, key=lambda one: _ALGORITHMS[one.algorithm.lower()][2])
    basic = next((given for scheme, given in schemes if scheme == "basic"), None)
    if basic is None:
        raise BadChallenge("no Digest challenge that we can answer")
    if not allow_basic:
        raise BadChallenge("only Basic is offered, which TR-069 forbids here")
    return Challenge("basic", basic.get("realm", ""))


def _qops(given: dict[str, str]) -> list[str]:
    return given.get("qop", "").lower().replace(",", " ").split()


def _answerable(given: dict[str, str]) -> bool:
    qops = _qops(given)
    return bool(given.get("nonce")) and given.get("algorithm", "").lower() in _ALGORITHMS and (
        not qops or "auth" in qops
    )  # fmt: skip


def _digest(given: dict[str, str]) -> Challenge:
    return Challenge(
        "digest",
        given.get("realm", ""),
        given["nonce"],
        given.get("opaque"),
        given.get("algorithm", ""),
        "auth" if _qops(given) else "",
        given.get("stale", "").lower() == "true",
    )


def authorize_request(
    challenge: Challenge, method: str, uri: str, user: str, password: str, cnonce: str, nc: int
) -> bytes:
    """The value of Authorization that answers the challenge. ``nc`` counts the uses of its nonce from 1.

    Raises ValueError when ``uri`` or ``user`` holds a control character, which would end the header.
    """
    if not (uri + user).isprintable():
        raise ValueError("control character in uri or user")
    if challenge.scheme == "basic":
        return b"Basic " + b64encode(f"{user}:{password}".encode())
    name, session, _ = _ALGORITHMS[challenge.algorithm.lower()]
    secret = _hash(name, user, challenge.realm, password)
    if session:
        secret = _hash(name, secret, challenge.nonce, cnonce)
    ha2 = _hash(name, method, uri)
    count = f"{nc:08x}"
    middle = (count, cnonce, "auth") if challenge.qop else ()
    response = _hash(name, secret, challenge.nonce, *middle, ha2)
    parts = [
        f"username={quote(user)}", f"realm={quote(challenge.realm)}", f"nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}", f'response="{response}"',
    ]  # fmt: skip
    if challenge.algorithm:
        parts.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    if challenge.qop:
        parts += ["qop=auth", f"nc={count}"]
    if challenge.qop or session:
        parts.append(f"cnonce={quote(cnonce)}")
    return ("Digest " + ", ".join(parts)).encode()


def _hash(name: str, *parts: str) -> str:
    text = ":".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.new(name, text, usedforsecurity=False).hexdigest()
