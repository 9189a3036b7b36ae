"""Releasing a lock by compare-and-set: the fence of the product (spec 6.4)."""

from __future__ import annotations

from uuid import UUID

import structlog

from execution.exceptions import LockLostError
from execution.models import LoaderExecutionLock
from execution.models.lock import ClockTimestamp

logger = structlog.get_logger(__name__)


def release(lock_id: UUID) -> bool:
    """Release the lock. Idempotent: False, with a warning, if it was released already."""
    released = (
        LoaderExecutionLock.objects.active()
        .filter(pk=lock_id)
        .update(released=True, released_at=ClockTimestamp())
    )
    if not released:
        logger.warning("lock.already_released", lock_id=str(lock_id))
    return released == 1


def release_or_fail(lock_id: UUID) -> None:
    """Release the lock as the last statement of a commit. Raises LockLostError if it is no longer
    held: another owner may have loaded the window, and the transaction must roll back."""
    if not release(lock_id):
        raise LockLostError("The run lost its lock before it could commit; nothing was written.")
