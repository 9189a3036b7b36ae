"""What a version asks to change, in a sentence."""

from __future__ import annotations

import json
from typing import Any

from loaders.change_summary import summarise

SQL = "SELECT 1\nFROM a"


def definition(**values: Any) -> str:
    source = {"db_code": "SHOP", "host": "db.example"}
    given = {"loader_sql": SQL, "grain_seconds": 60, "lateness_seconds": 60, "row_cap": None}
    return json.dumps({**given, "source_database": source, **values})


def told(now: str, before: str | None, *, with_source: bool = True) -> str:
    return summarise(now, before, with_source=with_source)


def test_a_first_version_has_nothing_to_be_compared_with() -> None:
    assert told(definition(), None) == "The first version: nothing was approved before."


def test_lines_of_sql_are_counted_and_settings_named() -> None:
    now = definition(loader_sql="SELECT 2\nFROM a\nWHERE b", lateness_seconds=90)
    assert told(now, definition()) == (
        "Changes the SQL (lines: 2 added, 1 removed) and Lateness (seconds)."
    )


def test_many_settings_are_only_counted() -> None:
    now = definition(grain_seconds=1, lateness_seconds=2, row_cap=3, max_attempts=4)
    assert told(now, definition()) == "Changes 4 settings."


def test_how_the_source_is_reached_is_told_to_the_entitled_only() -> None:
    now = definition(source_database={"db_code": "SHOP", "host": "elsewhere.example"})
    assert told(now, definition()) == "Changes Source: Host."
    without = told(now, definition(), with_source=False)
    assert without == "Changes nothing of what was approved last."


def test_neither_values_nor_sql_are_quoted() -> None:
    now = definition(loader_sql="SELECT secret", row_cap=123_456)
    assert "secret" not in told(now, definition())
    assert "123" not in told(now, definition())
