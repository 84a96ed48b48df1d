"""One CPE session without sockets: authentication, redirects, held requests, retries and what an ACS did wrong."""

from __future__ import annotations

from random import Random

import pytest

from cpetwin.clock import ManualClock
from cpetwin.simulators.cpe import Device
from cpetwin.simulators.faults import FAULTS, Plan, draw, find_fault
from cpetwin.simulators.journal import Journal
from cpetwin.simulators.session import Action, Answer, Finish, Send, Session, asking
from cpetwin.simulators.trees import builtin
from cpetwin.simulators.wire import Unreadable, parse
from tests.simulator_acs import gpv, rpc, soap, spv

NAMESPACE = "urn:dslforum-org:cwmp-1-2"
XML = {"content-type": "text/xml"}
ACCEPTED = rpc("InformResponse", MaxEnvelopes="1")


class Talk:
    """A session driven by hand."""

    def __init__(self, fault: str = "") -> None:
        self.device = Device(builtin("tr181-tplink-ec220g5v3-2023"), 1, frozen=True)
        self.device.configure("URL", "http://acs.test:7547/a")
        self.device.credentials = ("user", "secret")
        self.device.boot(1)
        self.journal = Journal()
        plan = Plan(find_fault(fault) if fault else None)
        clock = ManualClock(1_700_000_000_000)
        self.session = Session(self.device, clock, Random(1), self.journal, plan, lambda device: None)
        self.last: Action = self.session.begin()

    @property
    def sent(self) -> str:
        assert isinstance(self.last, Send), self.last
        return self.last.data.decode()

    @property
    def id(self) -> str:
        return self.sent.partition('mustUnderstand="1">')[2].partition("<")[0]

    def raw(self, status: int, body: bytes = b"", *cookies: str, **headers: str) -> Action:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.last = self.session.answer(Answer(status, XML | names, list(cookies), body))
        return self.last

    def says(self, body: str, id_: str, header: str = "") -> Action:
        return self.raw(200, soap(body, id_, NAMESPACE, header), "session=1; Path=/")

    def informed(self) -> Talk:
        self.says(ACCEPTED, self.id)
        return self


def test_a_whole_session() -> None:
    """Inform, empty POST, request, response, end; the cookie goes back without its attributes."""
    talk = Talk()
    assert "<EventCode>0 BOOTSTRAP</EventCode>" in talk.sent
    assert talk.sent.startswith("POST /a HTTP/1.1\r\nHost: acs.test:7547\r\n")
    talk.informed()
    assert talk.sent.endswith("Content-Length: 0\r\n\r\n")
    assert "Cookie: session=1\r\n" in talk.sent
    assert talk.device.memory.events == []
    talk.says(gpv("Device.RootDataModelVersion"), "a1")
    assert ">a1</cwmp:ID>" in talk.sent
    assert ">2.12</Value>" in talk.sent
    assert talk.raw(204) == Finish()
    assert talk.session.violations == []
    assert dict(talk.journal.counts) == {"GetParameterValues": 1}


def test_digest_is_answered_and_repeated_with_a_rising_count() -> None:
    talk = Talk()
    talk.raw(401, **{"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", opaque="o"'})
    assert 'Authorization: Digest username="user", realm="r", nonce="n", uri="/a"' in talk.sent
    assert "nc=00000001" in talk.sent
    talk.informed()
    assert "nc=00000002" in talk.sent


def test_wrong_credentials_end_the_session() -> None:
    talk = Talk()
    for _ in range(2):
        assert isinstance(talk.raw(401, **{"www-authenticate": 'Basic realm="r"'}), Send)
    assert talk.raw(401, **{"www-authenticate": 'Basic realm="r"'}) == Finish("HTTP 401")


def test_redirects_are_followed_up_to_five_times_with_cookies_per_host() -> None:
    talk = Talk()
    talk.raw(307, b"", "session=old", location="http://other.test/b")
    assert talk.sent.startswith("POST /b HTTP/1.1\r\nHost: other.test\r\n")
    assert "Cookie" not in talk.sent
    for _ in range(4):
        assert isinstance(talk.raw(302, location="/c"), Send)
    assert isinstance(talk.raw(302, location="/d"), Finish)


def test_retry_after_is_obeyed() -> None:
    assert Talk().raw(503, **{"retry-after": "17"}) == Finish("HTTP 503", 17.0)


def test_8005_repeats_the_inform_and_another_fault_ends_it() -> None:
    fault = (
        "<SOAP-ENV:Fault><faultcode>Server</faultcode><faultstring>CWMP fault</faultstring><detail><cwmp:Fault>"
        "<FaultCode>{}</FaultCode><FaultString>x</FaultString></cwmp:Fault></detail></SOAP-ENV:Fault>"
    )
    talk = Talk()
    first = talk.sent
    talk.says(fault.format(8005), talk.id)
    assert talk.sent.partition("\r\n\r\n")[2] == first.partition("\r\n\r\n")[2]
    assert isinstance(talk.says(fault.format(8002), talk.id), Finish)
    assert ("1 BOOT", "") in talk.device.memory.events


def test_held_requests_wait_for_their_release() -> None:
    """HoldRequests=true: only answers and empty POSTs; an empty answer releases (TR-069 3.4.4)."""
    talk = Talk()
    talk.device.requests.append(asking("GetRPCMethods"))
    hold = '<cwmp:HoldRequests SOAP-ENV:mustUnderstand="1">1</cwmp:HoldRequests>'
    talk.says(ACCEPTED, talk.id, hold)
    assert talk.sent.endswith("Content-Length: 0\r\n\r\n")
    talk.raw(204)
    assert "<cwmp:GetRPCMethods>" in talk.sent
    methods = '<MethodList SOAP-ENC:arrayType="xsd:string[0]"></MethodList>'
    talk.says(f"<cwmp:GetRPCMethodsResponse>{methods}</cwmp:GetRPCMethodsResponse>", talk.id)
    assert talk.raw(204) == Finish()


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        (lambda data: b'<?xml version="1.0"?>' + data, "xml-declaration"),
        (lambda data: data.replace(b"SOAP-ENV", b"soap"), "envelope-prefix"),
        (lambda data: data.replace(b"cwmp:", b"c:").replace(b"xmlns:cwmp", b"xmlns:c"), "rpc-prefix"),
        (lambda data: data.replace(b"cwmp-1-2", b"cwmp-1-0"), "namespace"),
        (lambda data: data.replace(b"Struct[1]", b"Struct[2]"), "array-count"),
        (lambda data: data.replace(b"SOAP-ENC:arrayType", b"arrayType"), "array-type"),
        (lambda data: data.replace(b' xsi:type="xsd:string"', b""), "value-type"),
        (lambda data: data.replace(b' SOAP-ENV:mustUnderstand="1"', b""), "must-understand"),
        (lambda data: data.replace(b"<ParameterKey></ParameterKey>", b"<ParameterKey/>"), "self-closed-element"),
        (lambda data: data.replace(b"<ParameterKey></ParameterKey>", b""), "arguments"),
        (lambda data: data.replace(b"<ParameterKey>", b"<ParameterKey>" + b"k" * 33), "key-length"),
    ],
)
def test_what_an_acs_does_wrong_is_counted(change: object, violation: str) -> None:
    data = soap(spv("", ("Device.X", "1", "string")), "1")
    assert parse(data, NAMESPACE).violations == []
    assert callable(change)
    assert violation in parse(change(data), NAMESPACE).violations


@pytest.mark.parametrize("data", [b"", b"<a/>", b"<a", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', soap("", "1")])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(data, NAMESPACE)


def test_ids_are_watched() -> None:
    talk = Talk().informed()
    talk.says(gpv("Device."), "a1")
    talk.says(gpv("Device."), "a1")
    talk.says(gpv("Device."), "")
    assert talk.session.violations == ["id-reused", "missing-id"]


def test_every_fault_strikes_and_an_executed_request_is_executed_once() -> None:
    """Whatever happens to the answer, the journal has a line exactly when the request was carried out."""
    executed = {}
    for kind in FAULTS:
        talk = Talk(kind)
        if isinstance(talk.last, Send) and kind not in ("drop-inform", "reboot"):
            talk.informed().says(rpc("Reboot", CommandKey="k"), "a1")
        elif isinstance(talk.last, Send):
            talk.informed()
        assert talk.session.plan.struck, kind
        executed[kind] = talk.journal.counts["Reboot"]
    undone = {"drop-inform", "drop-before", "fault-9002", "reboot", "offline"}
    assert executed == {kind: int(kind not in undone) for kind in FAULTS}


def test_late_answers_come_one_post_later() -> None:
    talk = Talk("late-answer").informed()
    talk.says(gpv("Device.RootDataModelVersion"), "a1")
    assert talk.sent.endswith("Content-Length: 0\r\n\r\n")
    talk.says(gpv("Device.RootDataModelVersion"), "a2")
    assert ">a1</cwmp:ID>" in talk.sent


def test_a_miscounted_length_is_shorter_than_the_body() -> None:
    talk = Talk("char-length")
    assert isinstance(talk.last, Send)
    head, _, body = talk.last.data.partition(b"\r\n\r\n")
    assert int(head.rpartition(b": ")[2]) == len(body) - 1


def test_faults_are_drawn_as_often_as_asked() -> None:
    random = Random(5)
    struck = [draw(random, 0.1) for _ in range(5000)]
    assert 400 < sum(fault is not None for fault in struck) < 600
    assert {fault.kind for fault in struck if fault is not None} == set(FAULTS)
    assert find_fault("fault-9005").kind == "fault-9005"
    assert find_fault("drop").kind == "drop-after"
