"""Small pictures of lists, and the words that stand for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from core.charts import Spark, sparkline, strip
from core.display import ago_text
from execution.activity import last_day
from execution.coverage import CoverageState
from execution.models import RunStatus
from execution.recent_runs import EndedRun
from loaderportal.loader_list import durations_text, week_of, week_text

NOON = datetime(2026, 3, 4, 12, 34, 56, tzinfo=UTC)


def rectangles(picture: str) -> list[tuple[float, float]]:
    """Left edge and height of each bar."""
    found = re.findall(r'<rect x="(\d+)" y="[\d.]+" width="4" height="([\d.]+)"', picture)
    return [(float(x), float(height)) for x, height in found]


def test_the_latest_bar_stands_at_the_right_end_and_the_tallest_fills_the_height() -> None:
    bars = rectangles(sparkline([Spark(1.0), Spark(4.0), Spark(2.0)], places=20, told="Three"))
    assert [x for x, _ in bars] == [85, 90, 95]
    assert [height for _, height in bars] == [4.8, 19.0, 9.5]


def test_a_run_that_took_nothing_is_still_seen() -> None:
    assert rectangles(sparkline([Spark(0.0), Spark(0.0)], places=2, told="")) == [(0, 2), (5, 2)]


def test_what_failed_is_marked_by_more_than_its_colour() -> None:
    picture = sparkline([Spark(1.0), Spark(1.0, failed=True)], places=2, told="One failed")
    assert picture.count("<circle") == 1
    assert picture.index('<g class="lp-failed">') > picture.index('<rect x="0"')


def test_pictures_have_a_text_alternative_that_is_escaped() -> None:
    for picture in (sparkline([], places=1, told='<"'), strip([("loaded", 1)], told='<"')):
        assert 'role="img" aria-label="&lt;&quot;"' in picture


def test_a_strips_parts_are_as_wide_as_their_shares() -> None:
    assert strip([("loaded", 3), ("failed", 1)], told="x").count("flex-grow") == 2
    assert '<i class="lp-cov-failed" style="flex-grow:1">' in strip([("failed", 1.0)], told="x")


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(0), "now"),
        (timedelta(milliseconds=900), "now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=119), "1 min ago"),
        (-timedelta(hours=2, minutes=59), "in 2 h"),
        (timedelta(days=1234), "1,234 d ago"),
    ],
)
def test_how_far_an_instant_lies_from_now_is_told_in_one_unit(away: timedelta, text: str) -> None:
    assert ago_text(NOON - away, NOON) == text


def test_runs_are_told_in_words_with_how_many_failed() -> None:
    def run(status: RunStatus, seconds: float | None) -> EndedRun:
        return EndedRun(status, NOON, None if seconds is None else timedelta(seconds=seconds))

    runs = [run(RunStatus.SUCCESS, 2), run(RunStatus.FAILED, None), run(RunStatus.PARTIAL, 0.5)]
    assert durations_text(runs) == "The last 3 runs: 500 ms to 2.0 s, 1 failed"
    assert durations_text(runs[:1]) == "The last run: 2.0 s to 2.0 s, none failed"
    assert durations_text(runs[1:2]) == "The last run, 1 failed"


def test_a_week_is_cut_into_quarters_of_days_and_ends_with_the_present_one() -> None:
    parts = week_of(NOON)
    assert len(parts) == 28
    assert parts[-1].start == NOON.replace(minute=0, second=0)
    assert parts[-1].end - parts[0].start == timedelta(days=7)
    assert week_of(NOON.replace(hour=11))[-1].end == NOON.replace(minute=0, second=0)


def test_a_week_is_told_in_words() -> None:
    states = [CoverageState.LOADED] * 26 + [CoverageState.FAILED, CoverageState.MISSING]
    told = week_text(states)
    assert told == "Six-hour parts of the last 7 days: loaded 26, failed 1, missing 1"


def test_the_last_day_is_of_whole_hours_with_the_present_one() -> None:
    day = last_day(NOON)
    assert (day.end, day.duration) == (NOON.replace(hour=13, minute=0, second=0), timedelta(days=1))
