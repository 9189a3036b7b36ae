"""A loader whose days lie below its watermark, and backfills over them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection

from backfill.models import BackfillJob, BackfillRun
from backfill.services import Wanted, submit
from backfill.states import JobStatus
from core.clock import ClockTimestamp
from execution import engine, scheduler
from execution.models import LoaderExecutionLock, LoadHistory, SchedulerLease, Trigger
from loaders.models import Loader, LoaderState
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders

WINDOW_HOURS = 6
RANGE = (START, START + timedelta(days=1))
"""Four windows of the scene's loader."""


def backfill_scene(source: SourceServer, **loader_values: Any) -> Scene:
    """A scene with an order every hour of a day, none of them loaded, all below the watermark; the
    loader is not due."""
    values = {"max_parallel_executions": 1, "end_at": None, **loader_values}
    scene = Scene(source, **values)
    add_orders(
        source,
        *((START + n * HOUR + timedelta(minutes=5), "north", "web", 1.0 + n) for n in range(24)),
    )
    set_aside(scene.loader)
    return scene


def set_aside(loader: Loader) -> None:
    """The loader's own runs have come to the third day, and it is not due."""
    LoaderState.objects.filter(loader=loader).update(
        last_load_timestamp=START + timedelta(days=3), next_due_at=None
    )


def submitted(scene: Scene, loader: Loader | None = None, **values: Any) -> BackfillJob:
    """A job that the operator submitted over the day, or over what is given."""
    wanted = Wanted(**{"from_time": RANGE[0], "to_time": RANGE[1], **values})
    return submit(user=scene.people.operator, loader=loader or scene.loader, wanted=wanted)


def cycle(scene: Scene) -> scheduler.CycleReport:
    """One cycle of the scheduler, whoever had the last one."""
    scene.beat()
    SchedulerLease.objects.update(lease_until=START)
    report = scheduler.cycle()
    assert report is not None
    return report


def execute_all() -> list[LoadHistory]:
    """Let workers execute all that was dispatched; the histories in order."""
    done = []
    for lock in LoaderExecutionLock.objects.unclaimed().order_by("acquired_at"):
        engine.run(lock.pk)
        history = LoadHistory.objects.get(pk=lock.load_history_id)
        assert history.error_code != "INTERNAL_ERROR", history.stack_trace
        done.append(history)
    return done


def work_off(scene: Scene, job: BackfillJob, *, most: int = 30) -> BackfillJob:
    """Cycles and workers in turn until the job has ended."""
    for _ in range(most):
        cycle(scene)
        execute_all()
        if fresh(job).status in JobStatus.ended():
            return fresh(job)
        BackfillJob.objects.filter(retry_at__isnull=False).update(retry_at=ClockTimestamp())
    raise AssertionError(f"The job is {fresh(job).status} after {most} cycles.")


def fresh(job: BackfillJob) -> BackfillJob:
    """The job as it stands."""
    return BackfillJob.objects.get(pk=job.pk)


def windows_of(job: BackfillJob, *statuses: str) -> list[tuple[int, int]]:
    """The windows of the job's runs with these statuses, in hours since the start."""
    runs = BackfillRun.objects.filter(job=job, status__in=statuses).order_by("window_from")
    return [((r.window_from - START) // HOUR, (r.window_to - START) // HOUR) for r in runs]


def stamps(loader: Loader) -> list[int]:
    """Hours of the loader's signals, by SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM load_time_stamp - %s)::int / 3600 "
            "FROM signals.signals_history WHERE loader_code = %s ORDER BY 1",
            [START, loader.loader_code],
        )
        return [hour for (hour,) in cursor.fetchall()]


def last_triggers(count: int) -> list[str]:
    """The triggers of the latest executions, the oldest first, `live` for live ones."""
    triggers = LoadHistory.objects.order_by("-start_time").values_list("trigger", flat=True)
    return ["live" if Trigger(t).is_live else "backfill" for t in triggers[:count]][::-1]
