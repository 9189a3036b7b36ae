"""Keeps the stored coverage in step with a run, inside its transaction (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.window import Window
from execution.coverage import CoverageState, Interval, Outcome, record
from execution.models import CoverageInterval


def update_coverage(
    *,
    loader_code: str,
    window: Window,
    outcome: Outcome,
    load_history_id: UUID,
    rec_count: int = 0,
    purged: int = 0,
    cleared: bool = False,
) -> None:
    """Replace the stored intervals that touch the window by what they become."""
    stored, present = locked_coverage(loader_code, window)
    becomes = record(
        present,
        window,
        outcome,
        load_history_id=load_history_id,
        rec_count=rec_count,
        purged=purged,
        cleared=cleared,
    )
    replace_coverage(loader_code, stored, becomes)


def locked_coverage(
    loader_code: str, window: Window
) -> tuple[list[CoverageInterval], list[Interval]]:
    """The stored intervals that touch or overlap the window, locked, in order; as rows and as
    values. The caller holds the loader's state row: that is what orders changes of coverage."""
    stored = list(
        CoverageInterval.objects.select_for_update(no_key=True)
        .filter(loader_id=loader_code, range_from__lte=window.end, range_to__gte=window.start)
        .order_by("range_from")
    )
    return stored, [interval_of(row) for row in stored]


def replace_coverage(
    loader_code: str, stored: Sequence[CoverageInterval], becomes: Sequence[Interval]
) -> None:
    """Store `becomes` in the place of the rows that `locked_coverage` gave."""
    CoverageInterval.objects.filter(pk__in=[row.pk for row in stored]).delete()
    CoverageInterval.objects.bulk_create(
        CoverageInterval(
            loader_id=loader_code,
            range_from=interval.window.start,
            range_to=interval.window.end,
            state=interval.state,
            load_history_id=interval.load_history_id,
            rec_count=interval.rec_count,
        )
        for interval in becomes
    )


def interval_of(row: CoverageInterval) -> Interval:
    """A stored interval as a value."""
    return Interval(
        Window(row.range_from, row.range_to),
        CoverageState(row.state),
        row.load_history_id,
        row.rec_count,
    )
