"""Upkeep of locks: stale ones end, released ones are deleted after a while (spec 6)."""

from __future__ import annotations

import time

from django.conf import settings

from core.clock import ClockTimestamp
from execution.models import LoaderExecutionLock
from execution.models.lock import LockQuerySet
from execution.services.reaping import ask_stale_to_stop, end_stale, stale_locks

GRACE_SECONDS = 60.0
"""How long a stale run may take to stop by itself once it was asked to."""

BATCH = 1000
_POLL_SECONDS = 0.25


def end_stale_locks() -> int:
    """Ask runs that hold their lock for longer than `STALE_LOCK_AGE` to stop, wait for them, and
    end those that have not stopped within the grace; returns how many stood in the way."""
    found = stale_locks().count()
    ask_stale_to_stop()
    deadline = time.monotonic() + GRACE_SECONDS
    while stale_locks().exists() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    end_stale()
    return found


def delete_released_locks() -> int:
    """Delete locks that were released longer than `RELEASED_LOCK_RETENTION` ago, in batches that
    commit each on their own; returns how many. Ids grow with time, so a batch finds its rows at
    the beginning of the primary key."""
    deleted = 0
    while removed := _delete_batch():
        deleted += removed
    return deleted


def count_released_locks() -> int:
    """How many it would delete."""
    return _old_locks().count()


def _old_locks() -> LockQuerySet:
    return LoaderExecutionLock.objects.filter(
        released=True, released_at__lt=ClockTimestamp() - settings.RELEASED_LOCK_RETENTION
    )


def _delete_batch() -> int:
    oldest = _old_locks().order_by("pk").values("pk")[:BATCH]
    return LoaderExecutionLock.objects.filter(pk__in=oldest).delete()[0]
