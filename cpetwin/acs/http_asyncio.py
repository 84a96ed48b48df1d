"""The asyncio face of the CWMP endpoint: an ``asyncio.Protocol`` around ``HttpConnection``."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from .http_connection import HttpConnection
from .http_edge import HttpEdge, peer_of


class AsyncioFace(asyncio.Protocol):
    """Protocol and Wire in one object, since there is one of each per connection."""

    __slots__ = ("_connection", "_edge", "_secure", "_transport", "can_half_close")

    def __init__(self, edge: HttpEdge, secure: bool) -> None:
        self._edge = edge
        self._secure = secure
        self._connection: HttpConnection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.can_half_close = self._transport.can_write_eof()
        peer = peer_of(transport.get_extra_info("peername"))
        self._connection = HttpConnection(self._edge, self, peer, self._secure)

    def data_received(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.feed(data)

    def eof_received(self) -> bool:
        assert self._connection is not None
        return self._connection.eof() and self.can_half_close

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.write_paused(True)

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.write_paused(False)

    def connection_lost(self, error: Exception | None) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        connection.lost()

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def half_close(self) -> None:
        self._transport.write_eof()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class AsyncioPort:
    """A listening socket of asyncio."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    @classmethod
    async def open(
        cls, edge: HttpEdge, host: str, port: int, backlog: int, reuse_port: bool, ssl_context: ssl.SSLContext | None
    ) -> AsyncioPort:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: AsyncioFace(edge, ssl_context is not None), host, port,
            backlog=backlog, reuse_port=reuse_port or None, ssl=ssl_context,
            ssl_handshake_timeout=edge.limits.header_s if ssl_context else None,
        )  # fmt: skip
        return cls(server)

    async def close(self) -> None:
        """Stop accepting. Open connections go on."""
        self._server.close()
