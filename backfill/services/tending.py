"""Keeping a job in step with its runs and its loader. The caller holds the job's row lock.

The job's row is the first in the product's lock order: nothing below this app knows it.
"""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum

from backfill.attempts import Tries, pause_after
from backfill.exceptions import SourceDataExpiredError
from backfill.models import BackfillJob, BackfillRun
from backfill.order import LoaderStands, Move, follow_loader
from backfill.plan import count_windows, seconds_of
from backfill.services.moves import end, hold, move, pause_for, tell
from backfill.services.work import JobWork, work_of
from backfill.states import JobStatus, PauseReason, Wait
from core.clock import database_now
from core.display import window_text
from execution.exceptions import WindowBeyondWatermarkError
from execution.models import FAILURE_KIND, LoaderExecutionLock, RunStatus
from execution.retry import FailureKind
from loaders.exceptions import LoaderArchivedError
from loaders.models import ApprovalStatus, Loader

_DONE = (RunStatus.SUCCESS, RunStatus.PARTIAL)
_GOING_ON = (JobStatus.PENDING, JobStatus.RUNNING)


def locked_job(job_id: UUID, *, skip_locked: bool = False) -> BackfillJob | None:
    """The job's row, locked; None if there is none, or if somebody else holds it and is skipped."""
    rows = BackfillJob.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
    return rows.select_related("loader__source_database", "version").filter(pk=job_id).first()


def tend(job: BackfillJob) -> JobWork | None:
    """Take over how the job's runs ended, follow its loader, and notice its end. The work that is
    left; None for a job that hands out nothing more, for now or for good."""
    ended = _take_over(job)
    if job.status not in JobStatus.ended():
        _follow(job)
    if job.status in JobStatus.ended() and not ended:
        return None
    work = work_of(job, database_now())
    _renew_sums(job, work)
    for run in ended:
        if job.status in _GOING_ON and run.status not in _DONE:
            _judge(job, run, work)
    if job.status in {*_GOING_ON, JobStatus.PAUSED}:
        _notice_end(job, work)
    return work if job.status in _GOING_ON else None


def stop_runs(job: BackfillJob) -> None:
    """Ask the job's runs to stop; their workers do so within seconds, at the source too. One that
    commits at this very moment counts, and is taken over."""
    running = job.runs.filter(status=RunStatus.RUNNING).values_list("load_history_id", flat=True)
    LoaderExecutionLock.objects.active().filter(load_history_id__in=list(running)).update(
        cancel_requested=True
    )


def _take_over(job: BackfillJob) -> list[BackfillRun]:
    """Write down how runs ended that were under way; each is taken over once."""
    running = job.runs.filter(status=RunStatus.RUNNING).select_related("load_history")
    ended = []
    for run in running.defer("load_history__source_error", "load_history__stack_trace"):
        history = run.load_history
        if history is None or history.status == RunStatus.RUNNING:
            continue
        run.status = history.status
        run.window_to = history.query_to_time
        run.ended_at = history.end_time
        run.records_read = history.records_read
        run.records_loaded = history.records_loaded
        run.records_purged = history.records_purged
        run.error_code = history.error_code
        run.failure_kind = history.metadata.get(FAILURE_KIND, "")
        run.save()
        ended.append(run)
    return ended


def _follow(job: BackfillJob) -> None:
    """What a change of the loader means for the job."""
    loader: Loader = job.loader
    stands = LoaderStands(
        is_archived=loader.archived_at is not None,
        is_enabled=loader.enabled,
        is_pinned=loader.approval_status == ApprovalStatus.APPROVED
        and loader.approved_version_id == job.version_id,
    )
    reason = PauseReason(job.pause_reason) if job.pause_reason else None
    match follow_loader(JobStatus(job.status), reason, stands):
        case Move.PAUSE_DISABLED:
            pause_for(job, PauseReason.LOADER_DISABLED)
        case Move.PAUSE_NEW_VERSION:
            pause_for(job, PauseReason.NEW_VERSION)
        case Move.RESUME:
            move(job, JobStatus.PENDING)
            tell(job, "backfill.resume")
        case Move.CANCEL:
            stop_runs(job)
            message = f"Loader {loader.loader_code} was archived."
            end(job, JobStatus.CANCELLED, code=LoaderArchivedError.code, message=message)
        case Move.STAY:
            pass


def _renew_sums(job: BackfillJob, work: JobWork) -> None:
    """Sums over the runs that committed, and what is left, made anew."""
    length = ExpressionWrapper(F("window_to") - F("window_from"), output_field=DurationField())
    sums = job.runs.filter(status__in=_DONE).aggregate(
        windows=Count("pk"),
        span=Sum(length),
        read=Sum("records_read"),
        loaded=Sum("records_loaded"),
        purged=Sum("records_purged"),
    )
    span: timedelta = sums["span"] or timedelta()
    renewed = {
        "windows_done": sums["windows"],
        "windows_left": count_windows(work.undone, work.plan),
        "seconds_done": round(span.total_seconds()),
        "seconds_left": seconds_of(work.undone),
        "records_read": sums["read"] or 0,
        "records_loaded": sums["loaded"] or 0,
        "records_purged": sums["purged"] or 0,
    }
    for name, value in renewed.items():
        setattr(job, name, value)
    job.save(update_fields=list(renewed))


def _judge(job: BackfillJob, run: BackfillRun, work: JobWork) -> None:
    """Try the window of a run that came to nothing again, later, or give the job up."""
    kind = _kind_of(run)
    pause = pause_after(
        kind,
        _tries(job, run),
        max_attempts=work.governed.max_attempts,
        jitter=random.random(),
    )
    if pause is None:
        said = run.load_history.error_message if run.load_history else ""
        window = window_text(run.window_from, run.window_to)
        end(job, JobStatus.FAILED, code=run.error_code, message=f"Window {window} UTC: {said}")
    elif pause > timedelta():
        hold(job, Wait.RETRY, pause)


def _kind_of(run: BackfillRun) -> FailureKind:
    if run.status == RunStatus.CANCELLED:
        return FailureKind.CALLED_OFF
    return FailureKind(run.failure_kind) if run.failure_kind else FailureKind.TERMINAL


def _tries(job: BackfillJob, run: BackfillRun) -> Tries:
    """How the job's attempts at the window of this run ended so far."""
    at_window = job.runs.filter(window_from=run.window_from)
    return Tries(
        **at_window.aggregate(
            transient=Count("pk", filter=Q(failure_kind=FailureKind.TRANSIENT)),
            of_portal=Count("pk", filter=Q(failure_kind=FailureKind.OF_PORTAL)),
            called_off=Count("pk", filter=Q(status=RunStatus.CANCELLED)),
        )
    )


def _notice_end(job: BackfillJob, work: JobWork) -> None:
    """The last window is loaded; or what is left can't be loaded any more."""
    if not work.undone:
        end(job, JobStatus.SUCCESS)
    elif work.undone == work.beyond and job.status in _GOING_ON:
        end(
            job,
            JobStatus.FAILED,
            code=WindowBeyondWatermarkError.code,
            message="The loader's watermark was moved back: what is left of the range lies beyond "
            "it, and is loaded by the loader's own runs.",
        )
    elif _is_expired(job, work):
        end(
            job,
            JobStatus.FAILED,
            code=SourceDataExpiredError.code,
            message=f"Window from {work.left[0].start:%Y-%m-%d %H:%M} UTC: the source keeps its "
            "data for a shorter time than that by now. Nothing was replaced.",
        )


def _is_expired(job: BackfillJob, work: JobWork) -> bool:
    oldest = work.bounds.oldest
    is_old = oldest is not None and bool(work.left) and work.left[0].start < oldest
    return is_old and job.status in _GOING_ON
