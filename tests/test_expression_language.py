"""Fleet expressions: what can be written, what it means on a twin, and what an error says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import Value
from cpetwin.datamodel.columns import COLUMNS, Cell
from cpetwin.datamodel.comparing import OPERATORS as PATH_OPERATORS
from cpetwin.datamodel.comparing import Constant, glob
from cpetwin.datamodel.expression import ALWAYS, Expression, SchemaEntry, Snapshot, canonical, parse
from cpetwin.datamodel.expression.ast import (
    And,
    Call,
    ColumnRef,
    Comparison,
    Exists,
    Node,
    Not,
    Or,
    PathRef,
    Truth,
    all_of,
    any_of,
)
from cpetwin.datamodel.expression.parser import MAX_CHOICES, MAX_EXPRESSION, MAX_LEAVES, MAX_NESTING
from cpetwin.datamodel.matching import Tree
from cpetwin.datamodel.path_parser import parse_pattern
from cpetwin.errors import BadInput

NOW = 1_772_000_000_000
HOUR = 3_600_000

VALUES = {
    "Device.DeviceInfo.UpTime": Value("86400", "unsignedInt"),
    "Device.DeviceInfo.FirstUseDate": Value("2026-01-05T10:00:00Z", "dateTime"),
    "Device.DeviceInfo.Clock": Value("0001-01-01T00:00:00Z", "dateTime"),
    "Device.Hosts.Host.1.Active": Value("true", "boolean"),
    "Device.Hosts.Host.2.Active": Value("0", "boolean"),
    "Device.Hosts.Host.3.Active": Value("1", "string"),
    "Device.WiFi.Radio.1.Channel": Value("06", "unsignedInt"),
    "Device.WiFi.Radio.1.Enable": Value("1", "boolean"),
    "Device.WiFi.Radio.1.SupportedStandards": Value("b, g,n"),
    "Device.WiFi.Radio.2.Channel": Value("36", "unsignedInt"),
    "Device.WiFi.Radio.2.Enable": Value("false", "boolean"),
    "Device.WiFi.Radio.2.Noise": Value("-91", ""),
    "Device.WiFi.SSID.1.SSID": Value('ho"me', "string"),
    "Device.Ghost.Table": Value("", "string"),
}
CELLS: dict[str, Cell] = {
    "model": "H199A", "vendor": "ZTE", "contact": "due", "online": True, "last_contact": NOW - 2 * HOUR,
    "interval": 3600, "home": None, "region": "", "tag.vip": "yes", "firmware": "V1.2",
}  # fmt: skip


AGES = {path: 120.0 if ".1." in path else 900.0 for path in VALUES if ".WiFi." in path}
WANTED = {"Device.WiFi.Radio.1.Channel": Value("11", "unsignedInt")}
TWIN = Snapshot(Tree.of(VALUES), CELLS.get, AGES.get, WANTED.get)


TRUE = (
    "", "  ", 'model == "H199A"', "model == H199A", "model!=\"x\"", 'model like "H1*"', 'model like "H?99A"',
    'model in ("a", "H199A")', "online", "!(contact == lost)", 'contact in (due, connected) && !(model == "x")',
    "interval >= 3600", "interval in (1, 3600.0)", "last_contact < -1h", "last_contact > -3h && last_contact < now",
    'last_contact > "2026-01-01"', "last_contact < 2026-03-01T00:00:00+01:00", 'tag.vip == "yes"', "exists(tag.vip)",
    "!exists(home)", "!exists(region)", "uptime == 86400", "exists(uptime)", "clients == 2", "exists(clients)",
    "Device.WiFi.Radio.1.Channel == 6", 'Device.WiFi.Radio.1.Channel == "6"', "Device.WiFi.Radio.*.Channel == 36",
    "Device.WiFi.Radio.*.Channel != 36", "Device.WiFi.Radio.*.Channel in (1, 6, 11)", "Device.WiFi.Radio.1.Enable",
    "Device.WiFi.Radio.*.Enable == false", "Device.WiFi.Radio.[Channel==6&&Enable==true].",
    "!Device.WiFi.Radio.[Channel==6&&Enable==false].", "Device.WiFi.Radio.[Enable==false].Channel > 30",
    'Device.WiFi.SSID.1.SSID == "ho\\"me"', 'Device.WiFi.SSID.[SSID=="ho%22me"].', 'Device.WiFi.SSID.*.SSID like "ho*"',
    "Device.WiFi.Radio.1.SupportedStandards ~= g", "!(Device.WiFi.Radio.1.SupportedStandards ~= \"b, g\")",
    "Device.WiFi.Radio.2.Noise < -90", 'Device.DeviceInfo.FirstUseDate < "2026-02-01T00:00:00Z"',
    'Device.DeviceInfo.FirstUseDate == "2026-01-05T11:00:00+01:00"', "Device.WiFi.", "exists(Device.WiFi.Radio.1.)",
    "exists(Device.WiFi.Radio.*.Noise)", "count(Device.WiFi.Radio.) == 2", "count(Device.WiFi.Radio.*.) == 2",
    "count(Device.WiFi.Radio.*.Noise) == 1", "count(Device.Hosts.Host.[Active==true].) == 2",
    "count(Device.WiFi.EndPoint.) == 0", "age(Device.WiFi.) < 3600", "age(Device.WiFi.) < 1h",
    "age(Device.WiFi.Radio.*.) > 10m", "age(Device.WiFi.) == 900", "age(Device.WiFi.Radio.1.) == 2m",
    "!(age(Device.WiFi.Radio.1.Channel) > 120)", "desired(Device.WiFi.Radio.1.Channel) == 11",
    "Device.Hosts.Host.3.Active == true",
    'model == "x" || online', "online && (model == x || exists(model))", "(((online)))", "!!online",
)  # fmt: skip
FALSE = (
    'home == "x"', 'home != "x"', 'region != "x"', "uptime < 5", "Device.Nothing.X == 1", "Device.Nothing.X != 1",
    "!Device.WiFi.", "Device.WiFi.Radio.7.", "Device.DeviceInfo.Clock < 2026-01-01", "Device.DeviceInfo.Clock > 0",
    "Device.WiFi.Radio.1.Enable < 2", "count(Device.Nothing.Row.) == 0", "age(Device.Nothing.) < 5",
    "desired(Device.WiFi.Radio.2.Channel) == 1", 'model == "h199a"', 'model like "H1"', "online == false",
    'Device.WiFi.SSID.1.SSID == "06"', "tag.nothing == 1", "Device.Ghost.Table ~= 1",
    'model == "x" && online || model == "y"', "exists(Device.Nothing.)", "Device.WiFi.SSID.1.SSID == true",
)  # fmt: skip


@pytest.mark.parametrize("text", TRUE)
def test_this_holds(text: str) -> None:
    expression = Expression.parse(text)
    assert expression.holds(TWIN, NOW)
    assert expression.failing(TWIN, NOW) is None


@pytest.mark.parametrize("text", FALSE)
def test_this_does_not_hold(text: str) -> None:
    """A missing value makes every comparison false, its negation as well as itself."""
    expression = Expression.parse(text)
    assert not expression.holds(TWIN, NOW)
    assert expression.failing(TWIN, NOW)


def test_why_it_does_not_hold() -> None:
    """The first part that fails, and what the twin says."""
    expression = Expression.parse('online && Device.WiFi.Radio.*.Channel == 11 && model == "x"')
    assert expression.failing(TWIN, NOW) == "Device.WiFi.Radio.*.Channel == 11 does not hold: " \
        "Device.WiFi.Radio.*.Channel is '06', '36'"  # fmt: skip
    assert "home is not known" in str(Expression.parse("exists(home)").failing(TWIN, NOW))


def test_what_it_uses() -> None:
    """Columns for permissions, paths for what must be read; derived columns bring theirs."""
    expression = Expression.parse("home == x && uptime > 5 && Device.A.*.B == 1 && age(Device.C.) < 5 && home == y")
    assert expression.columns == ("home", "uptime")
    assert set(map(str, expression.patterns)) == {"Device.A.*.B", "Device.C.", "Device.DeviceInfo.UpTime"}
    assert Expression.parse("").is_empty and not expression.is_empty


WRONG = (
    ('modle == "x"', 1, "no column 'modle'", "did you mean model?"),
    ('online && tags.vip == "x"', 11, "no column", "tag.vip"),
    ("tag == 1", 1, "no column", "tag.NAME"),
    ('model = "x"', 7, "expected one of ==", "write == instead of ="),
    ('model == "x" and online', 14, "expected &&", "write && instead of and"),
    ("&& online", 1, "expected a column", ""),
    ("online &&", 10, "expected a column", ""),
    ("(online", 8, "expected &&, || or )", ""),
    ("online)", 7, "expected &&, || or the end", ""),
    ("online online", 8, "expected one of", ""),
    ('model == "x', 10, "a closing double quote", ""),
    ("model == 'x'", 10, "expected a value", "double quotes"),
    ("model == ", 10, "expected a value", ""),
    ("model == vendor", 10, "found the column vendor", '"vendor"'),
    ("Device.A.B == Device.C", 15, "expected a value", "right"),
    ('model < "x"', 7, "model is text", ""),
    ("model", 1, "model is text", "exists(model)"),
    ("online < true", 8, "online is boolean", ""),
    ("online == 5", 11, "true or false", ""),
    ("interval == abc", 13, "expected a number", ""),
    ("last_contact < 5", 16, "expected a time", ""),
    ("contact == dew", 12, "contact is one of", "due"),
    ("churn > 0.5", 1, "customer twins", ""),
    ("kpi.rssi < -70", 1, "analytics", ""),
    ("Device.WiFi.Radio. == 3", 1, "is an object", "count"),
    ("Device.WiFi.Radio.[Chan=6].", 24, "expected one of", ""),
    ("Device.WiFi.Radio.* && online", 20, "'.' after *", ""),
    ("Device.A < abc", 12, "a number or a time", ""),
    ("Device.Reboot() == 1", 1, "no parameter", ""),
    ("Device.Boot!", 1, "no parameter", ""),
    ("count(Device.A.)", 1, "is a number", ""),
    ("count(home) > 1", 7, "a path that begins with Device.", ""),
    ("count(Device.A. > 1", 17, "expected )", ""),
    ("count(Device.A.) == x", 21, "a number", ""),
    ("age(Device.A.) < soon", 18, "seconds", ""),
    ("desired(Device.A.) == 1", 1, "is an object", ""),
    ("model in (a, b", 15, ", or )", ""),
    ("model in a", 10, "( and values", ""),
    ("model == \x01", 10, "control character", ""),
    ("Device.WiFi.AccessPoint.1.Security.KeyPassphrase == \"x\"", 1, "secret", ""),
    ("online && exists(Device.ManagementServer.Password)", 18, "secret", ""),
    ("desired(Device.ManagementServer.Password) like \"a*\"", 1, "secret", ""),
    ("Device.WiFi.AccessPoint.[Security.KeyPassphrase==\"a\"].", 26, "secret", ""),
)  # fmt: skip


@pytest.mark.parametrize(("text", "at", "sentence", "hint"), WRONG)
def test_a_wrong_expression_says_where_and_what(text: str, at: int, sentence: str, hint: str) -> None:
    """The position, what was expected, and the nearest valid name."""
    with pytest.raises(BadInput) as error:
        Expression.parse(text)
    assert error.value.message.startswith(f"at character {at}:")
    assert sentence in error.value.message
    assert hint in error.value.hint


@pytest.mark.parametrize("text", [
    "a" * (MAX_EXPRESSION + 1),
    "(" * (MAX_NESTING + 1) + "online" + ")" * (MAX_NESTING + 1),
    "!" * (MAX_NESTING + 1) + "online",
    "&&".join(["online"] * (MAX_LEAVES + 1)),
    f"interval in ({','.join('1' for _ in range(MAX_CHOICES + 1))})",
])  # fmt: skip
def test_length_depth_and_number_are_bounded(text: str) -> None:
    with pytest.raises(BadInput, match="at most"):
        parse(text)


class Schema:
    """A schema of a few parameters."""

    known = {
        "Device.WiFi.": SchemaEntry(""),
        "Device.WiFi.Radio.{i}.": SchemaEntry(""),
        "Device.WiFi.Radio.{i}.Channel": SchemaEntry("unsignedInt"),
        "Device.WiFi.Radio.{i}.Enable": SchemaEntry("boolean"),
        "Device.WiFi.Radio.{i}.Band": SchemaEntry("string", choices=("2.4GHz", "5GHz")),
        "Device.WiFi.Radio.{i}.Standards": SchemaEntry("string", is_list=True),
        "Device.WiFi.Radio.{i}.Since": SchemaEntry("dateTime"),
        "Device.WiFi.Radio.{i}.Hidden": SchemaEntry("string", secret=True),
    }

    def lookup(self, template: str) -> SchemaEntry | None:
        return self.known.get(template)

    def nearest(self, template: str) -> str | None:
        return "Device.WiFi.Radio.{i}.Channel" if template.endswith("Chanel") else None


@pytest.mark.parametrize("text", [
    "Device.WiFi.Radio.*.Channel == 6 && age(Device.WiFi.) < 5", "count(Device.WiFi.Radio.) > 1", "Device.WiFi.",
    'Device.WiFi.Radio.[Band=="5GHz"&&Enable==1].Channel < 40', 'Device.WiFi.Radio.1.Band like "5*"',
    'Device.WiFi.Radio.1.Standards ~= "n"', "Device.WiFi.Radio.1.X_V_Mode == 3", "Device.A.Ref+.Whatever == 1",
    "Device.WiFi.Radio.1.Enable", "Device.WiFi.Radio.1.Since > 2026-01-01T00:00:00Z", "InternetGatewayDevice.Foo == 1",
])  # fmt: skip
def test_a_schema_lets_these_through(text: str) -> None:
    """Vendor parameters are first class; behind a reference nothing is known."""
    Expression.parse(text, schema=Schema())


@pytest.mark.parametrize(("text", "at", "sentence", "hint"), [
    ("online && Device.WiFi.Radio.*.Chanel == 6", 11, "no Device.WiFi.Radio.{i}.Chanel", "Channel"),
    ("Device.WiFi.Radio.*.Channel == x", 32, "expected a number", ""),
    ("Device.WiFi.Radio.*.Channel", 1, "not boolean", "exists"),
    ("Device.WiFi.Radio.*.Channel ~= 6", 29, "no list", ""),
    ("Device.WiFi.Radio.*.Enable == 6", 31, "boolean", ""),
    ("Device.WiFi.Radio.*.Band == \"5 GHz\"", 29, "never", "5GHz"),
    ("Device.WiFi.Radio.*.Band < 5", 26, "no order", ""),
    ("Device.WiFi.Radio.[Band==\"x\"].", 26, "never", ""),
    ("Device.WiFi.Radio.[Chanel==6].", 20, "no Device.WiFi.Radio.{i}.Chanel", "Channel"),
    ("Device.WiFi.Radio.1.Since == 5", 30, "a time", ""),
    ("Device.WiFi.Radio.1.Standards < 5", 31, "a list", ""),
    ("Device.WiFi.Radio.1.Hidden == 5", 1, "secret", ""),
    ("Device.WiFi.Radio.[Hidden==5].", 20, "secret", ""),
])  # fmt: skip
def test_types_are_checked_against_a_schema(text: str, at: int, sentence: str, hint: str) -> None:
    with pytest.raises(BadInput) as error:
        Expression.parse(text, schema=Schema())
    assert error.value.message.startswith(f"at character {at}:")
    assert sentence in error.value.message
    assert hint in error.value.hint


def test_every_column_has_a_type_and_a_source() -> None:
    """The columns of the language, those of a later version included, each with a sentence."""
    named = "id vendor model oui serial hardware firmware protocol contact online last_contact wan_ip mac pppoe_user " \
        "home parent region access_node customer tag.NAME uptime clients kpi.NAME anomaly.NAME churn complaint value " \
        "value_at_risk decile stage qoe usage_shift segment"  # fmt: skip
    assert set(named.split()) <= set(COLUMNS)
    assert all(COLUMNS[name].source and COLUMNS[name].type for name in COLUMNS)


# -- properties

NAMES = st.sampled_from(("model", "online", "tag.a-b", "kpi.x", "in_", "likely"))
PATTERNS = st.sampled_from(
    ("Device.", "Device.A.*.B", 'Device.A.[B=="x%22"&&C!=1].', "Device.R#2+.P", "Device.A.1.B")
).map(parse_pattern)
TEXTS = st.text(st.characters(min_codepoint=32, blacklist_categories=("Cs",)), max_size=6)
CONSTANTS = (
    TEXTS.map(Constant)
    | st.integers().map(lambda number: Constant(str(number), "number"))
    | st.sampled_from(("true", "false")).map(lambda text: Constant(text, "boolean"))
)
OPERANDS = (
    NAMES.map(ColumnRef)
    | PATTERNS.map(PathRef)
    | st.builds(Call, st.sampled_from(("count", "age", "desired")), PATTERNS)
)
LEAVES = (
    st.builds(Comparison, OPERANDS, st.sampled_from((*PATH_OPERATORS, "like")), st.tuples(CONSTANTS))
    | st.builds(Comparison, OPERANDS, st.just("in"), st.lists(CONSTANTS, min_size=1, max_size=3).map(tuple))
    | OPERANDS.map(Truth)
    | (NAMES.map(ColumnRef) | PATTERNS.map(PathRef)).map(Exists)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(all_of)
        | st.lists(inner, min_size=2, max_size=3).map(any_of)
        | inner.map(Not)
    ),
    max_leaves=8,
)


@given(TREES)
def test_the_canonical_text_parses_to_the_same_tree(node: Node) -> None:
    assert parse(canonical(node)) == node
    assert parse(f"  ( {canonical(node)} )  ") == node


def test_trees_have_one_form() -> None:
    """Parentheses that change nothing leave no trace, so equal expressions have equal hashes."""
    assert parse("(online && (online)) && online") == And((Truth(ColumnRef("online")),) * 3)
    assert isinstance(parse("online || online && online"), Or)
    assert parse(" \n") == ALWAYS
    assert canonical(parse("model==H199A&&(online||!(contact in(due)))")) == (
        'model == "H199A" && (online || !(contact in ("due")))'
    )


@given(st.lists(st.sampled_from((
    "model", "online", "Device.A.*.B", "Device.", "Device.[", "tag.x", "==", "!=", "<", "~=", "like", "in", "&&", "||",
    "!", "(", ")", ",", '"', '"x"', "\\", "6", "-2h", "true", "exists(", "count(", "age(", " ", "\n", "\x00",
    "é", "[A==1].",
)), max_size=12).map("".join))  # fmt: skip
def test_no_text_breaks_the_language(text: str) -> None:
    """It is an expression that can be evaluated, or BadInput."""
    try:
        expression = Expression.parse(text)
    except BadInput as error:
        assert error.message
    else:
        assert expression.holds(TWIN, NOW) in (True, False)
        assert Expression.parse(str(expression)) == expression


@given(st.text(alphabet="ab*?[\n", max_size=8), st.text(alphabet="ab[\n", max_size=8))
def test_a_glob_means_what_its_definition_says(pattern: str, text: str) -> None:
    """``*`` is any text and ``?`` one character, by the obvious recursion."""

    def fits(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return fits(p[1:], t) or (bool(t) and fits(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and fits(p[1:], t[1:])

    assert glob(pattern)(text) is fits(pattern, text)


def test_a_hostile_glob_takes_no_time() -> None:
    """A pattern of stars does not search for ever."""
    assert not glob("*a" * 500 + "b")("a" * 20_000)
