"""Fewer points that look the same: LTTB, with the extremes kept (spec 8).

LTTB (Steinarsson 2013, "Downsampling Time Series for Visual Representation") keeps of each stretch
the point that spans the largest triangle with its neighbours. It may drop a peak, which somebody
who looks for the day's maximum must not miss; so a line's greatest and least value are kept first,
and LTTB gets what is left of its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from tsdownsample import LTTBDownsampler

from signals.points import VALUE_NAMES, Floats, Numbers, Points, Whole

METHOD = "LTTB"

FEWEST_A_LINE = 4
"""Points that a segment must be able to keep: with fewer, its line says nothing."""

_LTTB = LTTBDownsampler()  # type: ignore[no-untyped-call]
_FEWEST_OF_LTTB = 3
_SECOND = 1_000_000


class ReducedBy(StrEnum):
    """What was a line: each segment, with a share of the limit of its own, or, where there are too
    many segments for that, all points together."""

    SEGMENT = "segment"
    ALL = "all"


@dataclass(frozen=True)
class Line:
    """What is drawn of one segment, in order of time: microseconds since 1970, and values, NaN
    where there is none."""

    stamps: Whole
    values: Floats

    @classmethod
    def of(cls, stamps: Whole, values: Floats) -> tuple[Line, Numbers]:
        """A line of points in any order, and that of time."""
        if (np.diff(stamps) >= 0).all():
            return cls(stamps, values), np.arange(len(stamps))
        order = np.argsort(stamps, kind="stable")
        return cls(stamps[order], values[order]), order

    def __len__(self) -> int:
        return len(self.stamps)

    def reduced(self, limit: int) -> Numbers:
        """Numbers of at most `limit` of its points, in order. Points without a value stay only
        where no point has one."""
        if len(self) <= limit:
            return np.arange(len(self))
        kept = extremes(self.values)[: limit // 2]
        seconds = (self.stamps - self.stamps[0]) / _SECOND
        return np.union1d(kept, lttb(seconds, self.values, limit - len(kept)))


def reduce(lines: Sequence[Line], limit: int) -> tuple[ReducedBy, list[Numbers]]:
    """Numbers of the points that stay of each line, at most `limit` together.

    Lines have equal shares; what one does not need, the others get.
    """
    if len(lines) * FEWEST_A_LINE <= limit or len(lines) == 1:
        given = shares([len(line) for line in lines], limit)
        reduced = [line.reduced(share) for line, share in zip(lines, given, strict=True)]
        return ReducedBy.SEGMENT, reduced
    starts = np.cumsum([0, *map(len, lines)])
    whole, order = Line.of(
        np.concatenate([line.stamps for line in lines]),
        np.concatenate([line.values for line in lines]),
    )
    chosen = np.sort(order[whole.reduced(limit)])
    parts = np.split(chosen, np.searchsorted(chosen, starts[1:-1]))
    return ReducedBy.ALL, [part - start for part, start in zip(parts, starts, strict=False)]


def reduce_points(points: Points, value: str, limit: int) -> tuple[ReducedBy, Numbers]:
    """Numbers of at most `limit` points that are in order of time, by `value`. The greatest and the
    least of the other columns stay too, as far as they take no more than a third of the limit."""
    others = [extremes(points.numbers(name)) for name in VALUE_NAMES if name != value]
    kept = np.unique(np.concatenate(others)[: limit // 3])
    order = np.argsort(points.segments, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(points.segments[order])) + 1)
    drawn = points.numbers(value)
    lines = [Line(points.stamps[some], drawn[some]) for some in members]
    by, chosen = reduce(lines, limit - len(kept))
    parts = [some[numbers] for some, numbers in zip(members, chosen, strict=True)]
    return by, np.unique(np.concatenate([kept, *parts]))


def lttb(x: Floats, y: Floats, limit: int) -> Numbers:
    """Numbers of at most `limit` points by LTTB, in order; those without a y only if none has."""
    known = np.flatnonzero(np.isfinite(y))
    if not len(known):
        known, y = np.arange(len(x)), np.zeros(len(x))
    if len(known) <= limit:
        return known
    if limit < _FEWEST_OF_LTTB:
        return known[[0, -1][:limit]]
    found: Numbers = _LTTB.downsample(x[known], y[known], n_out=limit).astype(np.intp)
    return known[found]


def shares(counts: Sequence[int], room: int) -> list[int]:
    """How many each of so many points may keep: all alike, and what one does not need goes to the
    others."""
    given = [0] * len(counts)
    for place, number in enumerate(sorted(range(len(counts)), key=counts.__getitem__)):
        given[number] = min(counts[number], room // (len(counts) - place))
        room -= given[number]
    return given


def extremes(values: Floats) -> Numbers:
    """Numbers of the first greatest and the first least value; none where there is no value."""
    known = np.isfinite(values)
    if not known.any():
        return np.empty(0, np.intp)
    greatest, least = np.where(known, values, -np.inf), np.where(known, values, np.inf)
    return np.unique([np.argmax(greatest), np.argmin(least)])
