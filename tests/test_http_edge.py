"""The CWMP endpoint keeps HTTP/1.1 and its bounds, whatever a device sends: without I/O, then on real sockets."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.acs.http import HttpLimits, HttpRequest, HttpResponse, Respond, listen
from cpetwin.acs.http_connection import HttpConnection
from cpetwin.acs.http_edge import HttpEdge, never, peer_of

REPOSITORY = Path(__file__).resolve().parent.parent
CHUNKED = b"Transfer-Encoding: chunked\r\n"
POST = b"POST /acs HTTP/1.1\r\nHost: acs\r\n"
SMALL = HttpLimits(body_bytes=10_000, drain_bytes=1000, inflated_bytes=500_000, inflate_free=5000, inflate_ratio=50)


class FakeWire:
    can_half_close = True

    def __init__(self) -> None:
        self.out = b""
        self.state = "open"
        self.paused = False

    def write(self, data: bytes) -> None:
        assert self.state == "open", "written after the end"
        self.out += data

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def half_close(self) -> None:
        self.state = "half-closed"

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"


class FakeHandler:
    """Remembers what it was asked; ``hold`` keeps the respond callbacks for the test to call."""

    def __init__(self) -> None:
        self.authorized: list[HttpRequest] = []
        self.handled: list[HttpRequest] = []
        self.held: list[Respond] = []
        self.lost_connections: list[object] = []
        self.hold = False
        self.refusal: HttpResponse | None = None

    def authorize(self, request: HttpRequest) -> HttpResponse | None:
        assert request.body == b""
        self.authorized.append(request)
        return self.refusal

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        self.handled.append(request)
        if self.hold:
            self.held.append(respond)
        else:
            respond(HttpResponse(200, b"<ok/>") if request.body else HttpResponse(204))

    def lost(self, connection: object) -> None:
        self.lost_connections.append(connection)


class Bench:
    """One edge, one connection."""

    def __init__(self, limits: HttpLimits = SMALL, overloaded: Callable[[], bool] = never) -> None:
        self.handler = FakeHandler()
        self.counters: Counter[str] = Counter()
        self.edge = HttpEdge(self.handler, limits, self.counters, b"cpetwin=", overloaded, now=1000.0)
        self.wire = FakeWire()
        self.connection = self.connect(self.wire)

    def connect(self, wire: FakeWire, host: str = "192.0.2.1") -> HttpConnection:
        return HttpConnection(self.edge, wire, (host, 5000), False)

    def statuses(self) -> list[int]:
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", self.wire.out)]

    def feed(self, *pieces: bytes) -> list[int]:
        for piece in pieces:
            self.connection.feed(piece)
        return self.statuses()


def message(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return POST + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# ---- messages ------------------------------------------------------------------------------------------------------


def test_a_request_and_its_answer() -> None:
    """The handler gets method, path, lower-cased headers, body; the answer is one well-formed message."""
    bench = Bench()
    bench.feed(message(b"<x/>", b"SOAPAction:", b"Cookie: a=1", b"Cookie: b=2", b"X-A: 1", b"x-a: 2"))
    (request,) = bench.handler.handled
    assert (request.method, request.path, request.body) == ("POST", b"/acs", b"<x/>")
    assert request.headers[b"soapaction"] == b""
    assert request.headers[b"cookie"] == b"a=1; b=2"
    assert request.headers[b"x-a"] == b"1, 2"
    assert request.peer == ("192.0.2.1", 5000)
    assert request.connection is bench.connection
    head, _, body = bench.wire.out.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b'Content-Type: text/xml; charset="utf-8"' in lines
    assert b"Content-Length: 5" in lines
    assert body == b"<ok/>"
    assert bench.wire.state == "open"


def test_204_has_neither_body_nor_length() -> None:
    """One field client hangs when an empty answer has a length."""
    bench = Bench()
    assert bench.feed(message(b"")) == [204]
    assert b"Content-" not in bench.wire.out


@given(
    body=st.binary(max_size=300),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    form=st.sampled_from(["length", "chunked", "gzip", "zlib", "raw", "gzip-chunked"]),
)
def test_however_the_body_is_sent_and_cut_the_handler_sees_it_whole(body: bytes, cuts: list[int], form: str) -> None:
    """Content-Length, chunks, gzip, both deflates, and any cut of the stream give the same request."""
    raw = zlib.compressobj(wbits=-15)
    sent, coding = {
        "gzip": (gzip.compress(body), [b"Content-Encoding: gzip"]),
        "gzip-chunked": (gzip.compress(body), [b"Content-Encoding: x-gzip"]),
        "zlib": (zlib.compress(body), [b"Content-Encoding: deflate"]),
        "raw": (raw.compress(body) + raw.flush(), [b"Content-Encoding: Deflate"]),
    }.get(form, (body, []))
    if form.endswith("chunked"):
        lines = b"".join(line + b"\r\n" for line in [*coding, b"Transfer-Encoding: chunked"])
        stream = POST + lines + b"\r\n" + chunked(sent)
    else:
        stream = message(sent, *coding)
    bench = Bench()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    bench.feed(*(stream[a:b] for a, b in zip(edges, edges[1:], strict=False)))
    assert [request.body for request in bench.handler.handled] == [body]


@given(st.binary(max_size=400), st.booleans())
def test_noise_never_raises_and_never_stays_unanswered(noise: bytes, started: bool) -> None:
    """Any bytes: at most a refusal and the end of the connection, never an exception."""
    bench = Bench()
    bench.feed((POST if started else b"") + noise, noise)
    bench.edge.sweep(2000.0)
    assert bench.wire.state != "open" or not bench.wire.paused
    bench.connection.lost()
    assert bench.handler.lost_connections == [bench.connection]


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "GET": (b"GET / HTTP/1.1\r\n\r\n", 405, "method"),
    "HEAD": (b"HEAD / HTTP/1.1\r\n\r\n", 405, "method"),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\n\r\n", 405, "method"),
    "unknown method": (b"BREW / HTTP/1.1\r\n\r\n", 501, "method"),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01", 400, "bad-request"),
    "HTTP/2.0": (b"POST / HTTP/2.0\r\n\r\n", 505, "version"),
    "HTTP/1.2": (b"POST / HTTP/1.2\r\n\r\n", 505, "version"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
    "no version": (b"POST /\r\n\r\n", 400, "bad-request"),
    "both lengths": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "smuggling"),
    "both lengths, turned": (POST + CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n", 400, "smuggling"),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "smuggling"),
    "length with sign": (POST + b"Content-Length: +3\r\n\r\nabc", 400, "smuggling"),
    "length too long": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, "smuggling"),
    "blank before colon": (POST + b"Content-Length : 3\r\n\r\nabc", 400, "bad-request"),
    "obs-fold": (POST + b"X: a\r\n b\r\n\r\n", 400, "smuggling"),
    "bare LF": (b"POST / HTTP/1.1\nHost: a\n\n", 400, "bad-request"),
    "NUL": (POST + b"X: a\0b\r\n\r\n", 400, "bad-request"),
    "two hosts": (POST + b"Host: b\r\n\r\n", 400, "smuggling"),
    "two authorizations": (POST + b"Authorization: a\r\nAuthorization: b\r\n\r\n", 400, "smuggling"),
    "1.0 with chunks": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "smuggling"),
    "gzip as transfer coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "transfer-encoding"),
    "unknown transfer coding": (POST + b"Transfer-Encoding: zap\r\n\r\n", 501, "transfer-encoding"),
    "chunk size nonsense": (POST + CHUNKED + b"\r\nzz\r\n", 400, "bad-request"),
    "brotli": (POST + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415, "content-encoding"),
    "not gzip": (message(b"plain", b"Content-Encoding: gzip"), 400, "content-encoding"),
    "gzip cut short": (message(gzip.compress(b"a" * 99)[:-9], b"Content-Encoding: gzip"), 400, "content-encoding"),
    "bomb": (message(gzip.compress(b"a" * 400_000), b"Content-Encoding: gzip"), 413, "inflated-bytes"),
    "announced too large": (POST + b"Content-Length: 10001\r\n\r\n", 413, "body-bytes"),
    "chunks too large": (POST + CHUNKED + b"\r\n" + chunked(b"a" * 10_001, 500), 413, "body-bytes"),
    "crumbs": (POST + CHUNKED + b"\r\n" + chunked(b"a" * 2000, 1), 413, "body-bytes"),
    "target too long": (b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "target-bytes"),
    "header too long": (POST + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431, "header-bytes"),
    "too many headers": (POST + b"".join(b"X%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431, "header-bytes"),
    "trailers": (POST + CHUNKED + b"\r\n0\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431, "header-bytes"),
    "expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\n", 417, "expect"),
    "upgrade": (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc", 501, "upgrade"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("by_bytes", [False, True], ids=["whole", "byte by byte"])
def test_what_is_refused(name: str, by_bytes: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The status of RFC 9110/9112, connection closed, counted under its reason, one log line, handler not called."""
    stream, status, reason = REFUSED[name]
    bench = Bench()
    pieces = [stream[at : at + 1] for at in range(len(stream))] if by_bytes else [stream]
    with caplog.at_level("INFO", "cpetwin.acs.http"):
        assert bench.feed(*pieces) == [status]
    assert bench.counters[reason] == 1
    assert bench.handler.handled == []
    assert bench.wire.state != "open"
    assert b"Connection: close" in bench.wire.out
    assert [reason in record.getMessage() for record in caplog.records] == [True]
    if status == 405:
        assert b"Allow: POST\r\n" in bench.wire.out


def test_endless_header_is_bounded_before_it_is_whole() -> None:
    """A header value without end is refused although the parser has not shown any of it."""
    bench = Bench()
    assert bench.feed(POST + b"X: ", *[b"a" * 1000] * 30) == [431]


def test_old_http_is_served_and_closed() -> None:
    """HTTP/1.0 works, one request per connection."""
    bench = Bench()
    assert bench.feed(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na") == [200]
    assert bench.wire.state == "closed"


def test_client_may_ask_for_the_end() -> None:
    """Connection: close is obeyed; what follows is nobody's."""
    bench = Bench()
    assert bench.feed(message(b"a", b"Connection: close") + message(b"b")) == [200]
    assert bench.wire.state == "closed"


def test_absolute_target_becomes_a_path() -> None:
    """Devices behind a proxy write whole URLs."""
    bench = Bench()
    bench.feed(b"POST http://acs:7547/a/b HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert bench.handler.handled[0].path == b"/a/b"


def test_length_in_characters_ends_in_a_refusal_not_in_a_hang() -> None:
    """Bytes after a too short body: the first answer still leaves, then 400 and the end."""
    bench = Bench()
    bench.handler.hold = True
    assert bench.feed(POST + b"Content-Length: 3\r\n\r\nabcde>") == []
    bench.handler.held[0](HttpResponse(200, b"<ok/>"))
    assert bench.statuses() == [200, 400]
    assert bench.wire.state == "half-closed"


# ---- before the body -----------------------------------------------------------------------------------------------


def test_continue_is_sent_when_the_body_is_awaited_and_wanted() -> None:
    """Expect: 100-continue: authorize first, 100 only if the client really waits."""
    bench = Bench()
    assert bench.feed(POST + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n") == [100]
    assert len(bench.handler.authorized) == 1
    assert bench.feed(b"ab") == [100, 200]
    waiting_for_nothing = Bench()
    assert waiting_for_nothing.feed(message(b"ab", b"Expect: 100-continue")) == [200]


def test_refused_expectation_closes_because_the_body_may_or_may_not_follow() -> None:
    """401 instead of 100; the body that comes nevertheless is thrown away, not parsed."""
    bench = Bench()
    bench.handler.refusal = HttpResponse(401)
    assert bench.feed(POST + b"Expect: 100-continue\r\nContent-Length: 70\r\n\r\n", message(b"smuggled")) == [401]
    assert bench.wire.state == "half-closed"
    bench.feed(b"x" * 2000)
    assert bench.wire.state == "aborted"


def test_body_of_a_challenged_request_is_drained_and_the_connection_kept() -> None:
    """401 to a small body: the same connection takes the answer to the challenge."""
    bench = Bench()
    bench.handler.refusal = HttpResponse(401)
    assert bench.feed(message(b"a" * 900)[:-5]) == []
    assert bench.feed(b"a" * 5) == [401]
    bench.handler.refusal = None
    assert bench.feed(message(b"b")) == [401, 200]
    assert [request.body for request in bench.handler.handled] == [b"b"]


@pytest.mark.parametrize("head", [b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
def test_large_body_of_a_challenged_request_is_not_waited_for(head: bytes) -> None:
    """Above the drain bound the answer is sent and the connection closed."""
    bench = Bench()
    bench.handler.refusal = HttpResponse(401)
    bench.feed(POST + head + b"\r\n\r\n", b"5dc\r\n" + b"a" * 1500 + b"\r\n")
    assert bench.statuses() == [401]
    assert bench.wire.state in ("half-closed", "aborted")


def test_overload_refuses_new_sessions_only() -> None:
    """503 with a random Retry-After at header time; a cookie or a session on the connection goes on."""
    busy = [True]
    bench = Bench(overloaded=lambda: busy[0])
    assert bench.feed(message(b"a")) == [503]
    (wait,) = re.findall(rb"Retry-After: (\d+)\r\n", bench.wire.out)
    assert 30 <= int(wait) <= 300
    with_cookie = Bench(overloaded=lambda: busy[0])
    assert with_cookie.feed(message(b"a", b"Cookie: cpetwin=abc; Path=/")) == [200]
    busy[0] = False
    under_way = Bench(overloaded=lambda: busy[0])
    under_way.feed(message(b"inform"))
    busy[0] = True
    assert under_way.feed(message(b""), message(b"next")) == [200, 204, 503]


def test_a_bug_of_the_handler_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An exception in authorize or handle: 500 and the end, a traceback in the log, no stuck connection."""
    for name in ("authorize", "handle"):
        bench = Bench()

        def broken(*_: object) -> None:
            raise ZeroDivisionError("bug")

        setattr(bench.handler, name, broken)
        assert bench.feed(message(b"a")) == [500]
        assert bench.counters["handler-failed"] == 1
        assert bench.wire.state != "open"
    assert caplog.text.count("ZeroDivisionError: bug") == 2


# ---- one at a time -------------------------------------------------------------------------------------------------


def test_one_request_at_a_time_in_order() -> None:
    """Pipelined requests wait unjudged, reading is paused, and each is answered in turn."""
    bench = Bench()
    bench.handler.hold = True
    stream = message(b"1") + message(b"2", b"Expect: 100-continue") + message(b"3")
    assert bench.feed(stream[:-1]) == []
    assert [r.body for r in bench.handler.handled] == [b"1"]
    assert len(bench.handler.authorized) == 1
    assert bench.wire.paused
    bench.handler.held[0](HttpResponse(200, b"a"))
    assert [r.body for r in bench.handler.handled] == [b"1", b"2"]
    bench.handler.held[1](HttpResponse(204))
    assert bench.statuses() == [200, 204]
    assert len(bench.handler.authorized) == 3
    assert not bench.wire.paused
    bench.feed(b"3")
    bench.handler.held[2](HttpResponse(204))
    assert bench.statuses() == [200, 204, 204]


def test_pipelining_is_bounded() -> None:
    """More waiting requests than the bound: answered what was begun, 400 for the rest, closed."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"x") * 20)
    bench.handler.held[0](HttpResponse(204))
    assert bench.statuses() == [204, 400]
    assert len(bench.handler.handled) == 1
    assert bench.counters["pipelined"] == 1


def test_continue_for_a_request_that_had_to_wait() -> None:
    """Expect: 100-continue behind an open request: 100 when its turn comes."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"1") + POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    bench.handler.held[0](HttpResponse(204))
    assert bench.statuses() == [204, 100]


def test_an_answer_under_way_is_not_cut_by_the_linger_time() -> None:
    """A slow reader of a last, large answer has the idle time, not linger_s."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"1", b"Connection: close"))
    bench.connection.write_paused(True)
    bench.handler.held[0](HttpResponse(200, b"<large/>"))
    bench.edge.sweep(1070.0)
    assert bench.wire.state == "closed"
    bench.edge.sweep(1080.0)
    assert bench.wire.state == "aborted"


def test_answering_twice_is_a_bug_and_too_late_is_not() -> None:
    """The second answer raises; an answer after the connection went is dropped and counted."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"1"))
    bench.handler.held[0](HttpResponse(204))
    with pytest.raises(RuntimeError, match="twice"):
        bench.handler.held[0](HttpResponse(204))
    bench.feed(message(b"2"))
    bench.connection.lost()
    bench.handler.held[1](HttpResponse(204))
    assert bench.statuses() == [204]
    assert bench.counters["answer-too-late"] == 1


def test_a_peer_that_does_not_read_is_not_read() -> None:
    """While the send buffer is full nothing is read and nothing handled; what is there goes on when it has drained."""
    bench = Bench()
    bench.connection.write_paused(True)
    assert bench.wire.paused
    assert bench.feed(message(b"1") * 3) == []
    bench.connection.write_paused(False)
    assert bench.statuses() == [200, 200, 200]
    assert not bench.wire.paused


@pytest.mark.parametrize("stream", [POST, POST + b"Content-Length: 5\r\n\r\nabc", b"PO"])
def test_cut_off_message_never_reaches_the_handler(stream: bytes) -> None:
    """A connection that ends inside a message: counted as truncated, handler told of the loss only."""
    bench = Bench()
    bench.feed(stream)
    assert not bench.connection.eof()
    bench.connection.lost()
    assert bench.handler.handled == []
    assert bench.counters["truncated"] == 1
    assert bench.handler.lost_connections == [bench.connection]
    assert not bench.edge.connections


def test_half_closed_client_gets_its_answer() -> None:
    """A client that shuts its side after the request is answered, then closed."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"1"))
    assert bench.connection.eof()
    bench.handler.held[0](HttpResponse(204))
    assert bench.statuses() == [204]
    assert bench.wire.state == "closed"


# ---- time and number -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "seconds", "statuses", "reason"),
    [
        (b"", 10, [], "idle"),
        (POST, 10, [408], "header-timeout"),
        (POST + b"Content-Length: 5\r\n\r\nabc", 60, [408], "body-timeout"),
        (message(b"") + b"", 75, [204], "idle"),
    ],
    ids=["silent", "header", "body", "keep-alive"],
)
def test_time_outs(stream: bytes, seconds: int, statuses: list[int], reason: str) -> None:
    """Not before its time, at most one sweep after it."""
    bench = Bench()
    bench.feed(stream)
    bench.edge.sweep(1000.0 + seconds)
    assert bench.wire.state == "open"
    bench.edge.sweep(1000.0 + seconds + 2 * SMALL.sweep_s)
    assert bench.statuses() == statuses
    assert bench.wire.state != "open"
    assert bench.counters[reason] == 1
    bench.edge.sweep(1000.0 + seconds + 2 * SMALL.sweep_s + 60)
    assert bench.wire.state == "aborted"


def test_dripping_header_does_not_buy_time() -> None:
    """The header time-out counts from the first byte, however many follow."""
    bench = Bench()
    for second in range(13):
        bench.edge.sweep(1000.0 + second)
        bench.feed(b"P" if second == 0 else b"")
    assert bench.wire.state != "open"


def test_a_slow_but_steady_body_may_take_longer() -> None:
    """Beyond body_s a body goes on as long as it comes at body_rate."""
    bench = Bench(HttpLimits())
    bench.feed(POST + b"Content-Length: 9000000\r\n\r\n")
    for second in range(1, 100):
        bench.feed(b"a" * 8000)
        bench.edge.sweep(1000.0 + second)
    assert bench.wire.state == "open"
    for second in range(100, 400):
        bench.edge.sweep(1000.0 + second)
    assert bench.statuses() == [408]


def test_a_handler_that_never_answers_leaves_no_stuck_connection() -> None:
    """After work_s: 503, closed, and the late answer is dropped."""
    bench = Bench()
    bench.handler.hold = True
    bench.feed(message(b"1"))
    bench.edge.sweep(1062.0)
    assert bench.statuses() == [503]
    assert bench.counters["work-timeout"] == 1
    bench.handler.held[0](HttpResponse(204))
    assert bench.counters["answer-too-late"] == 1


def test_connections_are_bounded_in_all_and_per_address() -> None:
    """One too many gets 503 and the end; leaving makes room again; loopback is exempt by setting."""
    bench = Bench(HttpLimits(connections=4, per_address=2))
    wires = [FakeWire() for _ in range(4)]
    second = bench.connect(wires[0])
    bench.connect(wires[1])
    assert (wires[0].state, wires[1].state) == ("open", "half-closed")
    assert b" 503 " in wires[1].out
    assert bench.counters["too-many-per-address"] == 1
    second.lost()
    bench.connect(wires[2], "2001:db8::1")
    bench.connect(wires[3], "127.0.0.1")
    extra = FakeWire()
    bench.connect(extra, "127.0.0.1")
    assert extra.state == "half-closed"
    assert bench.counters["too-many-connections"] == 1


def test_an_ipv6_neighbourhood_counts_as_one() -> None:
    """One /64 is one subscriber."""
    bench = Bench(HttpLimits(per_address=2))
    wires = [FakeWire() for _ in range(3)]
    for number, wire in enumerate(wires):
        bench.connect(wire, f"2001:db8::{number:x}")
    assert [wire.state for wire in wires] == ["open", "open", "half-closed"]


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("::ffff:192.0.2.1", 1, 0, 0), ("192.0.2.1", 1)),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::1", 1)),
        (None, ("", 0)),
    ],
)
def test_peer_names(name: object, peer: tuple[str, int]) -> None:
    """Mapped addresses are IPv4; a peer that left has no name."""
    assert peer_of(name) == peer


# ---- real sockets, both faces --------------------------------------------------------------------------------------


class Live:
    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "http_server.py"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.ports: dict[str, int] = json.loads(line)

    def connect(self, name: str = "cwmp") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[name]), timeout=10)

    def talk(self, stream: bytes, end: bool = False) -> bytes:
        """Send, optionally shut our half, read to the end."""
        with self.connect() as peer:
            peer.sendall(stream)
            if end:
                peer.shutdown(socket.SHUT_WR)
            return read_all(peer)

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        out, err = self.process.communicate(timeout=10)
        assert (self.process.returncode, err) == (0, "")
        assert time.monotonic() - began < 5
        return dict(json.loads(out))


def read_all(peer: socket.socket) -> bytes:
    out = b""
    while data := peer.recv(65536):
        out += data
    return out


def read_message(peer: socket.socket) -> bytes:
    out = b""
    while b"\r\n\r\n" not in out:
        data = peer.recv(65536)
        assert data, out
        out += data
    head, _, body = out.partition(b"\r\n\r\n")
    found = re.search(rb"Content-Length: (\d+)", head)
    while found and len(body) < int(found[1]):
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture(scope="module", params=["asyncio", "twisted"])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    server = Live(request.param)
    yield server
    server.stop()


@pytest.fixture(params=["asyncio", "twisted"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Live]:
    server = Live(request.param, "hasty")
    yield server
    server.stop()


def test_session_on_a_kept_connection(live: Live) -> None:
    """Several requests on one connection, large and late answers included."""
    with live.connect() as peer:
        for path, body, expected in (
            (b"/", b"a" * 300_000, b"300000:"),
            (b"/later", b"late", b"4:late"),
            (b"/big", b"big", b"x" * 1000),
        ):
            peer.sendall(b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, len(body)) + body)
            answer = read_message(peer)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.partition(b"\r\n\r\n")[2].startswith(expected)
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert read_message(peer).startswith(b"HTTP/1.1 204 ")


def test_refusal_arrives_although_the_client_still_sends(live: Live) -> None:
    """Half-close instead of reset: the client can read why it was refused."""
    stream = b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"a" * 30_000
    assert live.talk(stream).startswith(b"HTTP/1.1 413 ")
    assert live.talk(b"\x16\x03\x01\x02").startswith(b"HTTP/1.1 400 ")


def test_time_outs_on_sockets(hasty: Live) -> None:
    """Silence ends without a word, half a header with 408."""
    assert hasty.talk(b"") == b""
    assert hasty.talk(b"POST / HT").startswith(b"HTTP/1.1 408 ")


def test_expectation_on_sockets(live: Live) -> None:
    """100, then the answer; a refused one is told at once."""
    with live.connect() as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"ok")
        assert read_message(peer).endswith(b"2:ok")
    refused = live.talk(b"POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 401 ")


def test_pipelined_requests_behind_a_slow_one(live: Live) -> None:
    """Answers come in the order of the requests."""
    stream = b"".join(
        b"POST %s HTTP/1.1\r\nContent-Length: 1\r\n%s\r\n%d" % (path, end, number)
        for number, (path, end) in enumerate([(b"/later", b""), (b"/", b""), (b"/", b"Connection: close\r\n")])
    )
    assert re.findall(rb"1:\d", live.talk(stream)) == [b"1:0", b"1:1", b"1:2"]


def test_a_client_that_never_reads_is_given_up(hasty: Live) -> None:
    """Requests whose answers nobody reads: reading stops, and the connection ends by the clock."""
    request = b"POST /big HTTP/1.1\r\nContent-Length: 1\r\n\r\na"
    with hasty.connect() as peer:
        peer.settimeout(0.2)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end = time.monotonic() + 8
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while time.monotonic() < end:
                try:
                    peer.sendall(request)
                    select_pause(peer)
                except TimeoutError:
                    continue


def select_pause(peer: socket.socket) -> None:
    """Wait up to the time-out of the socket for its end, without reading more than a byte."""
    if peer.recv(1, socket.MSG_PEEK) == b"":
        raise ConnectionResetError


def self_signed(folder: Path) -> Path:
    """A certificate and its key for localhost, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


def test_tls(tmp_path: Path) -> None:
    """With an ssl_context the same endpoint speaks TLS, the request says so, refusals arrive; close waits for work."""
    file = self_signed(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    handler = FakeHandler()

    async def main() -> None:
        listener = await listen("127.0.0.1", 0, handler, SMALL, {}, serving)
        for stream, status in ((message(b"hello"), b"200"), (b"BREW / HTTP/1.1\r\n\r\n", b"501")):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", listener.port, ssl=trusting, server_hostname="localhost"
            )
            writer.write(stream)
            assert (await reader.readline()).split(b" ")[1] == status
            writer.close()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=trusting, server_hostname="localhost"
        )
        handler.hold = True
        writer.write(message(b"work"))
        while not handler.held:  # noqa: ASYNC110 - the handler is a plain object
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(listener.close(5))
        await asyncio.sleep(0)
        handler.held[0](HttpResponse(204))
        await closing
        assert (await reader.read()).startswith(b"HTTP/1.1 204 ")
        assert listener.connections == 0
        writer.close()

    asyncio.run(main())
    assert [request.secure for request in handler.handled] == [True, True]


def test_close_cuts_what_outlives_its_grace() -> None:
    """A request that is never answered does not keep the server from stopping."""
    handler = FakeHandler()
    handler.hold = True

    async def main() -> None:
        listener = await listen("127.0.0.1", 0, handler, SMALL, {})
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(message(b"work"))
        while not handler.held:  # noqa: ASYNC110 - the handler is a plain object
            await asyncio.sleep(0.001)
        await listener.close(0.05)
        assert listener.connections == 0
        assert await reader.read() == b""
        writer.close()

    asyncio.run(main())


def test_everything_on_one_loop_ends_with_sigterm() -> None:
    """aiohttp, Twisted and the endpoint together; SIGTERM with open connections: exit 0, quickly, nothing on stderr."""
    for face in ("asyncio", "twisted"):
        server = Live(face)
        with server.connect("rest") as rest, server.connect("echo") as echo, server.connect() as idle:
            rest.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert rest.recv(100).startswith(b"HTTP/1.1 404")
            echo.sendall(b"ping")
            assert echo.recv(100) == b"ping"
            idle.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            read_message(idle)
            counters = server.stop()
            assert read_all(idle) == b""
        assert counters == {"connections": 1, "requests": 1, "lost": 1}


def test_no_module_installs_a_reactor_by_being_imported() -> None:
    """After importing every module of cpetwin, twisted.internet.reactor is still not there."""
    program = (
        "import pkgutil, sys, importlib, cpetwin\n"
        "for module in pkgutil.walk_packages(cpetwin.__path__, 'cpetwin.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "        assert 'twisted.internet.reactor' not in sys.modules, module.name\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_install_is_repeatable_and_refuses_a_foreign_reactor() -> None:
    """The same loop again; RuntimeError when somebody was first."""
    program = (
        "import sys\n"
        "from cpetwin.acs import reactor\n"
        "if len(sys.argv) > 1:\n"
        "    import twisted.internet.reactor\n"
        "loop = reactor.install()\n"
        "assert loop is reactor.install() and type(loop).__module__ == 'uvloop'\n"
    )
    good = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run([sys.executable, "-c", program, "foreign"], capture_output=True, text=True, timeout=60)
    assert "RuntimeError" in bad.stderr
