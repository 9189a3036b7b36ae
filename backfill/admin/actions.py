"""Buttons on a backfill's page."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_actions import ActionForm, PageAction
from accounts.roles import Permission, User
from backfill.admin.links import retry_address
from backfill.models import BackfillJob
from backfill.services import approve, cancel, execute, pause, reject, resume
from backfill.services.controlling import not_pausable
from backfill.services.deciding import own_request
from backfill.services.submitting import not_retryable
from backfill.states import JobStatus


def _may_be_executed(_: User, job: BackfillJob) -> str:
    return "" if job.status == JobStatus.PENDING else "Only a pending backfill is executed."


def _may_be_paused(_: User, job: BackfillJob) -> str:
    return not_pausable(job)


def _may_be_resumed(_: User, job: BackfillJob) -> str:
    if job.status != JobStatus.PAUSED:
        return "It is not paused."
    return "" if job.loader.enabled else "Its loader is disabled, and it resumes with that."


def _may_be_cancelled(_: User, job: BackfillJob) -> str:
    return "It has ended." if job.status in JobStatus.ended() else ""


def _may_be_decided(_: User, job: BackfillJob) -> str:
    return "" if job.status == JobStatus.PENDING_APPROVAL else "It does not wait for approval."


def _may_be_approved(user: User, job: BackfillJob) -> str:
    own = "You asked for it: a second person must approve it." if own_request(user, job) else ""
    return _may_be_decided(user, job) or own


def _execute(user: User, job: BackfillJob) -> str:
    execute(user=user, job=job)
    return "It goes ahead of the other backfills. Live runs still go first."


def _pause(user: User, job: BackfillJob) -> str:
    pause(user=user, job=job)
    return "It is paused. Windows that are under way end in their own time."


def _resume(user: User, job: BackfillJob) -> str:
    resumed = resume(user=user, job=job)
    if resumed.status == JobStatus.PENDING_APPROVAL:
        return "Its loader has a new version: it waits for approval again."
    return "It goes on in its old place."


def _cancel(user: User, job: BackfillJob) -> str:
    cancel(user=user, job=job)
    return "It is cancelled. A window that is under way stops within seconds."


def _approve(user: User, job: BackfillJob) -> str:
    approve(user=user, job=job)
    return "It is approved, and starts by its priority."


def _reject(user: User, job: BackfillJob, *, comment: str) -> str:
    reject(user=user, job=job, comment=comment)
    return "It is rejected."


class RejectForm(ActionForm):
    """Why it is rejected."""

    comment = forms.CharField(max_length=1000, widget=UnfoldAdminTextareaWidget)


APPROVE = PageAction(
    "approve",
    "Approve",
    "check",
    Permission.APPROVE,
    _may_be_approved,
    act=_approve,
    tone="main",
    confirm="Approve it? It replaces what stands in its windows, as its strategy says.",
)
REJECT = PageAction(
    "reject",
    "Reject",
    "close",
    Permission.APPROVE,
    _may_be_decided,
    act=_reject,
    form=RejectForm,
)
EXECUTE = PageAction(
    "execute",
    "Execute now",
    "play_arrow",
    Permission.BACKFILL,
    _may_be_executed,
    act=_execute,
)
PAUSE = PageAction("pause", "Pause", "pause", Permission.BACKFILL, _may_be_paused, act=_pause)
RESUME = PageAction("resume", "Resume", "resume", Permission.BACKFILL, _may_be_resumed, act=_resume)
CANCEL = PageAction(
    "cancel",
    "Cancel",
    "cancel",
    Permission.BACKFILL,
    _may_be_cancelled,
    act=_cancel,
    tone="danger",
    confirm="Cancel it? Windows that are loaded stay; what is under way is rolled back.",
)
RETRY = PageAction(
    "retry",
    "Retry",
    "replay",
    Permission.BACKFILL,
    lambda _, job: not_retryable(job),
    link=retry_address,
)
