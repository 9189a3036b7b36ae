"""What a backfill would do, before anybody submits it (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.conf import settings

from accounts.roles import Permission, User
from backfill.models import BackfillJob
from backfill.pace import Estimate, Sample, estimate
from backfill.plan import next_window, seconds_of, windows_of
from backfill.services.submitting import Planned, Wanted, plan_for
from core.window import Window
from execution.coverage import CoverageState, Interval, complete
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from loaders.models import Loader
from loaders.policies import PurgeStrategy
from loaders.services import require_on
from signals.standing import COUNTED, rows_by_window, rows_up_to

_SAMPLES = 50


@dataclass(frozen=True)
class PreviewedWindow:
    """One window as it would be loaded, and what stands there now."""

    window: Window
    rows: int
    """Signals that stand there now."""
    replaced: int
    """Of those, how many the run replaces."""
    fails: bool
    """Whether the run fails on them."""
    coverage: list[str]


@dataclass(frozen=True)
class Preview:
    """A backfill that nobody has submitted yet. `standing` are the signals in all its windows,
    exact up to a million; `standing_is_more` says that there are more."""

    planned: Planned
    seconds: int
    needs_approval: bool
    first: Window
    last: Window
    standing: int
    standing_is_more: bool
    page: int
    pages: int
    windows: list[PreviewedWindow]
    estimate: Estimate
    equal_job: UUID | None
    overlapping_jobs: list[UUID]


def preview(
    *, user: User, loader: Loader, wanted: Wanted, page: int = 1, page_size: int = 50
) -> Preview:
    """The exact windows of a wish, a page of them with what stands there now and will be replaced,
    and what it is expected to cost. Nothing is written, and the source is not asked. A row limit
    may cut windows further. Raises what `submit` raises, but for a job that exists already."""
    require_on(user, Permission.BACKFILL, loader)
    planned = plan_for(loader, wanted)
    first = next_window(planned.left, planned.plan)
    assert first is not None
    begin = (page - 1) * page_size
    shown = list(islice(windows_of(planned.left, planned.plan), begin, begin + page_size))
    standing = sum(rows_up_to(loader.loader_code, hole) for hole in planned.left[:_SAMPLES])
    others = BackfillJob.objects.active().filter(loader=loader).overlapping(planned.window)
    equal = [job for job in others if job.window == planned.window]
    return Preview(
        planned=planned,
        seconds=seconds_of(planned.left),
        needs_approval=planned.window.duration > settings.BACKFILL_APPROVAL,
        first=first,
        last=_last(planned),
        standing=min(standing, COUNTED),
        standing_is_more=standing > COUNTED or len(planned.left) > _SAMPLES,
        page=page,
        pages=-(-planned.windows // page_size),
        windows=_with_what_stands(loader, planned, wanted.purge_strategy, shown),
        estimate=_estimate(loader, planned),
        equal_job=equal[0].pk if equal else None,
        overlapping_jobs=[job.pk for job in others if job.window != planned.window],
    )


def _last(planned: Planned) -> Window:
    """The last window; only the last hole is cut for it."""
    last = planned.left[-1]
    for window in windows_of([planned.left[-1]], planned.plan):
        last = window
    return last


def _with_what_stands(
    loader: Loader, planned: Planned, purge: PurgeStrategy, windows: Sequence[Window]
) -> list[PreviewedWindow]:
    if not windows:
        return []
    stretch = Window(windows[0].start, windows[-1].end)
    known = _coverage(loader, stretch)
    counts = rows_by_window(loader.loader_code, windows)
    return [
        PreviewedWindow(
            window=window,
            rows=rows,
            replaced=rows if purge == PurgeStrategy.PURGE_AND_RELOAD else 0,
            fails=purge == PurgeStrategy.FAIL_ON_DUPLICATE and rows > 0,
            coverage=sorted({i.state.value for i in known if i.window.overlaps(window)}),
        )
        for window, rows in zip(windows, counts, strict=True)
    ]


def _coverage(loader: Loader, stretch: Window) -> list[Interval]:
    """The stretch in its states; all of it lies below the watermark."""
    rows = CoverageInterval.objects.filter(
        loader=loader, range_from__lt=stretch.end, range_to__gt=stretch.start
    )
    known = [Interval(Window(r.range_from, r.range_to), CoverageState(r.state)) for r in rows]
    return complete(known, stretch.start, stretch.end, stretch.end)


def _estimate(loader: Loader, planned: Planned) -> Estimate:
    """From the loader's latest successful runs."""
    runs = LoadHistory.objects.filter(
        loader=loader,
        status=RunStatus.SUCCESS,
        trigger__in=[trigger for trigger in Trigger if trigger.loads and trigger.asks_source],
        claimed_at__isnull=False,
        end_time__isnull=False,
    ).order_by("-start_time")
    connections = loader.source.max_connections
    at_once = max(1, planned.governed.max_parallel_executions - 1)
    return estimate(
        [_sample(run) for run in runs.defer("source_error", "stack_trace")[:_SAMPLES]],
        windows=planned.windows,
        seconds=seconds_of(planned.left),
        at_once=min(at_once, connections),
        of_connections=connections,
    )


def _sample(run: LoadHistory) -> Sample:
    took = timedelta()
    if run.claimed_at is not None and run.end_time is not None:
        took = run.end_time - run.claimed_at
    return Sample(
        run.window.duration.total_seconds(), took.total_seconds(), run.records_loaded or 0
    )
