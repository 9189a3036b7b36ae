"""How fast a job gets on, how long it will take, and what that means for its source. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median


@dataclass(frozen=True)
class Loaded:
    """A window that a run of the job loaded."""

    began: datetime
    ended: datetime
    window_seconds: float
    rows: int


@dataclass(frozen=True)
class Pace:
    """What a job does in a second: of the source's time, and of rows."""

    seconds_per_second: float
    rows_per_second: float

    def left(self, seconds: float) -> timedelta:
        """How long so much of the source's time will take."""
        return timedelta(seconds=round(seconds / self.seconds_per_second))


def pace_of(loaded: Sequence[Loaded]) -> Pace | None:
    """The pace over the given windows, the job's latest; None without any. The time between them
    counts, in which live runs had the place."""
    if not loaded:
        return None
    wall = max(run.ended for run in loaded) - min(run.began for run in loaded)
    seconds = max(wall.total_seconds(), 0.001)
    return Pace(
        sum(run.window_seconds for run in loaded) / seconds,
        sum(run.rows for run in loaded) / seconds,
    )


@dataclass(frozen=True)
class Sample:
    """A run of the loader's own history."""

    window_seconds: float
    took_seconds: float
    rows: int


@dataclass(frozen=True)
class Estimate:
    """What a job over windows is expected to ask of source and portal. `seconds` is the time until
    it ends if nothing keeps it waiting; `busy_seconds` what the source works for it; None is not
    known, where the loader has no history."""

    queries: int
    at_once: int
    of_connections: int
    seconds: int | None = None
    busy_seconds: int | None = None
    rows: int | None = None


def estimate(
    samples: Sequence[Sample], *, windows: int, seconds: int, at_once: int, of_connections: int
) -> Estimate:
    """From the loader's own runs: from those over windows of about the same length where there are
    any, else from what a run and what a row costs."""
    if not samples or not windows:
        return Estimate(windows, at_once, of_connections)
    length = seconds / windows
    alike = [s for s in samples if length / 2 <= s.window_seconds <= length * 2]
    rows = median(s.rows / s.window_seconds for s in alike or samples) * seconds
    if alike:
        busy = median(s.took_seconds for s in alike) * windows
    else:
        each = min(s.took_seconds for s in samples)
        costs = [s.took_seconds / s.rows for s in samples if s.rows]
        busy = max(each * windows, rows * (median(costs) if costs else 0))
    return Estimate(
        windows,
        at_once,
        of_connections,
        seconds=round(busy / min(at_once, windows)),
        busy_seconds=round(busy),
        rows=round(rows),
    )
