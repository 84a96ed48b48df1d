"""HTTP authentication, both ends (RFC 7616 with MD5 as TR-069 3.4.5 has it, RFC 2617 legacy form, RFC 7617 Basic)."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from hashlib import md5

_PART = re.compile(r'([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


def _hash(*parts: str) -> str:
    return md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def parts(header: str) -> dict[str, str]:
    """The parameters of a challenge or an answer; names in lower case."""
    return {name.lower(): quoted or bare for name, quoted, bare in _PART.findall(header.partition(" ")[2])}


def _response(
    method: str, user: str, password: str, realm: str, nonce: str, uri: str, qop: str, count: str, cnonce: str
) -> str:
    ha1, ha2 = _hash(user, realm, password), _hash(method, uri)
    return _hash(ha1, nonce, count, cnonce, qop, ha2) if qop else _hash(ha1, nonce, ha2)


class Login:
    """The client's end during one session: remembers the challenge and counts its uses."""

    def __init__(self, user: str, password: str, cnonce: str) -> None:
        self._user, self._password, self._cnonce = user, password, cnonce
        self._challenge: dict[str, str] = {}
        self._scheme = ""
        self._count = 0

    def challenge(self, header: str) -> bool:
        """Take a WWW-Authenticate value; False when it is a scheme this CPE does not know."""
        scheme = header.partition(" ")[0].lower()
        found = parts(header)
        if scheme not in ("digest", "basic") or found.get("algorithm", "MD5").upper() != "MD5":
            return False
        self._scheme, self._challenge, self._count = scheme, found, 0
        return True

    def header(self, method: str, uri: str) -> str | None:
        """The Authorization value for the next request; None before the first challenge."""
        if not self._scheme:
            return None
        if self._scheme == "basic":
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
        self._count += 1
        found = self._challenge
        realm, nonce = found.get("realm", ""), found.get("nonce", "")
        qop = "auth" if "auth" in [q.strip() for q in found.get("qop", "").split(",")] else ""
        count = f"{self._count:08x}"
        answer = _response(method, self._user, self._password, realm, nonce, uri, qop, count, self._cnonce)
        text = f'Digest username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{answer}"'
        if "opaque" in found:
            text += f', opaque="{found["opaque"]}"'
        return text + (f', algorithm=MD5, qop=auth, nc={count}, cnonce="{self._cnonce}"' if qop else "")


def accepted(header: str, method: str, uri: str, user: str, password: str, nonce: str) -> bool:
    """The server's end: whether an Authorization value proves user and password for our nonce."""
    if not header.lower().startswith("digest "):
        return False
    found = parts(header)
    if found.get("nonce") != nonce or found.get("username") != user or found.get("uri") != uri:
        return False
    expected = _response(
        method, user, password, found.get("realm", ""), nonce, uri,
        found.get("qop", ""), found.get("nc", ""), found.get("cnonce", ""),
    )  # fmt: skip
    return hmac.compare_digest(expected, found.get("response", ""))
