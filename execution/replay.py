"""The coverage that follows from executions and waivers, told anew in their order (spec 9). Pure;
instants are aware UTC."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.window import Window
from execution.coverage import Interval, Outcome, record, waive, withdraw


@dataclass(frozen=True)
class Event:
    """Something that changed coverage. `outcome` None is a waiver, or its withdrawal."""

    at: datetime
    window: Window
    outcome: Outcome | None
    run: UUID | None = None
    cleared: bool = False
    withdrawn: bool = False


def replay(events: Iterable[Event], stretch: Window) -> list[Interval]:
    """The stored intervals that the events leave in the stretch, clipped to it. Their counts are
    not told: a clipped window does not say where its rows are."""
    known: list[Interval] = []
    for event in sorted(events, key=lambda event: event.at):
        if event.window.overlaps(stretch):
            start = max(event.window.start, stretch.start)
            _apply(known, event, Window(start, min(event.window.end, stretch.end)))
    return [Interval(i.window, i.state, i.load_history_id, None) for i in known]


def _apply(known: list[Interval], event: Event, window: Window) -> None:
    """Replace those that touch the window by what the event makes of them."""
    first = bisect_left(known, window.start, key=_end)
    last = first
    while last < len(known) and known[last].window.start <= window.end:
        last += 1
    known[first:last] = _outcome_of(event)(known[first:last], window)


def _outcome_of(event: Event) -> Callable[[Sequence[Interval], Window], list[Interval]]:
    if event.withdrawn:
        return withdraw
    if event.outcome is None or event.run is None:
        return waive
    outcome, run, cleared = event.outcome, event.run, event.cleared
    return lambda known, window: record(
        known, window, outcome, load_history_id=run, cleared=cleared
    )


def _end(interval: Interval) -> datetime:
    return interval.window.end
