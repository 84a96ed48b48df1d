"""A lean CWMP load generator: sessions with a new TCP connection each, so many in flight, answers checked.

    python -m benchmarks.load_cwmp URL --serials FILE --sessions 20000 --in-flight 64 [--password P] [--tree N]

One JSON line at the end: sessions, failed, seconds, its own CPU seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import resource
from itertools import count
from random import randrange
from urllib.parse import urlsplit

import uvloop

from cpetwin.simulators.generate import generate

HEAD = (
    b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:cwmp="urn:dslforum-org:cwmp-1-0">'
    b'<SOAP-ENV:Header><cwmp:ID SOAP-ENV:mustUnderstand="1">%s</cwmp:ID></SOAP-ENV:Header><SOAP-ENV:Body>'
)
TAIL = b"</SOAP-ENV:Body></SOAP-ENV:Envelope>"
ID = re.compile(rb"<cwmp:ID[^>]*>([^<]*)<")
RPC = re.compile(rb"<SOAP-ENV:Body><cwmp:(\w+)")
NAMES = re.compile(rb"<string>([^<]*)</string>")
KEY = re.compile(rb"<ParameterKey>([^<]*)<")
VALUES = re.compile(rb'<Name>([^<]*)</Name><Value xsi:type="xsd:(\w+)">([^<]*)</Value>')
NONCE = re.compile(rb'nonce="([^"]+)"')
COOKIE = re.compile(rb"Set-Cookie: ([^\r]+)")
INFORMED = 18


class Device:
    """What a session of one device sends; the tree's text is shared by all."""

    def __init__(self, tree, informed: list[str]) -> None:
        self.root = tree.root.encode()
        self.informed = informed
        self.leaves = {p.encode(): (leaf.text.encode(), leaf.type.encode()) for p, leaf in tree.leaves.items()}
        self.sorted = sorted(self.leaves)
        infos = [(p.encode(), w) for p, w in tree.objects.items()] + [
            (p.encode(), leaf.writable) for p, leaf in tree.leaves.items()
        ]
        self.names = (
            b"<cwmp:GetParameterNamesResponse>"
            + self._list(
                b"cwmp:ParameterInfoStruct",
                [
                    b"<ParameterInfoStruct><Name>%s</Name><Writable>%d</Writable></ParameterInfoStruct>" % (p, w)
                    for p, w in infos
                ],
            )
            + b"</cwmp:GetParameterNamesResponse>"
        )
        self.cache: dict[bytes, bytes] = {}

    @staticmethod
    def _list(kind: bytes, items: list[bytes]) -> bytes:
        return b'<ParameterList SOAP-ENC:arrayType="%s[%d]">%s</ParameterList>' % (kind, len(items), b"".join(items))

    def value(self, path: bytes, changed: dict[bytes, bytes]) -> bytes:
        text, type_ = self.leaves.get(path, (b"", b"string"))
        return b'<ParameterValueStruct><Name>%s</Name><Value xsi:type="xsd:%s">%s</Value></ParameterValueStruct>' % (
            path, type_, changed.get(path, text),
        )  # fmt: skip

    def inform(self, serial: bytes, number: int, vary: bool, first: bool, key: bytes) -> bytes:
        values = []
        for position, path in enumerate(self.informed):
            name = path.encode()
            text = self.leaves[name][0]
            if name.endswith(b"ParameterKey"):
                text = key
            elif vary and not name.endswith((b"Version", b"URL")):
                text = b"%d" % (number * 31 + position)
            values.append(self.value(name, {name: text}))
        events = [b"0 BOOTSTRAP", b"1 BOOT"] if first else [b"2 PERIODIC"]
        structs = b"".join(
            b"<EventStruct><EventCode>%s</EventCode><CommandKey></CommandKey></EventStruct>" % e for e in events
        )
        return (
            HEAD % b"1"
            + b"<cwmp:Inform><DeviceId><Manufacturer>Bench</Manufacturer><OUI>00D09E</OUI>"
            + b"<ProductClass>BENCH</ProductClass>"
            + b"<SerialNumber>%s</SerialNumber></DeviceId>" % serial
            + b'<Event SOAP-ENC:arrayType="cwmp:EventStruct[%d]">%s</Event>' % (len(events), structs)
            + b"<MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2026-01-01T00:00:00Z</CurrentTime><RetryCount>0</RetryCount>"
            + self._list(b"cwmp:ParameterValueStruct", values)
            + b"</cwmp:Inform>"
            + TAIL
        )

    def answer(self, request: bytes, changed: dict[bytes, bytes]) -> bytes:
        id_ = ID.search(request).group(1)
        name = RPC.search(request).group(1)
        if name == b"GetParameterNames":
            body = self.names
        elif name == b"GetParameterValues":
            wanted = tuple(NAMES.findall(request))
            whole = wanted if any(p.endswith(b".") for p in wanted) and not changed else None
            body = self.cache.get(b"".join(whole), b"") if whole else b""
            if not body:
                found = []
                for path in wanted:
                    found += [p for p in self.sorted if p.startswith(path)] if path.endswith(b".") else [path]
                body = (
                    b"<cwmp:GetParameterValuesResponse>"
                    + self._list(b"cwmp:ParameterValueStruct", [self.value(p, changed) for p in found])
                    + b"</cwmp:GetParameterValuesResponse>"
                )
                if whole:
                    self.cache[b"".join(whole)] = body
        elif name == b"SetParameterValues":
            changed.update((path, text) for path, _, text in VALUES.findall(request))
            changed[b"key"] = KEY.search(request).group(1)
            body = b"<cwmp:SetParameterValuesResponse><Status>0</Status></cwmp:SetParameterValuesResponse>"
        else:
            raise ValueError(f"the load generator does not know {name!r}")
        return HEAD % id_ + body + TAIL


class Session(asyncio.Protocol):
    """One session: Inform, empty POST, answers until 204."""

    def __init__(self, load: Load, serial: bytes, number: int) -> None:
        self.load = load
        self.serial = serial
        self.number = number
        self.buffer = b""
        self.cookie = b""
        self.authorization = b""
        self.challenged = False
        self.finished = False
        self.changed: dict[bytes, bytes] = {}

    def connection_made(self, transport) -> None:
        self.transport = transport
        load = self.load
        self.inform = load.device.inform(self.serial, self.number, load.vary, load.first, b"")
        self.post(self.inform)

    def post(self, body: bytes) -> None:
        cookie = b"Cookie: %s\r\n" % self.cookie if self.cookie else b""
        self.transport.write(
            b'POST /acs HTTP/1.1\r\nHost: acs\r\nSOAPAction: \r\nContent-Type: text/xml; charset="utf-8"\r\n'
            b"%s%sContent-Length: %d\r\n\r\n%s" % (cookie, self.authorization, len(body), body)
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        status = int(head[9:12])
        length = 0
        at = head.find(b"Content-Length: ")
        if at >= 0:
            length = int(head[at + 16 :].split(b"\r", 1)[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        found = COOKIE.search(head)
        if found:
            self.cookie = found.group(1)
        if status == 200 and b"InformResponse" in rest:
            self.post(b"")
        elif status == 200:
            self.post(self.load.device.answer(rest, self.changed))
        elif status == 204:
            self.end(True)
        elif status == 401 and self.load.password and not self.challenged:
            self.challenged = True
            self.authorize(NONCE.search(head).group(1).decode())
            self.post(self.inform)
        else:
            self.end(False)

    def authorize(self, nonce: str) -> None:
        load = self.load
        ha2 = hashlib.md5(b"POST:/acs").hexdigest()
        user = self.serial.decode()
        ha1 = hashlib.md5(f"{user}:cpetwin:{load.password}".encode()).hexdigest()
        answer = hashlib.md5(f"{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}".encode()).hexdigest()
        self.authorization = (
            f'Authorization: Digest username="{user}", realm="cpetwin", nonce="{nonce}", uri="/acs", qop=auth, '
            f'nc=00000001, cnonce="c0ffee", response="{answer}"\r\n'
        ).encode()

    def end(self, ok: bool) -> None:
        if not self.finished:
            self.finished = True
            self.transport.close()
            self.load.ended(ok)

    def connection_lost(self, error) -> None:
        self.end(False)


class Load:
    def __init__(self, arguments: argparse.Namespace) -> None:
        tree = generate(arguments.tree, 0)
        self.device = Device(tree, informed_paths(tree))
        self.password = arguments.password
        self.vary = arguments.vary
        self.first = arguments.first
        self.failed = self.done = 0
        self.total = arguments.sessions
        with open(arguments.serials, "rb") as lines:
            self.serials = lines.read().split()
        self.address = urlsplit(arguments.url)
        self.in_flight = asyncio.Semaphore(arguments.in_flight)
        self.finished = asyncio.Event()

    def ended(self, ok: bool) -> None:
        self.done += 1
        self.failed += not ok
        self.in_flight.release()
        if self.done == self.total:
            self.finished.set()

    async def run(self) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        numbers = count(randrange(10**6) * len(self.serials))
        for _ in range(self.total):
            await self.in_flight.acquire()
            number = next(numbers)
            serial = self.serials[number % len(self.serials)]
            self.starting = loop.create_task(self.connect(serial, number))
        await self.finished.wait()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "sessions": self.done,
            "failed": self.failed,
            "seconds": round(loop.time() - start, 3),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        }

    async def connect(self, serial: bytes, number: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: Session(self, serial, number), self.address.hostname, self.address.port
            )
        except OSError:
            self.ended(False)


def informed_paths(tree) -> list[str]:
    """18 parameters, the forced ones first; a tiny tree has fewer."""
    forced = [
        "DeviceInfo.HardwareVersion", "DeviceInfo.SoftwareVersion", "DeviceInfo.ProvisioningCode",
        "ManagementServer.ParameterKey", "ManagementServer.ConnectionRequestURL", "RootDataModelVersion",
    ]  # fmt: skip
    paths = [tree.root + name for name in forced if tree.root + name in tree.leaves]
    others = [p for p in tree.leaves if p not in paths]
    return [*paths, *others[: INFORMED - len(paths)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--serials", required=True)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--password", default="", help="answer Digest challenges; the user is the serial")
    parser.add_argument("--tree", type=int, default=300)
    parser.add_argument("--vary", action="store_true", help="every Inform brings other values")
    parser.add_argument("--first", action="store_true", help="0 BOOTSTRAP, 1 BOOT")
    arguments = parser.parse_args()
    uvloop.install()

    async def work() -> None:
        print(json.dumps(await Load(arguments).run()), flush=True)

    asyncio.run(work())


if __name__ == "__main__":
    main()
