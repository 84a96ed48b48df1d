"""What a device may send by mistake or malice: the protocol-right answer, nothing half stored, one log line, a counter;
and never a 500, a traceback or a session that is stuck. Against a live server, with authentication and without."""

from __future__ import annotations

import base64
import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from e2e import Server, World
from raw_cpe import (
    OUI,
    PRODUCT,
    TRANSFER_COMPLETE,
    Answer,
    RawCpe,
    fault_response,
    inform,
    names_response,
    soap,
    values_response,
)

USER, PASSWORD = "boot", "strap-secret"
MODES = ("required", "off")
SET = "<cwmp:SetParameterValuesResponse><Status>0</Status></cwmp:SetParameterValuesResponse>"


class Site:
    """A server in one mode of authentication, and devices for it with serials of their own."""

    def __init__(self, world: World, mode: str) -> None:
        world.environment |= {"CPETWIN_CPE_USER": USER, "CPETWIN_CPE_PASSWORD": PASSWORD}
        self.world = world
        self.mode = mode
        self.server: Server = world.serve("--cpe-auth", mode)
        self._numbers = itertools.count(1)
        self._cpes: list[RawCpe] = []

    def serial(self) -> str:
        return f"S{next(self._numbers)}"

    def cpe(self, login: bool = True) -> RawCpe:
        """A CPE that knows the bootstrap credential where it is asked for one."""
        known = login and self.mode != "off"
        cpe = RawCpe(self.server.cwmp, USER if known else "", PASSWORD if known else "")
        self._cpes.append(cpe)
        return cpe

    def close(self) -> None:
        for cpe in self._cpes:
            cpe.close()

    def knows(self, serial: str) -> bool:
        return self.server.ask("GET", f"/api/v1/devices/{OUI}-{PRODUCT}-{serial}")[0] == 200

    def twin(self, serial: str) -> dict[str, object]:
        parameters: dict[str, object] = self.server.api("GET", f"devices/{OUI}-{PRODUCT}-{serial}/twin")["parameters"]
        return parameters

    def log(self) -> list[str]:
        return self.server.errors().splitlines()

    def finish(self, cpe: RawCpe) -> None:
        """Bring a session that is under way to its end: refuse everything; the last word is 204."""
        answer = cpe.post()
        for _ in range(40):
            if answer.status == 204:
                return
            assert answer.status == 200, answer
            answer = cpe.post(fault_response(answer.id, 9005))
        raise AssertionError("the session does not end")


@pytest.fixture(scope="module", params=MODES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with World(tmp_path_factory.mktemp("site")) as world:
        site = Site(world, request.param)
        yield site
        site.close()
        after = site.cpe()
        assert after.post(inform(site.serial())).rpc == "InformResponse"  # it is alive and well
        site.finish(after)
        site.close()
        counters = site.server.counters()
        assert not counters["internal-errors"] and not counters["handler-failed"], counters
        assert site.server.stop() == 0
        assert "Traceback" not in site.server.errors()


def deep(levels: int) -> bytes:
    return soap("<cwmp:Inform>" + "<a>" * levels + "</a>" * levels + "</cwmp:Inform>")


class Bad(NamedTuple):
    """A first POST that is refused: with a status, or with 200 and a fault; ``counter`` goes up, ``said`` is logged."""

    name: str
    body: Callable[[str], bytes]
    status: int
    counter: str
    said: str
    fault: int | None = None


BAD = (
    Bad("no XML", lambda s: b"\x00\xff garbage", 400, "bad.not-well-formed", "not-well-formed"),
    Bad("half an Inform", lambda s: inform(s)[:-200], 400, "bad.not-well-formed", "not-well-formed"),
    Bad(
        "DOCTYPE",
        lambda s: inform(s).replace(b"<soap:Env", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><soap:Env'),
        400, "bad.doctype", "doctype",
    ),
    Bad(
        "entities that grow",
        lambda s: inform(s, values={"Device.A": "&b;"}).replace(
            b"<soap:Env", b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><soap:Env', 1
        ),
        400, "bad.doctype", "doctype",
    ),
    Bad("deep", lambda s: deep(5000), 400, "bad.too-deep", "too-deep"),
    Bad("not SOAP", lambda s: b"<html><body>hello</body></html>", 400, "bad.not-soap", "not-soap"),
    Bad("SOAP 1.2", lambda s: inform(s).replace(b"schemas.xmlsoap.org/soap/env", b"www.w3.org/2003/05/soap-env"), 400,
        "bad.not-soap", "not-soap"),
    Bad("no body", lambda s: soap(""), 400, "bad.not-soap", "not-soap"),
    Bad("foreign namespace", lambda s: inform(s, namespace="urn:example:cwmp"), 400, "bad.unknown-protocol",
        "unknown-protocol"),
    Bad("no DeviceId", lambda s: inform(s, device=""), 200, "bad.invalid-arguments", "invalid-arguments", 8003),
    Bad("no serial number", lambda s: inform(" "), 200, "bad.invalid-arguments", "invalid-arguments", 8003),
    Bad("too many events", lambda s: inform(s, ("2 PERIODIC",) * 2000), 400, "bad.too-large", "too-large"),
    Bad("RPC before the Inform", lambda s: soap("<cwmp:GetRPCMethods></cwmp:GetRPCMethods>"), 400, "refused.no-session",
        "no-session"),
    Bad("answer before the Inform", lambda s: names_response("1", {"Device.": False}), 400, "refused.no-session",
        "no-session"),
    Bad("fault before the Inform", lambda s: fault_response("1", 9002), 400, "refused.no-session", "no-session"),
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_first_message_that_is_wrong(site: Site, bad: Bad) -> None:
    """Refused as the protocol wants it; the device is not known afterwards; counted once and logged in one line."""
    serial, cpe = site.serial(), site.cpe()
    counters, lines = site.server.counters(), len(site.log())
    answer = cpe.post(bad.body(serial))
    assert (answer.status, answer.fault) == (bad.status, bad.fault)
    after = site.server.counters()
    assert sum(after[name] - counters[name] for name in after if name.startswith(bad.counter)) == 1
    new = [line for line in site.log()[lines:] if bad.said in line]
    assert len(new) == 1 and "device=" in new[0] and "reason=" in new[0], site.log()[lines:]
    assert not site.knows(serial)
    assert after["sessions in memory"] == counters["sessions in memory"]


def test_a_body_over_the_cap(site: Site) -> None:
    """32 MB is the end, in one piece or in chunks, long before the memory is full: 413 and the connection is closed."""
    counters, lines = site.server.counters(), len(site.log())
    cpe = site.cpe()
    if site.mode != "off":
        assert cpe.post().status in (204, 401)  # the challenge, so that the proof goes along
    answer = cpe.post_chunks(b" " * (1 << 20), 40)
    assert answer.status == 413
    declared = site.cpe(login=False).post(Content_Type="text/xml", Expect="100-continue", X=" ")
    assert declared.status in (204, 401)
    after = site.server.counters()
    assert after["body-bytes"] - counters["body-bytes"] == 1
    assert sum("body-bytes" in line for line in site.log()[lines:]) == 1


def lenient(serial: str) -> dict[str, bytes]:
    """Mistakes that real devices make and that harm nobody."""
    return {
        "missing ID": inform(serial, id=None),
        "wrong counts": inform(serial, counts=77),
        "no events": inform(serial, events=()),
        "trailing blanks": inform(serial) + b"\r\n\0",
        "an event that nobody knows": inform(serial, events=("X 00D09E Strange",)),
        "a prefix that is not declared": inform(serial).replace(b"xmlns:cwmp", b"xmlns:other"),
        "no values": inform(serial).replace(b"ParameterValueStruct>", b"Other>"),
    }


@pytest.mark.parametrize("what", lenient(""))
def test_a_mistake_that_harms_nobody_is_accepted(site: Site, what: str) -> None:
    serial, cpe = site.serial(), site.cpe()
    answer = cpe.post(lenient(serial)[what])
    assert (answer.status, answer.rpc) == (200, "InformResponse")
    site.finish(cpe)
    assert site.knows(serial)


def test_two_informs_in_a_session(site: Site) -> None:
    """The second one begins a new session; the first is counted as replaced, with the device's id in the log."""
    serial, cpe = site.serial(), site.cpe()
    counters = site.server.counters()
    assert cpe.post(inform(serial)).rpc == "InformResponse"
    first = cpe.cookie
    second = cpe.post(inform(serial))
    assert second.rpc == "InformResponse" and second.cookie and second.cookie != first
    site.finish(cpe)
    after = site.server.counters()
    assert after["sessions.replaced"] - counters["sessions.replaced"] == 1
    assert any(f"device={OUI}-{PRODUCT}-{serial} reason=replaced" in line for line in site.log())


def test_a_cookie_of_an_ended_or_invented_session(site: Site) -> None:
    """It opens nothing: no session comes of it, nothing is stored; an Inform with it is judged on its own."""
    serial, cpe = site.serial(), site.cpe()
    cpe.post(inform(serial))
    site.finish(cpe)
    ended = cpe.cookie
    before = site.server.counters()
    for cookie in (ended, "cpetwin=invented", "cpetwin=" + "x" * 4000, "cpetwin"):
        thief = site.cpe(login=False)
        thief.cookie = cookie
        for body in (b"", names_response("1", {"Device.Evil.": True}), values_response("9", {"Device.Evil": "1"})):
            answer = thief.post(body)
            assert answer.status in (204, 400, 401), (cookie[:20], answer)
            assert not answer.body
            thief.close()
    after = site.server.counters()
    assert after["sessions"] == before["sessions"]
    assert "Device.Evil" not in site.twin(serial)
    # A device that keeps its cookie (many do) is let in by its own proof all the same.
    cpe.cookie = ended
    again = cpe.post(inform(serial, ("2 PERIODIC",)))
    assert again.rpc == "InformResponse"
    site.finish(cpe)


def test_the_cookie_of_another_device(site: Site) -> None:
    """An Inform that comes with it is still the Inform of who proves to be who; the other session goes on."""
    first, second = site.serial(), site.serial()
    owner, stranger = site.cpe(), site.cpe()
    owner.post(inform(first))
    stranger.cookie = owner.cookie
    assert stranger.post(inform(second)).rpc == "InformResponse"
    assert stranger.cookie != owner.cookie
    site.finish(owner)
    site.finish(stranger)
    assert site.knows(first) and site.knows(second)


def test_without_a_proof_a_cookie_lets_nobody_inform(site: Site) -> None:
    """Where authentication is required; elsewhere it is an Inform like any other."""
    owner, thief = site.cpe(), site.cpe(login=False)
    owner.post(inform(site.serial()))
    thief.cookie = owner.cookie
    victim = site.serial()
    assert thief.post(inform(victim)).status == (401 if site.mode == "required" else 200)
    assert site.knows(victim) == (site.mode == "off")
    site.finish(owner)
    if site.mode == "off":
        site.finish(thief)


def test_an_empty_post_outside_a_session(site: Site) -> None:
    """204, or 401 where authentication is required; never 400."""
    assert site.cpe(login=False).post().status == (401 if site.mode == "required" else 204)
    assert site.cpe(login=False).post(b" \r\n ").status == (401 if site.mode == "required" else 204)


def test_a_transfer_complete_after_the_end(site: Site) -> None:
    """After our 204 a late request of the device is still answered (held requests)."""
    serial, cpe = site.serial(), site.cpe()
    cpe.post(inform(serial))
    site.finish(cpe)
    answer = cpe.post(soap(TRANSFER_COMPLETE, "late"))
    assert (answer.status, answer.rpc, answer.id) == (200, "TransferCompleteResponse", "late")
    assert cpe.post().status == 204


def test_requests_that_nobody_knows_and_far_too_many(site: Site) -> None:
    """8000 for an unknown method; above a hundred requests in one session 8004; the session still ends."""
    cpe = site.cpe()
    cpe.post(inform(site.serial()))
    assert cpe.post(soap("<cwmp:MakeCoffee></cwmp:MakeCoffee>", "7")).fault == 8000
    faults = Counter(cpe.post(soap("<cwmp:GetRPCMethods></cwmp:GetRPCMethods>", str(n))).fault for n in range(110))
    assert faults[None] >= 90 and faults[8004] >= 5
    site.finish(cpe)


def test_rubbish_in_the_middle_of_a_session(site: Site) -> None:
    """400 and the end of the session, with the device's id in the log; its next Inform is welcome."""
    serial, cpe = site.serial(), site.cpe()
    cpe.post(inform(serial))
    lines = len(site.log())
    assert cpe.post(b"<broken").status == 400
    refused = [line for line in site.log()[lines:] if "refused" in line]
    assert len(refused) == 1 and f"{OUI}-{PRODUCT}-{serial}" in refused[0] and "not-well-formed" in refused[0]
    assert cpe.post().status in (204, 400, 401)
    assert cpe.post(inform(serial)).rpc == "InformResponse"
    site.finish(cpe)


def test_answers_that_fit_nothing(site: Site) -> None:
    """Answers to what was never asked, with wrong names and ids, many of them: the session ends, nothing is stored."""
    serial, cpe = site.serial(), site.cpe()
    cpe.post(inform(serial))
    answer = cpe.post()
    evil = {"Device.Evil": "1"}
    posts = 0
    while answer.status == 200 and posts < 200:
        answer = cpe.post(values_response(f"wrong{posts}", evil))
        posts += 1
    assert answer.status == 204 and posts < 100
    assert "Device.Evil" not in site.twin(serial)


def test_nothing_is_half_stored(site: Site) -> None:
    """A listing that breaks off in the middle leaves the twin as it was."""
    serial, cpe = site.serial(), site.cpe()
    cpe.post(inform(serial))
    asked = cpe.post()
    while asked.rpc == "SetParameterValues":
        asked = cpe.post(soap(SET, asked.id))
    assert asked.rpc == "GetParameterNames"
    listing = names_response(asked.id, {f"Device.X.{n}.": True for n in range(1000)})
    assert cpe.post(listing[: len(listing) // 2]).status == 400
    tree = site.server.api("GET", f"devices/{OUI}-{PRODUCT}-{serial}/twin/tree")
    assert not [node for node in tree if "Device.X" in node["path"]]


def test_sessions_of_one_device_one_after_the_other(site: Site) -> None:
    """The newest wins; the older ones get 400 (401 where one has to prove oneself) when they go on."""
    serial, before = site.serial(), site.server.counters()["sessions.replaced"]
    cpes = [site.cpe() for _ in range(5)]
    for cpe in cpes:
        assert cpe.post(inform(serial)).rpc == "InformResponse"
    for cpe in cpes[:-1]:
        assert cpe.post(fault_response("1", 9002)).status in (400, 401)
    site.finish(cpes[-1])
    assert site.server.counters()["sessions.replaced"] == before + 4


def test_sessions_of_one_device_at_the_same_time(site: Site) -> None:
    """Eight connections of one device that all go through with it: each is answered at every step, at least one comes
    to its end, and the device is as well as before."""
    serial = site.serial()
    barrier = threading.Barrier(8)

    def insist(cpe: RawCpe) -> list[int]:
        barrier.wait(10)
        statuses = []
        for _ in range(4):
            answer = cpe.post(inform(serial))
            statuses.append(answer.status)
            answer = cpe.post()
            while answer.status == 200:
                answer = cpe.post(fault_response(answer.id, 9005))
            statuses.append(answer.status)
        return statuses

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(insist, [site.cpe() for _ in range(8)]))
    assert {status for statuses in told for status in statuses} <= {200, 204, 400, 401}, told
    assert any(204 in statuses for statuses in told)
    last = site.cpe()
    assert last.post(inform(serial)).rpc == "InformResponse"
    site.finish(last)


def test_wrong_and_foreign_credentials(tmp_path_factory: pytest.TempPathFactory) -> None:
    """401 for what does not fit, 403 for the credential of another device; both with counter and log line."""
    with World(tmp_path_factory.mktemp("site")) as world:
        site = Site(world, "required")
        serial = site.serial()
        for user, password in ((USER, "wrong"), ("nobody", "x"), ("", "")):
            cpe = RawCpe(site.server.cwmp, user, password)
            assert cpe.post(inform(serial)).status == 401
            cpe.close()
        for proof in ("Digest", "Digest username=", "Basic !!!", "Bearer x", "Digest " + "a=b," * 2000):
            cpe = RawCpe(site.server.cwmp)
            assert cpe.post(inform(serial), authorization=proof).status in (401, 431)
            cpe.close()
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        cpe = RawCpe(site.server.cwmp)
        assert cpe.post(inform(serial), authorization=f"Basic {basic}").status == 401  # not over plain HTTP
        cpe.close()
        assert not site.knows(serial)
        assert site.server.counters()["refused.wrong-credentials"] >= 3

        # The first device gets a credential of its own; then somebody else comes with it.
        cpe = site.cpe()
        cpe.post(inform(serial))
        asked = cpe.post()
        assert asked.rpc == "SetParameterValues"
        sent = dict(zip(*[iter(_texts(asked))] * 2, strict=False))
        prefix = "Device.ManagementServer."
        own = sent[prefix + "Username"], sent[prefix + "Password"]
        cpe.post(soap(SET, asked.id))
        site.finish(cpe)
        thief, victim = RawCpe(site.server.cwmp, *own), site.serial()
        assert thief.post(inform(victim)).status == 403
        thief.close()
        assert not site.knows(victim)
        assert site.server.counters()["refused.refused-403"] == 1
        assert any(f"device={OUI}-{PRODUCT}-{victim}" in line and "another device" in line for line in site.log())
        itself = RawCpe(site.server.cwmp, *own)
        assert itself.post(inform(serial, ("2 PERIODIC",))).rpc == "InformResponse"
        site.finish(itself)
        itself.close()
        # Now its own credential is proven: the bootstrap one is no longer good for it without a reset.
        cpe = site.cpe()
        assert cpe.post(inform(serial, ("2 PERIODIC",))).status == 403
        assert PASSWORD not in site.server.errors() and own[1] not in site.server.errors()
        site.close()
        assert site.server.stop() == 0


def _texts(answer: Answer) -> list[str]:
    """Names and values of a SetParameterValues, in turn."""
    return re.findall(r"<(?:Name|Value[^>]*)>([^<]*)</(?:Name|Value)>", answer.body)
