"""Where connection requests arrive (TR-069 3.2.2): one socket per process, a hard-to-guess path per device."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from .cpe import Device
from .digest import accepted
from .httpd import Reply, Request

REALM = "cpe"


class ConnectionRequests:
    """Answers GETs on the devices' ConnectionRequestURLs with Digest, as a CPE does. A device whose
    ConnectionRequestPassword was never set (it is empty in a dump) asks for nothing, as some real ones.

    ``accept`` is called with a device whose request was proved; it says False while a session runs (503).
    """

    def __init__(self, secret: str, accept: Callable[[Device], bool]) -> None:
        self._secret, self._accept = secret, accept
        self._devices: dict[str, Device] = {}

    def path(self, device: Device) -> str:
        """The device's path; it stays the same over restarts with the same seed."""
        path = "/" + sha256(f"{self._secret}:{device.key}".encode()).hexdigest()[:20]
        self._devices[path] = device
        return path

    def _nonce(self, device: Device) -> str:
        return sha256(f"{self._secret}:{device.key}:{device.counters['connection-requests']}".encode()).hexdigest()[:32]

    def handle(self, request: Request) -> Reply | None:
        device = self._devices.get(request.target)
        if device is None:
            return Reply("404 Not Found")
        if not device.power:
            return None
        if request.method != "GET":
            return Reply("405 Method Not Allowed")
        nonce = self._nonce(device)
        user, secret = (device.management("ConnectionRequest" + name) for name in ("Username", "Password"))
        proof = request.headers.get("authorization", "")
        if secret and not accepted(proof, "GET", request.target, user, secret, nonce):
            challenge = f'Digest realm="{REALM}", qop="auth", nonce="{nonce}", algorithm=MD5'
            return Reply("401 Unauthorized", headers=(("WWW-Authenticate", challenge),))
        if not self._accept(device):
            return Reply("503 Service Unavailable", headers=(("Retry-After", "5"),))
        device.counters["connection-requests"] += 1
        return Reply("200 OK")
