"""Claim: a worker takes up a dispatched window, once (spec 6.2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.clock import ClockTimestamp
from core.correlation import set_correlation_id
from core.window import Window
from execution.exceptions import RunCancelledError
from execution.models import OUTPUT_VERSION, LoaderExecutionLock, LoadHistory
from loaders.connectors.base import SourceProfile
from loaders.definition import RunSettings
from loaders.exceptions import LoaderNotApprovedError
from loaders.models import Loader, SourceDatabase
from loaders.policies import PurgeStrategy
from loaders.services import approved_definition


@dataclass(frozen=True)
class Claimed:
    """A window in a worker's hands, with all that its run will use: the very values whose digest
    was found equal to the approved one. `watermark` is the one the window was planned from; None
    too for a run that is not live. `metadata` is what dispatch wrote with the execution."""

    lock_id: UUID
    history_id: UUID
    loader_id: UUID
    loader_code: str
    version_number: int
    window: Window
    watermark: datetime | None
    is_live: bool
    purge_strategy: PurgeStrategy
    settings: RunSettings
    profile: SourceProfile
    source_id: UUID
    log_level: str
    metadata: Mapping[str, Any]

    @property
    def output_version(self) -> UUID | None:
        """The output version that the run puts back; None if it asks the source."""
        known = self.metadata.get(OUTPUT_VERSION)
        return None if known is None else UUID(known)

    def password(self) -> str:
        """The source's password, decrypted now; the caller forgets it once connected."""
        password: str = SourceDatabase.objects.only("password").get(pk=self.source_id).password
        return password


def take(lock_id: UUID) -> LoaderExecutionLock | None:
    """Take the lock by compare-and-set, or None if it is taken, released or gone.

    Records worker and database session, so that a reaper can end them. The history's row is
    locked before the lock's, as everywhere.
    """
    with transaction.atomic():
        histories = LoadHistory.objects.select_for_update(no_key=True, of=("self",))
        history = histories.filter(lock__lock_id=lock_id).first()
        if history is None or not _compare_and_set(lock_id):
            return None
        lock = LoaderExecutionLock.objects.get(pk=lock_id)
        history.claimed_at = lock.claimed_at
        history.replica_name = lock.replica_name
        history.save(update_fields=["claimed_at", "replica_name"])
        lock.load_history = history
    return lock


def begin(lock: LoaderExecutionLock) -> None:
    """What every claimed run starts with: what it does is told under its own correlation id, and a
    run that was cancelled while it was queued ends. Raises RunCancelledError."""
    set_correlation_id(lock.load_history.correlation_id)
    if lock.cancel_requested:
        raise RunCancelledError("The run was cancelled.")


def prepare(lock: LoaderExecutionLock) -> Claimed:
    """All that the run of a lock that was just taken will use.

    Raises RunCancelledError if somebody asked the run to stop while it was queued, what
    `approved_definition` raises, and LoaderNotApprovedError if the loader was approved anew since
    the window was planned.
    """
    history = lock.load_history
    begin(lock)
    loader = Loader.objects.select_related("source_database", "approved_version").get(
        loader_code=lock.loader_id
    )
    version, definition = approved_definition(loader)
    if version.pk != history.version_id:
        raise LoaderNotApprovedError(
            f"{loader.loader_code} was approved anew after this window was planned."
        )
    return Claimed(
        lock_id=lock.pk,
        history_id=history.pk,
        loader_id=loader.id,
        loader_code=loader.loader_code,
        version_number=version.number,
        window=Window(lock.window_from, lock.window_to),
        watermark=lock.watermark,
        is_live=lock.is_live,
        purge_strategy=PurgeStrategy(history.purge_strategy),
        settings=definition.settings(),
        profile=loader.source.profile(),
        source_id=loader.source.pk,
        log_level=loader.log_level,
        metadata=history.metadata,
    )


def _compare_and_set(lock_id: UUID) -> bool:
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
