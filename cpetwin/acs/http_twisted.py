"""The Twisted face of the CWMP endpoint: a Twisted ``Protocol`` around ``HttpConnection``."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .http_connection import HttpConnection
from .http_edge import HttpEdge, peer_of


@implementer(IPushProducer)
class TwistedFace(Protocol):
    """Protocol, Wire and producer (to learn of a full send buffer) in one object per connection."""

    can_half_close = True

    def __init__(self, edge: HttpEdge) -> None:
        self._edge = edge
        self._connection: HttpConnection | None = None

    def connectionMade(self) -> None:
        self._tcp = cast(Any, self.transport)
        self._tcp.setTcpNoDelay(True)
        self._tcp.registerProducer(self, True)
        peer = self._tcp.getPeer()
        self._connection = HttpConnection(self._edge, self, peer_of((peer.host, peer.port)), False)

    def dataReceived(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        connection.lost()

    def pauseProducing(self) -> None:
        if self._connection is not None:
            self._connection.write_paused(True)

    def resumeProducing(self) -> None:
        if self._connection is not None:
            self._connection.write_paused(False)

    def stopProducing(self) -> None:
        """The transport is going away; connectionLost follows."""

    def pause(self) -> None:
        self._tcp.stopReading()

    def resume(self) -> None:
        self._tcp.startReading()

    def write(self, data: bytes) -> None:
        # Twisted's own write waits for the next turn of the loop and two epoll_ctl: 25 us a response.
        tcp = self._tcp
        if tcp.connected and not tcp.disconnecting and not tcp.dataBuffer and not tcp._tempDataBuffer:
            sent = tcp.writeSomeData(data)
            if isinstance(sent, int):
                if sent < len(data):
                    tcp.write(data[sent:])
                return
        tcp.write(data)

    def half_close(self) -> None:
        self._tcp.unregisterProducer()
        self._tcp.loseWriteConnection()

    def close(self) -> None:
        self._tcp.unregisterProducer()
        self._tcp.loseConnection()

    def abort(self) -> None:
        self._tcp.abortConnection()


class _Faces(Factory):
    noisy = False

    def __init__(self, edge: HttpEdge) -> None:
        self._edge = edge

    def buildProtocol(self, addr: IAddress | None) -> TwistedFace:
        return TwistedFace(self._edge)


class TwistedPort:
    """A listening socket of Twisted. Plain TCP only: Twisted's TLS needs pyOpenSSL, which we do not install."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.port: int = port.getHost().port

    @classmethod
    def open(cls, edge: HttpEdge, host: str, port: int, backlog: int) -> TwistedPort:
        from twisted.internet import reactor as installed  # by cpetwin.acs.reactor, before anybody listens

        reactor: Any = installed
        return cls(reactor.listenTCP(port, _Faces(edge), backlog, host))

    async def close(self) -> None:
        """Stop accepting. Open connections go on."""
        stopping = self._port.stopListening()
        if stopping is not None:
            await stopping.asFuture(asyncio.get_running_loop())
