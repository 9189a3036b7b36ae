"""The scheduler's cycle: end what is lost, dispatch what is due (spec 7).

Any replica may run it, one at a time; it keeps nothing in memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from core.clock import ClockTimestamp, database_now
from core.correlation import set_correlation_id
from core.errors import PortalError
from core.ids import uuid7
from execution.cycle_work import LiveLeft, registered
from execution.exceptions import LoaderAtCapacityError, PortalAtCapacityError
from execution.models import LoadHistory, SchedulerLease, Trigger
from execution.retry import backoff
from execution.services.dispatch import dispatch
from execution.services.reaping import hint_unclaimed_again, reap_expired
from execution.trials.gathering import gather_waiting
from loaders.models import Loader, LoaderState, LoadStatus

logger = structlog.get_logger(__name__)

LEASE_NAME = "cycle"
CYCLE_LEASE = timedelta(seconds=8)
"""How long a cycle that broke off keeps others from starting one: less than the usual time between
polls, so that the next one is not lost too. Two at once would do no harm."""


@dataclass
class CycleReport:
    """What a cycle did."""

    reaped: int = 0
    dispatched: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: LiveLeft = field(default_factory=LiveLeft)


def cycle() -> CycleReport | None:
    """Run one cycle, or None if another replica is at it. A fault of one lock, loader or work of
    another app is logged and put aside; what it hits is looked at again later."""
    if not _take_lease():
        return None
    report = CycleReport(reaped=reap_expired())
    hint_unclaimed_again()
    for work in registered():
        _do(work.name, work.before_live, report)
    _dispatch_due(report)
    _do("evidence", _gather, report)
    for work in registered():
        _do(work.name, partial(work.after_live, report.left), report)
    _give_lease_back()
    return report


def _gather() -> list[str]:
    """Evidence goes before other work: a person waits for it, it is short, and a long backfill
    would take each place that the source has."""
    gather_waiting()
    return []


def _do(name: str, work: Callable[[], list[str]], report: CycleReport) -> None:
    """Let another app do its work; its fault never stops the cycle."""
    try:
        report.dispatched += work()
    except Exception as error:  # noqa: BLE001 - the boundary between other work and live runs
        code = error.code if isinstance(error, PortalError) else type(error).__name__
        logger.warning("scheduler.work_failed", work=name, error_code=code)
        connection.close_if_unusable_or_obsolete()


def _dispatch_due(report: CycleReport) -> None:
    """Dispatch until a cap; one loader's fault never stops the cycle."""
    due = Loader.objects.due(database_now()).values_list("pk", "loader_code")
    for loader_id, loader_code in list(due):
        set_correlation_id(str(uuid7()))
        try:
            outcome = dispatch(loader_id=loader_id, trigger=Trigger.SCHEDULE)
        except PortalAtCapacityError:
            report.left.is_full = True
            return
        except LoaderAtCapacityError:
            report.left.waiting.add(loader_id)
        except Exception as error:  # noqa: BLE001 - the boundary between one loader and the others
            report.refused.append(loader_code)
            _refuse(loader_id, loader_code, error)
        else:
            if isinstance(outcome, LoadHistory):
                report.dispatched.append(loader_code)


def _refuse(loader_id: UUID, loader_code: str, error: Exception) -> None:
    code = error.code if isinstance(error, PortalError) else type(error).__name__
    logger.warning("scheduler.refused", loader_code=loader_code, error_code=code)
    connection.close_if_unusable_or_obsolete()
    try:
        _put_aside(loader_id, loader_code, error)
    except DatabaseError:
        logger.warning("scheduler.not_put_aside", loader_code=loader_code)


@transaction.atomic
def _put_aside(loader_id: UUID, loader_code: str, error: Exception) -> None:
    """A loader that can't be dispatched is looked at again later, and later each time."""
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader_id)
    state.load_status = LoadStatus.FAILED
    state.consecutive_failures += 1
    state.next_due_at = database_now() + backoff(
        state.consecutive_failures, timedelta(), random.random()
    )
    state.save()
    if isinstance(error, PortalError):
        error.leave_trace()


def _take_lease() -> bool:
    """Compare-and-set on the lease row; a holder that froze loses it after `CYCLE_LEASE`."""
    taken = SchedulerLease.objects.filter(name=LEASE_NAME, lease_until__lt=ClockTimestamp()).update(
        holder=settings.REPLICA_NAME, lease_until=ClockTimestamp() + CYCLE_LEASE
    )
    return taken == 1


def _give_lease_back() -> None:
    """After a whole cycle only: a cycle that breaks off keeps its lease, and the time of the last
    whole one tells the supervisor that something is wrong."""
    SchedulerLease.objects.filter(name=LEASE_NAME, holder=settings.REPLICA_NAME).update(
        lease_until=ClockTimestamp(), last_cycle_at=ClockTimestamp()
    )


def last_cycle_at() -> datetime | None:
    """When a cycle last ended, on any replica."""
    lease = SchedulerLease.objects.filter(name=LEASE_NAME).first()
    return lease.last_cycle_at if lease else None
