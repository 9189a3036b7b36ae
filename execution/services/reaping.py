"""Ends runs whose worker is gone, so that their windows can be loaded again (spec 6.5)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection

from execution.exceptions import LeaseExpiredError, NotClaimedError, RunCancelledError
from execution.hints import hint_execution
from execution.models import LoaderExecutionLock
from execution.models.lock import ClockTimestamp, LockQuerySet
from execution.services.failure import Failure, record_failure

logger = structlog.get_logger(__name__)

_LONGEST_UNHINTED = timedelta(seconds=15)
_BACKEND_ENDS_WITHIN = 5.0
_POLL_SECONDS = 0.05


def reap_expired() -> int:
    """End every run whose lease has expired; returns how many."""
    return _reap(LoaderExecutionLock.objects.expired())


def release_replica(replica_name: str) -> int:
    """End the runs of a replica whose processes are known to be dead; returns how many."""
    held = LoaderExecutionLock.objects.active().filter(
        replica_name=replica_name, claimed_at__isnull=False
    )
    return _reap(held)


def hint_unclaimed_again() -> int:
    """Repeat the hints of windows that nobody took up for a while; returns how many."""
    repeated = 0
    waiting = LoaderExecutionLock.objects.unclaimed().filter(
        hinted_at__lt=ClockTimestamp() - min(_LONGEST_UNHINTED, settings.LEASE / 4),
        lease_until__gt=ClockTimestamp(),
    )
    for lock_id in list(waiting.values_list("pk", flat=True)):
        hint_execution(lock_id)
        LoaderExecutionLock.objects.filter(pk=lock_id).update(hinted_at=ClockTimestamp())
        repeated += 1
    return repeated


def _reap(locks: LockQuerySet) -> int:
    """End each of the locks that is still one of them. A lock that can't be ended now is logged
    and met again in the next cycle; it keeps no other waiting."""
    reaped = 0
    for lock in list(locks.select_related("load_history")):
        try:
            if not locks.filter(pk=lock.pk).exists():
                continue
            end_backend(lock)
            ended = record_failure(lock.pk, _failure_of(lock), among=locks)
        except Exception as error:  # noqa: BLE001 - the boundary between one lock and the others
            logger.warning(
                "lock.not_reaped",
                loader_code=lock.loader_id,
                execution_id=str(lock.load_history_id),
                error=type(error).__name__,
            )
            connection.close_if_unusable_or_obsolete()
            continue
        if ended:
            logger.warning(
                "lock.reaped",
                loader_code=lock.loader_id,
                execution_id=str(lock.load_history_id),
                replica=lock.replica_name,
            )
            reaped += 1
    return reaped


def _failure_of(lock: LoaderExecutionLock) -> Failure:
    if lock.cancel_requested:
        return Failure.of(RunCancelledError("The run was cancelled."))
    if lock.claimed_at is None:
        return Failure.of(NotClaimedError("No worker took the run up in time."))
    return Failure.of(
        LeaseExpiredError(
            f"The worker on {lock.replica_name} was not heard of in time; its run was ended and "
            "the window is loaded again."
        )
    )


def end_backend(lock: LoaderExecutionLock) -> None:
    """Terminate the database session that the run recorded, and wait until it is gone: a frozen
    process in mid-COPY would block its successor on the unique key for ever. The session's start
    time tells it from a later one with the same pid."""
    if lock.backend_pid is None:
        return
    deadline = time.monotonic() + _BACKEND_ENDS_WITHIN
    while _terminate(lock.backend_pid, lock.backend_start) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _terminate(backend_pid: int, backend_start: datetime | None) -> bool:
    """Ask the session to end; False if it is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid = %s AND backend_start = %s",
            [backend_pid, backend_start],
        )
        return cursor.fetchone() is not None
