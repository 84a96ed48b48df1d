"""Properties of the codec: what is written is read back, and no mutation of a message breaks the parser."""

from __future__ import annotations

import random
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from codec_samples import NS, sample
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.acs.codec import MESSAGES, CodecError, Message, envelope, parse
from cpetwin.acs.codec import messages as m
from cpetwin.datamodel.value import XSD_TYPES
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import DeviceEvent, Observations

_LEGAL = st.characters(
    codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cs", "Cc")
) | st.sampled_from("\t\n\r<>&\"'")
TEXT = st.text(_LEGAL, max_size=12)
TRIMMED = TEXT.map(str.strip)
NAME = TRIMMED.filter(bool)
KEY = TEXT.filter(lambda text: len(text) <= 32)
TYPE = st.sampled_from(sorted(XSD_TYPES))

_BY_NAME: dict[str, st.SearchStrategy[Any]] = {"status": st.integers(0, 1), "instance_number": st.integers(1, 2**31)}
_TRIMMED = {"method_list", "parameter_names", "parameter_path", "object_name", "name", "option_name", "voucher_list"}
_TRIMMED |= {"current_state", "operation_performed"}


def _field(name: str, hint: Any) -> st.SearchStrategy[Any]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if hint is str:
        if name.endswith(("_time", "_date")):
            return TRIMMED.map(lambda text: text or "0001-01-01T00:00:00Z")
        return KEY if name.endswith("_key") else TRIMMED if name in _TRIMMED else TEXT
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(0, 2**31)
    if typing.get_origin(hint) is Sequence:
        return st.lists(_field(name, typing.get_args(hint)[0]), max_size=3).map(tuple)
    if isinstance(hint, types.UnionType):
        return st.one_of([_struct(one) for one in typing.get_args(hint)])
    return _struct(hint)


def _struct(type_: Any, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(type_)
    names = [field.name for field in msgspec.structs.fields(type_)]
    made = {name: fixed[name] if name in fixed else _field(name, hints[name]) for name in names}
    return st.builds(type_, **made)


def _columns(values: list[tuple[str, str, str]]) -> Observations:
    return Observations([v[0] for v in values], [v[1] for v in values], [v[2] for v in values])


VALUES = st.lists(st.tuples(NAME, TEXT, TYPE), max_size=30)
INFORM = st.builds(
    lambda values, **rest: m.Inform(parameters=_columns(values), structs=len(values), **rest),
    VALUES,
    device=st.builds(DeviceId, TEXT, TEXT, TEXT.filter(lambda text: bool(text.strip()))),
    manufacturer=TEXT,
    events=st.lists(
        st.builds(DeviceEvent, TEXT.map(lambda t: " ".join(t.split())).filter(bool), KEY), max_size=4
    ).map(tuple),
    current_time=NAME,
    retry_count=st.integers(0, 100),
)  # fmt: skip
RESULT = _struct(m.OpResultStruct, operation_performed=st.just(""))
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "Inform": INFORM,
    "GetParameterValuesResponse": VALUES.map(lambda v: m.GetParameterValuesResponse(_columns(v), len(v))),
    "GetParameterNamesResponse": st.lists(st.tuples(NAME, st.booleans()), max_size=30).map(
        lambda rows: m.GetParameterNamesResponse([r[0] for r in rows], [r[1] for r in rows], len(rows))
    ),
    "SetParameterValues": st.builds(m.SetParameterValues, st.lists(st.tuples(TRIMMED, TEXT, TYPE)).map(tuple), KEY),
    "DUStateChangeComplete": _struct(m.DUStateChangeComplete, results=st.lists(RESULT, max_size=3).map(tuple)),
}


def _as_sent(body: Any) -> Any:
    """Columns of an absent list are tuples, others lists; both are sequences."""
    if isinstance(body, m.Inform | m.GetParameterValuesResponse):
        return msgspec.structs.replace(body, parameters=Observations(*map(list, body.parameters)))
    if isinstance(body, m.GetParameterNamesResponse):
        return msgspec.structs.replace(body, paths=list(body.paths), writable=list(body.writable))
    return body


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_survives_the_wire(name: str) -> None:
    """Any text that XML can carry, in any argument."""
    arguments = SPECIAL[name] if name in SPECIAL else _struct(MESSAGES[name].type)

    @given(arguments, TRIMMED | st.none())
    def check(args: Any, id: str | None) -> None:
        message = parse(envelope(name, args, id=id, namespace=NS))
        assert (message.name, message.id) == (name, id)
        assert _as_sent(message.body) == _as_sent(args)

    check()


@given(_struct(m.Fault, faultcode=st.sampled_from(["Client", "Server"]), faultstring=TRIMMED,
               set_faults=st.lists(_struct(m.SetFault, parameter_name=TRIMMED)).map(tuple)))  # fmt: skip
def test_every_fault_survives_the_wire(args: m.Fault) -> None:
    assert parse(envelope("Fault", args, id="1", namespace=NS)).body == args


@given(st.binary(max_size=300))
def test_random_bytes_never_break_the_parser(body: bytes) -> None:
    _parse_or_refuse(body)


def _parse_or_refuse(body: bytes) -> Message | CodecError:
    """Anything but a message or a CodecError fails the test."""
    try:
        return parse(body)
    except CodecError as error:
        return error


# ------------------------------------------------------------------ bounded mutation fuzz

_PIECES = (
    b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!DOCTYPE a>", b"<?x?>", b"\x00", b"\xff", b"\xc3", b"'", b'"',
    b"</Body>", b"<Name/>", b"<Value/>", b"xmlns=''", b"&#0;", b"&a;", b"-1", b"99999999999999999999",
    b"<cwmp:Fault/>", b"\xef\xbb\xbf", b"<ParameterValueStruct/>", b"<ID/>", b" xsi:type='a:b:c'",
)  # fmt: skip


def _cut(body: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(body))
    return body[:start] + body[start + rng.randrange(1, 60) :]


def _insert(body: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + rng.choice(_PIECES) + body[at:]


def _flip(body: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + bytes((rng.randrange(256),)) + body[at + 1 :]


def _repeat(body: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(body))
    piece = body[start : start + rng.randrange(1, 80)]
    return body[:start] + piece * rng.randrange(2, 5) + body[start:]


def _drop_element(body: bytes, rng: random.Random) -> bytes:
    """Take out one whole leaf, so that the rest stays well-formed."""
    starts = [at for at in range(len(body)) if body[at : at + 1] == b"<" and body[at + 1 : at + 2] != b"/"]
    start = rng.choice(starts or [0])
    name = body[start + 1 :].split(b">", 1)[0].split(b" ", 1)[0]
    end = body.find(b"</" + name + b">", start)
    return body if end < 0 else body[:start] + body[end + len(name) + 3 :]


def _rename(body: bytes, rng: random.Random) -> bytes:
    words = (b"Name", b"Value", b"ParameterList", b"Inform", b"Body", b"Header", b"Envelope", b"cwmp", b"FaultCode")
    return body.replace(rng.choice(words), rng.choice(words))


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _insert, _flip, _repeat, _drop_element, _rename)


@pytest.mark.parametrize("name", MESSAGES)
def test_mutated_messages_are_read_or_refused(name: str) -> None:
    """Deterministic: 100 mutations of each message, up to four deep."""
    rng = random.Random(name)
    for _ in range(100):
        body = sample(name)
        for _ in range(rng.randrange(1, 5)):
            body = rng.choice(MUTATIONS)(body, rng) or b"<"
        _parse_or_refuse(body)
