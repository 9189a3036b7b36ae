"""Releasing a lock by compare-and-set: the fence of the product (spec 6.4)."""

from __future__ import annotations

from uuid import UUID

import structlog

from core.clock import ClockTimestamp
from execution.exceptions import LockLostError, RunCancelledError
from execution.models import LoaderExecutionLock
from execution.models.lock import LockQuerySet

logger = structlog.get_logger(__name__)


def release(lock_id: UUID, *, among: LockQuerySet | None = None) -> bool:
    """Release the lock if it is active, and one of `among` where given. Idempotent: False, with a
    warning, if it was not."""
    candidates = LoaderExecutionLock.objects.active() if among is None else among
    released = candidates.filter(pk=lock_id).update(released=True, released_at=ClockTimestamp())
    if not released:
        logger.warning("lock.already_released", lock_id=str(lock_id))
    return released == 1


def release_or_fail(lock_id: UUID, *, among: LockQuerySet | None = None) -> None:
    """Release the lock as the last statement of a transaction that ends a run. Raises
    LockLostError if it is no longer held: another owner may have loaded the window, and the
    transaction must roll back."""
    if not release(lock_id, among=among):
        raise LockLostError("The run lost its lock before it could commit; nothing was written.")


def release_after_load(lock_id: UUID) -> None:
    """The fence of a load. Raises RunCancelledError if somebody asked the run to stop before it
    could commit, LockLostError if it is no longer held."""
    active = LoaderExecutionLock.objects.active()
    try:
        release_or_fail(lock_id, among=active.filter(cancel_requested=False))
    except LockLostError:
        if active.filter(pk=lock_id).exists():
            raise RunCancelledError("The run was cancelled.") from None
        raise
