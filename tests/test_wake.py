"""Connection Requests reach odd devices, tell failures apart, and cannot be turned against third parties."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.acs.digest import ha1, parse_authorization, same_uri, verify_digest
from cpetwin.acs.wake import Target, Waker, WakeResult, allowed, parse_url
from cpetwin.acs.wake_answer import BadAnswer, parse_head

USER, PASSWORD = "cr-user", "cr-secret"
PLAIN = b'WWW-Authenticate: Digest realm="cpe", nonce="n1", qop="auth"\r\n'
EMPTY = b"Content-Length: 0\r\n"
ASK = b"HTTP/1.1 401 Unauthorized\r\n" + PLAIN + EMPTY + b"\r\n"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Script = Callable[["Device", int, int, bytes], Awaitable[bytes | None]]


class Device:
    """A tiny odd server: ``script(device, connection, request, head)`` gives the bytes to send, None to close.

    Bytes that end in ``CLOSE`` are sent and the connection closed.
    """

    CLOSE = b"<close>"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.heads: list[bytes] = []
        self.news = asyncio.Condition()

    async def __aenter__(self) -> Device:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        mine = self.connections
        try:
            number = 0
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number += 1
                async with self.news:
                    self.heads.append(head)
                    self.news.notify_all()
                out = await self.script(self, mine, number, head)
                if out is None:
                    return
                writer.write(out.removesuffix(self.CLOSE))
                if out.endswith(self.CLOSE):
                    await writer.drain()
                    return
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return  # the client has gone
        finally:
            self.open -= 1
            writer.close()

    async def heard(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.heads) >= count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/cr?id=7"


def proves(head: bytes) -> bool:
    """Whether the request answers a challenge with the right credentials."""
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:")]
    if not lines:
        return False
    given = parse_authorization(lines[0].partition(b":")[2].strip())
    return same_uri(given, head.split(b" ")[1]) and verify_digest(given, "GET", ha1(USER, given.realm, PASSWORD))


def challenging(ask: bytes, done: bytes = DONE) -> Script:
    """A device that sends ``ask`` until the credentials are right."""

    async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
        return done if proves(head) else ask

    return script


def answering(*answers: bytes | None) -> Script:
    """A device that gives these answers one after the other, whoever asks."""

    async def script(device: Device, connection: int, request: int, head: bytes) -> bytes | None:
        return answers[min(len(device.heads), len(answers)) - 1]

    return script


async def wake(device: Device, waker: Waker | None = None, user: str = USER, password: str = PASSWORD) -> WakeResult:
    waker = waker or Waker(timeout_s=1.5, grace_s=0.05)
    return await waker.wake("d", device.url, user, password, "127.0.0.1")


def run(script: Script, user: str = USER, password: str = PASSWORD) -> tuple[WakeResult, Device]:
    """Wake one device of this kind."""

    async def main() -> tuple[WakeResult, Device]:
        async with Device(script) as device:
            return await wake(device, user=user, password=password), device

    return asyncio.run(main())


CHALLENGES = {
    "well-formed": (ASK, 1),
    "no commas": (
        b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest qop="auth" nonce="n1" opaque="" realm="cpe"\r\n'
        b"Content-Length: 0\r\n\r\n",
        1,
    ),
    "folded, no length, kept open": (
        b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="cpe",\r\n\tqop="auth",\r\n nonce="n1"\r\n\r\n',
        1,
    ),
    "no length, closed": (b"HTTP/1.1 401 Unauthorized\r\n" + PLAIN + b"\r\n<html>no</html>" + Device.CLOSE, 2),
    "says close": (b"HTTP/1.1 401 Unauthorized\r\nConnection: Close\r\n" + PLAIN + EMPTY + b"\r\n" + Device.CLOSE, 2),
    "closes without a word": (ASK + Device.CLOSE, 2),
    "body with length": (b"HTTP/1.1 401 No\r\n" + PLAIN + b"Content-Length: 4\r\n\r\nno!\n", 1),
    "chunked body": (
        b"HTTP/1.1 401 No\r\n" + PLAIN + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + Device.CLOSE,
        2,
    ),
    "bare LF": (ASK.replace(b"\r\n", b"\n"), 1),
    "qop list": (ASK.replace(b'qop="auth"', b'qop="auth,auth-int"'), 1),
    "legacy without qop": (ASK.replace(b', qop="auth"', b""), 1),
    "SHA-256 offered, too": (ASK.replace(EMPTY, PLAIN.replace(b"qop", b"algorithm=SHA-512-256, qop") + EMPTY), 1),
    "Basic offered, too": (ASK.replace(PLAIN, b'WWW-Authenticate: Basic realm="x"\r\n' + PLAIN), 1),
    "interim answer first": (b"HTTP/1.1 100 Continue\r\n\r\n" + ASK, 1),
    "HTTP/1.0, bare": (b"HTTP/1.0 401\r\n" + PLAIN + b"\r\n" + Device.CLOSE, 2),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_odd_challenges_are_answered(name: str) -> None:
    """The challenge is understood, and answered on the same connection where that can work, else on a new one."""
    ask, connections = CHALLENGES[name]
    result, device = run(challenging(ask))
    assert result == WakeResult(True, "accepted", 200, 1)
    assert device.connections == connections


def test_no_authentication_and_204() -> None:
    """Some devices ask for nothing; 204 is success, and so is a bare status line before the close."""
    assert run(answering(b"HTTP/1.1 204 No Content\r\n\r\n"))[0] == WakeResult(True, "accepted", 204, 1)
    assert run(answering(b"HTTP/1.1 200 OK\r\n" + Device.CLOSE), user="")[0].ok


def test_the_request() -> None:
    """GET with path and query, Host with port, no body, and no credentials before the challenge."""
    _, device = run(challenging(ASK))
    assert device.heads[0] == b"GET /cr?id=7 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % device.port
    assert PASSWORD.encode() not in b"".join(device.heads)


FAILURES: dict[str, tuple[Script, str, int, int]] = {
    "in session": (answering(b"HTTP/1.1 503 Busy\r\n\r\n"), "busy", 503, 1),
    "redirect": (
        answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
        "the device redirects, which is not allowed here", 302, 1,
    ),
    "not found": (answering(b"HTTP/1.1 404 Not Found\r\n\r\n"), "the device answers 404", 404, 1),
    "other credentials": (challenging(ASK.replace(b"n1", b"n2"), ASK), "the device refuses our credentials", 401, 1),
    "Basic only": (
        answering(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'),
        "unusable challenge: only Basic is offered, which TR-069 forbids here", 401, 1,
    ),
    "no challenge": (
        answering(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        "unusable challenge: no Digest challenge that we can answer", 401, 1,
    ),
    "nonsense": (answering(b"SSH-2.0-x\r\n\r\n" + Device.CLOSE), "unreadable answer: no HTTP status line", 0, 2),
    "nothing": (answering(None), "unreadable answer: closed without an answer", 0, 2),
    "endless head": (answering(DONE[:17] + b"X: y\r\n" * 5000), "unreadable answer: answer too long", 0, 2),
    "endless line": (answering(b"HTTP/1.1 200 " + b"x" * 50_000), "unreadable answer: answer too long", 0, 2),
    "interim for ever": (answering(b"HTTP/1.1 100 C\r\n\r\n" * 9), "unreadable answer: only interim answers", 0, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_told_apart(name: str) -> None:
    """Reason and status; what a second attempt cannot change is not tried again."""
    script, reason, status, attempts = FAILURES[name]
    result, _ = run(script)
    assert result == WakeResult(False, reason, status, attempts)


def test_no_credentials() -> None:
    """A challenge without stored credentials is a reason of its own."""
    result, _ = run(challenging(ASK), user="", password="")
    assert result == WakeResult(False, "the device asks for credentials and we have none", 401, 1)


def test_one_retry_and_it_may_succeed() -> None:
    """A device that hangs up on the first try is asked once more."""
    result, device = run(answering(None, DONE))
    assert result == WakeResult(True, "accepted", 200, 2)
    assert device.connections == 2


def test_stale_nonce_is_answered_again() -> None:
    """stale=true to right credentials: the new nonce is used, in the same attempt."""

    async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
        if proves(head) and b'"n2"' in head:
            return DONE
        return ASK.replace(b'nonce="n1"', b'nonce="n2", stale=true') if proves(head) else ASK

    result, device = run(script)
    assert result == WakeResult(True, "accepted", 200, 1)
    assert len(device.heads) == 3


def test_a_connection_that_goes_deaf_after_its_401_is_replaced() -> None:
    """No length, no close and no ear: after a third of the time a new connection is made."""

    async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
        if request == 2:
            await asyncio.sleep(60)
        return DONE if proves(head) else ASK.replace(EMPTY, b"")

    result, device = run(script)
    assert result == WakeResult(True, "accepted", 200, 1)
    assert device.connections == 2


def test_silence_ends_by_the_clock() -> None:
    """Two attempts of timeout_s each, then "timeout"."""

    async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
        await asyncio.sleep(60)
        return DONE

    async def main() -> WakeResult:
        async with Device(script) as device:
            return await wake(device, Waker(timeout_s=0.1))

    assert asyncio.run(main()) == WakeResult(False, "timeout", 0, 2)


def test_nobody_there() -> None:
    """A refused connection says so."""

    async def main() -> WakeResult:
        async with Device(answering(DONE)) as device:
            pass
        await device.server.wait_closed()
        return await wake(device)

    result = asyncio.run(main())
    assert (result.ok, result.attempts) == (False, 2)
    assert result.reason.startswith("no connection: ")


def test_wishes_coalesce_and_one_caller_may_give_up() -> None:
    """Many wishes for a device are one request; cancelling a caller does not stop it; later a new one is possible."""

    async def main() -> None:
        release = asyncio.Event()

        async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
            await release.wait()
            return DONE

        async with Device(script) as device:
            waker = Waker(timeout_s=5)
            wishes = [asyncio.create_task(wake(device, waker)) for _ in range(5)]
            await device.heard(1)
            wishes[0].cancel()
            release.set()
            results = await asyncio.gather(*wishes[1:])
            assert results == [WakeResult(True, "accepted", 200, 1)] * 4
            assert device.connections == 1
            assert (await wake(device, waker)).ok
            assert device.connections == 2

    asyncio.run(main())


def test_concurrency_and_pending_are_bounded() -> None:
    """No more than ``concurrency`` connections at once, no more than ``pending`` devices known; close ends all."""

    async def main() -> None:
        release = asyncio.Event()

        async def script(device: Device, connection: int, request: int, head: bytes) -> bytes:
            await release.wait()
            return DONE

        async with Device(script) as device:
            waker = Waker(concurrency=3, pending=8, timeout_s=5)
            tasks = [asyncio.create_task(waker.wake(key, device.url, USER, PASSWORD, "127.0.0.1")) for key in range(10)]
            await device.heard(3)
            assert [task.done() for task in tasks] == [False] * 8 + [True] * 2
            assert tasks[9].result().reason == "too many connection requests under way"
            release.set()
            assert all(result.ok for result in await asyncio.gather(*tasks[:8]))
            assert device.most_open <= 3
            release.clear()
            last = asyncio.create_task(waker.wake("x", device.url, USER, PASSWORD, "127.0.0.1"))
            await device.heard(9)
            await waker.close()
            with pytest.raises(asyncio.CancelledError):
                await last

    asyncio.run(main())


# ---- where we may connect ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("http://192.0.2.1:7547/a?b=c", ("192.0.2.1", 7547, "/a?b=c"), "192.0.2.1:7547"),
        ("http://192.0.2.1", ("192.0.2.1", 7547, "/"), "192.0.2.1:7547"),
        ("http://192.0.2.1?x", ("192.0.2.1", 7547, "/?x"), "192.0.2.1:7547"),
        ("HTTP://192.0.2.1:80/", ("192.0.2.1", 80, "/"), "192.0.2.1:80"),
        ("http://[2001:db8::1]:58000/x", ("2001:db8::1", 58000, "/x"), "[2001:db8::1]:58000"),
        ("http://[2001:DB8::1]", ("2001:db8::1", 7547, "/"), "[2001:db8::1]:7547"),
        ("http://[::ffff:192.0.2.1]/", ("192.0.2.1", 7547, "/"), "192.0.2.1:7547"),
    ],
)
def test_urls(url: str, target: tuple[str, int, str], host: str) -> None:
    """IPv6 literals, no path, no port (7547)."""
    found = parse_url(url)
    assert (str(found.address), found.port, found.path) == target
    assert found.host == host
    assert allowed(url, target[0]) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "http://", "http://device.example/", "https://192.0.2.1/", "ftp://192.0.2.1/", "192.0.2.1:7547",
        "http://u:p@192.0.2.1/", "http://192.0.2.1@192.0.2.9/", "http://192.0.2.1:22/", "http://192.0.2.1:0/",
        "http://192.0.2.1:1023/", "http://192.0.2.1:99999/", "http://192.0.2.1:x/", "http://192.0.2.1/a b",
        "http://192.0.2.1/a\r\nX: y", "http://192.0.2.1/\u00e9", "http://192.0.2.1/" + "a" * 2000, "http://[::1/",
        "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://0x7f.1/", "http://3221225985/",
        "http://192.0.2.2/", "http://127.0.0.1:8080/", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_where_we_never_connect(url: str) -> None:
    """Names, users, other schemes, low ports, other addresses: refused with a reason, no connection made."""
    reason = allowed(url, "192.0.2.1")
    assert reason
    assert asyncio.run(Waker().wake("d", url, "u", "p", "192.0.2.1")) == WakeResult(False, f"refused: {reason}")


def test_networks_widen_the_policy() -> None:
    """Configured networks are allowed whatever the last Inform's address; ports stay bounded."""
    networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    assert allowed("http://10.1.2.3:7547/", "192.0.2.1", networks) is None
    assert allowed("http://[2001:db8::5]/", "", networks) is None
    assert allowed("http://10.1.2.3:22/", "192.0.2.1", networks)
    assert allowed("http://11.1.2.3:7547/", "", networks) == "address of the last Inform is unknown"


@given(st.text(max_size=60))
def test_any_url_is_judged(url: str) -> None:
    """Whatever a device calls its ConnectionRequestURL: a reason or a target, no other exception."""
    for text in (url, "http://" + url, "http://192.0.2.1" + url, "http://[" + url):
        if allowed(text, "192.0.2.1") is None:
            assert isinstance(parse_url(text), Target)
            assert str(parse_url(text).address) == "192.0.2.1"


@given(st.binary(max_size=200))
def test_any_head_is_read_or_refused(head: bytes) -> None:
    """Noise instead of an answer raises BadAnswer only."""
    for start in (b"", b"HTTP/1.1 200 OK\r\n"):
        try:
            status, _ = parse_head(start + head)
        except BadAnswer:
            continue
        assert 0 <= status <= 999
