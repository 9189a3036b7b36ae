"""Rules over several fields of a loader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.grain import Grain
from loaders.rules import EARLIEST, LATEST, grain_errors, span_errors, tag_errors, zone_errors
from loaders.source_time import SourceZone

START = datetime(2026, 1, 1, tzinfo=UTC)
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("hours", ["5.33", "-0.01", 5.33, "NaN"])
def test_an_offset_that_no_clock_shows_is_refused(hours: Any) -> None:
    assert list(zone_errors("", hours)) == ["offset_hours"]


@pytest.mark.parametrize("hours", [None, Decimal("5.50"), Decimal(-3), Decimal("5.55"), 0])
def test_an_offset_of_whole_minutes_is_taken(hours: Any) -> None:
    assert zone_errors("", hours) == {}


@pytest.mark.parametrize("name", ["localtime", "Mars/Olympus", "right/UTC", "../etc/passwd"])
def test_a_zone_that_no_run_could_use_is_refused(name: str) -> None:
    assert list(zone_errors(name, None)) == ["time_zone"]


def test_a_zone_or_an_offset_not_both() -> None:
    assert "not both" in zone_errors("Asia/Riyadh", Decimal(-3))["offset_hours"]
    assert zone_errors("Asia/Riyadh", None) == {}


@pytest.mark.parametrize("instant", [NO_END, YEAR_ONE, EARLIEST - SECOND, LATEST + SECOND])
def test_instants_that_grains_are_not_computed_for_are_refused(instant: datetime) -> None:
    assert list(span_errors(instant, None)) == ["start_at"]
    assert "leave it empty" in span_errors(None, instant)["end_at"]


def test_a_naive_instant_is_refused_and_not_compared() -> None:
    assert list(span_errors(START.replace(tzinfo=None), START)) == ["start_at"]


def test_the_end_is_after_the_start() -> None:
    assert span_errors(START, START + SECOND) == span_errors(None, None) == {}
    assert list(span_errors(START, START)) == ["end_at"]
    assert span_errors("tomorrow", START) == {}  # type: ignore[arg-type]


@given(
    instant=st.sampled_from([EARLIEST, LATEST]),
    seconds=st.sampled_from([1, 60, 86_400, None]),
    hours=st.integers(-14, 12),
)
def test_grains_can_be_computed_at_the_very_edges(
    instant: datetime, seconds: int | None, hours: int
) -> None:
    grain = Grain(seconds, SourceZone.offset(hours))
    assert grain.floor(instant) <= instant <= grain.ceil(instant)


@pytest.mark.parametrize(
    ("grain", "fmt", "sql", "refused"),
    [
        (30, "AUTO", "SELECT STR_TO_DATE(x)", True),
        (30, "AUTO", "SELECT FROM_UNIXTIME(x)", False),
        (30, "AUTO", "SELECT x", False),
        (30, "MYSQL_DATETIME", "SELECT x", True),
        (120, "AUTO", "SELECT STR_TO_DATE(x)", False),
        (None, "AUTO", "SELECT STR_TO_DATE(x)", False),
        (7, "ISO_8601", "", True),
        (0, "AUTO", "", False),
        (-5, "AUTO", "", False),
        (30, "NONSENSE", "", False),
    ],
)
def test_a_grain_divides_a_day_and_can_be_written(
    grain: int | None, fmt: str, sql: str, *, refused: bool
) -> None:
    assert bool(grain_errors(grain, fmt, sql)) == refused


def test_the_sentence_says_that_the_format_was_found_in_the_sql() -> None:
    text = grain_errors(30, "AUTO", "SELECT STR_TO_DATE(x)")["grain_seconds"]
    assert text == "MYSQL_DATETIME (found in the SQL) tells minutes: use a multiple of 60."


@pytest.mark.parametrize("tags", ["text", ["Capital"], [7], ["a"] * 33])
def test_tags_are_plain_words(tags: object) -> None:
    assert list(tag_errors(tags)) == ["tags"]
