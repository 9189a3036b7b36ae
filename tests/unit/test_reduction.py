"""Reduction of points: the published LTTB, with extremes kept and shares a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.reduction import Line, ReducedBy, extremes, lttb, reduce, shares


def published(points: Sequence[tuple[float, float]], threshold: int) -> list[int]:
    """Largest-Triangle-Three-Buckets, written down from Steinarsson's thesis (2013), section 4.2:
    first and last point, and of each bucket between them the point of the largest triangle with
    the point chosen before and the mean of the bucket after."""
    width = (len(points) - 2) / (threshold - 2)
    bounds = [*(math.floor(n * width) + 1 for n in range(threshold - 1)), len(points)]
    chosen = [0]
    for start, end, after in zip(bounds, bounds[1:], bounds[2:], strict=False):
        x3, y3 = (sum(axis) / (after - end) for axis in zip(*points[end:after], strict=True))
        x1, y1 = points[chosen[-1]]
        areas = [
            abs((x1 - x3) * (points[n][1] - y1) - (x1 - points[n][0]) * (y3 - y1))
            for n in range(start, end)
        ]
        chosen.append(start + areas.index(max(areas)))
    return [*chosen, len(points) - 1]


@pytest.mark.parametrize(("count", "limit"), [(100, 10), (1000, 37), (5000, 500), (777, 700)])
@pytest.mark.parametrize("seed", [1, 2])
def test_points_are_chosen_as_the_published_algorithm_chooses_them(
    count: int, limit: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    x = np.arange(count, dtype=np.float64) * 60
    y = np.cumsum(random.normal(size=count))
    assert lttb(x, y, limit).tolist() == published(list(zip(x, y, strict=True)), limit)


def test_where_points_lie_unevenly_nearly_all_are_those_of_the_published_algorithm() -> None:
    """The library takes the middle of a bucket's times for their mean."""
    random = np.random.default_rng(5)
    x = np.cumsum(random.integers(1, 9, 5000)).astype(float)
    y = np.cumsum(random.normal(size=5000))
    same = set(lttb(x, y, 500).tolist()) & set(published(list(zip(x, y, strict=True)), 500))
    assert len(same) >= 480


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.floats(-1e9, 1e9), st.just(math.nan)),
        min_size=2,
        max_size=120,
    ),
    st.integers(1, 150),
)
def test_a_line_keeps_its_limit_its_order_and_its_extremes(values: list[float], limit: int) -> None:
    line = Line(np.arange(len(values)) * 1_000_000, np.array(values))
    chosen = line.reduced(limit)
    assert 1 <= len(chosen) <= min(limit, len(values))
    assert (np.diff(chosen) > 0).all()
    known = [value for value in values if not math.isnan(value)]
    if limit >= 4 and known:
        kept = line.values[chosen]
        assert np.nanmax(kept) == max(known)
        assert np.nanmin(kept) == min(known)
    if len(values) > limit and known:
        assert not np.isnan(line.values[chosen]).any()


def test_each_segment_has_its_share_and_the_short_ones_leave_theirs_to_the_long() -> None:
    assert shares([5, 1000, 1000], 105) == [5, 50, 50]
    assert shares([1000], 10) == [10]
    random = np.random.default_rng(3)
    lines = [Line(np.arange(n) * 1_000_000, random.normal(size=n)) for n in (5, 1000, 1000)]
    by, chosen = reduce(lines, 105)
    assert by == ReducedBy.SEGMENT
    assert len(chosen[0]) == 5
    assert all(45 <= len(some) <= 50 for some in chosen[1:])


def test_with_more_segments_than_lines_can_be_drawn_all_are_one() -> None:
    random = np.random.default_rng(4)
    lines = [Line(np.arange(50) * 1_000_000 + n, random.normal(size=50)) for n in range(40)]
    by, chosen = reduce(lines, 100)
    assert by == ReducedBy.ALL
    assert len(chosen) == 40
    assert 90 <= sum(map(len, chosen)) <= 100
    every = np.concatenate([line.values for line in lines])
    kept = np.concatenate([line.values[some] for line, some in zip(lines, chosen, strict=True)])
    assert (kept.min(), kept.max()) == (every.min(), every.max())


def test_a_line_without_a_single_value_is_still_drawn() -> None:
    line = Line(np.arange(100) * 1_000_000, np.full(100, np.nan))
    assert len(line.reduced(10)) == 10
    assert not len(extremes(line.values))


def test_points_that_came_in_another_order_are_put_into_that_of_time() -> None:
    line, order = Line.of(np.array([3, 1, 2]), np.array([0.3, 0.1, 0.2]))
    assert line.values.tolist() == [0.1, 0.2, 0.3]
    assert order.tolist() == [1, 2, 0]


def test_a_line_with_a_share_of_four_reaches_from_its_first_point_to_its_last() -> None:
    x = np.arange(1000)
    lines = [Line(x * 60_000_000, np.sin(x / 200)) for _ in range(20)]
    by, chosen = reduce(lines, 80)
    assert by is ReducedBy.SEGMENT
    for numbers in chosen:
        assert {0, 999} <= set(numbers.tolist())
        assert len(numbers) <= 4
    assert lttb(x.astype(float), np.sin(x / 200), 1).tolist() == [0]
