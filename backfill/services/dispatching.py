"""Handing out a job's next window to the workers."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from uuid import UUID

from django.db import transaction

from backfill.exceptions import VersionChangedError
from backfill.models import BackfillJob, BackfillRun
from backfill.plan import next_window
from backfill.services.moves import end, hold, move
from backfill.services.tending import locked_job, tend
from backfill.states import JobStatus, Wait
from core.clock import database_now
from core.correlation import set_correlation_id
from core.errors import PortalError, TerminalError
from core.keyring import DecryptionError
from core.window import Window
from execution.exceptions import (
    LoaderAtCapacityError,
    PortalAtCapacityError,
    WindowBeyondWatermarkError,
)
from execution.models import LoaderExecutionLock, LoadHistory, Trigger
from execution.services import dispatch_window
from execution.windows import NotDue, NotDueReason
from loaders.exceptions import (
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
)
from loaders.policies import PurgeStrategy

JOB = "backfillJob"
"""Member of an execution's metadata: the id of the job whose window it loads."""

LOOK_AGAIN = timedelta(seconds=30)
"""How long a job rests whose source is left alone, or that met what the next look will settle."""

_LOOKED_AT_AGAIN = (
    DecryptionError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
    WindowBeyondWatermarkError,
)
_WAITS = {NotDueReason.BLACKOUT: Wait.BLACKOUT, NotDueReason.SOURCE_HELD: Wait.SOURCE_HELD}


class Outcome(Enum):
    """What became of an attempt to hand out a window."""

    DISPATCHED = auto()
    NOTHING = auto()
    """It hands out nothing now: it has ended, is paused, held or being changed, or its last
    windows are under way."""
    ENOUGH = auto()
    """Backfills of its loader are at as many windows as they may."""
    NO_PLACE = auto()
    """Its loader or its source serves others."""
    FULL = auto()
    """The portal has no place at all."""


@transaction.atomic
def advance(job_id: UUID, *, is_contended: bool) -> Outcome:
    """Bring the job up to date and hand out its next window, if there is a place. In a turn taken
    from live runs (`is_contended`) it goes on counting as one that waits."""
    job = locked_job(job_id, skip_locked=True)
    if job is None:
        return Outcome.NOTHING
    set_correlation_id(job.correlation_id)
    work = tend(job)
    window = None if work is None else next_window(work.left, work.plan)
    is_held = job.retry_at is not None and job.retry_at > database_now()
    if work is None or window is None or is_held:
        return Outcome.NOTHING
    if _windows_under_way(job) >= max(1, work.governed.max_parallel_executions - 1):
        return Outcome.ENOUGH
    outcome = _try_to_hand_out(job, window)
    if outcome is Outcome.DISPATCHED:
        _note(job, is_contended=is_contended)
    return outcome


def _try_to_hand_out(job: BackfillJob, window: Window) -> Outcome:
    """Dispatch the window; what keeps it from being dispatched is noted with the job."""
    try:
        history = _hand_out(job, window)
    except PortalAtCapacityError:
        return Outcome.FULL
    except LoaderAtCapacityError:
        return Outcome.NO_PLACE
    except PortalError as error:
        _refused(job, error)
        return Outcome.NOTHING
    if isinstance(history, NotDue):
        hold(job, _WAITS.get(history.reason, Wait.RETRY), LOOK_AGAIN)
        return Outcome.NOTHING
    return Outcome.DISPATCHED


def _windows_under_way(job: BackfillJob) -> int:
    """Of all jobs of the loader. One place is kept for its live run, where it has several."""
    active = LoaderExecutionLock.objects.active().filter(loader_id=job.loader_id)
    return active.filter(load_history__trigger=Trigger.BACKFILL).count()


@transaction.atomic
def _hand_out(job: BackfillJob, window: Window) -> LoadHistory | NotDue:
    """Dispatch the window and write down that the job did, or neither."""
    history = dispatch_window(
        loader_id=job.loader.pk,
        window=window,
        trigger=Trigger.BACKFILL,
        purge_strategy=PurgeStrategy(job.purge_strategy),
        requested_by=job.requested_by,
        metadata={JOB: str(job.pk)},
    )
    if isinstance(history, NotDue):
        return history
    if history.version_id != job.version_id:
        raise VersionChangedError("The loader was approved anew at this very moment.")
    BackfillRun.objects.create(
        job=job,
        load_history=history,
        window_from=window.start,
        window_to=window.end,
        attempt=job.runs.filter(window_from=window.start).count() + 1,
        dispatched_at=history.start_time,
    )
    return history


def _note(job: BackfillJob, *, is_contended: bool) -> None:
    if job.status == JobStatus.PENDING:
        move(job, JobStatus.RUNNING, started_at=job.started_at or database_now())
    changes = {} if is_contended else {"waiting_since": None}
    BackfillJob.objects.filter(pk=job.pk).update(waits_for="", retry_at=None, **changes)


def _refused(job: BackfillJob, error: PortalError) -> None:
    """A loader that was changed at this very moment is followed at the next look. What may pass,
    and a key that is missing from the keyring, is waited for. Anything else fails the job."""
    error.leave_trace()
    if isinstance(error, TerminalError) and not isinstance(error, _LOOKED_AT_AGAIN):
        end(job, JobStatus.FAILED, code=error.code, message=error.message)
    else:
        hold(job, Wait.RETRY, LOOK_AGAIN)
