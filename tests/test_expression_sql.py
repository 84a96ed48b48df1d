"""SQL and evaluator say the same: whatever compiles lets exactly those rows through that the evaluator would."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cpetwin.datamodel import Value
from cpetwin.datamodel.columns import Cell, Column, Columns
from cpetwin.datamodel.comparing import Constant
from cpetwin.datamodel.expression import SqlColumn, canonical, parse, predicate, to_sql
from cpetwin.datamodel.expression.ast import ColumnRef, Comparison, Exists, Node, Not, PathRef, Truth, all_of, any_of
from cpetwin.datamodel.path import Pattern
from cpetwin.datamodel.path_parser import parse_pattern

NOW = 1_772_000_000_000
REGISTRY = Columns(
    {
        "a": Column("text", "a text"),
        "b": Column("text", "a text whose case the table ignores"),
        "n": Column("number", "a number"),
        "f": Column("boolean", "a flag"),
        "t": Column("instant", "a time"),
        "elsewhere": Column("text", "a column that the table does not have"),
    },
    {"tag": Column("text", "a tag")},
)
SQL = {
    "a": "a",
    "b": "b",
    "n": "n",
    "f": "f",
    "t": "t",
    "tag.x": SqlColumn("json_extract(tags, ?)", ('$."x"',)),
}
TABLE = "CREATE TABLE row(a TEXT, b TEXT NOT NULL COLLATE NOCASE, n, f INTEGER, t INTEGER, tags TEXT, path TEXT)"

TEXTS = st.sampled_from(("", "x", "X", "xy", "é", "É", "a*", "[x]", "x\x00y", "6", "06", "a,x", " x"))
NUMBERS = st.sampled_from((0, 1, -1, 6, 6.5, 2**62, -(2**63), 0.1, 1e300)) | st.integers(-10, 10)
TIMES = st.sampled_from((0, NOW, NOW - 3_600_000, NOW - 3_600_001, 1_767_225_600_000))


class Row:
    """A row of the table as a subject; ``path`` is one parameter of its twin."""

    def __init__(self, cells: dict[str, Cell], path: str | None) -> None:
        self.cells = cells
        self.path = path

    def column(self, name: str) -> Cell:
        return self.cells.get(name)

    def value(self, path: str) -> Value | None:
        return None if self.path is None else Value(self.path)

    def rows(self, pattern: Pattern) -> Sequence[str]:
        return ()

    def age(self, path: str) -> float | None:
        return None

    def desired(self, path: str) -> Value | None:
        return None


ROWS = st.builds(
    Row,
    st.fixed_dictionaries({
        "a": st.none() | TEXTS, "b": TEXTS, "n": st.none() | NUMBERS, "f": st.none() | st.booleans(),
        "t": st.none() | TIMES, "tag.x": st.none() | TEXTS.filter(lambda text: "\x00" not in text),
        "elsewhere": st.none() | TEXTS,
    }),
    st.none() | TEXTS,
)  # fmt: skip

_WRITABLE = TEXTS.filter(lambda text: "\x00" not in text)
_TEXTUAL = st.sampled_from(("a", "b", "tag.x", "elsewhere")).map(ColumnRef)
_NUMBER = (NUMBERS.filter(lambda n: abs(n) < 1e30) | st.sampled_from((2**63, -(2**63), -(10**30), 10**39))).map(
    lambda n: Constant(str(n), "number")
)
_TIME = st.sampled_from(("now", "-1h", "+1d", "2026-01-01", "2026-02-25T06:13:20Z")).map(Constant)
_ORDERED = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))


def _in(left: st.SearchStrategy[ColumnRef], constants: st.SearchStrategy[Constant]) -> st.SearchStrategy[Comparison]:
    return st.builds(Comparison, left, st.just("in"), st.lists(constants, min_size=1, max_size=3).map(tuple))


LEAVES = (
    st.builds(Comparison, _TEXTUAL, st.sampled_from(("==", "!=", "~=")), st.tuples(_WRITABLE.map(Constant)))
    | st.builds(Comparison, _TEXTUAL, st.just("like"), st.tuples(st.text("xXé*?[]6,", max_size=4).map(Constant)))
    | _in(_TEXTUAL, _WRITABLE.map(Constant))
    | st.builds(Comparison, st.just(ColumnRef("n")), _ORDERED, st.tuples(_NUMBER))
    | _in(st.just(ColumnRef("n")), _NUMBER)
    | st.builds(Comparison, st.just(ColumnRef("t")), _ORDERED, st.tuples(_TIME))
    | st.builds(
        Comparison,
        st.just(ColumnRef("f")),
        st.sampled_from(("==", "!=")),
        st.tuples(st.sampled_from(("true", "false")).map(lambda text: Constant(text, "boolean"))),
    )
    | st.just(Truth(ColumnRef("f")))
    | st.sampled_from(("a", "b", "n", "f", "t", "tag.x", "elsewhere")).map(lambda name: Exists(ColumnRef(name)))
    | st.builds(
        Comparison, st.just(PathRef(parse_pattern("Device.P"))), st.just("=="), st.tuples(_WRITABLE.map(Constant))
    )
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


def _passing(rows: list[Row], sql: str, args: list[str | int | float]) -> list[Row]:
    with sqlite3.connect(":memory:") as db:
        db.execute(TABLE)
        for row in rows:
            cells = row.cells
            values = [cells[name] for name in ("a", "b", "n", "f", "t")]
            tags = db.execute("SELECT json_object('x', ?)", (cells["tag.x"],)).fetchone()[0]
            db.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, tags, row.path))
        found = db.execute(f"SELECT rowid FROM row WHERE {sql} ORDER BY rowid", args).fetchall()
    db.close()
    return [rows[number - 1] for (number,) in found]


@given(TREES, st.lists(ROWS, max_size=6))
def test_sql_then_rest_is_the_same_as_the_evaluator(node: Node, rows: list[Row]) -> None:
    """For every tree and every row, missing values, collations and odd texts included."""
    sql, args, rest = to_sql(node, SQL, NOW, REGISTRY)
    passed = _passing(rows, sql, args)
    if rest is not None:
        remaining = predicate(rest, REGISTRY, NOW)
        passed = [row for row in passed if remaining(row)]
    wanted = predicate(node, REGISTRY, NOW)
    assert passed == [row for row in rows if wanted(row)]


def _compiled(text: str) -> tuple[str, str | None]:
    sql, _, rest = to_sql(parse(text), SQL, NOW, REGISTRY)
    return sql, None if rest is None else canonical(rest)


def test_plain_columns_leave_nothing_to_evaluate() -> None:
    sql, rest = _compiled('a == "x" && !(n > 5 || f) && tag.x in ("y", "z") && t < -1h && exists(b)')
    assert rest is None
    assert sql.count("?") == len(to_sql(parse('a == "x"'), SQL, NOW, REGISTRY).args) + 1 + 6 + 2 + 1


def test_what_is_no_column_is_left_over() -> None:
    """A conjunction is split; a disjunction narrows where each branch can, and is evaluated again."""
    assert _compiled('Device.P == 1 && a == "x"')[1] == "Device.P == 1"
    assert _compiled("Device.P == 1") == ("1", "Device.P == 1")
    assert _compiled('a == "x" || Device.P == 1') == ("1", 'a == "x" || Device.P == 1')
    sql, rest = _compiled('a == "x" && Device.P == 1 || n > 5')
    assert "OR" in sql
    assert rest == 'a == "x" && Device.P == 1 || n > 5'
    assert _compiled('!(a == "x" || Device.P == 1)')[1] == "!(Device.P == 1)"
    assert _compiled("") == ("1", None)


def test_an_index_serves_an_equality() -> None:
    """Whatever its collation, and also a partial one that leaves out empty texts."""
    with sqlite3.connect(":memory:") as db:
        db.execute(TABLE)
        db.execute("CREATE INDEX row_a ON row(a COLLATE NOCASE) WHERE a <> ''")
        db.execute("CREATE INDEX row_b ON row(b)")
        db.execute("CREATE INDEX row_tag ON row(path)")
        for text, index in (
            ('a == "x"', "row_a"),
            ('b == "x"', "row_b"),
            ('b in ("x", "y")', "row_b"),
            ('tag.p == "x"', "row_tag"),
        ):
            sql, args, _ = to_sql(parse(text), SQL | {"tag.p": "path"}, NOW, REGISTRY)
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM row WHERE {sql}", args).fetchall()
            assert f"USING INDEX {index}" in str(plan), text
    db.close()
