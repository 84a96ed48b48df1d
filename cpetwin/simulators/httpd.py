"""The smallest HTTP server that the simulator needs: connection requests in, control requests in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools

MAX_BODY = 1024 * 1024
MAX_HEADERS = 64
IDLE = 10.0
"""Seconds a connection may be silent."""


class Request(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    status: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Reply | None]
"""Answers a request; None closes the connection without an answer (a device that is off)."""


class _Connection(asyncio.Protocol):
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(IDLE, self._transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._headers) >= MAX_HEADERS:
            raise ValueError("too many headers")
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MAX_BODY:
            raise ValueError("body too large")

    def on_message_complete(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        method = self._parser.get_method().decode("latin-1")
        reply = self._handler(Request(method, self._target.decode("latin-1"), self._headers, self._body))
        keep = self._parser.should_keep_alive()
        self._clear()
        if reply is None:
            self._transport.abort()
            return
        head = [f"HTTP/1.1 {reply.status}", *(f"{name}: {value}" for name, value in reply.headers)]
        head.append(f"Content-Length: {len(reply.body)}")
        if not keep:
            head.append("Connection: close")
        self._transport.write("\r\n".join([*head, "\r\n"]).encode() + reply.body)
        if not keep:
            self._transport.close()


async def serve(handler: Handler, host: str, port: int) -> tuple[asyncio.Server, int]:
    """Listen; returns the server and its real port."""
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(handler), host, port)
    return server, server.sockets[0].getsockname()[1]
