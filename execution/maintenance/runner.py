"""Runs maintenance jobs: each once at a time over all replicas, by a lease on its row (spec 7)."""

from __future__ import annotations

import threading
import traceback
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django_q.exceptions import TimeoutException

from core.clock import database_now
from core.correlation import set_correlation_id
from core.errors import PortalError
from core.ids import uuid7
from execution.maintenance.registry import Job, registered
from execution.maintenance.schedule import Course, due_at
from execution.models import MaintenanceJob, Replica

logger = structlog.get_logger(__name__)

_RENEWALS_A_LEASE = 6


def due_jobs() -> list[tuple[datetime, Job, MaintenanceJob]]:
    """Registered jobs that are due, with since when, longest overdue first; by PostgreSQL's clock.
    Makes the rows of jobs that have none yet."""
    jobs = registered()
    rows = MaintenanceJob.objects.in_bulk(list(jobs))
    if missing := set(jobs) - set(rows):
        MaintenanceJob.objects.bulk_create(
            [MaintenanceJob(name=name) for name in missing], ignore_conflicts=True
        )
        rows = MaintenanceJob.objects.in_bulk(list(jobs))
    started_at = _replica_started_at()
    now = database_now()
    found = [(next_due(jobs[name], row, started_at), jobs[name], row) for name, row in rows.items()]
    return sorted((entry for entry in found if entry[0] <= now), key=lambda entry: entry[0])


def next_due(job: Job, row: MaintenanceJob, replica_started_at: datetime | None) -> datetime:
    """When the job is due, given its row and, for jobs that run at start, when a replica
    started."""
    course = Course(
        first_seen_at=row.first_seen_at,
        last_started_at=row.last_started_at,
        last_finished_at=row.last_finished_at,
        lease_until=row.lease_until,
        has_failed=bool(row.last_error),
    )
    started_at = replica_started_at if job.at_start else None
    return due_at(job.schedule, course, replica_started_at=started_at)


def run_next() -> bool:
    """Run the job that has been due the longest and that no other replica takes; False if there
    was none. Never raises for a job's own failure: that is recorded with the job."""
    for _, job, row in due_jobs():
        run_id = uuid7()
        if MaintenanceJob.objects.take(
            row, run_id=run_id, holder=settings.REPLICA_NAME, lease=settings.LEASE
        ):
            _run(job, run_id)
            return True
    return False


def give_back(replica_name: str) -> int:
    """End the leases of a replica whose processes are known to be dead, so that its jobs are due
    at once; returns how many."""
    held = MaintenanceJob.objects.held_by(replica_name)
    return held.update(lease_until=database_now())


def _run(job: Job, run_id: UUID) -> None:
    """The boundary between one job and the others."""
    set_correlation_id(str(run_id))
    count: int | None = None
    try:
        with _Renewal(run_id):
            count = job.function()
    except TimeoutException:  # the worker's own limit; it ends with it
        _finish(job, run_id, "JOB_TIMEOUT: the job was ended because it took too long", None)
        raise
    except PortalError as error:
        _finish(job, run_id, error.code, None)
    except Exception as error:  # noqa: BLE001 - the boundary between one job and the others
        _finish(job, run_id, _place_of(error), None)
    else:
        _finish(job, run_id, "", count)


def _finish(job: Job, run_id: UUID, error: str, count: int | None) -> None:
    """Record the end. Where even that is not possible, the lease runs out and the job comes
    again."""
    if error:
        logger.error("maintenance.failed", job=job.name, error=error)
        connection.close_if_unusable_or_obsolete()
    else:
        logger.info("maintenance.done", job=job.name, count=count)
    try:
        if not MaintenanceJob.objects.finish(run_id, error=error, count=count):
            logger.warning("maintenance.job_lost", job=job.name)
    except DatabaseError:
        logger.warning("maintenance.end_not_recorded", job=job.name)
        connection.close()


def _place_of(error: Exception) -> str:
    """Kind and place of an error that is not one of ours. Its text may quote data or SQL."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"


def _replica_started_at() -> datetime | None:
    ours = Replica.objects.filter(name=settings.REPLICA_NAME)
    return ours.values_list("started_at", flat=True).first()


class _Renewal:
    """Context around a job: a thread renews its lease, with a database session of its own that it
    opens only for jobs longer than a sixth of a lease."""

    def __init__(self, run_id: UUID) -> None:
        self._run_id = run_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="renewal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        try:
            while not self._over.wait(settings.LEASE.total_seconds() / _RENEWALS_A_LEASE):
                self._turn()
        finally:
            connection.close()

    def _turn(self) -> None:
        try:
            if not MaintenanceJob.objects.renew(self._run_id, settings.LEASE):
                self._over.set()  # somebody else has the job; ours ends without effect on its row
        except DatabaseError:
            logger.warning("maintenance.database_away")
            connection.close()
