"""What is known about each stretch of a loader's time: the coverage map (spec 9).

Stored intervals are disjoint and as few as possible: neighbours in the same state are merged, so
a loader that runs every minute for years keeps one row while all goes well. `rec_count` (rows,
or REC_COUNT; the caller's choice, the same everywhere) is kept exact by what a commit knows
anyway: it adds what the run wrote and takes off what it purged, whichever part of an interval
that was. Only where an interval with rows is cut so that two parts remain, or is clipped for
display, is the count of a part not known: then it is None, until `coverage --verify` counts.

All instants are aware UTC. Nothing here knows grains; the windows of runs are on them already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from itertools import pairwise
from uuid import UUID

from django.db import models

from core.window import Window


class CoverageState(models.TextChoices):
    """What is known about a stretch. MISSING and PENDING are derived by `complete`, not stored."""

    LOADED = "LOADED", "Loaded"
    EMPTY = "EMPTY", "Empty, asked twice"
    UNVERIFIED = "UNVERIFIED", "No rows, asked once"
    FAILED = "FAILED", "Failed"
    MISSING = "MISSING", "Missing"
    PENDING = "PENDING", "Pending"
    WAIVED = "WAIVED", "Waived"
    EXPIRED = "EXPIRED", "Expired"


DERIVED = frozenset({CoverageState.MISSING, CoverageState.PENDING})
GAPS = frozenset({CoverageState.FAILED, CoverageState.MISSING, CoverageState.UNVERIFIED})
"""What a gap is, below the watermark: a stretch that can be backfilled or waived (spec 9)."""


class Outcome(Enum):
    """What a run says about its window. A backfill's NO_ROWS is NO_ROWS_CONFIRMED (spec 9)."""

    ROWS = auto()
    NO_ROWS = auto()
    NO_ROWS_CONFIRMED = auto()
    FAILURE = auto()


@dataclass(frozen=True)
class Interval:
    """A stretch in one state, the last run that wrote into it, and its count (None: unknown)."""

    window: Window
    state: CoverageState
    load_history_id: UUID | None = None
    rec_count: int | None = 0


# What an outcome makes of each state; None is a stretch nothing is stored about. A state that is
# not named stays: a failure never downgrades, nor does one empty answer reopen a waived gap.
_Becomes = Mapping[CoverageState | None, CoverageState]
_S = CoverageState
_UNASKED: tuple[CoverageState | None, ...] = (None, _S.MISSING, _S.PENDING, _S.FAILED)
_BECOMES: dict[Outcome, _Becomes] = {
    Outcome.NO_ROWS: {**dict.fromkeys(_UNASKED, _S.UNVERIFIED), _S.UNVERIFIED: _S.EMPTY},
    Outcome.NO_ROWS_CONFIRMED: dict.fromkeys((*_UNASKED, _S.UNVERIFIED, _S.WAIVED), _S.EMPTY),
    Outcome.FAILURE: dict.fromkeys(_UNASKED, _S.FAILED),
}
_WAIVING: _Becomes = dict.fromkeys((None, _S.MISSING, _S.FAILED, _S.UNVERIFIED), _S.WAIVED)
_EXPIRING: _Becomes = dict.fromkeys((*_WAIVING, _S.LOADED), _S.EXPIRED)
_GIVING_UP: _Becomes = dict.fromkeys(_WAIVING, _S.EXPIRED)


def record(
    existing: Sequence[Interval],
    window: Window,
    outcome: Outcome,
    *,
    load_history_id: UUID,
    rec_count: int = 0,
    purged: int = 0,
    cleared: bool = False,
) -> list[Interval]:
    """The intervals to store instead of `existing` after a run over `window`.

    `existing` are all stored intervals that touch or overlap the window. ROWS makes all of it
    LOADED. NO_ROWS makes UNVERIFIED what was never answered and EMPTY what was UNVERIFIED;
    NO_ROWS_CONFIRMED makes both EMPTY. LOADED stays LOADED, unless the run found no rows and
    `cleared` says that none of the loader's rows stands in the window any more (PURGE_AND_RELOAD
    always): then it is EMPTY. FAILURE marks only what was never answered. Of an expired stretch
    only rows tell something new. `rec_count` is what the run wrote and `purged` what it removed.

    ValueError when `existing` overlap each other.
    """
    known = _ordered(existing)
    if outcome is Outcome.ROWS:
        return _load(known, window, load_history_id, rec_count - purged)
    becomes = dict(_BECOMES[outcome])
    if outcome is not Outcome.FAILURE and cleared:
        becomes[CoverageState.LOADED] = CoverageState.EMPTY
    elif outcome is not Outcome.FAILURE and purged:
        known = _less(known, window, purged)
    return _paint(known, window, becomes, load_history_id, purged)


def waive(existing: Sequence[Interval], window: Window) -> list[Interval]:
    """As `record`, for a gap below the watermark that a person declared to be none."""
    return _paint(_ordered(existing), window, _WAIVING, None, 0)


def expire(existing: Sequence[Interval], window: Window, *, purged: int = 0) -> list[Interval]:
    """As `record`, for a stretch that retention or the source gave up; `purged` rows went."""
    return _paint(_ordered(existing), window, _EXPIRING, None, purged)


def give_up(existing: Sequence[Interval], window: Window) -> list[Interval]:
    """As `record`, for gaps that the source has no data for any more: they are EXPIRED, and what
    was loaded, found empty or waived stays."""
    return _paint(_ordered(existing), window, _GIVING_UP, None, 0)


def withdraw(existing: Sequence[Interval], window: Window) -> list[Interval]:
    """As `record`, for a waiver that was taken back: what is still WAIVED inside the window becomes
    a hole, which is a gap again."""
    return _erase(_ordered(existing), window, {CoverageState.WAIVED})


def overwrite(
    existing: Sequence[Interval], window: Window, parts: Sequence[Interval]
) -> list[Interval]:
    """As `record`, for what a verification found: inside the window `parts` stand, and holes where
    they leave any. MISSING and PENDING among them are holes, too. ValueError for parts that reach
    outside of the window."""
    if any(p.window.start < window.start or p.window.end > window.end for p in parts):
        raise ValueError("the parts lie inside the window")
    rest = _erase(_ordered(existing), window, set(CoverageState))
    return _merged([*rest, *(p for p in parts if p.state not in DERIVED)], None)


def complete(
    existing: Sequence[Interval], first: datetime, watermark: datetime | None, until: datetime
) -> list[Interval]:
    """A partition of `[first, until)`: what is stored, clipped, and its holes.

    A hole is MISSING below the watermark and PENDING from there on; without a watermark all is
    PENDING. Stored MISSING and PENDING are derived anew. Empty when `until` is not after `first`.
    """
    if until <= first:
        return []
    stretch = Window(first, until)
    known = [i for i in _ordered(existing) if i.state not in DERIVED and stretch.overlaps(i.window)]
    parts = [_part(i, _common(i.window, stretch)) for i in known]
    for hole in _holes(known, stretch):
        border = min(max(watermark or first, hole.start), hole.end)
        if hole.start < border:
            parts.append(Interval(Window(hole.start, border), CoverageState.MISSING))
        if border < hole.end:
            parts.append(Interval(Window(border, hole.end), CoverageState.PENDING))
    return _merged(parts, None)


def uncovered(stretch: Window, windows: Iterable[Window]) -> list[Window]:
    """The parts of the stretch that none of the windows covers, in order."""
    holes, start = [], stretch.start
    for window in sorted(windows):
        if start < min(window.start, stretch.end):
            holes.append(Window(start, min(window.start, stretch.end)))
        start = max(start, window.end)
    if start < stretch.end:
        holes.append(Window(start, stretch.end))
    return holes


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same time in order, as few windows as possible."""
    found: list[Window] = []
    for window in sorted(windows):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return found


def _load(known: list[Interval], window: Window, run: UUID, added: int) -> list[Interval]:
    """ROWS: the window and every LOADED interval it overlaps become one, so its count is exact."""
    overlapping = [i for i in known if window.overlaps(i.window)]
    loaded = [i for i in overlapping if i.state is CoverageState.LOADED]
    whole = Window(
        min([window.start, *(i.window.start for i in loaded)]),
        max([window.end, *(i.window.end for i in loaded)]),
    )
    parts = [i for i in known if i not in overlapping]
    for interval in overlapping:
        if interval.state is not CoverageState.LOADED:
            parts += _remnants(interval, window)
    count = _sum([*(i.rec_count for i in loaded), added])
    parts.append(Interval(whole, CoverageState.LOADED, run, count))
    return _merged(parts, run)


def _less(known: list[Interval], window: Window, purged: int) -> list[Interval]:
    """Rows were removed in the window, but others remain: the count goes down, nothing is cut."""
    hit = [i for i in known if i.state is CoverageState.LOADED and window.overlaps(i.window)]
    count = _sum([hit[0].rec_count, -purged]) if len(hit) == 1 else None
    return [replace(i, rec_count=count) if i in hit else i for i in known]


def _paint(
    known: list[Interval], window: Window, becomes: _Becomes, run: UUID | None, purged: int
) -> list[Interval]:
    """Replace the states named by `becomes` inside the window; the painted parts hold no rows."""
    parts, cut, counts = [], [], []
    for interval in known:
        state = becomes.get(interval.state)
        if state is None or not window.overlaps(interval.window):
            parts.append(interval)
            continue
        parts.append(Interval(_common(interval.window, window), state, run))
        cut += _remnants(interval, window)
        counts.append(interval.rec_count)
    if len(with_rows := [i for i in cut if i.rec_count != 0]) == 1:
        cut.remove(with_rows[0])
        cut.append(replace(with_rows[0], rec_count=_sum([*counts, -purged])))
    if (state := becomes.get(None)) is not None:
        parts += [Interval(hole, state, run) for hole in _holes(known, window)]
    return _merged(parts + cut, run)


def _erase(known: list[Interval], window: Window, states: set[CoverageState]) -> list[Interval]:
    """Leave a hole where one of the states stands inside the window."""
    parts: list[Interval] = []
    for interval in known:
        hit = interval.state in states and window.overlaps(interval.window)
        parts += _remnants(interval, window) if hit else [interval]
    return _merged(parts, None)


def _ordered(existing: Iterable[Interval]) -> list[Interval]:
    ordered = sorted(existing, key=lambda interval: interval.window)
    for left, right in pairwise(ordered):
        if left.window.overlaps(right.window):
            raise ValueError("coverage intervals don't overlap")
    return ordered


def _merged(parts: Iterable[Interval], run: UUID | None) -> list[Interval]:
    """In order, adjacent ones of one state as one; it names `run` if that had a part in it."""
    merged: list[Interval] = []
    for part in sorted(parts, key=lambda interval: interval.window):
        last = merged[-1] if merged else None
        if last and last.state is part.state and last.window.end == part.window.start:
            owner = last if run is not None and last.load_history_id == run else part
            count = _sum([last.rec_count, part.rec_count])
            hull = Window(last.window.start, part.window.end)
            merged[-1] = Interval(hull, part.state, owner.load_history_id, count)
        else:
            merged.append(part)
    return merged


def _holes(known: Sequence[Interval], stretch: Window) -> list[Window]:
    """The parts of `stretch` that none of the ordered intervals covers."""
    return uncovered(stretch, [interval.window for interval in known])


def _remnants(interval: Interval, window: Window) -> list[Interval]:
    """The parts of an interval before and after an overlapping window."""
    whole = interval.window
    left = [Window(whole.start, window.start)] if whole.start < window.start else []
    right = [Window(window.end, whole.end)] if window.end < whole.end else []
    return [_part(interval, outside) for outside in (*left, *right)]


def _part(interval: Interval, window: Window) -> Interval:
    """The interval cut to `window`; its count is known if nothing was cut off or it has none."""
    if window == interval.window or interval.rec_count == 0:
        return replace(interval, window=window)
    return replace(interval, window=window, rec_count=None)


def _common(one: Window, other: Window) -> Window:
    return Window(max(one.start, other.start), min(one.end, other.end))


def _sum(counts: Iterable[int | None]) -> int | None:
    """Their sum; None when one is not known, or when they contradict each other."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total if total >= 0 else None
