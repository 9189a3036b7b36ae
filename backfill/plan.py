"""Which windows a backfill loads: the range it may have, what of it is left, what comes next
(spec 9). Pure; instants are aware UTC."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.display import instant_text
from core.window import Window
from execution.windows import TimePlan, tile
from loaders.grain import Grain

MOST_WINDOWS = 10_000
"""Of one job. A day each, that is 27 years; beyond, the loader's longest window is too short."""


@dataclass(frozen=True)
class Bounds:
    """Between which instants a loader can be backfilled. None is no bound; without a watermark
    there is nothing to backfill. `oldest` is how far back the source still has data, `kept_since`
    how far back the portal keeps signals."""

    plan: TimePlan
    watermark: datetime | None
    oldest: datetime | None
    kept_since: datetime | None = None

    def errors(self, start: datetime, end: datetime) -> dict[str, str]:
        """By field, why this range can't be backfilled; empty when it can."""
        if end <= start:
            return {"to_time": "The end must be after the start."}
        found: dict[str, str] = {}
        first = self.plan.start_at
        if first is not None and start < self.plan.grain.floor(first):
            found["from_time"] = f"The loader begins at {instant_text(first)} UTC."
        elif self.oldest is not None and start < self.oldest:
            found["from_time"] = (
                f"The source keeps its data since {instant_text(self.oldest)} UTC only: what was "
                "loaded before would be replaced by nothing."
            )
        elif self.kept_since is not None and start < self.kept_since:
            found["from_time"] = (
                f"The portal keeps signals since {instant_text(self.kept_since)} UTC only: what "
                "lies before would be removed again."
            )
        last = self.plan.last_boundary
        if last is not None and end > last:
            found["to_time"] = f"The loader ends at {instant_text(last)} UTC."
        return found

    def is_beyond_watermark(self, end: datetime) -> bool:
        """Whether a range up to `end` reaches into what live runs have yet to load."""
        return self.watermark is None or end > self.watermark

    def range_of(self, start: datetime, end: datetime) -> Window | None:
        """The range in whole grains, up to the watermark; None if not one grain is left."""
        grain = self.plan.grain
        last = grain.ceil(end) if self.watermark is None else grain.floor(self.watermark)
        begin, stop = grain.floor(start), min(grain.ceil(end), last)
        return Window(begin, stop) if begin < stop else None


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same time in order, as few windows as possible."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return found


def less(stretches: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """What of the stretches none of `taken` covers, in order."""
    away = merged(taken)
    return [hole for stretch in merged(stretches) for hole in _holes(stretch, away)]


def left_over(
    whole: Window, *, grain: Grain, own: Iterable[Window], loaded: Iterable[Window] = ()
) -> list[Window]:
    """What a job has still to hand out, in order and on grains.

    `own` are windows that runs of the job loaded or are at; `loaded` is what needs no loading in
    mode "only what is not loaded". A grain that is loaded in part is loaded whole.
    """
    holes = [Window(grain.floor(h.start), grain.ceil(h.end)) for h in less([whole], loaded)]
    return less(holes, own)


def next_window(left: Sequence[Window], plan: TimePlan) -> Window | None:
    """The first window of what is left, as long as max_query_period allows; None when all is done.

    It begins where the first hole begins, so the same work left gives the same window, however
    often the job is interrupted. A window that was cut short goes on where it was cut.
    """
    return next(windows_of(left, plan), None)


def windows_of(left: Iterable[Window], plan: TimePlan) -> Iterator[Window]:
    """All windows of what is left, in order."""
    for hole in left:
        yield from tile(hole, plan)


def count_windows(left: Iterable[Window], plan: TimePlan) -> int:
    """About how many windows that makes: exact but where clocks change or calendar days differ."""
    count = 0
    for hole in left:
        step = plan.longest_from(hole.start) - hole.start
        count += math.ceil(hole.duration / step)
    return count


def seconds_of(windows: Iterable[Window]) -> int:
    """How much time they span together."""
    return round(sum(window.duration.total_seconds() for window in windows))


def _holes(stretch: Window, taken: Sequence[Window]) -> Iterator[Window]:
    """The parts of the stretch that none of the ordered, disjoint windows covers."""
    start = stretch.start
    for window in taken:
        if window.end <= start:
            continue
        if window.start >= stretch.end:
            break
        if start < window.start:
            yield Window(start, window.start)
        start = window.end
    if start < stretch.end:
        yield Window(start, stretch.end)
