"""Submitting a job, anew or as a retry of one that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from accounts.roles import Permission, User, person_of
from audit.services import record
from backfill.exceptions import BackfillJobExistsError, BackfillTransitionError
from backfill.models import BackfillJob
from backfill.order import FIRST, LAST, USUAL
from backfill.plan import MOST_WINDOWS, count_windows, left_over, seconds_of
from backfill.services.work import bounds_of, loaded_stretches
from backfill.states import JobMode, JobStatus
from core.clock import database_now
from core.correlation import correlation_id
from core.display import instant_text
from core.window import Window
from execution.exceptions import WindowBeyondWatermarkError
from execution.hints import hint_cycle
from execution.windows import TimePlan
from loaders.definition import RunSettings
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, LoaderVersion
from loaders.policies import PurgeStrategy
from loaders.services import approved_definition, require_on

LONGEST_REASON = 1000


@dataclass(frozen=True)
class Wanted:
    """What somebody wants loaded: from and to (aware), and how. A lower priority goes first."""

    from_time: datetime
    to_time: datetime
    purge_strategy: PurgeStrategy = PurgeStrategy.PURGE_AND_RELOAD
    mode: JobMode = JobMode.ALL
    priority: int = USUAL
    reason: str = ""


@dataclass(frozen=True)
class Planned:
    """What a wish comes to, by the loader's approved version."""

    version: LoaderVersion
    governed: RunSettings
    plan: TimePlan
    window: Window
    left: list[Window]
    windows: int


@transaction.atomic
def submit(
    *,
    user: User,
    loader: Loader,
    wanted: Wanted,
    origin: str = "",
    retry_of: BackfillJob | None = None,
) -> BackfillJob:
    """A new job over the wanted range, widened to whole grains. It waits for approval if it is over
    LOADERPORTAL_BACKFILL_APPROVAL_HOURS, and starts by priority else. `origin` tells what made it
    where the system did. An active job over the very same range is not doubled, whoever asks at
    once; ranges that overlap are allowed, since no two runs are ever over one stretch of time.

    Raises PermissionDeniedError, LoaderNotFoundError, ValidationFailedError,
    WindowBeyondWatermarkError, BackfillJobExistsError (`details["jobId"]`), and what
    `approved_definition` raises.
    """
    require_on(user, Permission.BACKFILL, loader)
    loader = Loader.objects.select_for_update(no_key=True).get(pk=loader.pk)
    planned = plan_for(loader, wanted)
    refuse_double(loader, planned.window)
    job = BackfillJob(
        loader=loader,
        version=planned.version,
        from_time=planned.window.start,
        to_time=planned.window.end,
        purge_strategy=wanted.purge_strategy,
        mode=wanted.mode,
        priority=wanted.priority,
        reason=wanted.reason.strip(),
        origin=origin,
        requested_by=person_of(user),
        retry_of=retry_of,
        windows_left=planned.windows,
        seconds_left=seconds_of(planned.left),
        correlation_id=correlation_id(),
    )
    job.status = JobStatus.PENDING_APPROVAL if job.needs_approval else JobStatus.PENDING
    job.save()
    _tell_submitted(user, job)
    hint_cycle()
    return job


@transaction.atomic
def retry(*, user: User, job: BackfillJob, wanted: Wanted | None = None) -> BackfillJob:
    """A new job with the values of one that failed or was cancelled, or with others, linked to it.
    The old job stays as it is.

    Raises BackfillTransitionError for a job that has not ended so, and what `submit` raises.
    """
    require_on(user, Permission.BACKFILL, job.loader)
    if (why := not_retryable(job)) != "":
        raise BackfillTransitionError.between(
            why, JobStatus(job.status), JobStatus.PENDING, BackfillJob.TRANSITIONS
        )
    return submit(user=user, loader=job.loader, wanted=wanted or wanted_of(job), retry_of=job)


def not_retryable(job: BackfillJob) -> str:
    """Why the job can't be retried; empty when it can."""
    if job.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
        return ""
    return "Only a backfill that failed or was cancelled is retried."


def wanted_of(job: BackfillJob) -> Wanted:
    """The wish that a job was made of."""
    return Wanted(
        from_time=job.from_time,
        to_time=job.to_time,
        purge_strategy=PurgeStrategy(job.purge_strategy),
        mode=JobMode(job.mode),
        priority=job.priority,
        reason=job.reason,
    )


def plan_for(loader: Loader, wanted: Wanted) -> Planned:
    """What the wish comes to now. Raises ValidationFailedError by field,
    WindowBeyondWatermarkError, and what `approved_definition` raises."""
    _check(wanted)
    version, definition = approved_definition(loader)
    governed = definition.settings()
    bounds = bounds_of(loader, governed, database_now())
    start, end = (at.astimezone(UTC) for at in (wanted.from_time, wanted.to_time))
    _refuse(bounds.errors(start, end))
    if bounds.is_beyond_watermark(end):
        raise _beyond(bounds.watermark)
    window = bounds.range_of(start, end)
    if window is None:
        _refuse({"to_time": "Below the watermark that is not one whole grain of the loader."})
    assert window is not None
    is_all = wanted.mode == JobMode.ALL
    loaded = [] if is_all else loaded_stretches(loader.loader_code, window)
    left = left_over(window, grain=governed.grain, own=(), loaded=loaded)
    if not left:
        _refuse({"mode": "Everything in that range is loaded: nothing is left to do."})
    windows = count_windows(left, bounds.plan)
    if windows > MOST_WINDOWS:
        _refuse(
            {
                "to_time": f"That makes {windows:,} windows, more than {MOST_WINDOWS:,}: ask for "
                "less at once, or let the loader read longer windows."
            }
        )
    return Planned(version, governed, bounds.plan, window, left, windows)


def _check(wanted: Wanted) -> None:
    errors = {
        name: "Give an instant with its offset."
        for name in ("from_time", "to_time")
        if getattr(wanted, name).tzinfo is None
    }
    if not FIRST <= wanted.priority <= LAST:
        errors["priority"] = f"Give a number from {FIRST}, which goes first, to {LAST}."
    if len(wanted.reason) > LONGEST_REASON:
        errors["reason"] = f"Use at most {LONGEST_REASON:,} characters."
    _refuse(errors)


def _refuse(errors: dict[str, str]) -> None:
    if errors:
        raise ValidationFailedError(
            " ".join(errors.values()), details={"errors": {n: [e] for n, e in errors.items()}}
        )


def _beyond(watermark: datetime | None) -> WindowBeyondWatermarkError:
    if watermark is None:
        text = "The loader has no watermark yet: its own runs begin with everything it has."
    else:
        text = (
            f"The loader's watermark is at {instant_text(watermark)} UTC: what lies beyond it is "
            "loaded by the loader's own runs. End the backfill there."
        )
    return WindowBeyondWatermarkError(text, details={"errors": {"to_time": [text]}})


def refuse_double(loader: Loader, window: Window, *, besides: BackfillJob | None = None) -> None:
    """Raise BackfillJobExistsError for an active job over the very range. The caller has locked the
    loader's row, so that nobody else submits meanwhile."""
    known = BackfillJob.objects.active().filter(
        loader=loader, from_time=window.start, to_time=window.end
    )
    if besides is not None:
        known = known.exclude(pk=besides.pk)
    if (job := known.first()) is not None:
        raise BackfillJobExistsError(
            f"A backfill of {loader.loader_code} over this very range is "
            f"{JobStatus(job.status).label.lower()} already. Look at that one, or cancel it first.",
            details={"jobId": str(job.pk)},
        )


def _tell_submitted(user: User, job: BackfillJob) -> None:
    record(
        actor=user,
        action="backfill.retry" if job.retry_of_id else "backfill.submit",
        object_type="backfill",
        object_id=str(job.pk),
        after={
            "loaderCode": job.loader_id,
            "version": job.version.number,
            "from": job.from_time.isoformat(),
            "to": job.to_time.isoformat(),
            "purgeStrategy": job.purge_strategy,
            "mode": job.mode,
            "priority": job.priority,
            "reason": job.reason,
            "origin": job.origin,
            "status": job.status,
            "retryOf": str(job.retry_of_id) if job.retry_of_id else "",
        },
    )
