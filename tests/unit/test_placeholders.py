"""Placeholders are found where the server would see them, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.dialects import DatabaseType
from loaders.placeholders import (
    PLACEHOLDER_NAMES,
    Occurrence,
    TokenKind,
    bind,
    find_placeholders,
    tokenize,
)

MYSQL = DatabaseType.MYSQL
POSTGRESQL = DatabaseType.POSTGRESQL
BOTH = pytest.mark.parametrize("db_type", list(DatabaseType))


def names(sql: str, db_type: DatabaseType) -> list[str]:
    return [occurrence.name for occurrence in find_placeholders(sql, db_type)]


def bound(sql: str, db_type: DatabaseType) -> str:
    return bind(sql, db_type, from_literal="'F'", to_literal="'T'")


@BOTH
def test_an_occurrence_tells_where_it_stands(db_type: DatabaseType) -> None:
    assert find_placeholders("SELECT\n  :fromTime, ':toTime'", db_type) == (
        Occurrence("fromTime", 9, 18, 2, 3),
        Occurrence("toTime", 20, 29, 2, 14),
    )


@BOTH
def test_unknown_names_are_reported_and_left_alone(db_type: DatabaseType) -> None:
    sql = "SELECT :other, :fromtime, :fromTimeX, :from_time"
    assert names(sql, db_type) == ["other", "fromtime", "fromTimeX", "from_time"]
    assert bound(sql, db_type) == sql


@BOTH
@pytest.mark.parametrize(
    "sql",
    [
        "-- :fromTime\n",
        "/* :fromTime */",
        "/* ' */ -- ' :toTime",
        "'x :fromTime'",
        "':fromTime x'",
        "' :fromTime'",
        "'it''s :fromTime'",
        "':fromTime'':toTime'",
        "x::fromTime",
        "x :: fromTime",
        "N':fromTime'",
        "':other'",
        "''':fromTime'''",
    ],
)
def test_text_that_only_looks_like_a_placeholder_is_not_touched(
    db_type: DatabaseType, sql: str
) -> None:
    assert bound(sql, db_type) == sql


@pytest.mark.parametrize(
    "sql",
    [
        '":fromTime"',
        '"a"":fromTime"',
        "$$:fromTime$$",
        "$q$ $$ :fromTime $q$",
        "E':fromTime'",
        r"E'\' :fromTime'",
        "E'a' \n '\\' :fromTime'",
        "'a'\n':fromTime'",
        "U&':fromTime'",
        'U&":fromTime"',
        "/* /* */ :fromTime */",
        "a$$ + b$$",
    ],
)
def test_postgresql_keeps_its_own_quoting(sql: str) -> None:
    assert bound(sql, POSTGRESQL) == sql


@pytest.mark.parametrize(
    "sql",
    ["`:fromTime`", "`a``:fromTime`", "# :fromTime\n", r"'\' :fromTime'", r'"\" :fromTime"',
     '"it""s :fromTime"', "'a\\\\''b :fromTime'"],
)  # fmt: skip
def test_mysql_keeps_its_own_quoting(sql: str) -> None:
    assert bound(sql, MYSQL) == sql


@pytest.mark.parametrize(
    ("sql", "db_type", "expected"),
    [
        ("/* /* */ :fromTime", MYSQL, "/* /* */ 'F'"),
        ('":fromTime"', MYSQL, "'F'"),
        ("$$ :fromTime $$", MYSQL, "$$ 'F' $$"),
        ("5--:fromTime", MYSQL, "5--'F'"),
        ("--\x01:fromTime", MYSQL, "--\x01:fromTime"),
        ("# :fromTime", POSTGRESQL, "# 'F'"),
        (r"'\' :fromTime", POSTGRESQL, r"'\' 'F'"),
        ("a[1:fromTime]", POSTGRESQL, "a[1 'F' ]"),
        ("X'1'':fromTime'", POSTGRESQL, "X'1' 'F'"),
        ("N'1'':fromTime'", POSTGRESQL, "N'1'':fromTime'"),
        (":fromTime::date", POSTGRESQL, "'F' ::date"),
        ("timestamp ':fromTime'", POSTGRESQL, "timestamp 'F'"),
        ("-- x\r:fromTime", POSTGRESQL, "-- x\r'F'"),
    ],
)
def test_dialects_differ_in_what_is_quoted(sql: str, db_type: DatabaseType, expected: str) -> None:
    assert bound(sql, db_type) == expected


@BOTH
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BETWEEN:fromTime AND:toTime", "BETWEEN 'F' AND 'T'"),
        ("'a':fromTime", "'a' 'F'"),
        ("x=:fromTime", "x='F'"),
        ("(:fromTime,:toTime)", "('F','T')"),
        ("N:fromTime", "N 'F'"),
        ("':fromTime'x", "'F' x"),
        (":fromTime:toTime", "'F'  'T'"),
    ],
)
def test_a_literal_never_grows_together_with_its_neighbour(
    db_type: DatabaseType, sql: str, expected: str
) -> None:
    assert bound(sql, db_type) == expected


@BOTH
def test_percent_signs_and_backslashes_in_literals_are_kept(db_type: DatabaseType) -> None:
    result = bind("a :fromTime b '%Y' :toTime", db_type, from_literal=r"'\1%s'", to_literal="5")
    assert result == r"a '\1%s' b '%Y' 5"


_PIECES = st.sampled_from(
    [":fromTime", ":toTime", "':fromTime'", '":toTime"', ":other", "::fromTime", ":=", "x", "1",
     " ", "\n", "\r", "'", '"', "`", "''", "--", "-- ", "#", "/*", "*/", "\\", "$$", "$a$",
     "E'", "U&'", 'U&"', "N'", "X'", "B'", "(", ")", ",", ";", "@", "?", "%", "\u0627", "\x00", ":"]
)  # fmt: skip
_TEXTS = st.lists(_PIECES, max_size=30).map("".join)


@BOTH
@given(sql=_TEXTS)
@settings(max_examples=1000)
def test_tokens_cover_the_text_in_order_and_leave_out_only_white_space(
    db_type: DatabaseType, sql: str
) -> None:
    done = 0
    for token in tokenize(sql, db_type):
        assert sql[done : token.start].strip(" \t\r\n") == ""
        assert token.text == sql[token.start : token.end] != ""
        done = token.end
    assert sql[done:].strip(" \t\r\n") == ""


@BOTH
@given(sql=_TEXTS)
@settings(max_examples=1000)
def test_bind_changes_nothing_outside_the_occurrences(db_type: DatabaseType, sql: str) -> None:
    marks = {"fromTime": "\ue000", "toTime": "\ue001"}
    result = bind(sql, db_type, from_literal=marks["fromTime"], to_literal=marks["toTime"])
    position = done = 0
    for occurrence in find_placeholders(sql, db_type):
        if occurrence.name not in PLACEHOLDER_NAMES:
            continue
        kept = sql[done : occurrence.start]
        assert result[position : position + len(kept)] == kept
        position += len(kept)
        filled = result[position:].lstrip(" ")
        assert filled[0] == marks[occurrence.name]
        position = len(result) - len(filled) + 1
        done = occurrence.end
        if result[position : position + 1] == " " and sql[done : done + 1] != " ":
            position += 1
    assert result[position:] == sql[done:]


@BOTH
@given(sql=_TEXTS)
@settings(max_examples=1000)
def test_what_was_quoted_before_is_quoted_after(db_type: DatabaseType, sql: str) -> None:
    quoted = {TokenKind.COMMENT, TokenKind.QUOTED_IDENTIFIER, TokenKind.PREFIXED_STRING}
    before = [t.text for t in tokenize(sql, db_type) if t.kind in quoted]
    result = bind(sql, db_type, from_literal="17", to_literal="18")
    assert [t.text for t in tokenize(result, db_type) if t.kind in quoted] == before
