"""Which window a loader reads next, and how a window is cut to size (spec 5, 6, 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.window import Window
from loaders.grain import Grain


@dataclass(frozen=True)
class TimePlan:
    """The governed time handling of one loader version. Instants are aware UTC.

    ValueError for a max_query_period or default_lookback that is not positive, or a negative
    lateness.
    """

    grain: Grain
    max_query_period: timedelta
    lateness: timedelta
    start_at: datetime | None
    end_at: datetime | None
    default_lookback: timedelta

    def __post_init__(self) -> None:
        if min(self.max_query_period, self.default_lookback) <= timedelta(0):
            raise ValueError("max_query_period and default_lookback are positive")
        if self.lateness < timedelta(0):
            raise ValueError("lateness is not negative")

    def closed_until(self, now: datetime) -> datetime:
        """The boundary before which no row is still expected, by that clock."""
        return self.grain.floor(now - self.lateness)

    @property
    def last_boundary(self) -> datetime | None:
        """Where the grain that holds end_at ends; None for a loader without end."""
        return None if self.end_at is None else self.grain.ceil(self.end_at)

    def readable_until(self, now: datetime) -> datetime:
        """The boundary up to which may be read: closed time, and not beyond the last grain."""
        closed, last = self.closed_until(now), self.last_boundary
        return closed if last is None else min(closed, last)

    def longest_from(self, start: datetime) -> datetime:
        """Where a window from boundary `start` ends at the latest.

        That is max_query_period on, floored to grain, but one grain on at least: a grain longer
        than max_query_period is still read whole.
        """
        capped = self.grain.floor(start + self.max_query_period)
        return max(capped, self.grain.following(start))


class NotDueReason(StrEnum):
    """Why there is no window to read."""

    NOTHING_CLOSED = "NOTHING_CLOSED"
    WATERMARK_IN_FUTURE = "WATERMARK_IN_FUTURE"
    ENDED = "ENDED"
    BLACKOUT = "BLACKOUT"
    SOURCE_HELD = "SOURCE_HELD"


@dataclass(frozen=True)
class NotDue:
    """Nothing to read now."""

    reason: NotDueReason


def plan_next(plan: TimePlan, watermark: datetime | None, now: datetime) -> Window | NotDue:
    """The next live window of a loader (spec 5).

    From the watermark, else start_at, else default_lookback before `now`, floored to grain; over
    at most max_query_period of closed time. A loader with an end_at reads the whole grain that
    holds it, once that is closed: half a grain would never be corrected. A watermark after `now`
    holds the loader until an operator moves it.
    """
    if watermark is not None and watermark > now:
        return NotDue(NotDueReason.WATERMARK_IN_FUTURE)
    start = plan.grain.floor(watermark or plan.start_at or now - plan.default_lookback)
    closed = plan.readable_until(now)
    if plan.last_boundary is not None and start >= plan.last_boundary:
        return NotDue(NotDueReason.ENDED)
    if start >= closed:
        return NotDue(NotDueReason.NOTHING_CLOSED)
    return Window(start, min(plan.longest_from(start), closed))


def is_still_behind(plan: TimePlan, window: Window, watermark: datetime, now: datetime) -> bool:
    """Whether a loader that has just loaded `window` is due again at once (spec 5).

    So when max_query_period alone ended the window; and when the window reached end_at but the
    watermark, at the greatest stamp, did not: waiting brings nothing more.
    """
    if plan.longest_from(window.start) < plan.readable_until(now):
        return True
    last = plan.last_boundary
    return last is not None and watermark < last == window.end


def shrink(window: Window, plan: TimePlan, source_now: datetime) -> Window | None:
    """The part of a planned window that is closed by the source's clock too, read at claim.

    None when no grain of it is: the run ends without reading (spec 5, the earlier of two clocks).
    """
    closed = plan.closed_until(source_now)
    if closed <= window.start:
        return None
    return Window(window.start, min(window.end, closed))


def split(window: Window, grain: Grain) -> tuple[Window, Window | None]:
    """The first half of a window on the grain and the rest, for a result over row_cap (spec 6).

    A window of one grain can't be halved and comes back with None.
    """
    first_grain_end = grain.following(window.start)
    if first_grain_end >= window.end:
        return window, None
    middle = max(grain.floor(window.start + window.duration / 2), first_grain_end)
    return Window(window.start, middle), Window(middle, window.end)


def tile(stretch: Window, plan: TimePlan) -> Iterator[Window]:
    """Consecutive windows over `stretch`, widened to whole grains, as a backfill reads it (spec 9).

    Each is as long as max_query_period allows. Start, end_at and closed time are not looked at:
    the caller has cut `stretch` to what may be read.
    """
    start, stop = plan.grain.floor(stretch.start), plan.grain.ceil(stretch.end)
    while start < stop:
        end = min(plan.longest_from(start), stop)
        yield Window(start, end)
        start = end
