"""A tiny ACS for tests of the simulators: scripted, strict in what it sends, on a real socket, without server code."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from cpetwin.simulators.digest import accepted
from cpetwin.simulators.fleet import Fleet, Options

NAMESPACES = (
    'xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
LIMIT = 20.0
"""Seconds any wait may take before the test fails."""


def soap(body: str, id_: str, namespace: str = "urn:dslforum-org:cwmp-1-2", header: str = "") -> bytes:
    """A message of the ACS in the interoperable form."""
    return (
        f'<SOAP-ENV:Envelope {NAMESPACES} xmlns:cwmp="{namespace}"><SOAP-ENV:Header>'
        f'<cwmp:ID SOAP-ENV:mustUnderstand="1">{id_}</cwmp:ID>{header}</SOAP-ENV:Header>'
        f"<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def rpc(name: str, **arguments: str) -> str:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in arguments.items())
    return f"<cwmp:{name}>{inner}</cwmp:{name}>"


def strings(element: str, names: list[str]) -> str:
    items = "".join(f"<string>{name}</string>" for name in names)
    return f'<{element} SOAP-ENC:arrayType="xsd:string[{len(names)}]">{items}</{element}>'


def gpv(*names: str) -> str:
    return f"<cwmp:GetParameterValues>{strings('ParameterNames', list(names))}</cwmp:GetParameterValues>"


def gpn(path: str, next_level: bool = False) -> str:
    return rpc("GetParameterNames", ParameterPath=path, NextLevel=str(int(next_level)))


def spv(key: str, *values: tuple[str, str, str]) -> str:
    """SetParameterValues of (path, value, type)."""
    items = "".join(
        f'<ParameterValueStruct><Name>{path}</Name><Value xsi:type="xsd:{type_}">{text}</Value></ParameterValueStruct>'
        for path, text, type_ in values
    )
    return (
        f'<cwmp:SetParameterValues><ParameterList SOAP-ENC:arrayType="cwmp:ParameterValueStruct[{len(values)}]">'
        f"{items}</ParameterList><ParameterKey>{key}</ParameterKey></cwmp:SetParameterValues>"
    )


def spa(path: str, level: int) -> str:
    return (
        '<cwmp:SetParameterAttributes><ParameterList SOAP-ENC:arrayType="cwmp:SetParameterAttributesStruct[1]">'
        f"<SetParameterAttributesStruct><Name>{path}</Name><NotificationChange>1</NotificationChange>"
        f"<Notification>{level}</Notification><AccessListChange>0</AccessListChange>"
        '<AccessList SOAP-ENC:arrayType="xsd:string[0]"></AccessList></SetParameterAttributesStruct></ParameterList>'
        "</cwmp:SetParameterAttributes>"
    )


def values(text: str) -> dict[str, tuple[str, str]]:
    """path -> (value, type) of the ParameterValueStructs in a message."""
    found = re.findall(r'<Name>([^<]*)</Name><Value xsi:type="xsd:(\w+)">([^<]*)</Value>', text)
    return {path: (value, type_) for path, type_, value in found}


@dataclass
class Inform:
    """An Inform that arrived."""

    serial: str
    events: list[tuple[str, str]]
    values: dict[str, tuple[str, str]]
    retry: int
    namespace: str

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.events]


@dataclass
class Post:
    headers: dict[str, str]
    body: str
    path: str


@dataclass
class ScriptedAcs:
    """``todo`` holds the requests per serial number; ``answers`` what came back; ``hook`` may answer instead."""

    todo: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    informs: list[Inform] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    hook: Callable[[Post], bytes | None] | None = None
    login: tuple[str, str] | None = None
    url: str = ""
    _sessions: dict[str, Inform] = field(default_factory=dict)
    _ids: int = 0

    async def wait(self, condition: Callable[[], object]) -> None:
        """Until the condition is true; fails after ``LIMIT`` seconds."""
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - the condition may be about anything in the loop
                await asyncio.sleep(0.005)

    def ended(self, serial: str) -> int:
        """How many sessions of a device came to their normal end."""
        return self._sessions_ended[serial]

    def __post_init__(self) -> None:
        self._sessions_ended: dict[str, int] = defaultdict(int)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                post = Post(headers, body.decode("utf-8", "replace"), head[0].split()[1])
                self.posts.append(post)
                answer = (self.hook(post) if self.hook else None) or self.answer(post)
                writer.write(answer)
                await writer.drain()
        writer.close()

    def answer(self, post: Post) -> bytes:
        if self.login is not None and not accepted(
            post.headers.get("authorization", ""), "POST", post.path, *self.login, "nonce"
        ):
            return reply(401, b"", 'WWW-Authenticate: Digest realm="acs", qop="auth", nonce="nonce"')
        name = re.search(r"<(?:soap:Body)><(?:cwmp|soap):(\w+)", post.body)
        if name is not None and name[1] == "Inform":
            return self.inform(post)
        cookie = post.headers.get("cookie", "").partition("=")[2]
        session = self._sessions.get(cookie)
        if session is None:
            return reply(400, b"")
        if name is not None and not name[1].endswith("Response") and name[1] != "Fault":
            id_ = re.search(r"cwmp:ID[^>]*>([^<]*)<", post.body)
            self.answers.append((session.serial, post.body))
            inner = strings("MethodList", ["Inform"]) if name[1] == "GetRPCMethods" else ""
            body = f"<cwmp:{name[1]}Response>{inner}</cwmp:{name[1]}Response>"
            return reply(200, soap(body, id_[1] if id_ else "", session.namespace))
        if post.body:
            self.answers.append((session.serial, post.body))
        todo = self.todo[session.serial]
        if not todo:
            self._sessions_ended[session.serial] += 1
            return reply(204, b"")
        self._ids += 1
        return reply(200, soap(todo.popleft(), f"acs-{self._ids}", session.namespace))

    def inform(self, post: Post) -> bytes:
        body = post.body
        serial = re.search(r"<SerialNumber>([^<]*)<", body)
        retry = re.search(r"<RetryCount>(\d+)<", body)
        namespace = re.search(r'xmlns:cwmp="([^"]*)"', body)
        id_ = re.search(r"cwmp:ID[^>]*>([^<]*)<", body)
        assert serial and retry and namespace and id_
        events = re.findall(r"<EventCode>([^<]*)</EventCode><CommandKey>([^<]*)<", body)
        inform = Inform(serial[1], events, values(body), int(retry[1]), namespace[1])
        self.informs.append(inform)
        cookie = f"c{len(self.informs)}"
        self._sessions[cookie] = inform
        response = "<cwmp:InformResponse><MaxEnvelopes>1</MaxEnvelopes></cwmp:InformResponse>"
        return reply(200, soap(response, id_[1], namespace[1]), f"Set-Cookie: session={cookie}")


def reply(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers, 'Content-Type: text/xml; charset="utf-8"']
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode() + body


@asynccontextmanager
async def scripted_acs() -> AsyncIterator[ScriptedAcs]:
    acs = ScriptedAcs()
    server = await asyncio.start_server(acs.serve, "127.0.0.1", 0, limit=1 << 24)
    acs.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/acs"
    async with server:
        yield acs


@asynccontextmanager
async def running(options: Options, emit: Callable[[dict[str, object]], None] | None = None) -> AsyncIterator[Fleet]:
    """A fleet that runs while the block does; its errors are raised at the end."""
    fleet = Fleet(options, emit=emit)
    task = asyncio.create_task(fleet.run())
    try:
        yield fleet
    finally:
        fleet.stopping.set()
        await task
