"""A process of its own with the CWMP endpoint, an aiohttp server and a Twisted listener on the one loop.

    python http_server.py asyncio|twisted [hasty]

``hasty``: time-outs of less than a second.

Prints one JSON line with the ports, and one with the counters when SIGTERM has ended it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from aiohttp import web
from twisted.internet.protocol import Factory, Protocol

from cpetwin.acs import reactor
from cpetwin.acs.http import HttpLimits, HttpRequest, HttpResponse, Respond, listen

HASTY = HttpLimits(header_s=0.3, body_s=0.3, idle_s=0.6, linger_s=0.3, sweep_s=0.05)
COUNTERS: Counter[str] = Counter()


class Told:
    """Answers with what it was told; ``/later`` after a moment, ``/refuse`` at header time."""

    def authorize(self, request: HttpRequest) -> HttpResponse | None:
        if request.path == b"/refuse":
            return HttpResponse(401, headers=((b"WWW-Authenticate", b"Digest"),))
        return None

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        if not request.body:
            respond(HttpResponse(204))
            return
        answer = HttpResponse(200, b"%d:%s" % (len(request.body), request.body[:100]))
        if request.path == b"/later":
            asyncio.get_running_loop().call_later(0.05, respond, answer)
        elif request.path == b"/big":
            respond(HttpResponse(200, b"x" * 4_000_000))
        else:
            respond(answer)

    def lost(self, connection: object) -> None:
        COUNTERS["lost"] += 1


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


async def main(face: Any, limits: HttpLimits) -> None:
    cwmp = await listen("127.0.0.1", 0, Told(), limits, COUNTERS, face=face)
    rest = web.AppRunner(web.Application())
    await rest.setup()
    site = web.TCPSite(rest, "127.0.0.1", 0)
    await site.start()
    from twisted.internet import reactor as installed

    twisted: Any = installed
    echo = twisted.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    ports = {"cwmp": cwmp.port, "rest": rest.addresses[0][1], "echo": echo.getHost().port}
    print(json.dumps(ports), flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await cwmp.close(1.0)
        await rest.cleanup()
        print(json.dumps(COUNTERS), flush=True)


if __name__ == "__main__":
    reactor.run(main(sys.argv[1], HASTY if "hasty" in sys.argv else HttpLimits()))
