"""Which windows a backfill loads (spec 9): property tests over interrupted jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.plan import (
    Bounds,
    count_windows,
    left_over,
    less,
    merged,
    next_window,
    seconds_of,
    windows_of,
)
from core.window import Window
from execution.windows import TimePlan
from loaders.grain import Grain
from loaders.source_time import SourceZone

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 28, tzinfo=UTC)
ZONES = [SourceZone.named(name) for name in ("UTC", "Europe/Berlin", "Asia/Kolkata")]


def plan_of(zone: SourceZone, grain: int | None = 3600, longest: timedelta = 6 * HOUR) -> TimePlan:
    return TimePlan(Grain(grain, zone), longest, timedelta(), None, None, HOUR)


UTC_PLAN = plan_of(ZONES[0])


def window(start: float, end: float) -> Window:
    return Window(START + start * HOUR, START + end * HOUR)


plans = st.builds(
    plan_of,
    st.sampled_from(ZONES),
    st.sampled_from([60, 3600, None]),
    st.integers(1, 60).map(lambda hours: hours * HOUR),
)
stretches = st.tuples(st.integers(0, 6000), st.integers(1, 3000)).map(
    lambda pair: Window(
        START + timedelta(minutes=pair[0]), START + timedelta(minutes=pair[0] + pair[1])
    )
)


def aligned(plan: TimePlan, stretch: Window) -> Window:
    return Window(plan.grain.floor(stretch.start), plan.grain.ceil(stretch.end))


@given(plans, stretches, st.lists(stretches, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_interrupts_a_job_each_moment_is_loaded_once(
    plan: TimePlan, asked: Window, covered: list[Window], data: st.DataObject
) -> None:
    """Windows fail, are cut short by a row limit, or are under way beside others."""
    whole = aligned(plan, asked)
    own: list[Window] = []
    for _ in range(1000):
        left = left_over(whole, grain=plan.grain, own=own, loaded=covered)
        following = next_window(left, plan)
        if following is None:
            break
        again = next_window(left_over(whole, grain=plan.grain, own=own, loaded=covered), plan)
        assert again == following  # the same work left gives the same window
        assert following.end <= plan.longest_from(following.start)
        fate = data.draw(st.sampled_from(["loaded", "loaded", "failed", "cut"]))
        if fate == "failed":
            continue
        cut = plan.grain.following(following.start)
        own.append(Window(following.start, cut) if fate == "cut" else following)
    else:
        own += windows_of(left_over(whole, grain=plan.grain, own=own, loaded=covered), plan)
    assert all(one.end <= other.start for one, other in pairwise(sorted(own)))
    assert all(plan.grain.is_boundary(w.start) and plan.grain.is_boundary(w.end) for w in own)
    assert less([whole], [*own, *covered]) == []
    assert less(own, [whole]) == []


@given(plans, stretches, st.lists(stretches, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_is_left_and_what_is_taken_make_the_whole(
    plan: TimePlan, whole: Window, taken: list[Window]
) -> None:
    left = less([whole], taken)
    inside = [
        Window(max(t.start, whole.start), min(t.end, whole.end)) for t in taken if whole.overlaps(t)
    ]
    assert merged([*left, *inside]) == [whole]
    assert not any(one.overlaps(other) for one in left for other in taken)
    assert seconds_of(left) + seconds_of(merged(inside)) == seconds_of([whole])


def test_a_range_is_cut_into_the_longest_windows() -> None:
    assert list(windows_of([window(0, 14)], UTC_PLAN)) == [
        window(0, 6),
        window(6, 12),
        window(12, 14),
    ]
    assert count_windows([window(0, 14), window(20, 21)], UTC_PLAN) == 4


def test_a_grain_that_is_loaded_in_part_is_loaded_whole() -> None:
    left = left_over(window(0, 4), grain=UTC_PLAN.grain, own=(), loaded=[window(0, 1.5)])
    assert left == [window(1, 4)]


def test_a_window_that_was_cut_short_goes_on_where_it_was_cut() -> None:
    left = left_over(window(0, 12), grain=UTC_PLAN.grain, own=[window(0, 3)])
    assert next_window(left, UTC_PLAN) == window(3, 9)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (window(0, 10), window(0, 10)),
        (window(0.5, 9.2), window(0, 10)),
        (window(0, 10.5), window(0, 10)),
        (window(10, 10.5), None),
    ],
)
def test_a_range_is_widened_to_grains_and_ends_at_the_watermark(
    asked: Window, expected: Window | None
) -> None:
    bounds = Bounds(UTC_PLAN, watermark=START + 10.6 * HOUR, oldest=None)
    assert bounds.range_of(asked.start, asked.end) == expected
    assert not bounds.is_beyond_watermark(asked.end)
    assert bounds.is_beyond_watermark(START + 11 * HOUR)


def test_what_the_loader_and_its_source_do_not_have_is_refused() -> None:
    plan = TimePlan(UTC_PLAN.grain, HOUR, timedelta(), START, START + 9 * HOUR, HOUR)
    bounds = Bounds(plan, watermark=START + 20 * HOUR, oldest=START + 2 * HOUR)
    assert bounds.errors(START + 2 * HOUR, START + 9 * HOUR) == {}
    assert list(bounds.errors(START - HOUR, START + 9 * HOUR)) == ["from_time"]
    assert "begins at" in bounds.errors(START - HOUR, START + HOUR)["from_time"]
    assert "replaced by nothing" in bounds.errors(START + HOUR, START + 9 * HOUR)["from_time"]
    assert "ends at" in bounds.errors(START + 2 * HOUR, START + 10 * HOUR)["to_time"]
    assert "after the start" in bounds.errors(START, START)["to_time"]


def test_what_retention_would_remove_again_is_refused() -> None:
    plan = TimePlan(UTC_PLAN.grain, HOUR, timedelta(), START, START + 9 * HOUR, HOUR)
    bounds = Bounds(plan, START + 20 * HOUR, oldest=None, kept_since=START + 2 * HOUR)
    assert bounds.errors(START + 2 * HOUR, START + 9 * HOUR) == {}
    assert "removed again" in bounds.errors(START + HOUR, START + 9 * HOUR)["from_time"]
