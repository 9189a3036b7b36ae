"""Retention of signals: months that are past it are expired in coverage, then dropped (spec 12).

Coverage first, each loader in a transaction of its own, so that nobody waits for thousands of
them: a crash then leaves signals that coverage calls expired, and the next round drops them. What
was loaded into the months meanwhile is found under the lock that the drop takes; then the drop is
rolled back, and what is new is expired, too.
"""

from __future__ import annotations

import time
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction

from audit.services import record
from core.clock import database_now
from core.retention import Tell, silently
from execution.services.expiry import expire_signals, is_loaded_before
from loaders.models import Loader
from signals.exceptions import PartitionBusyError
from signals.partitions import drop_month, month_after, months_before

logger = structlog.get_logger(__name__)

ATTEMPTS = 5
PAUSE_SECONDS = 1.0
"""Between two attempts at a month that loads hold: whoever queued up behind it goes first."""


def count_old_months() -> int:
    """How many months of signals are past their retention."""
    return len(_old_months())


def drop_old_months(tell: Tell = silently) -> int:
    """Drop months of signals that are wholly past `SIGNALS_RETENTION`; returns how many. Raises
    PartitionBusyError where loads hold the signals for long; what is left is dropped next time."""
    months = _old_months()
    if months:
        _expire(month_after(months[-1]))
    dropped = 0
    for month in months:
        went = int(_drop(month))
        dropped += went
        tell(went)
    return dropped


def _old_months() -> list[datetime]:
    retention = settings.SIGNALS_RETENTION
    return months_before(database_now() - retention) if retention else []


def _expire(until: datetime) -> None:
    loaders = Loader.objects.select_related("source_database").order_by("loader_code")
    for loader in loaders.iterator():
        expire_signals(loader=loader, until=until)


def _drop(month: datetime) -> bool:
    """Drop the month, once nothing of it is loaded; False if somebody else did."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            is_dropped = _drop_expired(month)
        except PartitionBusyError:
            continue
        if is_dropped is not None:
            return is_dropped
        _expire(month_after(month))
    raise PartitionBusyError(
        f"Signals of {month:%Y-%m} are past their retention, but loads hold their table. They go "
        "at the next round."
    )


@transaction.atomic
def _drop_expired(month: datetime) -> bool | None:
    """Whether the month was there to be dropped; None, and nothing done, if something of it was
    loaded since its coverage was expired."""
    if not drop_month(month):
        return False
    if is_loaded_before(month_after(month)):
        transaction.set_rollback(True)
        return None
    name = f"{month:%Y-%m}"
    record(actor=None, action="signals.expire", object_type="signals", object_id=name)
    logger.info("signals.expired", month=name)
    return True
