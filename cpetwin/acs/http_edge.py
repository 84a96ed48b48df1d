"""What all connections of one listener share: handler, bounds, counters, admission, and the one sweep of time-outs.

A timer per request or connection would cost more than the request: every connection carries a deadline in coarse
time, and one sweep a second looks for those that are overdue.
"""

from __future__ import annotations

import random
from collections.abc import Callable, MutableMapping
from email.utils import formatdate
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from .http_limits import HttpLimits
from .http_message import Handler, HttpResponse

if TYPE_CHECKING:
    from .http_connection import HttpConnection

IDLE, HEAD, BODY, WORK, CLOSING, CLOSED = range(6)

DEADLINES: dict[int, tuple[str, int, str]] = {
    IDLE: ("idle_s", 0, "idle"),
    HEAD: ("header_s", 408, "header-timeout"),
    BODY: ("body_s", 408, "body-timeout"),
    WORK: ("work_s", 503, "work-timeout"),
    CLOSING: ("linger_s", 0, "aborted"),
}
"""phase -> (field of HttpLimits, status to answer or 0, counter)."""


class HttpEdge:
    """What all connections of one listener share: handler, bounds, counters, the coarse time and the sweep."""

    def __init__(
        self,
        handler: Handler,
        limits: HttpLimits,
        counters: MutableMapping[str, int],
        session_cookie: bytes,
        overloaded: Callable[[], bool],
        now: float,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.counters = counters
        self.session_cookie = session_cookie
        self.overloaded = overloaded
        self.connections: set[HttpConnection] = set()
        self.per_address: dict[str, int] = {}
        self.draining = False
        self.on_empty: Callable[[], object] | None = None
        """Called when the last connection goes."""
        self.spans = {phase: getattr(limits, field) + limits.sweep_s for phase, (field, _, _) in DEADLINES.items()}
        self.now = now
        self.date = b""
        self.sweep(now)

    def count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1

    def sweep(self, now: float) -> None:
        """Move the coarse time (seconds, monotonic) and end what is overdue. Called every ``limits.sweep_s``."""
        self.now = now
        self.date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.expire()

    def admit(self, connection: HttpConnection) -> str:
        """Register a connection; returns the reason when it is one too many."""
        key = connection.address_key = self._address_key(connection.peer[0])
        self.connections.add(connection)
        self.count("connections")
        if key:
            self.per_address[key] = held = self.per_address.get(key, 0) + 1
            if held > self.limits.per_address:
                return "too-many-per-address"
        return "too-many-connections" if len(self.connections) > self.limits.connections else ""

    def release(self, connection: HttpConnection) -> None:
        self.connections.discard(connection)
        key = connection.address_key
        if key:
            left = self.per_address[key] - 1
            if left:
                self.per_address[key] = left
            else:
                del self.per_address[key]
        if not self.connections and self.on_empty is not None:
            self.on_empty()

    def _address_key(self, host: str) -> str:
        """IPv4 address or IPv6 /64; empty: not counted."""
        if host.startswith("127.") and self.limits.loopback_exempt:
            return ""
        if ":" not in host:
            return host
        address = ip_address(host.partition("%")[0])
        if self.limits.loopback_exempt and address.is_loopback:
            return ""
        assert isinstance(address, IPv6Address)
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))

    def overload(self) -> HttpResponse:
        """503 with a random Retry-After, so that a fleet does not come back in one wave."""
        wait = random.randint(*self.limits.retry_after)
        return HttpResponse(503, headers=((b"Retry-After", b"%d" % wait),), close=True)


def never() -> bool:
    """Not overloaded."""
    return False


def peer_of(name: object) -> tuple[str, int]:
    """(address, port) of a socket's peer name; IPv4-mapped IPv6 addresses become IPv4."""
    if not isinstance(name, tuple) or len(name) < 2:
        return "", 0  # the peer left before its name could be asked
    host = str(name[0])
    return host.removeprefix("::ffff:") if "." in host else host, int(name[1])
