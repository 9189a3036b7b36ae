"""Definitions as YAML: what is written reads back, and what is wrong is told with its line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camel_case import underscore
from loaders.definition_file import (
    FIELDS,
    LARGEST,
    SEPARATOR,
    MalformedFileError,
    from_yaml,
    to_yaml,
)
from loaders.services.definitions import EDITABLE

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=" \n\t:#-'\"|>{}[]&*!%@`\\é١\r\x85\u2028\ufeff", max_size=30),
    st.sampled_from(["no", "null", "1", "1e3", "2026-01-31", "0x1F", "~", "=", "<<", "- a", "? a"]),
)
VALUES = {
    **dict.fromkeys(FIELDS, TEXTS),
    "loaderCode": st.from_regex(r"[A-Z][A-Z0-9_]{2,20}", fullmatch=True),
    "tags": st.lists(TEXTS, max_size=4),
    "segmentMeanings": st.lists(TEXTS, max_size=4),
    "isTest": st.booleans(),
    "grainSeconds": st.none() | st.integers(0, 10**9),
    "offsetHours": st.none() | st.decimals(-14, 12, places=2).map(float),
    "startAt": st.none() | st.datetimes().map(lambda at: at.isoformat() + "Z"),
}


@settings(max_examples=60)
@given(st.fixed_dictionaries(VALUES))
def test_what_is_written_reads_back_and_is_written_the_same_again(values: dict[str, Any]) -> None:
    text = to_yaml(values)
    (written,) = from_yaml(text)
    assert written.values == values
    assert to_yaml(written.values) == text
    assert text.endswith("\n")


@settings(max_examples=20)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=3))
def test_several_definitions_may_stand_in_one_text(definitions: list[dict[str, Any]]) -> None:
    text = SEPARATOR.join(map(to_yaml, definitions))
    assert [one.values for one in from_yaml(text)] == definitions


def test_every_field_of_a_definition_has_a_key() -> None:
    assert {*map(underscore, FIELDS)} == {*EDITABLE, "loader_code", "kind", "log_level"}
    assert (FIELDS[0], FIELDS[-1]) == ("loaderCode", "loaderSql")
    with pytest.raises(ValueError, match="password"):
        to_yaml({"password": "x"})


def test_the_sql_is_a_literal_block_and_each_setting_a_line() -> None:
    sql = "SELECT a,\n       b\nFROM t\n"
    assert to_yaml({"loaderCode": "ORDERS", "tags": ["eu"], "loaderSql": sql}) == (
        "loaderCode: ORDERS\ntags:\n  - eu\nloaderSql: |\n  SELECT a,\n         b\n  FROM t\n"
    )
    assert "loaderSql: |-\n  SELECT 1  \n  FROM t\n" in to_yaml({"loaderSql": "SELECT 1  \nFROM t"})
    assert '"SELECT 1\\r\\nFROM t"' in to_yaml({"loaderSql": "SELECT 1\r\nFROM t"})


def test_times_are_texts_and_numbers_numbers() -> None:
    (written,) = from_yaml("loaderCode: ABC\nstartAt: 2026-01-31T10:00:00Z\nrowCap: 5\n")
    assert written.values["startAt"] == "2026-01-31T10:00:00Z"
    assert written.values["rowCap"] == 5


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("loaderCode: ABC\ngrain: 60\n", 2, "grain", "no such key"),
        ("loaderCode: ABC\nloaderCode: ABD\n", 2, "loaderCode", "second time"),
        ("loaderCode: ABC\nrowCap: !!int many\n", 2, "rowCap", "can't be read"),
        ("loaderCode: ABC\ntags: [a\n", 3, "", "not YAML"),
        (
            "loaderCode: ABC\nloaderSql: |\n  SELECT 1\nFROM a_table: x\n",
            4,
            "",
            "no such key",
        ),
        ("domain: x\n", 1, "loaderCode", "which loader"),
        ("- ABC\n", 1, "", "mapping"),
        ("# nothing\n", 1, "", "no definition"),
        ("loaderCode: &a ABC\n", 1, "", "Anchors"),
        ("loaderCode: ABC\ntags: [*a]\n", 2, "", "Anchors"),
        ("loaderCode: ABC\ntags: [[[[[[a]]]]]]\n", 2, "", "deeply"),
        ("loaderCode: !!python/object/apply:os.system [x]\n", 1, "", "not YAML"),
        ("loaderCode: ABC\ndomain: '\x00'\n", 2, "", "character"),
        ("x" * (LARGEST + 1), 1, "", "more than 1,000,000"),
    ],
)
def test_a_fault_is_told_with_its_line_and_key(
    text: str, line: int, field: str, message: str
) -> None:
    with pytest.raises(MalformedFileError) as caught:
        from_yaml(text)
    told = caught.value.problem
    assert (told.line, told.field) == (line, field)
    assert message in told.message
    assert "a_table" not in told.message + told.field
