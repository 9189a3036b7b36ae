"""Changing a job's status by compare-and-set, with the audit event that tells of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from accounts.roles import User
from audit.models import LoaderEvent
from audit.services import emit, record
from backfill.exceptions import BackfillTransitionError
from backfill.models import BackfillJob
from backfill.states import JobStatus, PauseReason, Wait
from core.clock import database_now


def move(job: BackfillJob, to: JobStatus, **values: Any) -> None:
    """Change the status and `values` if the job is still as it was read. The reason of a pause
    goes with the pause. Raises BackfillTransitionError if it may not or is not."""
    present = JobStatus(job.status)
    if to not in BackfillJob.TRANSITIONS.get(present, ()):
        raise refused(
            job,
            to,
            f"The backfill is {present.label.lower()}; from there it can't become "
            f"{to.label.lower()}.",
        )
    changes = {"status": to, "pause_reason": "", **values}
    if to not in {JobStatus.PENDING, JobStatus.RUNNING}:
        changes |= {"waits_for": "", "waiting_since": None, "retry_at": None}
    as_read = BackfillJob.objects.filter(pk=job.pk, status=present, pause_reason=job.pause_reason)
    if not as_read.update(**changes):
        job.refresh_from_db()
        raise refused(job, to, "The backfill was changed at this very moment. Look again.")
    job.refresh_from_db()


def refused(
    job: BackfillJob,
    to: JobStatus,
    message: str,
    kind: type[BackfillTransitionError] = BackfillTransitionError,
) -> BackfillTransitionError:
    """The error about a step that the job can't take from where it stands."""
    return kind.between(message, JobStatus(job.status), to, BackfillJob.TRANSITIONS)


def pause_for(job: BackfillJob, reason: PauseReason, *, user: User = None) -> None:
    """Hand out nothing more; the windows under way end in their own time."""
    move(job, JobStatus.PAUSED, pause_reason=reason)
    tell(job, "backfill.pause", user=user, reason=reason.value)


def end(
    job: BackfillJob, status: JobStatus, *, user: User = None, code: str = "", message: str = ""
) -> None:
    """Bring the job to an end, and tell those who follow loaders."""
    move(job, status, ended_at=database_now(), error_code=code, error_message=message)
    emit(
        kind=LoaderEvent.Kind.BACKFILL_ENDED,
        loader_code=job.loader_id,
        window=job.window,
        details={
            "jobId": str(job.pk),
            "status": job.status,
            "recordsLoaded": job.records_loaded,
            "errorCode": code,
        },
    )
    tell(job, f"backfill.{_ENDINGS[status]}", user=user, errorCode=code)


_ENDINGS = {
    JobStatus.SUCCESS: "succeed",
    JobStatus.FAILED: "fail",
    JobStatus.CANCELLED: "cancel",
}


def hold(job: BackfillJob, wait: Wait, time: timedelta) -> None:
    """Hand out nothing for so long; it waits for that, and for no place."""
    BackfillJob.objects.filter(pk=job.pk).update(
        waits_for=wait, waiting_since=None, retry_at=database_now() + time
    )
    job.refresh_from_db()


def tell(job: BackfillJob, action: str, *, user: User = None, **facts: Any) -> None:
    """The audit event; without a user it is the portal's own doing."""
    record(
        actor=user,
        action=action,
        object_type="backfill",
        object_id=str(job.pk),
        after={
            "loaderCode": job.loader_id,
            "from": job.from_time.isoformat(),
            "to": job.to_time.isoformat(),
            "status": job.status,
            **{name: value for name, value in facts.items() if value},
        },
    )
