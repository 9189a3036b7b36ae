"""Which window a re-count asks next. Pure; instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.window import Window
from execution.windows import TimePlan

LONGEST_WAIT = timedelta(days=1)
"""A pass asks in windows of max_query_period, or of what a day brings where that is shorter."""

MOST_RELOADS = 20
"""Backfills that one re-count leads to; beyond, stretches that lie nearest are joined."""


@dataclass(frozen=True)
class Pass:
    """A pass over a loader's time: everything is counted again once it is `age` old. It has come to
    `counted_until`. `watermark` is how far the loader is loaded, `oldest` how far back the source
    still has data."""

    age: timedelta
    counted_until: datetime
    watermark: datetime
    oldest: datetime | None = None


def next_recount(course: Pass, plan: TimePlan, now: datetime) -> Window | None:
    """The next window of the pass; None while there is not enough time to make one of.

    It starts where the pass has come to, or where the source's data begins, and is as long as a
    run's, so that the source is asked nothing that it is not used to.
    """
    grain = plan.grain
    start = grain.floor(course.counted_until)
    if course.oldest is not None and start < course.oldest:
        start = grain.ceil(course.oldest)
    limit = grain.floor(min(now - course.age, course.watermark))
    if start >= limit:
        return None
    whole = plan.longest_from(start)
    enough = min(whole, start + LONGEST_WAIT)
    return Window(start, min(whole, limit)) if limit >= enough else None


def joined(windows: list[Window], most: int = MOST_RELOADS) -> list[Window]:
    """The same stretches in at most so many windows: the smallest holes are filled first."""
    found = sorted(windows)
    while len(found) > most:
        holes = [found[n + 1].start - found[n].end for n in range(len(found) - 1)]
        n = holes.index(min(holes))
        found[n : n + 2] = [Window(found[n].start, found[n + 1].end)]
    return found
