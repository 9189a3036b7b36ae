"""Passes of re-counts, and what they say about lateness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backfill.late.lateness import Bucket, Counted, histogram, suggested
from backfill.late.plan import Pass, joined, next_recount
from core.window import Window
from execution.windows import TimePlan
from loaders.grain import Grain
from loaders.source_time import SourceZone

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def plan(period: timedelta = 6 * HOUR, grain: int | None = 3600) -> TimePlan:
    """Of a loader that reads six hours at once."""
    return TimePlan(
        grain=Grain(grain, SourceZone.named("Asia/Kolkata")),
        max_query_period=period,
        lateness=MINUTE,
        start_at=None,
        end_at=None,
        default_lookback=DAY,
    )


@given(
    grain=st.sampled_from([60, 3600, None]),
    period=st.integers(3600, 3 * 86400).map(lambda n: timedelta(seconds=n)),
    age=st.integers(1, 100).map(lambda n: n * HOUR),
    looks=st.lists(st.integers(1, 3000), min_size=1, max_size=10),
)
def test_a_pass_asks_every_closed_instant_once_and_none_too_early(
    grain: int | None, period: timedelta, age: timedelta, looks: list[int]
) -> None:
    """However often it looks, and however long in between."""
    of = plan(period, grain)
    now = START + 2 * DAY
    until = begin = of.grain.floor(START)
    asked: list[Window] = []
    for minutes in looks:
        now += minutes * MINUTE
        watermark = now - HOUR
        while (window := next_recount(Pass(age, until, watermark), of, now)) is not None:
            assert window.start == until
            assert window.end <= min(now - age, watermark)
            assert window.end <= of.longest_from(window.start)
            assert of.grain.is_boundary(window.end)
            asked.append(window)
            until = window.end
    limit = min(now - age, now - HOUR)
    assert limit - until < max(min(period, DAY), of.grain.step) + 2 * DAY
    if asked:
        assert asked[0].start == begin


def test_a_pass_skips_what_the_source_no_longer_has() -> None:
    now = START + 10 * DAY
    oldest = START + 3 * DAY + MINUTE
    window = next_recount(Pass(DAY, START, now, oldest), plan(), now)
    assert window is not None
    assert oldest <= window.start < oldest + HOUR


def test_a_pass_waits_for_a_whole_window() -> None:
    of = plan()
    begin = of.grain.floor(START)
    course = Pass(DAY, begin, begin + 30 * DAY)
    assert next_recount(course, of, begin + DAY + 5 * HOUR) is None
    assert next_recount(course, of, begin + DAY + 6 * HOUR) == Window(begin, begin + 6 * HOUR)


hours = st.integers(0, 500).map(lambda n: Window(START + 2 * n * HOUR, START + (2 * n + 1) * HOUR))


@given(st.sets(hours, max_size=60), st.integers(1, 20))
def test_joined_stretches_cover_all_and_are_few(windows: set[Window], most: int) -> None:
    found = joined(list(windows), most)
    assert len(found) <= most or len(windows) <= most
    assert all(any(w.start <= one.start and one.end <= w.end for w in found) for one in windows)
    if len(windows) <= most:
        assert found == sorted(windows)


def test_late_records_are_told_by_pass() -> None:
    counted = [
        Counted(HOUR + MINUTE, records=1000, late=50),
        Counted(HOUR + 5 * MINUTE, records=1000, late=30),
        Counted(DAY + HOUR, records=2000, late=1),
        Counted(MINUTE, records=9, late=9),
    ]
    assert histogram(MINUTE, [DAY, HOUR], counted) == [
        Bucket(MINUTE, HOUR, late=80, records=2000),
        Bucket(HOUR, DAY, late=1, records=2000),
    ]


def test_the_suggested_lateness_leaves_hardly_a_record_out() -> None:
    late_by_an_hour = Bucket(MINUTE, HOUR, late=80, records=2000)
    hardly = Bucket(HOUR, DAY, late=1, records=2000)
    late_by_a_day = Bucket(HOUR, DAY, late=20, records=2000)
    assert suggested([late_by_an_hour, hardly]) == HOUR
    assert suggested([late_by_an_hour, late_by_a_day]) == DAY
    assert suggested([Bucket(MINUTE, HOUR, 0, 0), hardly]) is None
