"""The path grammar of TR-106 and TR-369: what parses, what it means, where it is wrong; it prints as it reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel.comparing import OPERATORS, Constant
from cpetwin.datamodel.path import (
    Alias,
    Command,
    Criterion,
    Event,
    Instance,
    Name,
    Pattern,
    Placeholder,
    Reference,
    Search,
    Wildcard,
)
from cpetwin.datamodel.path_parser import MAX_CRITERIA, MAX_PATTERN, MAX_SEGMENTS, parse_pattern
from cpetwin.datamodel.secrets import is_secret
from cpetwin.errors import BadInput

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_\-]{0,6}", fullmatch=True).filter(lambda word: not is_secret(word))
TEXTS = st.text(st.characters(min_codepoint=32, blacklist_categories=("Cs",)), max_size=8)
CONSTANTS = (
    st.builds(Constant, TEXTS)
    | st.integers(-(10**9), 10**9).map(lambda number: Constant(str(number), "number"))
    | st.sampled_from(("true", "false")).map(lambda text: Constant(text, "boolean"))
)
REFERENCES = st.builds(Reference, WORDS, st.none() | st.just("*") | st.integers(1, 99))
RELATIVE = st.tuples(st.lists(st.builds(Name, WORDS) | REFERENCES, max_size=2), st.builds(Name, WORDS)).map(
    lambda parts: (*parts[0], parts[1])
)
SEARCHES = st.lists(st.builds(Criterion, RELATIVE, st.sampled_from(OPERATORS), CONSTANTS), min_size=1, max_size=3)
ROWS = (
    st.builds(Instance, st.integers(0, 2**32 - 1))
    | st.just(Wildcard())
    | st.just(Placeholder())
    | st.builds(Alias, st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:+\-]{0,9}", fullmatch=True))
    | SEARCHES.map(lambda criteria: Search(tuple(criteria)))
)
LAST = st.builds(Name, WORDS) | st.builds(Command, WORDS) | st.builds(Event, WORDS) | st.just(Placeholder())


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    segments = [Name("Device"), *draw(st.lists(st.builds(Name, WORDS) | REFERENCES | ROWS, max_size=6))]
    if draw(st.booleans()):
        return Pattern(tuple(segments), is_object=True)
    return Pattern((*segments, draw(LAST)))


@given(patterns().filter(lambda pattern: len(pattern.text) <= MAX_PATTERN))
def test_what_is_printed_parses_to_the_same(pattern: Pattern) -> None:
    """Every pattern has one text, and the text means that pattern."""
    assert parse_pattern(str(pattern)) == pattern


@pytest.mark.parametrize(("text", "segments"), [
    ("Device.", (Name("Device"),)),
    ("Device.WiFi.SSID.1.", (Name("Device"), Name("WiFi"), Name("SSID"), Instance(1))),
    ("Device.WiFi.SSID.*.Status", (Name("Device"), Name("WiFi"), Name("SSID"), Wildcard(), Name("Status"))),
    ("Device.WiFi.SSID.{i}.", (Name("Device"), Name("WiFi"), Name("SSID"), Placeholder())),
    ("Device.IP.Interface.[wan-1].Enable",
     (Name("Device"), Name("IP"), Name("Interface"), Alias("wan-1"), Name("Enable"))),
    ("Device.NAT.PortMapping.1.Interface+.Name",
     (Name("Device"), Name("NAT"), Name("PortMapping"), Instance(1), Reference("Interface"), Name("Name"))),
    ("Device.A.Ref#2+.P", (Name("Device"), Name("A"), Reference("Ref", 2), Name("P"))),
    ("Device.A.Ref#*+.", (Name("Device"), Name("A"), Reference("Ref", "*"))),
    ("Device.Reboot()", (Name("Device"), Command("Reboot"))),
    ("Device.Boot!", (Name("Device"), Event("Boot"))),
    ("InternetGatewayDevice.X_ORG-COM_Name", (Name("InternetGatewayDevice"), Name("X_ORG-COM_Name"))),
])  # fmt: skip
def test_every_form_of_the_grammar(text: str, segments: tuple[object, ...]) -> None:
    """TR-369 section 2.5, TR-069 section 3.6.1."""
    pattern = parse_pattern(text)
    assert pattern.segments == segments
    assert pattern.is_object == text.endswith(".")
    assert str(pattern) == text


def test_a_search_expression() -> None:
    """Relative parameters, references inside, constants with their escapes; blanks do no harm."""
    pattern = parse_pattern('Device.S.[ A.B==1 && Ref+.C != "x%22%25y"&&L~=true].')
    assert pattern.segments[2] == Search((
        Criterion((Name("A"), Name("B")), "==", Constant("1", "number")),
        Criterion((Reference("Ref"), Name("C")), "!=", Constant('x"%y')),
        Criterion((Name("L"),), "~=", Constant("true", "boolean")),
    ))  # fmt: skip
    assert str(pattern) == 'Device.S.[A.B==1&&Ref+.C!="x%22%25y"&&L~=true].'


def test_what_a_pattern_says_of_itself() -> None:
    """Whether it is one path, whether values matter, where it begins, and its place in the data model."""
    fixed, static = parse_pattern("Device.A.1.B"), parse_pattern("Device.A.*.B.1.C")
    search, follow = parse_pattern("Device.A.[x]."), parse_pattern("Device.R+.P")
    assert (fixed.is_fixed, static.is_fixed, static.is_static, search.is_static) == (True, False, True, False)
    assert (fixed.prefix, static.prefix, search.prefix) == ("Device.A.1.", "Device.A.", "Device.A.")
    assert (fixed.template, static.template) == ("Device.A.{i}.B", "Device.A.{i}.B.{i}.C")
    assert (search.template, follow.template) == ("Device.A.{i}.", None)


@pytest.mark.parametrize(("text", "at", "expected"), [
    ("", 1, "a name"), (".", 1, "a name"), ("1.A", 1, "a name"), ("*", 1, "a name"),
    ("Device..A", 8, "a name, an instance number"), ("Device.A B", 9, "'.' or the end"),
    ("Device.A.&", 10, "a name, an instance number"), ("Device.A.*", 11, "'.' after *"),
    ("Device.A.[B==1]", 16, "'.' after [B==1]"), ("Device.A+", 10, "'.' after A+"),
    ("Device.A#+.B", 10, "the number of a list item"), ("Device.A#0+.B", 10, "the number"),
    ("Device.A#1.B", 11, "'+'"), ("Device.A(x)", 10, "')'"), ("Device.A().B", 11, "'.' or the end"),
    ("Device.A!.B", 10, "'.' or the end"),
    ("Device.A.{j}.", 10, "{i}"), ("Device.A.[]", 11, "the name of a parameter"),
    ("Device.WiFi.Radio.[Channel=6].", 27, "one of == !="),
    ("Device.A.[B==x].", 14, "a number, true, false, or a text"),
    ('Device.A.[B=="x].', 14, "a text in double quotes"), ("Device.A.[B==1||C==2].", 15, "&& or ]"),
    ("Device.A.[B==1", 15, "&& or ]"), ("Device.A.[B+==1].", 13, "'.' and a parameter"),
    ("Device.A.[B.1.C==1].", 13, "the name of a parameter"), ("Device.A.01.", 10, "no zeros"),
    ("Device.A.12345678901.", 10, "10 digits"), ("Device.A\n", 9, "'.' or the end"),
    ("Device.A.[Ref+.Password==1].", 11, "secret"), ("Device.A.[" + "x" * 65 + "].", 11, "64 characters"),
])  # fmt: skip
def test_an_error_says_where_and_what_was_expected(text: str, at: int, expected: str) -> None:
    """People count characters from 1."""
    with pytest.raises(BadInput) as error:
        parse_pattern(text)
    assert error.value.message.startswith(f"at character {at}:")
    assert expected in error.value.message


@pytest.mark.parametrize("text", [
    "Device." + "a" * MAX_PATTERN,
    "Device" + ".a" * MAX_SEGMENTS,
    "Device.[" + "&&".join(["A==1"] * (MAX_CRITERIA + 1)) + "].",
    "Device.[" + "A." * MAX_SEGMENTS + "B==1].",
])  # fmt: skip
def test_length_depth_and_number_are_bounded(text: str) -> None:
    with pytest.raises(BadInput, match="at most"):
        parse_pattern(text)


@given(st.text(alphabet='ADevice.[]{i}*+#()!=<>~&"%16 \\-\n\x00é', max_size=60).map(lambda tail: "Device." + tail))
def test_no_text_breaks_the_parser(text: str) -> None:
    """It is a pattern that prints and parses again, or BadInput."""
    try:
        pattern = parse_pattern(text)
    except BadInput as error:
        assert error.message
    else:
        assert parse_pattern(str(pattern)) == pattern
