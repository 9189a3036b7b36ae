"""When a loader is due again after a run, good or bad (spec 5 "Due", spec 6). Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

BACKOFF_BASE = timedelta(seconds=10)
BACKOFF_CAP = timedelta(minutes=15)
JITTER_SPREAD = timedelta(seconds=30)
_MOST_DOUBLINGS = 10


class FailureKind(StrEnum):
    """What a run came to grief on, as far as trying again is concerned."""

    CALLED_OFF = "CALLED_OFF"
    """Cancelled, or overtaken by an edit: no failure of the loader."""
    OF_PORTAL = "OF_PORTAL"
    """A lost worker or the portal's own database: the source has no part in it."""
    TRANSIENT = "TRANSIENT"
    """The same attempt may succeed in a moment."""
    TERMINAL = "TERMINAL"
    """It will not, unless something at the source changes."""
    OF_DEFINITION = "OF_DEFINITION"
    """It will not, unless a person does something."""


def due_after_failure(
    kind: FailureKind,
    consecutive_failures: int,
    *,
    max_attempts: int,
    min_interval: timedelta,
    jitter: float,
) -> timedelta | None:
    """How long the loader waits after this failure, itself counted; None until a person acts.

    A fault of the portal itself has cost a lease already: the window is due again at once, and
    only a run that meets it time and again is slowed down. What may pass is tried up to
    `max_attempts` times with growing pauses. After that, and at once after an error that will not
    pass by itself, the loader's breaker is open: it is looked at every 15 min. An error of the
    definition is not tried again at all.
    """
    if kind is FailureKind.CALLED_OFF:
        return min_interval
    if kind is FailureKind.OF_DEFINITION:
        return None
    if kind is FailureKind.OF_PORTAL:
        if consecutive_failures == 1:
            return timedelta()
        return backoff(consecutive_failures - 1, timedelta(), jitter)
    if kind is FailureKind.TRANSIENT and consecutive_failures < max_attempts:
        return backoff(consecutive_failures, min_interval, jitter)
    return backoff(_MOST_DOUBLINGS, min_interval, jitter)


def next_due_after_success(
    attempt_at: datetime, min_interval: timedelta, *, still_behind: bool
) -> datetime:
    """The next due time (aware, as `attempt_at`, the start of the run that succeeded).

    At once when max_query_period cut the window short, so that a loader catches up as fast as it
    can; else min_interval after the attempt, whether or not it found rows (spec 5).
    """
    return attempt_at if still_behind else attempt_at + min_interval


def backoff(consecutive_failures: int, min_interval: timedelta, jitter: float) -> timedelta:
    """How long to wait after a failure before the loader is due again.

    10 s after the first failure, doubled by each further one up to 15 min, and never less than
    min_interval: a source in trouble is not asked more often than a healthy one. On top comes
    `jitter` (in [0, 1), a random number of the caller's) times half of that or 30 s, whichever
    is less, so that loaders that failed together don't come back together. ValueError for fewer
    than one failure or a jitter out of range.
    """
    if consecutive_failures < 1:
        raise ValueError("backoff follows at least one failure")
    if not 0 <= jitter < 1:
        raise ValueError("jitter lies in [0, 1)")
    doublings = min(consecutive_failures - 1, _MOST_DOUBLINGS)
    delay = max(min(BACKOFF_BASE * (1 << doublings), BACKOFF_CAP), min_interval)
    return delay + jitter * min(delay / 2, JITTER_SPREAD)
