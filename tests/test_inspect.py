"""``inspect``: every capture gives rows of the promised shape, whatever is in it."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from codec_samples import INFORM_BYTES, NS, VALUES, sample
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.acs.capture import MAX_MESSAGES
from cpetwin.acs.codec import envelope, fault
from cpetwin.acs.codec import messages as m
from cpetwin.acs.inspect import Row, inspect_bytes

KEYS = ["file", "ok", "protocol", "message", "id", "device", "events", "parameters", "fault", "error"]
CODES = {"not-well-formed", "doctype", "too-deep", "too-large", "not-soap", "unknown-protocol", "invalid-arguments"}


def one(data: bytes) -> Row:
    (row,) = inspect_bytes("a file", data)
    assert list(row) == KEYS and row["file"] == "a file"
    return row


def post(body: bytes, *headers: str, length: int | None = -1) -> bytes:
    lines = ["POST /acs HTTP/1.1", "Host: acs.example", 'Content-Type: text/xml; charset="utf-8"', *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    parts = [body[i : i + 100] for i in range(0, len(body), 100)]
    framed = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"
    return post(framed, "Transfer-Encoding: chunked", length=None)


def test_an_inform() -> None:
    assert one(INFORM_BYTES) == {
        "file": "a file", "ok": True, "protocol": "cwmp", "message": "Inform", "id": "42",
        "device": {"oui": "00AABB", "product_class": "Gateway", "serial": "S-1"},
        "events": [{"code": "1 BOOT", "command_key": ""}, {"code": "M Reboot", "command_key": "key-1"}],
        "parameters": 3, "fault": None, "error": None,
    }  # fmt: skip


def test_the_device_is_shown_as_sent() -> None:
    row = one(INFORM_BYTES.replace(b"00AABB", b"00aabb").replace(b"S-1", b" s/1\xc3\xa9"))
    assert row["device"] == {"oui": "00aabb", "product_class": "Gateway", "serial": " s/1é"}


def test_structs_are_counted_as_they_are() -> None:
    """Duplicates and nameless ones too, and never by the arrayType."""
    twice = INFORM_BYTES.replace(b"[3]", b"[77]").replace(
        b"</ParameterList>", b"<ParameterValueStruct><Name>Device.DeviceInfo.SoftwareVersion</Name><Value>1</Value>"
        b"</ParameterValueStruct><ParameterValueStruct><Value>1</Value></ParameterValueStruct></ParameterList>",
    )  # fmt: skip
    assert one(twice)["parameters"] == 5


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("GetParameterValuesResponse", 3), ("GetParameterNamesResponse", 2), ("GetParameterAttributesResponse", 2),
        ("SetParameterValues", 3), ("SetParameterAttributes", 1), ("GetParameterValues", 2), ("Reboot", 0),
    ],
)  # fmt: skip
def test_parameters_of_other_messages(name: str, count: int) -> None:
    row = one(sample(name))
    assert (row["ok"], row["message"], row["parameters"], row["device"], row["events"]) == (True, name, count, None, [])


def test_a_fault() -> None:
    row = one(fault(9003, "7", NS, "bad", [m.SetFault("Device.X", 9007, "no")]))
    assert (row["ok"], row["message"], row["id"]) == (True, "Fault", "7")
    assert row["fault"] == {
        "code": 9003, "text": "bad", "faultcode": "Client",
        "parameters": [{"path": "Device.X", "code": 9007, "text": "no"}],
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"\r\n", post(b""), post(b"", length=None), b"GET / HTTP/1.1\r\n\r\n"])
def test_an_empty_post(data: bytes) -> None:
    row = one(data)
    assert (row["ok"], row["message"], row["protocol"], row["error"]) == (True, "empty", "cwmp", None)


@pytest.mark.parametrize(
    "data",
    [
        post(INFORM_BYTES),
        post(INFORM_BYTES).replace(b"\r\n", b"\n"),
        b"\r\n" + post(INFORM_BYTES),
        post(INFORM_BYTES, length=None),
        post(INFORM_BYTES, length=len(INFORM_BYTES) + 500),
        chunked(INFORM_BYTES),
        post(gzip.compress(INFORM_BYTES), "Content-Encoding: gzip"),
        post(zlib.compress(INFORM_BYTES), "content-encoding: DEFLATE"),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(INFORM_BYTES) + INFORM_BYTES,
        gzip.compress(INFORM_BYTES),
        INFORM_BYTES.hex().encode(),
        post(INFORM_BYTES).hex(" ", 16).upper().encode(),
    ],
    ids=[
        "plain", "bare-newlines", "leading-newline", "no-length", "length-too-large", "chunked", "gzip", "deflate",
        "response", "gzip-file", "hex", "hex-of-http",
    ],
)  # fmt: skip
def test_every_way_to_capture_an_inform(data: bytes) -> None:
    assert one(data) == one(INFORM_BYTES)


def test_a_conversation_in_one_file() -> None:
    """Both directions, one after another; the last answer has no body."""
    answer = envelope("InformResponse", m.InformResponse(), id="42", namespace=NS)
    data = (
        post(INFORM_BYTES) + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
        + chunked(sample("GetParameterValuesResponse"))
        + post(gzip.compress(sample("RebootResponse")), "Content-Encoding: gzip")
        + post(b"") + b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n"
    )  # fmt: skip
    rows = inspect_bytes("f", data)
    assert [row["message"] for row in rows] == [
        "Inform", "InformResponse", "GetParameterValuesResponse", "RebootResponse", "empty", "empty",
    ]  # fmt: skip
    assert all(row["ok"] for row in rows)


def test_a_length_in_characters_ends_the_body_early() -> None:
    """As on the server: truncated XML. What follows is still found."""
    body = INFORM_BYTES.replace(b"Gateway", "Straße".encode() * 9)
    rows = inspect_bytes("f", post(body, length=len(body.decode())) + post(INFORM_BYTES))
    assert [(row["ok"], row["error"] and row["error"]["code"]) for row in rows] == [
        (False, "not-well-formed"),
        (True, None),
    ]


def test_a_length_that_swallows_the_next_request_is_cut_there() -> None:
    rows = inspect_bytes("f", post(INFORM_BYTES, length=len(INFORM_BYTES) + 50) + post(sample("RebootResponse")))
    assert [row["message"] for row in rows] == ["Inform", "RebootResponse"]


def test_a_value_that_looks_like_a_request_is_no_request() -> None:
    values = VALUES._replace(texts=["x\nGET / HTTP/1.1\n\n", "b", "c"])
    body = envelope("GetParameterValuesResponse", m.GetParameterValuesResponse(values), id="1", namespace=NS)
    assert [row["message"] for row in inspect_bytes("f", post(body) * 2)] == ["GetParameterValuesResponse"] * 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello", "not-well-formed"),
        (INFORM_BYTES[:-9], "not-well-formed"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (b"<a>" * 80 + b"</a>" * 80, "too-deep"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "too-large"),
        (b"<html/>", "not-soap"),
        (INFORM_BYTES.replace(NS.encode(), b"urn:example"), "unknown-protocol"),
        (bytes(range(256)), "unknown-protocol"),
        (b"\x0a\x05\x12\x00\xff\xfe", "unknown-protocol"),
        (b"0a 05 12 00 ff fe", "unknown-protocol"),
        (INFORM_BYTES.replace(b"S-1", b""), "invalid-arguments"),
        (post(b"not gzip", "Content-Encoding: gzip"), "not-well-formed"),
        (post(gzip.compress(INFORM_BYTES)[:-20], "Content-Encoding: gzip"), "not-well-formed"),
        (post(gzip.compress(b" " * 60_000_000), "Content-Encoding: gzip"), "too-large"),
        (post(b"zz\r\n" + INFORM_BYTES, "Transfer-Encoding: chunked", length=None), "not-well-formed"),
        (chunked(INFORM_BYTES)[:-300], "not-well-formed"),
        (b"POST / HTTP/1.1\r\nHost: x\r\n", "not-well-formed"),
        (post(INFORM_BYTES, "Content-Length: many", length=None), "not-well-formed"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",
)  # fmt: skip
def test_malformed_input_is_a_row(data: bytes, code: str) -> None:
    row = one(data)
    assert row["ok"] is False
    assert row["error"]["code"] == code and row["error"]["text"]


def test_an_endless_capture_says_where_it_was_left() -> None:
    rows = inspect_bytes("f", b"GET / HTTP/1.1\r\n\r\n" * (MAX_MESSAGES + 5))
    assert len(rows) == MAX_MESSAGES + 1 and [row["ok"] for row in rows[-2:]] == [True, False]


def test_a_refused_inform_still_says_what_it_was() -> None:
    row = one(INFORM_BYTES.replace(b"S-1", b""))
    assert (row["message"], row["id"], row["device"]) == ("Inform", "42", None)


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_rows(data: bytes) -> None:
    for row in inspect_bytes("f", data):
        assert list(row) == KEYS
        assert row["ok"] is (row["error"] is None)


def test_mutated_captures_give_rows() -> None:
    """Deterministic: 600 mutations of a conversation."""
    rng = random.Random(1)
    whole = post(INFORM_BYTES) + chunked(sample("RebootResponse")) + post(gzip.compress(b""), "Content-Encoding: gzip")
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(4))
        for row in inspect_bytes("f", bytes(data)):
            assert list(row) == KEYS and (row["ok"] or row["error"]["code"] in CODES)
