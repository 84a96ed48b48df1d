"""A session on a socket: the lean HTTP client of one CPE (no pool, no framework; ten thousand fit in a process)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import httptools

from .session import Action, Answer, Finish, Send, Session
from .wire import MAX_ACS_BODY

ANSWER_TIMEOUT = 30.0
"""Seconds a CPE waits for an answer or a connection."""
MAX_HEADERS = 100


class Conversation(asyncio.Protocol):
    """Drives a ``Session`` until it finishes, then calls ``done`` once. The connection is kept while the ACS keeps it,
    and opened again when it does not (the session lives in the cookie)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, session: Session, done: Callable[[Finish], None]) -> None:
        self._loop, self._session, self._done = loop, session, done
        self._transport: asyncio.Transport | None = None
        self._origin = ""
        self._parser: httptools.HttpResponseParser | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._pending: Send | None = None
        self._over = False
        self._reset()

    def start(self) -> None:
        self._act(self._session.begin())

    def abort(self) -> None:
        """Cut the connection now; ``done`` is not called."""
        self._over = True
        self._drop()

    # Actions of the session

    def _act(self, action: Action) -> None:
        if isinstance(action, Finish):
            self._finish(action)
        elif action.delay:
            self._arm(action.delay, lambda: self._send(action))
        else:
            self._send(action)

    def _send(self, action: Send) -> None:
        url = urlsplit(action.url)
        origin = f"{url.scheme}://{url.netloc}"
        self._arm(ANSWER_TIMEOUT, lambda: self._finish(Finish("time-out")))
        self._reset()
        if self._transport is not None and self._origin == origin and not self._transport.is_closing():
            self._transport.write(action.data)
            return
        self._close()
        self._origin, self._pending = origin, action
        secure = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port or (443 if secure else 80)
        self._connecting = self._loop.create_task(self._connect(url.hostname or "", port, secure))

    async def _connect(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        try:
            await self._loop.create_connection(lambda: self, host, port, ssl=secure)
        except OSError as error:
            self._finish(Finish(f"cannot connect: {error.strerror or error}"))

    def _finish(self, finish: Finish) -> None:
        if not self._over:
            self._over = True
            self._drop()
            self._done(finish)

    def _drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = self._connecting
        if task is not None and not task.done() and task is not asyncio.current_task(self._loop):
            task.cancel()
        self._close()

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._over or self._pending is None:
            self._close()
            return
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._pending.data)
        self._pending = None

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._over:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(Finish(f"bad HTTP: {error}"))
            return
        if self._complete:
            self._deliver()

    def connection_lost(self, error: Exception | None) -> None:
        if self._over or self._transport is None:
            return
        self._transport = None
        if self._in_body and self._until_close:
            self._deliver()
        else:
            self._finish(Finish("connection lost"))

    # httptools

    def _reset(self) -> None:
        self._headers: dict[str, str] = {}
        self._cookies: list[str] = []
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0
        self._complete = self._in_body = self._until_close = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if len(self._headers) + len(self._cookies) >= MAX_HEADERS:
            raise ValueError("too many headers")
        if key == "set-cookie":
            self._cookies.append(text)
        else:
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        self._in_body = True
        self._until_close = not {"content-length", "transfer-encoding"} & self._headers.keys()

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_ACS_BODY:
            raise ValueError("answer too large")
        self._body.append(data)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _deliver(self) -> None:
        answer = Answer(self._status, self._headers, self._cookies, b"".join(self._body))
        if not self._complete or not self._keep:
            self._close()
        self._act(self._session.answer(answer))
