"""A loader's coverage for those who look: complete, and no more than they ask for (spec 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Max, Min

from core.clock import database_now
from core.window import Window
from execution.condensing import condense, slices
from execution.coverage import CoverageState, Interval, complete
from execution.models import CoverageInterval
from execution.services.coverage import interval_of
from execution.services.slices import worst_states
from execution.services.time_line import TimeLine, grain_of, time_line_of
from loaders.models import Loader

MOST_INTERVALS = 500
"""Intervals that an answer has at most, unless it is asked for another number."""


@dataclass(frozen=True)
class CoverageReading:
    """A partition of `stretch`, a part of the time line. `is_condensed` says that there were too
    many intervals: each shows the worst state of its slice, without count and execution."""

    line: TimeLine
    stretch: Window
    intervals: Sequence[Interval]
    is_condensed: bool


def read_coverage(
    loader: Loader,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    most: int = MOST_INTERVALS,
) -> CoverageReading | None:
    """The loader's coverage between two instants (aware UTC; open ends reach as far as its time
    line) in at most `most` intervals; None if nothing of the line lies there."""
    now = database_now().replace(second=0, microsecond=0)
    line = time_line_of(loader, loader.state, now)
    stretch = None if line is None else line.cut(start, end)
    if line is None or stretch is None:
        return None
    rows = CoverageInterval.objects.filter(
        loader_id=loader.loader_code, range_from__lt=stretch.end, range_to__gt=stretch.start
    )
    if not rows.order_by("range_from")[most : most + 1].exists():
        known = [interval_of(row) for row in rows.order_by("range_from")]
        whole = complete(known, stretch.start, line.settled_until, stretch.end)
        if len(whole) <= most:
            return CoverageReading(line, stretch, whole, is_condensed=False)
    code = loader.loader_code
    cut = slices(stretch, most)
    states = worst_states({code: (stretch, line.settled_until)}, cut)[code]
    parts = condense((window, states[number]) for number, window in enumerate(cut))
    shown = [Interval(window, state, None, None) for window, state in parts]
    return CoverageReading(line, stretch, shown, is_condensed=True)


def worst_of_each(
    loaders: Sequence[Loader], cut: Sequence[Window], now: datetime
) -> Mapping[str, Mapping[int, CoverageState]]:
    """The worst state of each loader in each slice of time, by loader code and number of the slice;
    two statements for all of them. Slices follow one another without a hole; what lies outside of
    a loader's time line is left out, and so is a loader that never had a window. Instants are aware
    UTC; the loaders come with state and source."""
    known = CoverageInterval.objects.filter(loader__in=[one.loader_code for one in loaders])
    spans = {
        code: (first, last)
        for code, first, last in known.order_by()
        .values_list("loader")
        .annotate(Min("range_from"), Max("range_to"))
    }
    lines = {}
    for loader in loaders:
        if loader.loader_code not in spans:
            continue
        first, last = spans[loader.loader_code]
        start = min(first, loader.start_at or first)
        until = max(last, min(now, loader.end_at or now))
        watermark = loader.state.last_load_timestamp
        settled = None if watermark is None else grain_of(loader).floor(watermark.astimezone(UTC))
        whole = Window(start.astimezone(UTC), until.astimezone(UTC))
        lines[loader.loader_code] = (whole, settled)
    return worst_states(lines, cut) if lines else {}
