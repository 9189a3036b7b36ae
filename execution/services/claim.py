"""Claim: a worker takes up a dispatched window, once (spec 6.2)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.correlation import set_correlation_id
from core.window import Window
from execution.models import LoaderExecutionLock, LoadHistory
from execution.models.lock import ClockTimestamp
from loaders.connectors.base import SourceProfile
from loaders.definition import RunSettings
from loaders.models import Loader, SourceDatabase
from loaders.services import approved_definition


@dataclass(frozen=True)
class Claimed:
    """A window in a worker's hands, with all that its run will use: the very values whose digest
    was found equal to the approved one."""

    lock_id: UUID
    history_id: UUID
    loader_id: UUID
    loader_code: str
    window: Window
    watermark: datetime | None
    settings: RunSettings
    profile: SourceProfile
    source_id: UUID

    def password(self) -> str:
        """The source's password, decrypted now; the caller forgets it once connected."""
        password: str = SourceDatabase.objects.only("password").get(pk=self.source_id).password
        return password


def claim(lock_id: UUID) -> Claimed | None:
    """Take the lock by compare-and-set, or None if it is taken, released or gone.

    Records worker and database backend, so that a reaper can end both. Raises what
    `approved_definition` raises; the lock is then held and the caller records the failure.
    """
    with transaction.atomic():
        if not _take(lock_id):
            return None
        lock = LoaderExecutionLock.objects.select_related("load_history").get(pk=lock_id)
        LoadHistory.objects.filter(pk=lock.load_history_id).update(
            claimed_at=lock.claimed_at, replica_name=lock.replica_name
        )
    set_correlation_id(lock.load_history.correlation_id)
    loader = Loader.objects.select_related("source_database", "approved_version", "state").get(
        loader_code=lock.loader_id
    )
    _, definition = approved_definition(loader)
    return Claimed(
        lock_id=lock_id,
        history_id=lock.load_history_id,
        loader_id=loader.id,
        loader_code=loader.loader_code,
        window=Window(lock.window_from, lock.window_to),
        watermark=loader.state.last_load_timestamp,
        settings=definition.settings(),
        profile=loader.source_database.profile(),
        source_id=loader.source_database_id,
    )


def _take(lock_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        backend_pid, backend_start = cursor.fetchone()
    taken = (
        LoaderExecutionLock.objects.unclaimed()
        .filter(pk=lock_id)
        .update(
            claimed_at=ClockTimestamp(),
            replica_name=settings.REPLICA_NAME,
            worker_pid=os.getpid(),
            backend_pid=backend_pid,
            backend_start=backend_start,
            lease_until=ClockTimestamp() + settings.LEASE,
        )
    )
    return taken == 1
