"""CPU of the CWMP endpoint alone: connect, two POSTs, close, with a handler that does nothing.

    python benchmarks/http_edge.py [--sessions 20000]

The client is another process with raw sockets; what is printed is the server's own CPU time per session, for both
faces and for keep-alive requests, so that the price of a TCP connection and of a request can be told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import socket
import time
from multiprocessing.connection import Connection

from cpetwin.acs import reactor
from cpetwin.acs.http import HttpLimits, HttpRequest, HttpResponse, Respond, listen

INFORM = b"<x>" + b"a" * 3500 + b"</x>"
HEAD = (
    b"POST /acs HTTP/1.1\r\nHost: 127.0.0.1:7547\r\nUser-Agent: cpe\r\nContent-Type: text/xml; charset=utf-8\r\n"
    b"SOAPAction: \r\nCookie: cpetwin=0123456789abcdef0123456789abcdef\r\nContent-Length: %d\r\n\r\n"
)
FIRST = HEAD % len(INFORM) + INFORM
EMPTY = HEAD % 0
ANSWER = HttpResponse(200, b"<x>" + b"b" * 500 + b"</x>", ((b"Set-Cookie", b"cpetwin=0123456789abcdef"),))
END = HttpResponse(204)


class Trivial:
    def authorize(self, request: HttpRequest) -> HttpResponse | None:
        return None

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        respond(ANSWER if request.body else END)

    def lost(self, connection: object) -> None:
        pass


def _serve(face: str, pipe: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await listen("127.0.0.1", 0, Trivial(), HttpLimits(), {}, face=face)  # type: ignore[arg-type]
        pipe.send(server.port)
        asked = asyncio.Event()
        loop.add_reader(pipe.fileno(), asked.set)
        while await asked.wait():
            if not pipe.recv():
                break
            asked.clear()
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((usage.ru_utime, usage.ru_stime))
        loop.remove_reader(pipe.fileno())
        await server.close(0)

    reactor.run(main())


def _new_connections(port: int, sessions: int) -> None:
    for _ in range(sessions):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.sendall(FIRST)
            peer.recv(65536)
            peer.sendall(EMPTY)
            peer.recv(65536)


def _keep_alive(port: int, sessions: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(sessions):
            peer.sendall(FIRST)
            peer.recv(65536)
            peer.sendall(EMPTY)
            peer.recv(65536)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", type=int, default=20000)
    sessions = options.parse_args().sessions
    print(f"{'face':10}{'work':32}{'user us':>9}{'system us':>11}{'total us':>10}{'per s':>9}")
    for face in ("asyncio", "twisted"):
        near, far = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(face, far), daemon=True)
        server.start()
        port = near.recv()
        for name, work in (("connect + 2 POST + close", _new_connections), ("2 POST, keep-alive", _keep_alive)):
            work(port, sessions // 10)
            near.send(True)
            user, system = near.recv()
            began = time.perf_counter()
            work(port, sessions)
            wall = time.perf_counter() - began
            near.send(True)
            user, system = (1e6 * (b - a) / sessions for a, b in zip((user, system), near.recv(), strict=True))
            print(f"{face:10}{name:32}{user:9.1f}{system:11.1f}{user + system:10.1f}{sessions / wall:9.0f}")
        near.send(False)
        server.join()


if __name__ == "__main__":
    main()
