"""A step that a table of states does not have is refused with what the table has."""

from __future__ import annotations

from backfill.exceptions import BackfillJobNotCancellableError
from backfill.models import BackfillJob
from backfill.states import JobStatus
from loaders.exceptions import InvalidTransitionError
from loaders.models import ApprovalStatus, Decision, Loader, LoaderVersion


def test_a_refused_step_tells_from_where_to_where_and_what_may_follow() -> None:
    error = InvalidTransitionError.between(
        "no", ApprovalStatus.PENDING_APPROVAL, ApprovalStatus.PENDING_APPROVAL, Loader.TRANSITIONS
    )
    assert (error.code, error.status) == ("INVALID_TRANSITION", 409)
    assert error.details == {
        "from": "PENDING_APPROVAL",
        "to": "PENDING_APPROVAL",
        "allowed": ["APPROVED", "DRAFT", "REJECTED"],
    }


def test_from_a_last_state_nothing_follows() -> None:
    error = InvalidTransitionError.between(
        "no", Decision.APPROVED, Decision.REJECTED, LoaderVersion.TRANSITIONS
    )
    assert error.details["allowed"] == []


def test_what_was_refused_is_not_said_to_be_allowed() -> None:
    """Another act may take the step: an operator cancels what an approver can't reject any more."""
    error = BackfillJobNotCancellableError.between(
        "no", JobStatus.PENDING, JobStatus.CANCELLED, BackfillJob.TRANSITIONS
    )
    assert (error.code, error.status) == ("BACKFILL_JOB_NOT_CANCELLABLE", 409)
    assert error.details["allowed"] == ["FAILED", "PAUSED", "RUNNING", "SUCCESS"]
