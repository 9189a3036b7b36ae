"""What a job has done and has left to do, read from its runs, its loader and the coverage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from backfill.models import BackfillJob
from backfill.plan import Bounds, left_over, less
from backfill.states import JobMode
from core.window import Window
from execution.coverage import CoverageState
from execution.models import CoverageInterval, RunStatus
from execution.services.dispatch import time_plan
from execution.windows import TimePlan
from loaders.definition import Definition, RunSettings
from loaders.models import Loader, LoaderState, LoaderVersion
from signals.partitions import first_of_month

NEEDS_NO_LOADING = (
    CoverageState.LOADED,
    CoverageState.EMPTY,
    CoverageState.WAIVED,
    CoverageState.EXPIRED,
)
"""What mode "only what is not loaded" leaves out."""


@dataclass(frozen=True)
class JobWork:
    """`left` is what may be handed out; `undone` is that and what is under way; `beyond` lies after
    a watermark that was moved back meanwhile: live runs will load it."""

    governed: RunSettings
    bounds: Bounds
    undone: list[Window]
    left: list[Window]
    beyond: list[Window]

    @property
    def plan(self) -> TimePlan:
        """How the loader's time is cut."""
        return self.bounds.plan


def work_of(job: BackfillJob, now: datetime) -> JobWork:
    """The job's work as it stands; `now` decides what the source still has."""
    loader = job.loader
    governed = settings_of(loader, job.version)
    bounds = bounds_of(loader, governed, now)
    loaded = loaded_stretches(job.loader_id, job.window) if job.mode != JobMode.ALL else []
    grain = governed.grain
    done = _own(job, RunStatus.SUCCESS, RunStatus.PARTIAL)
    undone = left_over(job.window, grain=grain, own=done, loaded=loaded)
    waiting = less(undone, _own(job, RunStatus.RUNNING))
    reach = bounds.range_of(job.from_time, job.to_time) if bounds.watermark else None
    beyond = less(waiting, [reach] if reach else [])
    return JobWork(governed, bounds, undone, less(waiting, beyond), beyond)


def settings_of(loader: Loader, version: LoaderVersion) -> RunSettings:
    """The governed values of a version, for planning. A run takes them from the approved
    definition itself, whose digest dispatch and claim verify."""
    return Definition(loader.pk, loader.loader_code, version.definition).settings()


def bounds_of(loader: Loader, governed: RunSettings, now: datetime) -> Bounds:
    """Between which instants the loader can be backfilled now."""
    days = loader.source.retention_days
    watermark = LoaderState.objects.values_list("last_load_timestamp", flat=True).get(pk=loader.pk)
    return Bounds(
        plan=time_plan(governed),
        watermark=watermark,
        oldest=None if days is None else now - timedelta(days=days),
        kept_since=first_of_month(now - kept) if (kept := settings.SIGNALS_RETENTION) else None,
    )


def loaded_stretches(loader_code: str, window: Window) -> list[Window]:
    """What of the window needs no loading, clipped to it."""
    rows = CoverageInterval.objects.filter(
        loader_id=loader_code,
        range_from__lt=window.end,
        range_to__gt=window.start,
        state__in=NEEDS_NO_LOADING,
    ).values_list("range_from", "range_to")
    return _clipped(rows, window)


def _clipped(rows: Iterable[tuple[datetime, datetime]], window: Window) -> list[Window]:
    return [Window(max(start, window.start), min(end, window.end)) for start, end in rows]


def _own(job: BackfillJob, *statuses: RunStatus) -> list[Window]:
    """The stretches that runs of the job with these statuses cover, merged by the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lower(stretch), upper(stretch) FROM (SELECT unnest(range_agg("
            "tstzrange(window_from, window_to))) AS stretch FROM backfill_run "
            "WHERE job_id = %s AND status = ANY(%s)) AS merged ORDER BY 1",
            [job.pk, [status.value for status in statuses]],
        )
        return [Window(a.astimezone(UTC), b.astimezone(UTC)) for a, b in cursor.fetchall()]
