"""An operator starts, pauses, resumes and cancels a job."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import Permission, User, person_of
from backfill.exceptions import BackfillJobNotCancellableError, BackfillJobNotPendingError
from backfill.models import BackfillJob
from backfill.services.deciding import found_job
from backfill.services.moves import end, move, pause_for, refused, tell
from backfill.services.submitting import plan_for, refuse_double, wanted_of
from backfill.services.tending import stop_runs, tend
from backfill.states import JobStatus, PauseReason
from core.clock import database_now
from execution.hints import hint_cycle
from loaders.models import Loader
from loaders.services import approved_definition, require_on

CANCELLED = "BACKFILL_CANCELLED"
"""Error code of a job that somebody cancelled."""


@transaction.atomic
def execute(*, user: User, job: BackfillJob) -> BackfillJob:
    """Ask for a pending job to start now, ahead of all others; live runs still go first. Raises
    PermissionDeniedError, LoaderNotFoundError, BackfillJobNotPendingError."""
    found = _own(user, job)
    if found.status != JobStatus.PENDING:
        raise refused(
            found,
            JobStatus.RUNNING,
            f"The backfill is {JobStatus(found.status).label.lower()}; only a pending one can be "
            "executed.",
            BackfillJobNotPendingError,
        )
    BackfillJob.objects.filter(pk=found.pk).update(asked_now_at=database_now(), retry_at=None)
    found.refresh_from_db()
    tell(found, "backfill.execute", user=user)
    hint_cycle()
    return found


@transaction.atomic
def pause(*, user: User, job: BackfillJob) -> BackfillJob:
    """Hand out no further window until somebody resumes the job; the windows under way end in their
    own time. A job that paused with its loader stays paused when that is enabled. Raises
    PermissionDeniedError, LoaderNotFoundError, BackfillTransitionError."""
    found = _own(user, job)
    if (why := not_pausable(found)) != "":
        raise refused(found, JobStatus.PAUSED, why)
    pause_for(found, PauseReason.OPERATOR, user=user)
    return found


@transaction.atomic
def resume(*, user: User, job: BackfillJob) -> BackfillJob:
    """Let a paused job go on in its old place. If its loader was approved anew meanwhile, it goes
    on with that version for what is left, and needs a second person again if it is large.

    Raises PermissionDeniedError, LoaderNotFoundError, BackfillTransitionError, what
    `approved_definition` raises, and where the version changed, ValidationFailedError and
    WindowBeyondWatermarkError.
    """
    require_on(user, Permission.BACKFILL, job.loader)
    # Before the job, as where one is submitted: a new version may mean another range.
    Loader.objects.select_for_update(no_key=True).get(pk=job.loader.pk)
    found = _own(user, job)
    if found.status != JobStatus.PAUSED:
        message = f"The backfill is {JobStatus(found.status).label.lower()}, not paused."
        raise refused(found, JobStatus.PENDING, message)
    version, _ = approved_definition(found.loader)
    if version.pk == found.version_id:
        move(found, JobStatus.PENDING, retry_at=None)
        tell(found, "backfill.resume", user=user)
    else:
        _resume_anew(user, found)
    hint_cycle()
    return found


@transaction.atomic
def cancel(*, user: User, job: BackfillJob) -> BackfillJob:
    """End the job; its running windows stop at the source within seconds, and what they loaded
    until then is rolled back. Windows that are loaded stay. Raises PermissionDeniedError,
    LoaderNotFoundError, BackfillJobNotCancellableError for a job that has ended, also by its last
    window at this very moment."""
    require_on(user, Permission.BACKFILL, job.loader)
    found = found_job(job.pk)
    stop_runs(found)  # first: what commits before its turn to stop comes is taken over by `tend`
    tend(found)
    if found.status in JobStatus.ended():
        message = f"The backfill has ended: {JobStatus(found.status).label.lower()}."
        raise refused(found, JobStatus.CANCELLED, message, BackfillJobNotCancellableError)
    end(found, JobStatus.CANCELLED, user=user, code=CANCELLED, message="Somebody cancelled it.")
    return found


def not_pausable(job: BackfillJob) -> str:
    """Why the job can't be paused; empty when it can."""
    if job.status in {JobStatus.PENDING, JobStatus.RUNNING}:
        return ""
    if job.status == JobStatus.PAUSED and job.pause_reason == PauseReason.LOADER_DISABLED:
        return ""
    return "Only a pending or running backfill is paused."


def _own(user: User, job: BackfillJob) -> BackfillJob:
    """The job, locked and brought up to date, for an operator who reaches its loader."""
    require_on(user, Permission.BACKFILL, job.loader)
    found = found_job(job.pk)
    tend(found)
    return found


def _resume_anew(user: User, job: BackfillJob) -> None:
    """Pin the job to the version that is approved now."""
    planned = plan_for(job.loader, wanted_of(job))
    refuse_double(job.loader, planned.window, besides=job)
    status = JobStatus.PENDING_APPROVAL if job.needs_approval else JobStatus.PENDING
    before = job.version.number
    move(
        job,
        status,
        version=planned.version,
        from_time=planned.window.start,
        to_time=planned.window.end,
        repinned_by=person_of(user),
        approval_asked_at=database_now(),
        decided_by=None,
        decided_at=None,
        comment="",
        retry_at=None,
    )
    tell(job, "backfill.repin", user=user, was=before, version=planned.version.number)
