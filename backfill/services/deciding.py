"""A second person decides about a large backfill (spec 1, 9)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.roles import Permission, User, require_person
from audit.services import record
from backfill.exceptions import BackfillJobNotFoundError
from backfill.models import BackfillJob
from backfill.services.moves import end, move, refused
from backfill.services.tending import locked_job, tend
from backfill.states import JobStatus
from core.clock import database_now
from execution.hints import hint_cycle
from loaders.exceptions import SelfApprovalError, ValidationFailedError
from loaders.services import require_on

REJECTED = "BACKFILL_REJECTED"
"""Error code of a job that an approver rejected."""

EXPIRED = "BACKFILL_REQUEST_EXPIRED"
"""Error code of a job that nobody decided about."""


@transaction.atomic
def approve(*, user: User, job: BackfillJob, comment: str = "") -> BackfillJob:
    """Let a large backfill start by its priority. Raises PermissionDeniedError,
    LoaderNotFoundError, SelfApprovalError for who asked for it, BackfillTransitionError."""
    found = _to_decide(user, job, JobStatus.PENDING)
    if own_request(user, found):
        raise SelfApprovalError("You asked for this backfill: a second person must approve it.")
    move(
        found,
        JobStatus.PENDING,
        decided_by=user,
        decided_at=database_now(),
        comment=comment.strip()[:1000],
    )
    _tell(user, found, "backfill.approve")
    hint_cycle()
    return found


@transaction.atomic
def reject(*, user: User, job: BackfillJob, comment: str) -> BackfillJob:
    """Refuse a large backfill, saying why; it ends as cancelled. Raises as `approve`, and
    ValidationFailedError without a comment."""
    if not comment.strip():
        text = "Say why: who asked for it will read it."
        raise ValidationFailedError(text, details={"errors": {"comment": [text]}})
    found = _to_decide(user, job, JobStatus.CANCELLED)
    decided = {"decided_by": user, "decided_at": database_now(), "comment": comment.strip()[:1000]}
    BackfillJob.objects.filter(pk=found.pk).update(**decided)
    end(found, JobStatus.CANCELLED, user=user, code=REJECTED, message="An approver rejected it.")
    _tell(user, found, "backfill.reject")
    return found


def expire_requests() -> int:
    """Cancel what has waited for a decision longer than `REQUEST_LIFETIME`: nobody should decide
    about what nobody remembers. Returns how many."""
    oldest = database_now() - settings.REQUEST_LIFETIME
    stale = BackfillJob.objects.filter(
        status=JobStatus.PENDING_APPROVAL, approval_asked_at__lt=oldest
    )
    return sum(_expire(job_id) for job_id in list(stale.values_list("pk", flat=True)))


@transaction.atomic
def _expire(job_id: UUID) -> bool:
    job = locked_job(job_id, skip_locked=True)
    if job is None or job.status != JobStatus.PENDING_APPROVAL:
        return False
    message = "Nobody decided about it in time."
    end(job, JobStatus.CANCELLED, code=EXPIRED, message=message)
    return True


def own_request(user: User, job: BackfillJob) -> bool:
    """Whether the user asked for the job, or for it to go on with a newer definition."""
    return user.pk is not None and user.pk in {job.requested_by_id, job.repinned_by_id}


def found_job(job_id: UUID) -> BackfillJob:
    """The job, its row locked. Raises BackfillJobNotFoundError."""
    job = locked_job(job_id)
    if job is None:
        raise BackfillJobNotFoundError(f"There is no backfill {job_id}.")
    return job


def _to_decide(user: User, job: BackfillJob, target: JobStatus) -> BackfillJob:
    """The job, locked, if it waits for this person's decision, which takes it to `target`."""
    require_on(user, Permission.APPROVE, job.loader)
    require_person(user)
    found = found_job(job.pk)
    tend(found)
    if found.status != JobStatus.PENDING_APPROVAL:
        raise refused(
            found,
            target,
            f"The backfill is {JobStatus(found.status).label.lower()}: there is nothing to decide.",
        )
    return found


def _tell(user: User, job: BackfillJob, action: str) -> None:
    record(
        actor=user,
        action=action,
        object_type="backfill",
        object_id=str(job.pk),
        after={"loaderCode": job.loader_id, "comment": job.comment, "status": job.status},
    )
