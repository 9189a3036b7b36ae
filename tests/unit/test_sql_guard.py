"""The SQL guard accepts what a loader needs, and refuses everything else (spec 4)."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.dialects import DatabaseType
from loaders.sql_guard import Code, Verdict, executable_text, validate
from loaders.sql_guard.vocabulary import OUTPUT_COLUMNS
from tests.unit.sql_corpus import GOOD, HOSTILE, Case
from tests.unit.sql_corpus.case import MYSQL, POSTGRESQL, loader

BOTH = pytest.mark.parametrize("db_type", list(DatabaseType))


@cache
def verdict_of(case: Case) -> tuple[Verdict, float]:
    """What the guard says of a statement of the corpus, and how many seconds it took."""
    started = time.perf_counter()
    return validate(case.sql, case.db_type), time.perf_counter() - started


def codes(verdict: Verdict) -> set[str]:
    return {finding.code for finding in verdict.errors}


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_a_good_statement_is_valid_with_exactly_the_warnings_it_deserves(case: Case) -> None:
    verdict, _ = verdict_of(case)
    assert verdict.errors == ()
    assert verdict.is_valid
    assert {warning.code for warning in verdict.warnings} == case.warnings


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_hostile_or_misshapen_statement_is_refused_for_the_right_reason(case: Case) -> None:
    verdict, _ = verdict_of(case)
    assert not verdict.is_valid
    assert case.codes <= codes(verdict)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(GOOD) >= 100
    assert len(HOSTILE) >= 200


@pytest.mark.parametrize("case", [*GOOD, *HOSTILE], ids=str)
def test_messages_are_short_and_quote_no_more_than_a_name(case: Case) -> None:
    verdict, _ = verdict_of(case)
    for finding in (*verdict.errors, *verdict.warnings):
        assert finding.code in set(Code)
        assert len(finding.message) <= 200
        assert finding.message.isprintable()
        assert "amount)" not in finding.message
        assert (finding.line is None) == (finding.column is None)
        if finding.line is not None and finding.column is not None:
            lines = case.sql.split("\n")
            assert 1 <= finding.line <= len(lines)
            assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_bad_statement_never_takes_long(case: Case) -> None:
    _, seconds = verdict_of(case)
    assert seconds < 5


@BOTH
def test_an_ordinary_statement_is_validated_within_50_ms(db_type: DatabaseType) -> None:
    sql = loader() + " UNION ALL " + loader(source="refunds")
    validate(sql, db_type)
    durations = []
    for _ in range(5):
        started = time.perf_counter()
        validate(sql, db_type)
        durations.append(time.perf_counter() - started)
    assert min(durations) < 0.05


@BOTH
def test_the_verdict_does_not_depend_on_how_deep_the_caller_is(db_type: DatabaseType) -> None:
    sql = loader(total="SUM(" + "(" * 29 + "amount" + ")" * 29 + ")")

    def descend(levels: int) -> Verdict:
        return descend(levels - 1) if levels else validate(sql, db_type)

    assert descend(sys.getrecursionlimit() // 2) == validate(sql, db_type)


@BOTH
def test_nothing_of_the_sql_reaches_the_log(
    db_type: DatabaseType, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for sql in (
            "WITH x AS (SHOW marker) SELECT marker",
            loader(segment="JSON_EXTRACT(marker, 'marker[')"),
            loader(source="(GRANT marker) AS x"),
            loader(after=" marker marker marker"),
        ):
            validate(sql, db_type)
    assert "marker" not in caplog.text


@BOTH
def test_a_wrong_column_is_pointed_at(db_type: DatabaseType) -> None:
    sql = loader().replace(", SUM(amount) AS SUM_VAL", ",\n SUM(amount) AS total")
    (finding,) = validate(sql, db_type).errors
    assert finding.code == "SQL_COLUMNS"
    assert finding.message == "Column 13 must be SUM_VAL, but is named total."
    assert (finding.line, finding.column) == (2, 17)


@BOTH
def test_a_function_is_pointed_at_and_named(db_type: DatabaseType) -> None:
    (finding,) = validate("-- x\n" + loader(segment="evil(1)"), db_type).errors
    assert finding.code == "SQL_FUNCTION_NOT_ALLOWED"
    assert "evil" in finding.message
    assert (finding.line, finding.column) == (2, 8 + len("created_at AS LOAD_TIME_STAMP, "))


@BOTH
def test_a_syntax_error_is_pointed_at(db_type: DatabaseType) -> None:
    (finding,) = validate(loader(after="\n HAVING HAVING 1"), db_type).errors
    assert finding.code == "SQL_SYNTAX"
    assert (finding.line, finding.column) == (2, 9)


@BOTH
def test_every_missing_column_is_found(db_type: DatabaseType) -> None:
    for column in OUTPUT_COLUMNS:
        sql = (
            loader()
            .replace(f" AS {column}, ", f" AS {column}_, ")
            .replace(f" AS {column} FROM", f" AS {column}_ FROM")
        )
        assert codes(validate(sql, db_type)) == {"SQL_COLUMNS"}, column


@BOTH
@pytest.mark.parametrize("more", ["", ", COUNT(amount) AS VALUE_COUNT"])
def test_value_count_is_reported(db_type: DatabaseType, more: str) -> None:
    verdict = validate(loader(more=more) + " UNION ALL " + loader(more=more), db_type)
    assert verdict.is_valid
    assert verdict.has_value_count is bool(more)


@BOTH
@pytest.mark.parametrize("name", ["fromTime", "toTime"])
def test_each_missing_placeholder_is_named(db_type: DatabaseType, name: str) -> None:
    (finding,) = validate(loader().replace(f":{name}", "'2026-01-01'"), db_type).errors
    assert finding.code == "SQL_PLACEHOLDER_MISSING"
    assert f":{name}" in finding.message


@BOTH
@pytest.mark.parametrize(
    "ending", ["", " ", ";", " ; ", ";\n-- done", "/* a */ ; /* b */", " -- done", "\n;\n"]
)
def test_executable_text_ends_with_the_statement(db_type: DatabaseType, ending: str) -> None:
    assert executable_text("/* a */ " + loader() + ending, db_type) == "/* a */ " + loader()


@BOTH
def test_executable_text_keeps_what_only_looks_like_an_ending(db_type: DatabaseType) -> None:
    sql = loader(after=" HAVING 'x' = ';-- /*'")
    assert executable_text(sql + ";", db_type) == sql
    assert executable_text("  -- nothing\n", db_type) == ""


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_executable_text_of_a_valid_statement_is_valid_too(case: Case) -> None:
    text = executable_text(case.sql, case.db_type)
    assert validate(text, case.db_type).is_valid
    assert executable_text(text, case.db_type) == text


_FRAGMENT_TEXT = (
    "SELECT|FROM|WHERE|GROUP BY|UNION|WITH x AS (|)|(|,|;|'|\"|`|--|-- |#|/*|*/|/*!|\\|$$|$a$|:|::|"
    ":fromTime|:toTime|@|@@|:=|CASE|END|NOT|SUM(|evil(|INTO|FOR UPDATE|E'|U&'|U&\"|N'|1|.5|a|[|]|"
    "{|}|ARRAY[|INTERVAL|CAST(|AS|\n|\r|\x00|\u0627|\u202e|\u00a0|%|?|NULL|OVER|*"
)
_FRAGMENTS = st.sampled_from(_FRAGMENT_TEXT.split("|"))


@BOTH
@given(parts=st.lists(_FRAGMENTS, max_size=40), glue=st.sampled_from(["", " "]))
@settings(max_examples=300, deadline=None)
def test_no_text_makes_the_guard_raise(db_type: DatabaseType, parts: list[str], glue: str) -> None:
    verdict = validate(glue.join(parts), db_type)
    assert not verdict.is_valid


@pytest.mark.parametrize(
    ("insert", "db_type"),
    [
        (lambda sql, at: sql[:at] + " evil(1) " + sql[at:], MYSQL),
        (lambda sql, at: sql[:at] + " evil(1) " + sql[at:], POSTGRESQL),
        (lambda sql, at: sql[:at] + "; DELETE FROM t; " + sql[at:], MYSQL),
        (lambda sql, at: sql[:at] + "; DELETE FROM t; " + sql[at:], POSTGRESQL),
        (lambda sql, at: sql[:at] + " INTO x " + sql[at:], MYSQL),
        (lambda sql, at: sql[:at] + " INTO x " + sql[at:], POSTGRESQL),
    ],
)
def test_evil_put_anywhere_into_a_good_statement_is_refused(
    insert: Callable[[str, int], str], db_type: DatabaseType
) -> None:
    sql = loader(where="t>=:fromTime AND t<:toTime AND(a IN(SELECT b FROM c)OR d=1)")
    for at in (i for i, character in enumerate(sql) if not character.isalnum()):
        assert not validate(insert(sql, at), db_type).is_valid, at
