"""Finding jobs, for those who reach their loaders."""

from __future__ import annotations

from uuid import UUID

from accounts.object_access import reachable
from accounts.roles import User
from backfill.exceptions import BackfillJobNotFoundError
from backfill.models import BackfillJob, BackfillRun
from backfill.models.job import BackfillJobQuerySet
from backfill.pace import Loaded, Pace, pace_of
from execution.models import RunStatus

_LATEST = 20
"""Windows over which a job's pace is taken."""


def jobs_of(user: User) -> BackfillJobQuerySet:
    """The jobs that the user reaches, with what is shown of them."""
    jobs = BackfillJob.objects.select_related(
        "loader", "version", "requested_by", "decided_by"
    ).defer("version__definition")
    found: BackfillJobQuerySet = reachable(user, jobs)  # type: ignore[assignment]
    return found


def get_job(job_id: UUID, *, user: User) -> BackfillJob:
    """The job with this id, for somebody who reaches it. Raises BackfillJobNotFoundError."""
    job = jobs_of(user).filter(pk=job_id).first()
    if job is None:
        raise BackfillJobNotFoundError(f"There is no backfill {job_id}.")
    return job


def pace(job: BackfillJob) -> Pace | None:
    """How fast the job loaded its latest windows; None before the first."""
    done = BackfillRun.objects.filter(
        job=job, status__in=[RunStatus.SUCCESS, RunStatus.PARTIAL], ended_at__isnull=False
    ).order_by("-ended_at")[:_LATEST]
    return pace_of(
        [
            Loaded(
                began=run.dispatched_at,
                ended=run.ended_at,
                window_seconds=run.window.duration.total_seconds(),
                rows=run.records_loaded or 0,
            )
            for run in done
            if run.ended_at is not None
        ]
    )
