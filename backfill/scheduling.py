"""Backfills in the scheduler's cycle: live runs first, and no backfill waits for ever (spec 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from backfill.models import BackfillJob, BackfillRun
from backfill.order import Candidate, in_order
from backfill.services.dispatching import LOOK_AGAIN, Outcome, advance
from backfill.services.tending import locked_job, tend
from backfill.states import JobStatus, PauseReason, Wait
from backfill.turns import PATIENCE, Turns, goes_before_live
from core.clock import ClockTimestamp, database_now
from core.correlation import set_correlation_id
from core.errors import PortalError
from execution.cycle_work import CycleWork, LiveLeft, register
from execution.models import LoadHistory, RunStatus, Trigger
from loaders.models import ApprovalStatus, Loader
from signals.partitions import ensure_partitions

logger = structlog.get_logger(__name__)

NAME = "backfills"
_OF_LATE = timedelta(days=1)
"""Turns longer ago than this count as none: whoever waits has had time to take theirs."""


def register_work() -> None:
    """Enter backfills into the scheduler's cycle; called once, when Django starts."""
    register(CycleWork(NAME, before_live=serve_overdue, after_live=serve))


def serve_overdue() -> list[str]:
    """Serve the jobs that have waited for long, each if it is the backfills' turn. Where no live
    run is due there is no turn to take."""
    now = database_now()
    served: list[str] = []
    if not Loader.objects.due(now).exists():
        return served
    for job in in_order(queue(now)):
        is_overdue = job.waiting_since is not None and now - job.waiting_since >= PATIENCE
        if not is_overdue or not _is_own_turn(job, now):
            continue
        outcome = _within(job.id, partial(_advance_prepared, is_contended=True))
        if outcome is Outcome.FULL:
            break
        if outcome is Outcome.DISPATCHED:
            served.append(str(job.id))
    return served


def serve(left: LiveLeft) -> list[str]:
    """Bring all jobs up to date, and hand out windows where no live run waits for the place."""
    _catch_up()
    wanted = set(_sources_of(left.waiting))
    is_full = left.is_full
    busy_loaders: set[UUID] = set()
    keep_waiting, served = [], []
    for job in in_order(queue(database_now())):
        if job.loader_id in busy_loaders:  # behind another job, not behind live runs
            continue
        if is_full or job.source_id in wanted:
            outcome: Outcome | None = Outcome.NO_PLACE
        else:
            outcome, count = _serve_job(job)
            served += [str(job.id)] * count
        is_full = is_full or outcome is Outcome.FULL
        if outcome in {Outcome.FULL, Outcome.NO_PLACE}:
            keep_waiting.append(job.id)
        if outcome is not Outcome.NOTHING:
            busy_loaders.add(job.loader_id)
    _let_wait(keep_waiting)
    return served


def _serve_job(job: Candidate) -> tuple[Outcome | None, int]:
    """Hand out windows of the job until it has no more or finds no place; the last outcome and how
    many were handed out."""
    count = 0
    while True:
        outcome = _within(job.id, partial(_advance_prepared, is_contended=False))
        if outcome is not Outcome.DISPATCHED:
            return outcome, count
        count += 1


def _advance_prepared(job_id: UUID, *, is_contended: bool) -> Outcome:
    """Make the partitions that a job needs before its first window, never inside a run (spec 2)."""
    beginning = BackfillJob.objects.filter(pk=job_id, status=JobStatus.PENDING).first()
    if beginning is not None:
        ensure_partitions(beginning.window)
    return advance(job_id, is_contended=is_contended)


def queue(now: datetime) -> list[Candidate]:
    """The jobs that may hand out windows now, in no order."""
    jobs = BackfillJob.objects.going_on().filter(Q(retry_at=None) | Q(retry_at__lte=now))
    rows = jobs.filter(loader__source_database__isnull=False).values_list(
        "id",
        "loader__id",
        "loader__source_database_id",
        "loader__source_database__db_code",
        "priority",
        "asked_now_at",
        "waiting_since",
    )
    return [Candidate(*row) for row in rows]


def _catch_up() -> None:
    """Jobs that hand out nothing have runs that ended, and loaders that change, as well."""
    ended = BackfillRun.objects.filter(
        job=OuterRef("pk"),
        status=RunStatus.RUNNING,
        load_history__status__in=LoadHistory.TRANSITIONS[RunStatus.RUNNING],
    )
    unfit = Q(loader__archived_at__isnull=False) | (
        ~Q(status=JobStatus.PAUSED)
        & (
            ~Q(loader__approval_status=ApprovalStatus.APPROVED)
            | ~Q(loader__approved_version=F("version"))
        )
    )
    disabled = Q(loader__enabled=False, status__in=[JobStatus.PENDING, JobStatus.RUNNING])
    enabled = Q(loader__enabled=True, pause_reason=PauseReason.LOADER_DISABLED)
    active = Q(status__in=JobStatus.active())
    jobs = BackfillJob.objects.filter(Exists(ended) | (active & (unfit | disabled | enabled)))
    for job_id in jobs.order_by("pk").values_list("pk", flat=True):
        _within(job_id, _tend)


@transaction.atomic
def _tend(job_id: UUID) -> Outcome:
    job = locked_job(job_id, skip_locked=True)
    if job is not None:
        set_correlation_id(job.correlation_id)
        tend(job)
    return Outcome.NOTHING


def _within(job_id: UUID, act: Callable[[UUID], Outcome]) -> Outcome | None:
    """The boundary between one job and the others: None for a fault, upon which the job rests."""
    try:
        return act(job_id)
    except Exception as error:  # noqa: BLE001 - the boundary between one job and the others
        code = error.code if isinstance(error, PortalError) else type(error).__name__
        logger.warning("backfill.put_aside", job_id=str(job_id), error_code=code)
        connection.close_if_unusable_or_obsolete()
    try:
        BackfillJob.objects.going_on().filter(pk=job_id).update(
            retry_at=ClockTimestamp() + LOOK_AGAIN, waits_for=Wait.RETRY
        )
    except DatabaseError:
        logger.warning("backfill.not_put_aside", job_id=str(job_id))
    return None


def _is_own_turn(job: Candidate, now: datetime) -> bool:
    """Whether the job goes before the live runs that are due."""
    due = Loader.objects.due(now).filter(source_database_id=job.source_id)
    return goes_before_live(
        job.waiting_since,
        now,
        at_source=_turns(now, job.db_code),
        anywhere=_turns(now),
        is_live_due_at_source=due.exists(),
    )


def _turns(now: datetime, db_code: str | None = None) -> Turns:
    """When a live run and a backfill were last dispatched, at one source or anywhere. What was
    posted asked no source and took nobody's place."""
    runs = LoadHistory.objects.filter(start_time__gt=now - _OF_LATE).exclude(source_db_code="")
    if db_code is not None:
        runs = runs.filter(source_db_code=db_code)
    starts = runs.order_by("-start_time").values_list("start_time", flat=True)
    live = [trigger for trigger in Trigger if trigger.is_live]
    return Turns(
        live=starts.filter(trigger__in=live).first(),
        backfill=starts.filter(trigger=Trigger.BACKFILL).first(),
    )


def _sources_of(loaders: Iterable[UUID]) -> Iterable[UUID | None]:
    """The sources that live loaders wait for."""
    ids = list(loaders)
    if not ids:
        return []
    return Loader.objects.filter(pk__in=ids).values_list("source_database_id", flat=True)


def _let_wait(job_ids: list[UUID]) -> None:
    """Note since when jobs find no place. One whose window is under way does not wait."""
    if not job_ids:
        return
    under_way = BackfillRun.objects.filter(job=OuterRef("pk"), status=RunStatus.RUNNING)
    BackfillJob.objects.going_on().filter(~Exists(under_way), pk__in=job_ids).update(
        waits_for=Wait.CAPACITY, waiting_since=Coalesce("waiting_since", ClockTimestamp())
    )
