"""Figures of a loader's runs over a period, and where it stands, for those who watch it.

One statement over the executions that started within the period, found by an index: its cost grows
with them and with nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from core.window import Window
from execution.models import LOADING, RunStatus
from loaders.models import ApprovalStatus, Loader
from loaders.policies import LoaderKind

LONGEST = timedelta(days=31)
"""Period that is looked at, at most."""

_FIGURES = """
SELECT count(*) FILTER (WHERE status = 'RUNNING'), count(*) FILTER (WHERE status = 'SUCCESS'),
    count(*) FILTER (WHERE status = 'PARTIAL'), count(*) FILTER (WHERE status = 'FAILED'),
    count(*) FILTER (WHERE status = 'CANCELLED'),
    percentile_cont(ARRAY[0.5, 0.95, 1]) WITHIN GROUP
        (ORDER BY EXTRACT(EPOCH FROM end_time - claimed_at)::float8),
    percentile_cont(ARRAY[0.5, 0.95, 1]) WITHIN GROUP
        (ORDER BY EXTRACT(EPOCH FROM claimed_at - start_time)::float8),
    coalesce(sum(records_read), 0)::bigint, coalesce(sum(records_loaded), 0)::bigint,
    coalesce(sum(records_skipped), 0)::bigint, coalesce(sum(records_purged), 0)::bigint,
    coalesce(sum(bytes_written), 0)::bigint
FROM load_history
WHERE loader_code = %s AND start_time >= %s AND start_time < %s AND trigger = ANY(%s)
"""
_STATUSES = (
    RunStatus.RUNNING,
    RunStatus.SUCCESS,
    RunStatus.PARTIAL,
    RunStatus.FAILED,
    RunStatus.CANCELLED,
)


@dataclass(frozen=True)
class Spread:
    """Half of the values are up to `p50`, 95 of a hundred up to `p95`, all up to `max`; seconds."""

    p50: float
    p95: float
    max: float


@dataclass(frozen=True)
class Figures:
    """Runs that started within `period` and write signals: trials and re-counts only look.

    `duration` is from a worker's claim to the end, of runs that ended; `queue_wait` from dispatch
    to the claim. Both are None where no run has that."""

    period: Window
    runs_by_status: Mapping[str, int]
    duration: Spread | None
    queue_wait: Spread | None
    records_read: int
    records_loaded: int
    records_skipped: int
    records_purged: int
    bytes_written: int

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(self.runs_by_status.values())

    @property
    def success_rate(self) -> float | None:
        """Share of the runs that came to an end by themselves and committed (a run cut short did
        too), from 0 to 1; None before the first."""
        good = self.runs_by_status[RunStatus.SUCCESS] + self.runs_by_status[RunStatus.PARTIAL]
        ended = good + self.runs_by_status[RunStatus.FAILED]
        return good / ended if ended else None


def figures_of(loader: Loader, period: Window) -> Figures:
    """The loader's figures over the period, aware UTC, at most `LONGEST`."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, [loader.loader_code, period.start, period.end, LOADING])
        row = cursor.fetchone()
    counts, (duration, wait), sums = row[:5], row[5:7], row[7:]
    return Figures(
        period,
        {status.value: count for status, count in zip(_STATUSES, counts, strict=True)},
        _spread(duration),
        _spread(wait),
        *sums,
    )


def _spread(values: list[float | None] | None) -> Spread | None:
    if values is None or values[0] is None:
        return None
    return Spread(*(round(value or 0.0, 3) for value in values))


@dataclass(frozen=True)
class Standing:
    """How far a loader lies behind. `lag` is now less the watermark, up to the loader's end, None
    before its first window; `overdue` how long it should have run by now, None unless it should."""

    lag: timedelta | None
    overdue: timedelta | None
    is_fresh: bool | None
    """Whether the lag keeps the loader's freshness target; None without target or watermark."""


def standing_of(loader: Loader, now: datetime) -> Standing:
    """Where the loader stands at an instant (aware UTC), by its state and definition."""
    state = loader.state
    lag = None
    if state.last_load_timestamp is not None:
        lag = min(now, loader.end_at or now) - state.last_load_timestamp
        if loader.end_at is not None:
            lag = max(lag, timedelta(0))
    target = loader.freshness_target_seconds
    is_due = _runs(loader) and state.next_due_at is not None and state.next_due_at < now
    return Standing(
        lag=lag,
        overdue=now - state.next_due_at if is_due and state.next_due_at else None,
        is_fresh=None if lag is None or target is None else lag <= timedelta(seconds=target),
    )


def _runs(loader: Loader) -> bool:
    """Whether the scheduler starts its runs at all."""
    return (
        loader.enabled
        and loader.archived_at is None
        and loader.approval_status == ApprovalStatus.APPROVED
        and loader.kind == LoaderKind.SQL
    )
