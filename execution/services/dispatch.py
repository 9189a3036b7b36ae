"""Dispatch: give one window of one loader to the workers (spec 6.1).

One short transaction, for scheduler, API and backfill alike. Lock order of the product:
loader_state, source_breaker, the advisory lock of the caps (dispatch only), coverage, load_history
and loader_execution_lock. Ten dispatchers at once never exceed a cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.roles import User
from core.clock import database_now
from core.correlation import correlation_id
from core.window import Window
from execution.exceptions import (
    NothingToLoadError,
    WindowBeyondWatermarkError,
    WindowOffGrainError,
)
from execution.hints import hint_execution
from execution.models import LoaderExecutionLock, LoadHistory, Trigger
from execution.services.breakers import held_until
from execution.services.caps import check_loader_cap, check_shared_caps
from execution.windows import NotDue, NotDueReason, TimePlan, plan_next
from loaders.definition import RunSettings
from loaders.models import Loader, LoaderState, LoaderVersion, LoadStatus
from loaders.policies import PurgeStrategy
from loaders.services import approved_definition


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
    """Plan the loader's next live window and hand it out; NotDue if none is closed, or if the
    source is to be left alone now.

    Raises LoaderAtCapacityError, PortalAtCapacityError, and what `approved_definition` raises.
    """
    with transaction.atomic():
        order = _order(loader_id, trigger, requested_by)
        state, governed = order.state, order.governed
        planned = plan_next(time_plan(governed), state.last_load_timestamp, order.now)
        if isinstance(planned, NotDue):
            _hold(state, planned, governed, order.now)
            return planned
        if (held := _source_hold(order)) is not None:  # last: it may spend the breaker's probe
            return held
        order.check_caps(planned)
        history = order.hand_out(planned, governed.purge_strategy)
        state.load_status = LoadStatus.RUNNING
        state.last_attempt_at = order.now
        state.next_due_at = None
        state.save()
    return history


def dispatch_window(
    *,
    loader_id: UUID,
    window: Window,
    trigger: Trigger,
    purge_strategy: PurgeStrategy,
    requested_by: User | None = None,
    metadata: Mapping[str, Any] | None = None,
    last_stamp: datetime | None = None,
) -> LoadHistory | NotDue:
    """Hand out a window that somebody chose, beside the loader's live runs; it moves no watermark.
    `metadata` stays with the execution; `last_stamp` is the last that the run will write, where
    that is known before. NotDue if the source is to be left alone now.

    Raises WindowOffGrainError, WindowBeyondWatermarkError, LoaderAtCapacityError (also when an
    active run overlaps the window), PortalAtCapacityError, and what `approved_definition` raises.
    """
    with transaction.atomic():
        order = _order(loader_id, trigger, requested_by)
        if any(order.governed.grain.floor(bound) != bound for bound in (window.start, window.end)):
            raise WindowOffGrainError("The window must start and end on the loader's grain.")
        _check_loaded_once(order, last_stamp or window.end)
        if (held := _source_hold(order)) is not None:
            return held
        order.check_caps(window)
        return order.hand_out(window, purge_strategy, metadata)


@dataclass(frozen=True)
class _Order:
    """A loader about to be dispatched, its state row locked and its definition found approved."""

    loader: Loader
    version: LoaderVersion
    governed: RunSettings
    state: LoaderState
    trigger: Trigger
    requested_by: User | None
    now: datetime

    def check_caps(self, window: Window) -> None:
        """The caps of the loader, then those over all of them."""
        check_loader_cap(
            self.loader,
            window,
            most=self.governed.max_parallel_executions,
            is_live=self.trigger.is_live,
        )
        check_shared_caps(self.loader, self.trigger)

    def hand_out(
        self,
        window: Window,
        purge_strategy: PurgeStrategy,
        metadata: Mapping[str, Any] | None = None,
    ) -> LoadHistory:
        """History, lock with lease, and hint."""
        history = LoadHistory.objects.create(
            loader=self.loader,
            version=self.version,
            trigger=self.trigger,
            requested_by=self.requested_by,
            attempt=self.state.consecutive_failures + 1 if self.trigger.is_live else 1,
            purge_strategy=purge_strategy,
            source_db_code=self.loader.source.db_code,
            start_time=self.now,
            query_from_time=window.start,
            query_to_time=window.end,
            correlation_id=correlation_id(),
            metadata=dict(metadata or {}),
        )
        lock = LoaderExecutionLock.objects.create(
            loader=self.loader,
            load_history=history,
            is_live=self.trigger.is_live,
            window_from=window.start,
            window_to=window.end,
            watermark=self.state.last_load_timestamp if self.trigger.is_live else None,
            lease_until=self.now + settings.LEASE,
        )
        hint_execution(lock.lock_id)
        return history


def _order(loader_id: UUID, trigger: Trigger, requested_by: User | None) -> _Order:
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader_id)
    loader = Loader.objects.select_related("source_database", "approved_version").get(pk=loader_id)
    version, definition = approved_definition(loader)
    return _Order(
        loader, version, definition.settings(), state, trigger, requested_by, database_now()
    )


def _source_hold(order: _Order) -> NotDue | None:
    """Why the source is not asked now: its blackout hours, or its breaker. A live loader is due
    again when that ends. A person's run or re-count goes through an open breaker, as a probe; a
    restore asks no source."""
    if not order.trigger.asks_source:
        return None
    source = order.loader.source
    reason, until = NotDueReason.BLACKOUT, source.blackout_end(order.now)
    of_nobody = order.trigger is Trigger.RECOUNT and order.requested_by is None
    if until is None and (of_nobody or order.trigger in {Trigger.SCHEDULE, Trigger.BACKFILL}):
        reason, until = NotDueReason.SOURCE_HELD, held_until(source.pk, order.now)
    if until is None:
        return None
    if order.trigger.is_live:
        order.state.next_due_at = until
        order.state.save()
    return NotDue(reason)


def _hold(state: LoaderState, not_due: NotDue, governed: RunSettings, now: datetime) -> None:
    """Say when to look again: when the next grain closes, or when the watermark has passed; a
    loader past its end_at is never due again."""
    if not_due.reason is NotDueReason.ENDED:
        state.next_due_at = None
    else:
        start = max(state.last_load_timestamp or now, now - governed.lateness)
        state.next_due_at = governed.grain.following(start) + governed.lateness
    state.save()


def _check_loaded_once(order: _Order, until: datetime) -> None:
    """No chosen run writes beyond the watermark: the live runs would meet its signals there."""
    watermark = order.state.last_load_timestamp
    if watermark is None or until > watermark:
        raise WindowBeyondWatermarkError(
            "The window reaches beyond the watermark: what lies there is loaded by the loader's "
            "own runs."
        )


def require_planned(result: LoadHistory | NotDue, loader: Loader) -> LoadHistory:
    """For a person who asked for a run: NotDue as an error that says why."""
    if isinstance(result, LoadHistory):
        return result
    reasons = {
        NotDueReason.NOTHING_CLOSED: "no further grain is closed yet",
        NotDueReason.WATERMARK_IN_FUTURE: "its watermark lies in the future",
        NotDueReason.BLACKOUT: f"source {loader.source.db_code} is to be left alone at this hour",
        NotDueReason.SOURCE_HELD: f"source {loader.source.db_code} serves nobody at present",
        NotDueReason.ENDED: "it has loaded everything up to its end",
    }
    raise NothingToLoadError(f"{loader.loader_code} has nothing to load: {reasons[result.reason]}.")
