"""What the CWMP endpoint and its handler say to each other: a request, a response, three calls."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

Headers = tuple[tuple[bytes, bytes], ...]


class HttpRequest:
    """One POST. ``body`` is empty while ``authorize`` is asked, whole (de-chunked, inflated) in ``handle``.

    ``headers`` has lower-cased names; repeated ones are joined by ", " (Cookie by "; ").
    ``connection`` is the identity of the TCP connection, for clients that lose cookies.
    ``context`` belongs to the handler: what ``authorize`` found out, ``handle`` need not find again.
    """

    __slots__ = (
        "begun", "body", "connection", "context", "headers", "keep_alive", "method", "path", "peer", "refusal",
        "secure",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: bytes,
        headers: dict[bytes, bytes],
        peer: tuple[str, int],
        secure: bool,
        connection: Hashable,
        keep_alive: bool = True,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.peer = peer
        self.secure = secure
        self.connection = connection
        self.keep_alive = keep_alive
        self.body = body
        self.context: object = None
        self.begun = False
        """The endpoint's own: judged and authorised."""
        self.refusal: HttpResponse | None = None
        """The endpoint's own: the answer that was settled before the handler could see the body."""


class HttpResponse:
    """An answer. A body is ``text/xml; charset="utf-8"``; ``close`` ends the connection after it."""

    __slots__ = ("body", "close", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Headers = (), close: bool = False) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.close = close

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {len(self.body)} B{', close' if self.close else ''})"


Respond = Callable[[HttpResponse], None]


class Handler(Protocol):
    """Who answers. All three are called on the loop and must not block."""

    def authorize(self, request: HttpRequest) -> HttpResponse | None:
        """Called when the headers are there and the body is not. None: go on and read the body."""

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """Called with the whole request. ``respond`` must be called exactly once, now or later."""

    def lost(self, connection: Hashable) -> None:
        """The TCP connection is gone; answers to its requests are dropped from now on."""


class Wire(Protocol):
    """What a connection needs of its transport. Nothing here blocks or raises when the peer is gone."""

    can_half_close: bool

    def write(self, data: bytes) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def half_close(self) -> None: ...

    def close(self) -> None:
        """Close after everything written has left."""

    def abort(self) -> None:
        """Close now."""


_REASONS = {
    200: "OK", 204: "No Content", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 417: "Expectation Failed",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
_STATUS = {code: f"HTTP/1.1 {code} {reason}\r\n".encode() for code, reason in _REASONS.items()}


def encode(response: HttpResponse, date: bytes, connection: bytes = b"") -> bytes:
    """The response as one piece of bytes.

    ``date`` is a whole header line with CRLF; ``connection`` the value of a Connection header, empty for none.
    204 has neither body nor Content-Length: with a length, one field client hangs (cwmp.md section 3).
    """
    status = response.status
    head = _STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status
    if status == 204:
        head += date
    elif response.body:
        head += b'%sContent-Type: text/xml; charset="utf-8"\r\nContent-Length: %d\r\n' % (date, len(response.body))
    else:
        head += date + b"Content-Length: 0\r\n"
    for name, value in response.headers:
        head += b"%s: %s\r\n" % (name, value)
    if connection:
        head += b"Connection: %s\r\n" % connection
    if status == 204:
        return head + b"\r\n"
    return head + b"\r\n" + response.body
