"""One HTTP/1.1 connection of the CWMP endpoint, without I/O: bytes go in by ``feed``, come out by the Wire.

Theory of operation. ``httptools`` splits the stream into messages; everything that decides is here.

* A message is *judged* once its headers are there (`_judge`): method, version, lengths, codings, overload, and
  last the handler's ``authorize``. What is refused there never reaches ``handle``; its body is thrown away.
* One request at a time is with the handler. Messages that arrive meanwhile wait, judged when their turn comes;
  reading is paused, so at most one read's worth of them exists.
* After a syntax error nothing of the stream can be trusted: the error takes its place in the line behind the
  requests before it, is answered, and the connection closes.
* A connection is in exactly one phase, and every phase has a deadline (`http_edge.DEADLINES`, `HttpEdge.sweep`).

Smuggling (RFC 9112 6.3): Content-Length with Transfer-Encoding, repeated Content-Length, obs-fold, white space
before a colon, bare LF and unknown transfer codings are refused. A missing Host is tolerated: devices forget it,
and any path and host is accepted anyway.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial

import httptools

from .http_body import ACCEPTED, CODINGS, BadCoding, TooLarge, inflate
from .http_edge import BODY, CLOSED, CLOSING, DEADLINES, HEAD, IDLE, WORK, HttpEdge
from .http_message import Headers, HttpRequest, HttpResponse, Wire, encode

log = logging.getLogger("cpetwin.acs.http")

_SINGLE = frozenset((b"host", b"authorization", b"content-length", b"transfer-encoding", b"expect"))
"""Headers that must not be repeated. (``httptools`` refuses the two lengths before we see them.)"""

_SYNTAX: tuple[tuple[str, int, str], ...] = (
    # text in the parser's message, status, counter
    ("Invalid method", 501, "method"),
    ("HTTP version", 505, "version"),
    ("PRI/Upgrade", 505, "version"),
    ("Content-Length", 400, "smuggling"),
    ("Transfer-Encoding", 400, "smuggling"),
    ("whitespace after header value", 400, "smuggling"),
)


class _Stop(Exception):
    """Raised in a parser callback when the rest of the stream no longer matters."""


class HttpConnection:
    """One TCP connection. The face calls ``feed``, ``eof``, ``write_paused`` and ``lost``."""

    __slots__ = (
        "__weakref__", "address_key", "deadline", "peer", "secure",
        "_body", "_continue", "_current", "_edge", "_head_bytes", "_head_fed", "_headers", "_in_head", "_incoming",
        "_parser", "_paused", "_phase", "_pieces", "_received", "_served", "_since", "_stuffed", "_target", "_waiting",
        "_wire",
    )  # fmt: skip

    def __init__(self, edge: HttpEdge, wire: Wire, peer: tuple[str, int], secure: bool) -> None:
        self._edge = edge
        self._wire = wire
        self.peer = peer
        self.secure = secure
        self.address_key = ""
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._phase = HEAD
        self._since = edge.now
        self.deadline = edge.now + edge.spans[HEAD]
        self._headers: dict[bytes, bytes] = {}
        self._target = b""
        self._in_head = False
        self._head_bytes = 0
        self._head_fed = 0
        self._incoming: HttpRequest | None = None
        self._body: bytes | bytearray = b""
        self._received = 0
        self._pieces = 0
        self._continue = False
        self._current: HttpRequest | None = None
        self._waiting: deque[HttpRequest] | None = None
        self._paused = False
        self._stuffed = False
        self._served = False
        too_many = edge.admit(self)
        if too_many:
            self._refused(too_many, 503)
            self._send(edge.overload(), keep_alive=False, linger=True)

    # ---- calls of the face ------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes have arrived."""
        parser = self._parser
        if parser is None or self._phase >= CLOSING:
            self._discard(len(data))
            return
        if self._current is not None:
            self._pause()
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._parser = None  # refused in on_headers_complete; what follows is not HTTP
        except httptools.HttpParserError as error:
            self._parser_error(error, data)
        if self._phase >= CLOSING:
            return
        if self._in_head:
            self._bound_head(len(data))
        elif self._continue:
            self._say_continue()

    def _bound_head(self, size: int) -> None:
        """A head that goes on over several reads; the parser shows a name and its value only when both are whole."""
        if self._head_fed < 0:
            self._head_fed = 0  # it began somewhere in this read
            return
        self._head_fed += size
        if self._head_fed > self._edge.limits.header_bytes + self._edge.limits.target_bytes:
            self._syntax_error(431, "header-bytes")

    def _say_continue(self) -> None:
        self._continue = False
        if not self._received:
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def eof(self) -> bool:
        """The peer will send no more. True: keep the connection, an answer is still to be written."""
        if self._current is None or self._phase >= CLOSING:
            return False
        self._current.keep_alive = False
        return True

    def write_paused(self, stuffed: bool) -> None:
        """The transport's send buffer is full (True) or has room again: a peer that does not read is not read."""
        self._stuffed = stuffed
        if stuffed:
            self._pause()
        elif self._phase < CLOSING:
            self._advance()

    def lost(self) -> None:
        """The connection is gone."""
        edge = self._edge
        if self._phase < CLOSING and (self._in_head or self._incoming is not None):
            self._refused("truncated", 0)
        self._phase = CLOSED
        self._parser = None
        self._current = self._incoming = self._waiting = None
        edge.release(self)
        edge.handler.lost(self)

    def expire(self) -> None:
        """The phase lasted too long; called by the sweep."""
        phase = self._phase
        edge = self._edge
        if phase == BODY and self._received > (edge.now - self._since - edge.limits.body_s) * edge.limits.body_rate:
            self.deadline = edge.now + edge.limits.sweep_s
            return
        _, status, reason = DEADLINES[phase]
        if phase == CLOSING:
            edge.count(reason)
            self._wire.abort()
        elif status == 0 or (phase == HEAD and not self._in_head):
            edge.count("idle")
            self._shut(linger=False)
        else:
            self._refused(reason, status)
            answer = edge.overload() if status == 503 else HttpResponse(status, close=True)
            self._current = None
            self._send(answer, keep_alive=False, linger=True)

    def finish(self) -> None:
        """The server stops: close as soon as no request is open."""
        if self._phase == IDLE or (self._phase == HEAD and not self._in_head):
            self._shut(linger=False)

    def abort(self) -> None:
        self._wire.abort()

    # ---- callbacks of the parser ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._phase >= CLOSING:
            raise _Stop
        self._headers = {}
        self._target = b""
        self._in_head = True
        self._head_bytes = 0
        self._head_fed = -1
        if self._current is None:
            self._enter(HEAD)
        else:
            self._pause()

    def on_url(self, piece: bytes) -> None:
        self._target += piece
        if len(self._target) > self._edge.limits.target_bytes:
            self._syntax_error(414, "target-bytes")
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        limits = self._edge.limits
        self._head_bytes += len(name) + len(value) + 4
        headers = self._headers
        if self._head_bytes > limits.header_bytes or len(headers) >= limits.header_count:
            self._syntax_error(431, "header-bytes")
            raise _Stop
        if not self._in_head:
            return  # a trailer: bounded, not used
        name = name.lower()
        if name in headers:
            if name in _SINGLE:
                self._syntax_error(400, "smuggling")
                raise _Stop
            value = headers[name] + (b"; " if name == b"cookie" else b", ") + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._body = b""
        self._received = self._pieces = 0
        parser = self._parser
        assert parser is not None
        target = self._target
        if target[:1] != b"/" and b"://" in target:  # absolute form
            target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
        version = parser.get_http_version()
        keep_alive = parser.should_keep_alive()
        request = HttpRequest(
            parser.get_method().decode("ascii"), target, self._headers, self.peer, self.secure, self, keep_alive
        )
        self._incoming = request
        if version != "1.1":
            self._other_version(request, version)
        elif b"upgrade" in self._headers and parser.should_upgrade():
            request.refusal = self._refuse(501, "upgrade")  # the parser cannot read on as HTTP/1.1
        if self._is_free():
            self._begin(request)
            if self._phase >= CLOSING:
                raise _Stop

    def on_body(self, piece: bytes) -> None:
        request = self._incoming
        assert request is not None
        limits = self._edge.limits
        self._received += len(piece)
        self._pieces += 1
        if request.refusal is not None:
            if self._received > limits.drain_bytes:
                self._incoming = None
                self._send(request.refusal, keep_alive=False, linger=True)
                raise _Stop
        elif self._received > limits.body_bytes or self._pieces > 1000 + self._received // 64:
            self._syntax_error(413, "body-bytes")  # too long, or cut into crumbs
            raise _Stop
        elif self._pieces == 1:
            self._body = piece
        else:
            if self._pieces == 2:
                self._body = bytearray(self._body)
            self._body += piece

    def on_message_complete(self) -> None:
        request = self._incoming
        assert request is not None
        self._incoming = None
        self._continue = False
        if request.refusal is None and self._received:
            self._take_body(request)
        if self._is_free():
            self._deliver(request)
        else:
            self._line_up(request)
        if self._phase >= CLOSING:
            raise _Stop

    # ---- judging a message ------------------------------------------------------------------------------------------

    def _begin(self, request: HttpRequest) -> None:
        """Its turn has come: settle whether the body is wanted."""
        request.begun = True
        expects = b"expect" in request.headers
        if request.refusal is None:
            refusal = self._judge(request) or self._authorize(request)
            if refusal is None:
                self._continue = expects
                self._enter(BODY)
                return
            request.refusal = refusal
        self._enter(BODY)
        too_long = int(request.headers.get(b"content-length", b"0")) > self._edge.limits.drain_bytes
        if request is self._incoming and (expects or request.refusal.close or too_long):
            # Whether the rest of this message still comes is unknown or not worth waiting for.
            self._incoming = None
            self._send(request.refusal, keep_alive=False, linger=True)

    def _authorize(self, request: HttpRequest) -> HttpResponse | None:
        try:
            return self._edge.handler.authorize(request)
        except Exception:  # noqa: BLE001 - see _deliver
            return self._handler_failed()

    def _judge(self, request: HttpRequest) -> HttpResponse | None:
        """The endpoint's own rules, cheapest first. None: nothing against it."""
        headers = request.headers
        if request.method != "POST":
            return self._refuse(405, "method", ((b"Allow", b"POST"),))
        if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
            return self._refuse(417, "expect")
        if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            return self._refuse(501, "transfer-encoding")
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() not in ACCEPTED:
            return self._refuse(415, "content-encoding", ((b"Accept-Encoding", b"gzip, deflate"),))
        edge = self._edge
        if int(headers.get(b"content-length", b"0")) > edge.limits.body_bytes:
            return self._refuse(413, "body-bytes")
        if not self._served and edge.overloaded() and edge.session_cookie not in headers.get(b"cookie", b""):
            self._refused("overload", 503)
            return edge.overload()
        return None

    def _other_version(self, request: HttpRequest, version: str) -> None:
        if version == "1.0":
            if b"transfer-encoding" in request.headers:  # RFC 9112 6.1: framing of HTTP/1.0 with it is faulty
                request.refusal = self._refuse(400, "smuggling")
            request.headers.pop(b"expect", None)
            request.keep_alive = False
        elif version == "0.9":
            request.refusal = self._refuse(400, "bad-request")
        else:
            request.refusal = self._refuse(505, "version")

    def _take_body(self, request: HttpRequest) -> None:
        body = bytes(self._body)
        self._body = b""
        coding = request.headers.get(b"content-encoding", b"").lower()
        try:
            request.body = inflate(body, coding, self._edge.limits) if coding in CODINGS else body
        except BadCoding:
            request.refusal = self._refuse(400, "content-encoding")
        except TooLarge:
            request.refusal = self._refuse(413, "inflated-bytes")

    def _parser_error(self, error: httptools.HttpParserError, data: bytes) -> None:
        self._parser = None
        if isinstance(error, httptools.HttpParserCallbackError):
            if isinstance(error.__context__, _Stop):
                return
            raise error
        text = str(error)
        if "after `Connection: close`" in text:
            return  # the last request is being answered, what follows it is nobody's
        status, reason = next(((s, r) for part, s, r in _SYNTAX if part in text), (400, "bad-request"))
        if status == 501 and (not data[:1].isupper() or data.startswith(b"POST ")):
            status, reason = 400, "bad-request"  # no method of anybody: noise, or a body longer than its length
        self._syntax_error(status, reason)

    def _syntax_error(self, status: int, reason: str) -> None:
        """The stream is spoilt from here: answer in turn, then close."""
        broken = HttpRequest("", b"", {}, self.peer, self.secure, self, keep_alive=False)
        broken.begun = True
        broken.refusal = self._refuse(status, reason)
        self._incoming = None
        self._in_head = False
        if self._is_free():
            self._send(broken.refusal, keep_alive=False, linger=True)
        else:
            self._pause()
            self._queue(broken)

    def _refuse(self, status: int, reason: str, headers: Headers = ()) -> HttpResponse:
        self._refused(reason, status)
        return HttpResponse(status, headers=headers, close=True)

    def _refused(self, reason: str, status: int) -> None:
        self._edge.count(reason)
        log.info("refused %s port %d: %s (%s)", *self.peer[:2], reason, status or "no answer")

    # ---- handling in turn -------------------------------------------------------------------------------------------

    def _is_free(self) -> bool:
        return self._current is None and not self._waiting and not self._stuffed

    def _queue(self, request: HttpRequest) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(request)

    def _line_up(self, request: HttpRequest) -> None:
        self._queue(request)
        self._pause()
        assert self._waiting is not None
        if len(self._waiting) > self._edge.limits.pipelined:
            self._waiting.clear()
            self._syntax_error(400, "pipelined")
            raise _Stop

    def _deliver(self, request: HttpRequest) -> None:
        """A whole message whose turn it is."""
        if not request.begun:
            body, request.body = request.body, b""
            self._begin(request)
            request.body = body
            self._continue = False  # the body is here already
        edge = self._edge
        if request.refusal is not None:
            self._send(request.refusal, request.keep_alive, linger=not request.method)
            return
        self._current = request
        edge.count("requests")
        self._enter(WORK)
        try:
            edge.handler.handle(request, partial(self._respond, request))
        except Exception:  # noqa: BLE001 - the handler's bug must not leave the device without an answer
            failed = self._handler_failed()
            if self._current is request:
                self._respond(request, failed)

    def _handler_failed(self) -> HttpResponse:
        log.exception("handler failed on a request of %s", self.peer[0])
        self._edge.count("handler-failed")
        return HttpResponse(500, close=True)

    def _respond(self, request: HttpRequest, response: HttpResponse) -> None:
        if request is not self._current:
            if self._phase < CLOSING:
                raise RuntimeError("a request was answered twice")
            self._edge.count("answer-too-late")
            return
        self._current = None
        if response.status == 200 or response.status == 204:
            self._served = response.status == 200
        self._send(response, request.keep_alive, linger=False)
        if self._phase < CLOSING and (self._waiting or self._paused):
            self._advance()

    def _advance(self) -> None:
        """The handler is free, or the peer reads again: the next in line, then the one still arriving, then read on."""
        while self._waiting and self._current is None and not self._stuffed and self._phase < CLOSING:
            self._deliver(self._waiting.popleft())
        if self._phase >= CLOSING or not self._is_free():
            return
        if self._incoming is not None and not self._incoming.begun:
            self._begin(self._incoming)
            if self._continue:
                self._say_continue()
        if self._phase < CLOSING:
            self._resume()

    def _send(self, response: HttpResponse, keep_alive: bool, linger: bool) -> None:
        edge = self._edge
        if response.close or not keep_alive or edge.draining:
            self._wire.write(encode(response, edge.date, b"close"))
            self._shut(linger)
            return
        self._wire.write(encode(response, edge.date))
        self._enter(HEAD if self._in_head else IDLE)

    def _enter(self, phase: int) -> None:
        edge = self._edge
        self._phase = phase
        self._since = edge.now
        self.deadline = edge.now + edge.spans[phase]

    # ---- flow and end -----------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._wire.pause()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._wire.resume()

    def _shut(self, linger: bool) -> None:
        """Close; with ``linger`` only our half, so that bytes under way do not reset what we answered."""
        self._enter(CLOSING)
        if self._stuffed:  # the answer itself is still under way
            self.deadline = self._edge.now + self._edge.spans[IDLE]
        self._received = 0
        self._waiting = None
        if linger and self._wire.can_half_close:
            self._resume()
            self._wire.half_close()
        else:
            self._wire.close()

    def _discard(self, size: int) -> None:
        self._received += size
        if self._received > self._edge.limits.drain_bytes:
            self._wire.abort()
