"""Dispatch: give one window of one loader to the workers (spec 6.1).

One short transaction, for scheduler, API and backfill alike. Lock order of the product:
loader_state, then the advisory lock of the caps (dispatch only), then coverage, load_history and
loader_execution_lock. Ten dispatchers at once never exceed a cap.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction

from accounts.roles import User
from core.clock import database_now
from core.correlation import correlation_id
from execution.exceptions import (
    LoaderAtCapacityError,
    NothingToLoadError,
    PortalAtCapacityError,
)
from execution.hints import hint_execution
from execution.models import LoaderExecutionLock, LoadHistory, Replica, Trigger
from execution.windows import NotDue, NotDueReason, TimePlan, plan_next
from loaders.definition import RunSettings
from loaders.models import Loader, LoaderState, LoadStatus
from loaders.services import approved_definition

_CAPS_LOCK = 7_210_001
"""Key of the advisory lock under which the caps over several loaders are counted."""


def time_plan(governed: RunSettings) -> TimePlan:
    """The time handling of a definition, for the window planner."""
    return TimePlan(
        grain=governed.grain,
        max_query_period=governed.max_query_period,
        lateness=governed.lateness,
        start_at=governed.start_at,
        end_at=governed.end_at,
        default_lookback=settings.DEFAULT_LOOKBACK,
    )


def dispatch(
    *, loader_id: UUID, trigger: Trigger, requested_by: User | None = None
) -> LoadHistory | NotDue:
    """Plan the loader's next live window and hand it out; NotDue if none is closed.

    Raises LoaderAtCapacityError, PortalAtCapacityError, and what `approved_definition` raises.
    """
    with transaction.atomic():
        state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader_id)
        loader = Loader.objects.select_related("source_database", "approved_version").get(
            pk=loader_id
        )
        version, definition = approved_definition(loader)
        governed = definition.settings()
        _check_loader_cap(loader, governed)
        now = database_now()
        if (end := loader.source.blackout_end(now)) is not None:
            state.next_due_at = end
            state.save()
            return NotDue(NotDueReason.BLACKOUT)
        planned = plan_next(time_plan(governed), state.last_load_timestamp, now)
        if isinstance(planned, NotDue):
            _hold(state, planned, governed, now)
            return planned
        _check_shared_caps(loader)
        history = LoadHistory.objects.create(
            loader=loader,
            version=version,
            trigger=trigger,
            requested_by=requested_by,
            source_db_code=loader.source.db_code,
            start_time=now,
            query_from_time=planned.start,
            query_to_time=planned.end,
            correlation_id=correlation_id(),
        )
        lock = _lock(history, state.last_load_timestamp, now)
        state.load_status = LoadStatus.RUNNING
        state.last_attempt_at = now
        state.next_due_at = None
        state.save()
        hint_execution(lock.lock_id)
    return history


def _lock(history: LoadHistory, watermark: datetime | None, now: datetime) -> LoaderExecutionLock:
    return LoaderExecutionLock.objects.create(
        loader=history.loader,
        load_history=history,
        window_from=history.query_from_time,
        window_to=history.query_to_time,
        watermark=watermark,
        lease_until=now + settings.LEASE,
    )


def _hold(state: LoaderState, not_due: NotDue, governed: RunSettings, now: datetime) -> None:
    """Say when to look again: when the next grain closes, or when the watermark has passed; a
    loader past its end_at is never due again."""
    if not_due.reason is NotDueReason.ENDED:
        state.next_due_at = None
    else:
        start = max(state.last_load_timestamp or now, now - governed.lateness)
        state.next_due_at = governed.grain.following(start) + governed.lateness
    state.save()


def _check_loader_cap(loader: Loader, governed: RunSettings) -> None:
    """One live run a loader, and never more runs than its parallel cap. Its state row is locked,
    so nobody dispatches it meanwhile."""
    active = LoaderExecutionLock.objects.active().filter(loader=loader)
    live = active.filter(is_live=True).exists()
    if live or active.count() >= governed.max_parallel_executions:
        raise LoaderAtCapacityError(
            f"{loader.loader_code} is running already. Wait for its run to end."
        )


def _check_shared_caps(loader: Loader) -> None:
    """The caps over all loaders: total, source, slots of live replicas."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CAPS_LOCK])
    active = LoaderExecutionLock.objects.active()
    if active.count() >= settings.MAX_ACTIVE_LOCKS:
        raise PortalAtCapacityError(
            f"{settings.MAX_ACTIVE_LOCKS} runs are active, as many as the portal allows."
        )
    source = loader.source
    if active.filter(loader__source_database=source).count() >= source.max_connections:
        raise LoaderAtCapacityError(
            f"Source {source.db_code} serves {source.max_connections} runs already."
        )
    live = list(Replica.objects.live().values_list("name", "slots"))
    names = ["", *(name for name, _ in live)]
    if active.filter(models.Q(replica_name__in=names)).count() >= sum(n for _, n in live):
        raise PortalAtCapacityError("No worker has a free slot at the moment.")


def require_planned(result: LoadHistory | NotDue, loader: Loader) -> LoadHistory:
    """For a person who asked for a run: NotDue as an error that says why."""
    if isinstance(result, LoadHistory):
        return result
    reasons = {
        NotDueReason.NOTHING_CLOSED: "no further grain is closed yet",
        NotDueReason.WATERMARK_IN_FUTURE: "its watermark lies in the future",
        NotDueReason.BLACKOUT: f"source {loader.source.db_code} is to be left alone at this hour",
        NotDueReason.ENDED: "it has loaded everything up to its end",
    }
    raise NothingToLoadError(f"{loader.loader_code} has nothing to load: {reasons[result.reason]}.")
