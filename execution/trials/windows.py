"""Which window a trial reads. Pure; `now` is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.window import Window
from execution.exceptions import TrialWindowError
from execution.windows import TimePlan

_INSTANT = timedelta(microseconds=1)
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Beyond, a zone's wall clock would leave the years that can be written."""


def widest_window(plan: TimePlan, watermark: datetime | None, now: datetime) -> Window:
    """The widest window that a run of the loader reads (spec 4), where its next runs will: up to
    max_query_period after the watermark or start_at, and reaching back where less is closed.

    For a loader whose start lies ahead, the last closed one before now.
    """
    grain, closed = plan.grain, plan.closed_until(now)
    begin = watermark or plan.start_at
    if begin is None or grain.floor(begin) >= closed:
        begin = closed - plan.max_query_period
    end = min(plan.longest_from(grain.floor(begin)), plan.readable_until(now))
    start = grain.ceil(end - plan.max_query_period)
    if plan.start_at is not None and plan.start_at < end:
        start = max(start, grain.floor(plan.start_at))
    return Window(min(start, grain.floor(end - _INSTANT)), end)


def check_window(window: Window, plan: TimePlan, now: datetime) -> None:
    """Raise TrialWindowError unless a run of the loader could read this window."""
    if any(not plan.grain.is_boundary(bound) for bound in (window.start, window.end)):
        raise TrialWindowError("The window must start and end on the loader's grain.")
    if window.end > plan.closed_until(now):
        raise TrialWindowError("The window is not closed yet: choose one that ends earlier.")
    if window.end > plan.longest_from(window.start):
        raise TrialWindowError(
            "The window is longer than the longest that a run of the loader reads "
            f"({plan.max_query_period}): choose a shorter one."
        )


def window_between(from_time: datetime | None, to_time: datetime | None) -> Window | None:
    """The window that somebody asked for, in UTC; None if they left it open. Raises
    TrialWindowError."""
    if from_time is None and to_time is None:
        return None
    if from_time is None or to_time is None or from_time >= to_time:
        raise TrialWindowError("Give both ends of the window, the earlier one first, or neither.")
    if from_time < _FIRST or to_time > _LAST:
        raise TrialWindowError("Give a window between the years 1000 and 9000.")
    return Window(from_time.astimezone(UTC), to_time.astimezone(UTC))
