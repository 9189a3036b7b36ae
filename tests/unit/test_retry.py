"""When a loader is due again (spec 5, 6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.retry import (
    BACKOFF_CAP,
    JITTER_SPREAD,
    FailureKind,
    backoff,
    due_after_failure,
    next_due_after_success,
)

ATTEMPT = datetime(2026, 1, 31, 10, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_a_loader_still_behind_is_due_at_once() -> None:
    assert next_due_after_success(ATTEMPT, MINUTE, still_behind=True) == ATTEMPT


def test_a_loader_up_to_date_waits_its_interval_from_the_attempt() -> None:
    assert next_due_after_success(ATTEMPT, MINUTE, still_behind=False) == ATTEMPT + MINUTE


def test_failures_double_the_wait_up_to_a_quarter_of_an_hour() -> None:
    waits = [backoff(failures, SECOND, 0.0) / SECOND for failures in range(1, 10)]
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert backoff(10**9, SECOND, 0.0) == BACKOFF_CAP


def test_a_failing_loader_is_not_tried_more_often_than_a_healthy_one() -> None:
    assert backoff(1, timedelta(hours=6), 0.0) == timedelta(hours=6)


def test_jitter_parts_loaders_that_failed_together() -> None:
    assert backoff(1, SECOND, 0.5) == timedelta(seconds=12.5)
    assert backoff(1, timedelta(days=1), 0.5) == timedelta(days=1, seconds=15)


def test_what_the_portal_lost_is_due_at_once_and_slowed_down_if_it_is_lost_again() -> None:
    waits = [
        due_after_failure(
            FailureKind.OF_PORTAL,
            failures,
            max_attempts=1,
            min_interval=timedelta(hours=1),
            jitter=0.0,
        )
        for failures in (1, 2, 3, 99)
    ]
    assert waits == [timedelta(), 10 * SECOND, 20 * SECOND, BACKOFF_CAP]


@settings(deadline=None)
@given(
    failures=st.integers(1, 5000),
    interval=st.timedeltas(timedelta(0), timedelta(days=40)),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_the_wait_grows_with_failures_and_stays_in_its_bounds(
    failures: int, interval: timedelta, jitter: float
) -> None:
    wait = backoff(failures, interval, jitter)
    assert interval <= wait <= max(interval, BACKOFF_CAP) + JITTER_SPREAD
    assert wait <= backoff(failures + 1, interval, jitter)


@pytest.mark.parametrize(("failures", "jitter"), [(0, 0.0), (-1, 0.0), (1, 1.0), (1, -0.1)])
def test_arguments_out_of_range_are_refused(failures: int, jitter: float) -> None:
    with pytest.raises(ValueError, match=r"failure|jitter"):
        backoff(failures, SECOND, jitter)
