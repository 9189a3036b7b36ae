"""A loader's coverage for those who look: complete, and no more than they ask for (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.clock import database_now
from core.window import Window
from execution.condensing import condense, with_holes
from execution.coverage import CoverageState, Interval, complete
from execution.models import CoverageInterval
from execution.services.time_line import TimeLine, time_line_of
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
    line = time_line_of(loader, loader.state, database_now())
    stretch = None if line is None else line.cut(start, end)
    if line is None or stretch is None:
        return None
    rows = _rows(loader.loader_code, stretch)
    known = [(first, last, CoverageState(state)) for first, last, state, _, _ in rows]
    parts = list(with_holes(known, stretch, line.settled_until))
    if len(parts) > most:
        slices = condense(parts, stretch, most)
        shown = [Interval(window, state, None, None) for window, state in slices]
        return CoverageReading(line, stretch, shown, is_condensed=True)
    stored = [
        Interval(Window(first, last), CoverageState(state), run, count)
        for first, last, state, run, count in rows
    ]
    whole = complete(stored, stretch.start, line.settled_until, stretch.end)
    return CoverageReading(line, stretch, whole, is_condensed=False)


def _rows(loader_code: str, stretch: Window) -> list[tuple[Any, ...]]:
    found = CoverageInterval.objects.filter(
        loader_id=loader_code, range_from__lt=stretch.end, range_to__gt=stretch.start
    )
    return list(
        found.order_by("range_from").values_list(
            "range_from", "range_to", "state", "load_history_id", "rec_count"
        )
    )
