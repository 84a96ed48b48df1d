"""The CWMP endpoint: HTTP/1.1 on a socket, ``HttpRequest`` to the handler, ``HttpResponse`` back.

http_limits      the bounds
http_message     what endpoint, handler and transport say to each other
http_body        compressed bodies
http_edge        what the connections of a listener share; time-outs
http_connection  the protocol itself, without I/O
http_asyncio, http_twisted   the same connection on either transport of the one loop
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, MutableMapping
from typing import Literal

from .http_asyncio import AsyncioPort
from .http_edge import HttpEdge, never
from .http_limits import HttpLimits
from .http_message import Handler, HttpRequest, HttpResponse, Respond
from .http_twisted import TwistedPort

__all__ = ["Handler", "HttpLimits", "HttpRequest", "HttpResponse", "Listener", "Respond", "listen"]


class Listener:
    """A running endpoint. ``port`` is the real one."""

    def __init__(self, edge: HttpEdge, socket: AsyncioPort | TwistedPort) -> None:
        self._edge = edge
        self._socket = socket
        self._accepting = True
        self._loop = asyncio.get_running_loop()
        self.port = socket.port
        self._swept = self._loop.time()
        self._timer = self._loop.call_later(edge.limits.sweep_s, self._sweep)

    @property
    def connections(self) -> int:
        """Open TCP connections."""
        return len(self._edge.connections)

    def _sweep(self) -> None:
        edge, now = self._edge, self._loop.time()
        self._timer = self._loop.call_later(edge.limits.sweep_s, self._sweep)
        # When the loop stood still, bytes of the peers may wait unread: that time is not held against them.
        edge.sweep(edge.now + min(now - self._swept, 2 * edge.limits.sweep_s))
        self._swept = now

    async def stop_accepting(self) -> None:
        """No new connections; those that are open, and the sessions on them, go on."""
        if self._accepting:
            self._accepting = False
            await self._socket.close()

    async def close(self, grace_s: float = 5.0) -> None:
        """Stop accepting, let open requests be answered for up to ``grace_s`` seconds, then cut the rest."""
        await self.stop_accepting()
        self._edge.draining = True
        for connection in tuple(self._edge.connections):
            connection.finish()
        if not await self._emptied(grace_s):
            for connection in tuple(self._edge.connections):
                connection.abort()
            await self._emptied(1.0)
        self._timer.cancel()

    async def _emptied(self, seconds: float) -> bool:
        empty = asyncio.Event()
        self._edge.on_empty = empty.set
        if not self._edge.connections:
            return True
        try:
            async with asyncio.timeout(seconds):
                return await empty.wait()
        except TimeoutError:
            return False


async def listen(
    host: str,
    port: int,
    handler: Handler,
    limits: HttpLimits,
    counters: MutableMapping[str, int],
    ssl_context: ssl.SSLContext | None = None,
    *,
    session_cookie: bytes = b"cpetwin=",
    overloaded: Callable[[], bool] = never,
    face: Literal["asyncio", "twisted"] = "asyncio",
    backlog: int = 1024,
    reuse_port: bool = False,
) -> Listener:
    """Open the endpoint on ``host``:``port`` (0: any free).

    ``session_cookie`` is what marks the Cookie of a session under way, which ``overloaded`` must not hurt.
    ``counters`` gets "connections", "requests" and one count per reason of a refusal.
    ``reuse_port`` lets several workers share the port (asyncio face only, as is TLS).
    Raises OSError when the address cannot be bound, ValueError for what the face cannot do.
    """
    edge = HttpEdge(handler, limits, counters, session_cookie, overloaded, asyncio.get_running_loop().time())
    if face == "asyncio":
        return Listener(edge, await AsyncioPort.open(edge, host, port, backlog, reuse_port, ssl_context))
    if ssl_context is not None or reuse_port:
        raise ValueError("the Twisted face has neither TLS nor SO_REUSEPORT; use face='asyncio'")
    return Listener(edge, TwistedPort.open(edge, host, port, backlog))
