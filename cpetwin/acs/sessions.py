"""The sessions under way in this process: found by cookie, by TCP connection, by device, and ended when silent."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator

from .session import Session

COOKIE = b"cpetwin"
DEFAULT_TIMEOUT_S = 30
MAX_TIMEOUT_S = 600


class Entry:
    """A session and how it is reached. ``busy``: a POST of it is being answered. Times are those of the loop."""

    __slots__ = ("busy", "connection", "device", "last", "session", "timeout", "token")

    def __init__(self, session: Session, device: int, connection: Hashable, now: float, timeout: int | None) -> None:
        self.session = session
        self.device = device
        self.connection = connection
        self.last = now
        self.timeout = min(max(timeout or DEFAULT_TIMEOUT_S, DEFAULT_TIMEOUT_S), MAX_TIMEOUT_S)
        self.token = os.urandom(16).hex().encode()
        self.busy = False

    @property
    def cookie(self) -> bytes:
        """Value of Set-Cookie: without attributes, because some clients echo them (cwmp.md section 3)."""
        return COOKIE + b"=" + self.token


def token_in(cookie: bytes) -> bytes | None:
    """Our token in a Cookie header; echoed attributes and foreign cookies are skipped."""
    for part in cookie.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == COOKIE:
            return value.strip(b'" ')
    return None


class Sessions:
    """At most one session per device; the newest wins."""

    def __init__(self) -> None:
        self._by_token: dict[bytes, Entry] = {}
        self._by_device: dict[int, Entry] = {}
        self._by_connection: dict[Hashable, Entry] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    @property
    def open_count(self) -> int:
        return sum(1 for entry in self._by_token.values() if entry.session.open)

    def find(self, cookie: bytes | None, connection: Hashable) -> Entry | None:
        """By cookie; a client that sends none of ours is known by its connection."""
        token = token_in(cookie) if cookie else None
        if token is not None:
            return self._by_token.get(token)
        return self._by_connection.get(connection)

    def of_device(self, device: int) -> Entry | None:
        return self._by_device.get(device)

    def add(self, entry: Entry) -> None:
        self._by_token[entry.token] = entry
        self._by_device[entry.device] = entry
        self._by_connection[entry.connection] = entry

    def remove(self, entry: Entry) -> None:
        self._by_token.pop(entry.token, None)
        if self._by_device.get(entry.device) is entry:
            del self._by_device[entry.device]
        self.unbind(entry.connection, entry)

    def unbind(self, connection: Hashable, entry: Entry | None = None) -> None:
        """The connection is gone; the session lives on by its cookie."""
        bound = self._by_connection.get(connection)
        if bound is not None and (entry is None or bound is entry):
            bound.connection = None
            del self._by_connection[connection]

    def rebind(self, entry: Entry, connection: Hashable) -> None:
        if entry.connection != connection:
            self.unbind(entry.connection, entry)
            entry.connection = connection
            self._by_connection[connection] = entry

    def silent(self, now: float) -> Iterator[Entry]:
        """Sessions over their time-out."""
        for entry in list(self._by_token.values()):
            if not entry.busy and now - entry.last > entry.timeout:
                yield entry

    def all(self) -> list[Entry]:
        return list(self._by_token.values())
