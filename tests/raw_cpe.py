"""A CPE that says exactly what a test wants it to say: raw envelopes over a socket, no session logic of its own."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

from cpetwin.simulators.digest import Login

NAMESPACE = "urn:dslforum-org:cwmp-1-0"
OUI = "00D09E"
PRODUCT = "Raw"


class Answer(NamedTuple):
    """Status 0: the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def cookie(self) -> str:
        return self.headers.get("set-cookie", "")

    @property
    def fault(self) -> int | None:
        """The CWMP fault code in it."""
        found = re.search(r"<FaultCode>(\d+)<", self.body)
        return int(found[1]) if found else None

    @property
    def rpc(self) -> str:
        """The name of the RPC in it."""
        found = re.search(r"Body>\s*<(?:[\w-]+:)?(\w+)", self.body)
        return found[1] if found else ""

    @property
    def id(self) -> str:
        found = re.search(r"<cwmp:ID[^>]*>([^<]*)<", self.body)
        return found[1] if found else ""


def soap(body: str, id: str | None = "1", namespace: str = NAMESPACE) -> bytes:
    """An envelope around an RPC."""
    header = f'<cwmp:ID soap:mustUnderstand="1">{id}</cwmp:ID>' if id is not None else ""
    return (
        '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:enc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:cwmp="{namespace}"><soap:Header>{header}'
        f"</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def inform(
    serial: str,
    events: tuple[str, ...] = ("0 BOOTSTRAP",),
    values: dict[str, str] | None = None,
    id: str | None = "1",
    namespace: str = NAMESPACE,
    counts: int | None = None,
    device: str | None = None,
) -> bytes:
    """An Inform. ``counts`` replaces the numbers in arrayType, ``device`` the whole DeviceId element."""
    values = {"Device.DeviceInfo.SoftwareVersion": "1", "Device.ManagementServer.ParameterKey": ""} | (values or {})
    structs = "".join(
        f'<ParameterValueStruct><Name>{name}</Name><Value xsi:type="xsd:string">{text}</Value></ParameterValueStruct>'
        for name, text in values.items()
    )
    told = "".join(f"<EventStruct><EventCode>{e}</EventCode><CommandKey></CommandKey></EventStruct>" for e in events)
    who = device if device is not None else (
        f"<DeviceId><Manufacturer>M</Manufacturer><OUI>{OUI}</OUI><ProductClass>{PRODUCT}</ProductClass>"
        f"<SerialNumber>{serial}</SerialNumber></DeviceId>"
    )  # fmt: skip
    n_events, n_values = (len(events), len(values)) if counts is None else (counts, counts)
    return soap(
        f'<cwmp:Inform>{who}<Event enc:arrayType="cwmp:EventStruct[{n_events}]">{told}</Event>'
        "<MaxEnvelopes>1</MaxEnvelopes><CurrentTime>2024-01-01T00:00:00Z</CurrentTime><RetryCount>0</RetryCount>"
        f'<ParameterList enc:arrayType="cwmp:ParameterValueStruct[{n_values}]">{structs}</ParameterList></cwmp:Inform>',
        id, namespace,
    )  # fmt: skip


def names_response(id: str, paths: dict[str, bool]) -> bytes:
    rows = "".join(
        f"<ParameterInfoStruct><Name>{path}</Name><Writable>{int(writable)}</Writable></ParameterInfoStruct>"
        for path, writable in paths.items()
    )
    array = f'<ParameterList enc:arrayType="cwmp:ParameterInfoStruct[{len(paths)}]">{rows}</ParameterList>'
    return soap(f"<cwmp:GetParameterNamesResponse>{array}</cwmp:GetParameterNamesResponse>", id)


def values_response(id: str, values: dict[str, str]) -> bytes:
    rows = "".join(
        f'<ParameterValueStruct><Name>{path}</Name><Value xsi:type="xsd:string">{text}</Value></ParameterValueStruct>'
        for path, text in values.items()
    )
    array = f'<ParameterList enc:arrayType="cwmp:ParameterValueStruct[{len(values)}]">{rows}</ParameterList>'
    return soap(f"<cwmp:GetParameterValuesResponse>{array}</cwmp:GetParameterValuesResponse>", id)


def fault_response(id: str, code: int) -> bytes:
    return soap(
        "<soap:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault>"
        f"<FaultCode>{code}</FaultCode><FaultString>no</FaultString></cwmp:Fault></detail></soap:Fault>",
        id,
    )


TRANSFER_COMPLETE = (
    "<cwmp:TransferComplete><CommandKey>k</CommandKey><FaultStruct><FaultCode>0</FaultCode><FaultString></FaultString>"
    "</FaultStruct><StartTime>2024-01-01T00:00:00Z</StartTime><CompleteTime>2024-01-01T00:00:00Z</CompleteTime>"
    "</cwmp:TransferComplete>"
)


class RawCpe:
    """One connection. ``cookie`` is what it sends; the last cookie it was given unless a test sets another."""

    def __init__(self, address: tuple[str, int], user: str = "", password: str = "") -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._login = Login(user, password, "c0ffee") if user else None
        self.cookie = ""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def post(self, body: bytes = b"", **headers: str) -> Answer:
        """Send and read the answer; a challenge is answered when there is a login."""
        answer = self._exchange(self._head(body, headers) + body)
        if answer.status == 401 and self._login is not None and "authorization" not in headers:
            if not self._login.challenge(answer.headers.get("www-authenticate", "")):
                return answer
            answer = self._exchange(self._head(body, headers) + body)
        return answer

    def post_chunks(self, chunk: bytes, times: int) -> Answer:
        """A chunked body that goes on and on; reads the answer as soon as the server stops listening."""
        self._connect()
        assert self._socket is not None
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: text/xml\r\n{self._proof()}\r\n"
        )
        piece = b"%x\r\n%s\r\n" % (len(chunk), chunk)
        try:
            self._socket.sendall(head.encode())
            for _ in range(times):
                self._socket.sendall(piece)
            self._socket.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # refused in the middle: the answer is there to be read
        return self._read()

    def _proof(self) -> str:
        value = self._login.header("POST", "/") if self._login is not None else None
        return f"Authorization: {value}\r\n" if value else ""

    def _head(self, body: bytes, headers: dict[str, str]) -> bytes:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        more = "".join(f"{line}\r\n" for line in lines) + ("" if "authorization" in headers else self._proof())
        return (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        ).encode()

    def _connect(self) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=20)

    def _exchange(self, data: bytes) -> Answer:
        self._connect()
        assert self._socket is not None
        self._socket.sendall(data)
        return self._read()

    def _read(self) -> Answer:
        received = b""
        while b"\r\n\r\n" not in received:
            data = self._more()
            if not data:
                assert not received, f"the answer ended in its head: {received!r}"
                return Answer(0, {}, "")
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            data = self._more()
            assert data, f"the answer ended in its body: {received!r}"
            body += data
        if headers.get("connection", "").lower() == "close":
            self.close()
        answer = Answer(int(status.split()[1]), headers, body.decode())
        if answer.cookie:
            self.cookie = answer.cookie
        return answer

    def _more(self) -> bytes:
        """What comes next; nothing when the connection is closed, which is then so on our side, too."""
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.close()
        return data
