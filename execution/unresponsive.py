"""Ends workers of this replica that live but don't answer, so that their slots return (spec 6).

A worker that was asked to stop, or that took longer than it may, stops by itself within seconds.
One that hangs in foreign code, or is frozen, does not; nor does it after its lease expired and
somebody else ended its run. Its supervisor kills it then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

import structlog
from django.conf import settings

from core.clock import database_now
from core.keyring import DecryptionError
from execution.clusters import ClusterProcess, ids_of
from execution.exceptions import RunTimeoutError
from execution.models import LoaderExecutionLock, Trigger
from execution.services.reaping import end_killed
from execution.trials.limits import trial_timeout
from loaders.definition import Definition

logger = structlog.get_logger(__name__)

_LONGEST_GRACE = timedelta(seconds=15)


class Verdict(Enum):
    """Why a worker is killed."""

    RUN_ENDED = "the run has ended without it"
    LEASE_EXPIRED = "it has not renewed its lease"
    CANCELLED = "it was asked to stop"
    TIMED_OUT = "the run's timeout has passed"


@dataclass(frozen=True)
class Held:
    """What is known of a run that a worker is still at. `asked_for` is how long ago the run was
    first seen asked to stop; None if it was not asked."""

    claimed_at: datetime
    lease_until: datetime
    timeout: timedelta
    released_at: datetime | None = None
    asked_for: timedelta | None = None


def grace() -> timedelta:
    """How long a worker may take to end a run once it should: 15 s, with short leases less."""
    return min(_LONGEST_GRACE, settings.LEASE / 2)


def verdict_on(held: Held, now: datetime, grace: timedelta) -> Verdict | None:
    """Why the worker must be killed now, or None. `grace` comes on top of each reason: in it, a
    worker that answers ends its run by itself."""
    if held.released_at is not None:
        return Verdict.RUN_ENDED if held.released_at + grace < now else None
    if held.asked_for is not None and held.asked_for > grace:
        return Verdict.CANCELLED
    if held.claimed_at + held.timeout + grace < now:
        return Verdict.TIMED_OUT
    return Verdict.LEASE_EXPIRED if held.lease_until + grace < now else None


class WorkerWatch:
    """Looks at the workers of one exec cluster. What it remembers is only since when it has seen
    a run asked to stop; after a new start the workers are new too."""

    def __init__(self, cluster: ClusterProcess) -> None:
        self._cluster = cluster
        self._asked: dict[UUID, float] = {}

    def look(self) -> None:
        """Kill workers that should have ended their run, and end the runs that they held."""
        found = {
            pid: (mark, lock)
            for pid, mark in self._cluster.marked_workers().items()
            if (lock := _lock_of(pid, mark)) is not None
        }
        seen = {lock.pk for _, lock in found.values() if lock.cancel_requested}
        now = time.monotonic()
        self._asked = {pk: self._asked.get(pk, now) for pk in seen}
        for pid, (mark, lock) in found.items():
            verdict = verdict_on(self._held(lock), database_now(), grace())
            if verdict is not None and self._cluster.kill_worker(pid, mark):
                _end(lock, pid, verdict)

    def _held(self, lock: LoaderExecutionLock) -> Held:
        asked = self._asked.get(lock.pk)
        return Held(
            claimed_at=lock.claimed_at or lock.acquired_at,
            lease_until=lock.lease_until,
            timeout=_timeout_of(lock),
            released_at=lock.released_at if lock.released else None,
            asked_for=None if asked is None else timedelta(seconds=time.monotonic() - asked),
        )


def _lock_of(pid: int, mark: str) -> LoaderExecutionLock | None:
    """The lock that the worker took, or came too late for because it is released; None while it
    has not yet taken it, or somebody else has."""
    found = LoaderExecutionLock.objects.filter(lock_id__range=ids_of(mark))
    locks = list(found.select_related("loader", "load_history__version"))
    for lock in locks:
        if (lock.replica_name, lock.worker_pid) == (settings.REPLICA_NAME, pid):
            return lock
    return locks[0] if len(locks) == 1 and locks[0].released else None


def _timeout_of(lock: LoaderExecutionLock) -> timedelta:
    """The timeout of the version that runs; the longest one where that can't be read."""
    version = lock.load_history.version
    if version is None or lock.load_history.trigger == Trigger.DRY_RUN:
        return trial_timeout()
    try:
        definition = Definition(version.loader_id, lock.loader_id, version.definition)
    except DecryptionError:
        return settings.EXECUTION_TIMEOUT
    own = definition["execution_timeout_seconds"]
    longest: timedelta = settings.EXECUTION_TIMEOUT
    return min(timedelta(seconds=own), longest) if own else longest


def _end(lock: LoaderExecutionLock, pid: int, verdict: Verdict) -> None:
    logger.error(
        "worker.killed",
        pid=pid,
        reason=verdict.name,
        loader_code=lock.loader_id,
        execution_id=str(lock.load_history_id),
    )
    late = RunTimeoutError(
        "The run took longer than its timeout and its worker did not stop; it was ended."
    )
    if verdict is not Verdict.RUN_ENDED:
        end_killed(lock.pk, because=late if verdict is Verdict.TIMED_OUT else None)
