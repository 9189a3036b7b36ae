"""Ends runs whose worker is gone, so that their windows can be loaded again (spec 6.5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from core.clock import ClockTimestamp
from core.errors import PortalError
from execution.exceptions import LeaseExpiredError, NotClaimedError, RunCancelledError
from execution.hints import hint_execution
from execution.maintenance.exceptions import StaleLockError
from execution.models import LoaderExecutionLock
from execution.models.lock import LockQuerySet
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


def end_killed(lock_id: UUID, *, because: PortalError | None = None) -> bool:
    """End the run of a worker that was just killed, for a reason or for the one that its lock
    tells; False if the run had ended."""
    held = LoaderExecutionLock.objects.active().filter(pk=lock_id)
    return _reap(held, lambda lock: _error_of(lock) if because is None else because) == 1


def stale_locks() -> LockQuerySet:
    """Active locks that were acquired longer ago than any run may take."""
    return LoaderExecutionLock.objects.active().filter(
        acquired_at__lt=ClockTimestamp() - settings.STALE_LOCK_AGE
    )


def ask_stale_to_stop() -> int:
    """Ask stale runs to stop that nobody has asked yet; returns how many."""
    asked = stale_locks().filter(cancel_requested=False).update(cancel_requested=True)
    if asked:
        logger.warning("lock.stale_asked_to_stop", count=asked)
    return asked


def end_stale() -> int:
    """End stale runs that were asked to stop and have not; returns how many. A run that commits
    in this very moment has either released its lock first and stands, or rolls back."""
    return _reap(stale_locks().filter(cancel_requested=True), _stale_error_of)


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


def _reap(
    locks: LockQuerySet, error_of: Callable[[LoaderExecutionLock], PortalError] | None = None
) -> int:
    """End each of the locks that is still one of them. A lock that can't be ended now is logged
    and met again in the next cycle; it keeps no other waiting."""
    reaped = 0
    error_of = error_of or _error_of
    for lock in list(locks.select_related("load_history")):
        try:
            if not locks.filter(pk=lock.pk).exists():
                continue
            end_backend(lock)
            ended = record_failure(lock.pk, Failure.of(error_of(lock)), among=locks)
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


def _error_of(lock: LoaderExecutionLock) -> PortalError:
    if lock.cancel_requested:
        return RunCancelledError("The run was cancelled.")
    if lock.claimed_at is None:
        return NotClaimedError("No worker took the run up in time.")
    return LeaseExpiredError(
        f"The worker on {lock.replica_name} was not heard of in time; its run was ended and "
        "the window is loaded again."
    )


def _stale_error_of(_: LoaderExecutionLock) -> PortalError:
    hours = settings.STALE_LOCK_AGE.total_seconds() / 3600
    return StaleLockError(
        f"The run held its lock for more than {hours:g} hours and did not stop when it was asked "
        "to; it was ended and the window is loaded again."
    )


def end_backend(lock: LoaderExecutionLock) -> None:
    """Terminate the database session that the run recorded, and wait until it is gone: a frozen
    process in mid-COPY would block its successor on the unique key for ever. The session's start
    time tells it from a later one with the same pid. Nothing is done once the lock is released:
    the worker may be using the session for its next run."""
    if lock.backend_pid is None:
        return
    deadline = time.monotonic() + _BACKEND_ENDS_WITHIN
    while _terminate(lock.pk) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _terminate(lock_id: UUID) -> bool:
    """Ask the session to end; False if it is gone, or the run with it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a "
            "JOIN loader_execution_lock l "
            "ON l.backend_pid = a.pid AND l.backend_start = a.backend_start "
            "WHERE l.lock_id = %s AND NOT l.released",
            [lock_id],
        )
        return cursor.fetchone() is not None
