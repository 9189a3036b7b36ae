"""Whether windows on a loader's grain could cut through the groups of its statement. Pure.

A statement that groups by the hour must not be asked for half an hour: the half's rows would be
stamped with the hour's start, outside the window, or each half would bring a part of the hour.
Stamps alone don't prove that: data may simply come once an hour. So the source is asked again,
for a window that starts inside a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from core.window import Window
from loaders.grain import Grain

_MOST_BOUNDARIES = 200


class GrainVerdict(Enum):
    """Whether windows cut the statement's groups; unknown where the source did not answer."""

    CUT = auto()
    FITS = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Suspicion:
    """Rows come in steps of `seconds` that the loader's grain would cut; `probe` is a window which
    starts inside such a step, where the result was densest."""

    seconds: int
    probe: Window


def suspicion(
    stamps: Mapping[datetime, int], inferred: int | None, grain: Grain, window: Window
) -> Suspicion | None:
    """What to ask the source in order to know, or None where nothing points to a wrong grain.

    `stamps` are those of the result over `window` (aware UTC) with their numbers of rows;
    `inferred` is their common step in seconds of the source's wall clock.
    """
    if inferred is None or int(grain.step.total_seconds()) % inferred == 0:
        return None
    step = timedelta(seconds=inferred)
    for stamp in sorted(stamps, key=lambda at: (-stamps[at], at)):
        probe = _inside(stamp, step, grain, window)
        if probe is not None:
            return Suspicion(inferred, probe)
    return None


def _inside(stamp: datetime, step: timedelta, grain: Grain, window: Window) -> Window | None:
    """The part of the step after `stamp`, or of one soon after it, that begins on the first
    boundary of the loader which lies inside a step."""
    start = grain.following(stamp)
    for _ in range(_MOST_BOUNDARIES):
        into = (start - stamp) % step
        if into:
            end = min(grain.ceil(start + step - into), window.end)
            return Window(start, end) if start < end else None
        start = grain.following(start)
    return None


def verdict_of(suspected: Suspicion, stamps: Iterable[datetime]) -> GrainVerdict:
    """What the answer to the probe shows: a row stamped before the window that was asked for
    belongs to a group that the window cut."""
    is_cut = any(stamp < suspected.probe.start for stamp in stamps)
    return GrainVerdict.CUT if is_cut else GrainVerdict.FITS
