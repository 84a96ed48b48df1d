"""One CWMP session from the CPE's side, sans-I/O (TR-069 3.7.1): answers in, the next POST or the end out.

A session is a sequence of exchanges. What the CPE posted last (``Posted``) and what came back (``Came``) decide
what happens; ``TABLE`` says which method does it, and a pair that is not in it ends the session as failed. HTTP
status codes (401, 302/307, 503) are dealt with before that table is asked; they never reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from random import Random
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from ..clock import Clock
from .cpe import Device
from .digest import Login
from .faults import Plan, Stage
from .journal import Journal
from .rpc import Call, Done, Refused, execute
from .wire import CWMP, AcsMessage, Unreadable, envelope, fault_body, parse

MAX_REDIRECTS = 5
MAX_CHALLENGES = 2
MAX_REPEATS = 3
NAMESPACES = {"Device.": CWMP.format(2), "InternetGatewayDevice.": CWMP.format(0)}
"""The CWMP namespace a device speaks, by the root of its tree."""


class Posted(Enum):
    """What the CPE posted last."""

    INFORM = "inform"
    OWN = "a request of its own"
    READY = "nothing or an answer"


class Came(Enum):
    """What the ACS answered."""

    RESPONSE = "the response to our request"
    FAULT = "a fault"
    REQUEST = "a request"
    EMPTY = "nothing"


@dataclass(frozen=True)
class Send:
    """Post these bytes to ``url`` after ``delay`` seconds."""

    url: str
    data: bytes
    delay: float = 0.0


@dataclass(frozen=True)
class Finish:
    """The session is over. ``reason`` is empty when it ended normally; ``retry_after`` in seconds if the ACS said so;
    ``offline`` seconds the device then stays away from the network."""

    reason: str = ""
    retry_after: float | None = None
    offline: float = 0.0


Action = Send | Finish


class Answer(NamedTuple):
    """An HTTP answer. Header names in lower case; several Set-Cookie values in ``cookies``."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes


class Session:
    """``executed`` is called right after a request changed the device, before its answer leaves."""

    def __init__(
        self,
        device: Device,
        clock: Clock,
        random: Random,
        journal: Journal,
        plan: Plan,
        executed: Callable[[Device], None],
    ) -> None:
        self.device = device
        self.plan = plan
        self.violations: list[str] = []
        self.informed = False
        self._clock, self._random, self._journal, self._executed = clock, random, journal, executed
        self._url = device.management("URL")
        self._namespace = NAMESPACES[device.tree.root]
        self._view = device.view(clock.now())
        self._login = Login(*device.login, f"{random.getrandbits(64):016x}")
        self._cookies: dict[str, dict[str, str]] = {}
        self._redirects = self._challenges = self._repeats = self._ids = 0
        self._seen_ids: set[str] = set()
        self._posted = Posted.INFORM
        self._body = b""
        self._soap_id = ""
        self._own = ""
        self._hold = False
        self._late: bytes | None = None
        self._events: list[tuple[str, str]] = []
        self._changed: list[str] = []

    def begin(self) -> Action:
        """The Inform."""
        strikes = self.plan.strike(Stage.BEGIN)
        if strikes == "offline":
            return Finish("injected offline", offline=2 + 8 * self._random.random())
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body, self._events, self._changed = self.device.inform(self._view, now)
        sent = self._post(Posted.INFORM, self._own_envelope("Inform", body))
        return self._miscounted() if strikes == "char-length" else sent

    def answer(self, got: Answer) -> Action:
        """The ACS answered the last POST."""
        for cookie in got.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies.setdefault(urlsplit(self._url).netloc, {})[name.strip()] = value.strip()
        if got.status in _BY_STATUS:
            return _BY_STATUS[got.status](self, got)
        if got.status not in (200, 204):
            return Finish(f"HTTP {got.status}")
        self._challenges = self._redirects = 0
        if self._posted is Posted.INFORM:
            strikes = self.plan.strike(Stage.INFORM)
            if strikes == "reboot":
                self.device.reboot_after = self.device.reboot_after or "reboot"
            if strikes:
                return Finish(f"injected {strikes}")
        if not got.body.strip():
            if got.status == 200:
                self.violations.append("empty-200")
            return self._dispatch(Came.EMPTY, None)
        if not got.headers.get("content-type", "").startswith("text/xml"):
            self.violations.append("content-type")
        try:
            message = parse(got.body, self._namespace)
        except Unreadable as error:
            return Finish(f"unreadable answer: {error}")
        self.violations += message.violations
        self._hold = message.hold
        return self._dispatch(self._classify(message), message)

    def _classify(self, message: AcsMessage) -> Came:
        if message.fault is not None or message.name.endswith("Response"):
            if message.id != self._soap_id:
                self.violations.append("id-not-echoed")
            return Came.FAULT if message.fault is not None else Came.RESPONSE
        if not message.id:
            self.violations.append("missing-id")
        elif message.id in self._seen_ids:
            self.violations.append("id-reused")
        else:
            self._seen_ids.add(message.id)
        return Came.REQUEST

    def _dispatch(self, came: Came, message: AcsMessage | None) -> Action:
        step = TABLE.get((self._posted, came))
        if step is None:
            return Finish(f"after {self._posted.value} came {came.value}")
        return step(self, message)

    # Steps of TABLE

    def _inform_accepted(self, message: AcsMessage | None) -> Action:
        if message is None or message.name != "InformResponse":
            return Finish("the Inform was answered with something else")
        if not self._cookies:
            self.violations.append("no-cookie")
        self.informed = True
        self.device.acknowledged(self._events)
        self.device.told(self._view, self._changed)
        self._executed(self.device)
        return self._own_or(self._ready)

    def _refused(self, message: AcsMessage | None) -> Action:
        """A fault for our request: 8005 asks for the same again, any other ends an Inform or drops the request."""
        code = message.fault if message is not None else None
        if code == 8005 and self._repeats < MAX_REPEATS:
            self._repeats += 1
            return self._post(self._posted, self._body)
        if self._posted is Posted.INFORM:
            return Finish(f"the Inform was refused with {code}")
        return self._own_done(message)

    def _own_done(self, message: AcsMessage | None) -> Action:
        if message is not None and message.fault is None and message.name != f"{self._own}Response":
            return Finish(f"{self._own} was answered with {message.name}")
        self.device.requests.popleft()
        return self._own_or(self._ready)

    def _over(self, message: AcsMessage | None) -> Action:
        self._hold = False
        return self._own_or(Finish)

    def _execute(self, message: AcsMessage | None) -> Action:
        if message is None:
            return Finish("no message")
        strikes = self.plan.strike(Stage.REQUEST)
        if strikes == "drop-before":
            return Finish("injected drop-before")
        body = fault_body(self.plan.number, "injected") if strikes else self._run(message)
        return self._answered(message, envelope(self._namespace, body, message.id))

    def _run(self, message: AcsMessage) -> str:
        """Execute once, make it durable, write the journal; the response's or fault's body."""
        device, now = self.device, self._clock.now()
        try:
            done = execute(Call(device, self._view, message, now))
        except Refused as refused:
            faults = [{"path": path, "fault": code} for path, code, _ in refused.parameters]
            result: dict[str, object] = {"fault": refused.code}
            done = Done(
                fault_body(refused.code, refused.text, refused.parameters),
                {},
                result | ({"parameters": faults} if faults else {}),
                message.text("ParameterKey") or message.text("CommandKey"),
            )
        self._executed(device)
        device.counters[message.name] += 1
        self._journal.write(now, device.key, message.name, done.key, done.args, done.result)
        return done.body

    def _answered(self, message: AcsMessage, data: bytes) -> Action:
        strikes = self.plan.strike(Stage.ANSWER)
        if strikes == "drop-after":
            return Finish("injected drop-after")
        if strikes == "empty-answer":
            data = b""
        elif strikes == "bad-xml":
            data = data[: len(data) // 2]
        elif strikes == "wrong-id":
            data = data.replace(f">{message.id}</cwmp:ID>".encode(), b">wrong</cwmp:ID>", 1)
        elif strikes == "late-answer":
            data, self._late = self._late or b"", data
        return self._post(Posted.READY, data, delay=1 + 2 * self._random.random() if strikes == "slow" else 0.0)

    # HTTP

    def _unauthorized(self, got: Answer) -> Action:
        self._challenges += 1
        if self._challenges > MAX_CHALLENGES or not self._login.challenge(got.headers.get("www-authenticate", "")):
            return Finish("HTTP 401")
        return self._post(self._posted, self._body)

    def _redirected(self, got: Answer) -> Action:
        self._redirects += 1
        target = urljoin(self._url, got.headers.get("location", ""))
        if self._redirects > MAX_REDIRECTS or urlsplit(target).scheme not in ("http", "https"):
            return Finish("redirected too often or nowhere")
        self._url = target
        return self._post(self._posted, self._body)

    def _overloaded(self, got: Answer) -> Action:
        after = got.headers.get("retry-after", "")
        return Finish("HTTP 503", float(after) if after.isdigit() else None)

    # Posting

    def _own_or(self, otherwise: Callable[[], Action]) -> Action:
        if not self.device.requests or self._hold:
            return otherwise()
        self._own, body = self.device.requests[0]
        return self._post(Posted.OWN, self._own_envelope(self._own, body))

    def _ready(self) -> Action:
        return self._post(Posted.READY, b"")

    def _own_envelope(self, method: str, body: str) -> bytes:
        self._ids += 1
        self._soap_id = f"{self.device.number:x}.{self.device.boot_at & 0xFFFFFF:x}.{self._ids}"
        return envelope(self._namespace, body or f"<cwmp:{method}></cwmp:{method}>", self._soap_id)

    def _post(self, kind: Posted, body: bytes, delay: float = 0.0) -> Send:
        self._posted, self._body = kind, body
        return Send(self._url, self._http(body, len(body)), delay)

    def _miscounted(self) -> Send:
        """The Inform again, with a name that is not ASCII and a length in characters."""
        self._body = self._body.replace(b"</Manufacturer>", "é</Manufacturer>".encode(), 1)
        return Send(self._url, self._http(self._body, len(self._body.decode())))

    def _http(self, body: bytes, length: int) -> bytes:
        url = urlsplit(self._url)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", "User-Agent: cpetwin-cpe"]
        if body:
            lines += ['Content-Type: text/xml; charset="utf-8"', "SOAPAction:"]
        cookies = self._cookies.get(url.netloc)
        if cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
        proof = self._login.header("POST", path)
        if proof is not None:
            lines.append(f"Authorization: {proof}")
        lines.append(f"Content-Length: {length}\r\n\r\n")
        return "\r\n".join(lines).encode() + body


def asking(method: str) -> tuple[str, str]:
    """An entry for ``Device.requests``: a method without arguments."""
    return method, f"<cwmp:{method}></cwmp:{method}>"


TABLE: dict[tuple[Posted, Came], Callable[[Session, AcsMessage | None], Action]] = {
    (Posted.INFORM, Came.RESPONSE): Session._inform_accepted,
    (Posted.INFORM, Came.FAULT): Session._refused,
    (Posted.OWN, Came.RESPONSE): Session._own_done,
    (Posted.OWN, Came.FAULT): Session._refused,
    (Posted.READY, Came.REQUEST): Session._execute,
    (Posted.READY, Came.EMPTY): Session._over,
}
_BY_STATUS: dict[int, Callable[[Session, Answer], Action]] = {
    302: Session._redirected,
    307: Session._redirected,
    401: Session._unauthorized,
    503: Session._overloaded,
}
