"""Connection Requests over HTTP: one GET that asks a device to call us (TR-069 3.2.2, cwmp.md section 11).

HTTP success is no proof that the device comes: the Inform with ``6 CONNECTION REQUEST`` is, and it may even be
earlier. Where to connect is told by the device itself, so ``allowed`` bounds it: a controller must not be made to
knock at other people's doors.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from .digest import Challenge, authorize_request, parse_challenge
from .wake_answer import MAX_ANSWER, Answer, BadAnswer, read_answer

log = logging.getLogger("cpetwin.acs.wake")

DEFAULT_PORT = 7547
MAX_URL = 1024
ATTEMPTS = 2
_CHALLENGES = 3
"""Requests of one attempt: the first, the answer to a challenge, one more when the nonce was stale."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class WakeResult:
    """``reason`` is "accepted", "busy" (503: try later) or why it failed; ``http_status`` the last one, 0 for none."""

    ok: bool
    reason: str
    http_status: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A ConnectionRequestURL taken apart. ``path`` is what is asked for, with its query."""

    address: IPv4Address | IPv6Address
    port: int
    path: str

    @property
    def host(self) -> str:
        """The Host header."""
        name = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{name}:{self.port}"


def parse_url(url: str) -> Target:
    """Take a ConnectionRequestURL apart. Raises ValueError with the reason why it is none."""
    if not url:
        raise ValueError("no ConnectionRequestURL")
    if len(url) > MAX_URL:
        raise ValueError("ConnectionRequestURL too long")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("blank, control or non-ASCII character in ConnectionRequestURL")
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise ValueError("ConnectionRequestURL is not http")
    if "@" in parts.netloc:
        raise ValueError("user in ConnectionRequestURL")
    try:
        address = _plain(parts.hostname or "")
    except ValueError:
        raise ValueError("host of ConnectionRequestURL is not an address") from None
    port = parts.port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(address, DEFAULT_PORT if port is None else port, path)


def _plain(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    if address.version == 6:
        if address.scope_id:
            raise ValueError("zone in address")
        return address.ipv4_mapped or address
    return address


def allowed(url: str, inform_peer_ip: str, networks: Sequence[Network] = ()) -> str | None:
    """Why we must not connect there, or None when we may.

    Allowed is the address that the last Inform came from and addresses in ``networks``; ports above 1023, 80 and
    443. A host name is refused: what it resolves to is up to the device, at every look-up anew.
    """
    try:
        target = parse_url(url)
    except ValueError as error:
        return str(error)
    if target.port <= 1023 and target.port not in (80, 443):
        return f"port {target.port} is not allowed"
    if any(target.address in network for network in networks if network.version == target.address.version):
        return None
    try:
        if _plain(inform_peer_ip) == target.address:
            return None
    except ValueError:
        return "address of the last Inform is unknown"
    return "address is neither that of the last Inform nor in a configured network"


class _Refused(Exception):
    """The device said no in a way that a second attempt does not change."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Waker:
    """Sends Connection Requests: one at a time per device, ``concurrency`` in all, ``pending`` known at most.

    ``timeout_s`` bounds an attempt as a whole, in real time; there are two. ``grace_s`` is how long a 401 without
    length is given to end before the same connection is used again. ``nonce`` makes client nonces (tests).
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        concurrency: int = 64,
        pending: int = 10_000,
        timeout_s: float = 10.0,
        grace_s: float = 0.5,
        nonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._networks = tuple(networks)
        self._free = asyncio.Semaphore(concurrency)
        self._pending = pending
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._nonce = nonce
        self._open: dict[Hashable, asyncio.Task[WakeResult]] = {}

    async def wake(self, device_key: Hashable, url: str, user: str, password: str, peer_ip: str) -> WakeResult:
        """Ask the device to call. A wish for a device that is being woken shares the request under way.

        ``url`` is the last ConnectionRequestURL, ``peer_ip`` where the last Inform came from. Never raises for
        what the device does. Cancelling one caller does not stop the request that others wait for.
        """
        task = self._open.get(device_key)
        if task is None:
            reason = allowed(url, peer_ip, self._networks)
            if reason is not None:
                return WakeResult(False, f"refused: {reason}")
            if len(self._open) >= self._pending:
                return WakeResult(False, "too many connection requests under way")
            task = asyncio.create_task(self._wake(parse_url(url), user, password))
            self._open[device_key] = task
            task.add_done_callback(lambda _: self._open.pop(device_key, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up all requests under way; their callers are cancelled."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wake(self, target: Target, user: str, password: str) -> WakeResult:
        async with self._free:
            reason = ""
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    async with asyncio.timeout(self._timeout_s):
                        attempting = _Attempt(target, user, password, self._nonce(), self._grace_s, self._timeout_s / 3)
                        status = await attempting.run()
                    return WakeResult(True, "accepted", status, attempt)
                except _Refused as error:
                    return WakeResult(False, error.reason, error.status, attempt)
                except TimeoutError:
                    reason = "timeout"
                except (BadAnswer, ValueError) as error:
                    reason = f"unreadable answer: {error}"
                except OSError as error:
                    reason = f"no connection: {error.strerror or type(error).__name__}"
                log.debug("connection request to %s, attempt %d: %s", target.host, attempt, reason)
            return WakeResult(False, reason, 0, ATTEMPTS)


class _Attempt:
    """One conversation: a GET, the answer to its challenge, on the same connection or on a new one."""

    def __init__(self, target: Target, user: str, password: str, cnonce: str, grace_s: float, reuse_s: float) -> None:
        self._target = target
        self._user = user
        self._password = password
        self._cnonce = cnonce
        self._grace_s = grace_s
        self._reuse_s = reuse_s
        self._uses = 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> int:
        """The status of success. Raises _Refused, BadAnswer, ValueError, OSError."""
        challenge: Challenge | None = None
        try:
            for _ in range(_CHALLENGES):
                answer = await self._ask(challenge)
                if answer.status != 401:
                    return self._judge(answer.status)
                if challenge is not None and not self._challenge(answer).stale:
                    break
                if not self._user:
                    raise _Refused("the device asks for credentials and we have none", 401)
                challenge = self._challenge(answer)
                self._uses = 0
            raise _Refused("the device refuses our credentials", 401)
        finally:
            self._drop()

    def _judge(self, status: int) -> int:
        if status in (200, 204):
            return status
        if status == 503:
            raise _Refused("busy", status)
        if 300 <= status < 400:
            raise _Refused("the device redirects, which is not allowed here", status)
        raise _Refused(f"the device answers {status}", status)

    def _challenge(self, answer: Answer) -> Challenge:
        try:
            return parse_challenge(answer.challenges)
        except ValueError as error:
            raise _Refused(f"unusable challenge: {error}", 401) from error

    async def _ask(self, challenge: Challenge | None) -> Answer:
        if self._streams is not None:
            try:
                async with asyncio.timeout(self._reuse_s):
                    return await self._exchange(challenge)
            except (BadAnswer, OSError) as error:  # closed or deaf after its 401, without saying so
                log.debug("connection of %s is not usable again: %r", self._target.host, error)
            self._drop()
        return await self._exchange(challenge)

    async def _exchange(self, challenge: Challenge | None) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                str(self._target.address), self._target.port, limit=MAX_ANSWER
            )
        reader, writer = self._streams
        writer.write(self._request(challenge))
        answer = await read_answer(reader, self._grace_s)
        if answer.closed:
            self._drop()
        return answer

    def _request(self, challenge: Challenge | None) -> bytes:
        lines = [f"GET {self._target.path} HTTP/1.1".encode(), f"Host: {self._target.host}".encode()]
        if challenge is not None:
            self._uses += 1
            value = authorize_request(
                challenge, "GET", self._target.path, self._user, self._password, self._cnonce, self._uses
            )
            lines.append(b"Authorization: " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
