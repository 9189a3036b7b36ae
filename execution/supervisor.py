"""A replica: keeps its clusters running, ticks the scheduler, drains when told to stop (spec 7)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from core.clock import ClockTimestamp, database_now
from execution.clusters import CLUSTERS, ClusterProcess
from execution.hints import (
    EXEC_CLUSTER,
    MAINTENANCE_CLUSTER,
    POLL_CLUSTER,
    hint_cycle,
    hint_maintenance,
)
from execution.maintenance.runner import due_jobs, give_back
from execution.models import LoaderExecutionLock, MaintenanceJob, Replica
from execution.scheduler import last_cycle_at
from execution.services.reaping import release_replica
from execution.unresponsive import WorkerWatch

logger = structlog.get_logger(__name__)

VERSION = "0.1.0"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEAT_SECONDS = 5.0
_LOOP_SECONDS = 0.25
_FIRST_TICK_SECONDS = 5.0
_CANCEL_SECONDS = 10.0
_STALLED_AFTER = timedelta(seconds=30)
_FROZEN_AFTER_SECONDS = 10.0


class ReplicaNameTakenError(Exception):
    """A living replica has our name; what each of them holds could not be told apart."""


class Supervisor:
    """Runs until SIGTERM or SIGINT. A second signal cuts the drain short. A database that does
    not answer is tried again; the runs' own leases tell what became of them meanwhile."""

    def __init__(self) -> None:
        self._clusters = {name: ClusterProcess(name) for name in CLUSTERS}
        self._workers = WorkerWatch(self._clusters[EXEC_CLUSTER])
        self._signals = 0
        self._next_beat = 0.0
        self._next_tick = 0.0
        self._last_turn = 0.0
        self._stall_checked_from = 0.0
        self._started_at = EPOCH

    def run(self) -> None:
        """Serve until told to stop; returns when no process is left."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._take_over()
        for cluster in self._clusters.values():
            cluster.start()
        self._next_tick = time.monotonic() + min(_FIRST_TICK_SECONDS, settings.POLL_SECONDS)
        self._last_turn = time.monotonic()
        try:
            while self._signals == 0:
                self._turn()
                time.sleep(_LOOP_SECONDS)
            self._drain()
        finally:
            for cluster in self._clusters.values():
                cluster.kill()
        self._sign_off()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _take_over(self) -> None:
        """Register under our name. What an earlier process of this name left running is left to
        its leases. Raises ReplicaNameTakenError if that process is alive."""
        if self._is_name_in_use():
            raise ReplicaNameTakenError(
                f"Another worker replica runs as {settings.REPLICA_NAME}. Give each its own "
                "LOADERPORTAL_REPLICA_NAME."
            )
        self._started_at = database_now()
        self._beat()
        logger.info("replica.started", replica=settings.REPLICA_NAME)

    def _is_name_in_use(self) -> bool:
        """Whether a fresh heartbeat under our name is followed by another one."""
        last = Replica.objects.live().filter(name=settings.REPLICA_NAME).first()
        deadline = time.monotonic() + 1.5 * _BEAT_SECONDS
        while last is not None and time.monotonic() < deadline and self._signals == 0:
            time.sleep(_LOOP_SECONDS)
            now = Replica.objects.filter(name=settings.REPLICA_NAME).first()
            if now is not None and now.heartbeat_at > last.heartbeat_at:
                return True
        return False

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._last_turn > _FROZEN_AFTER_SECONDS:
            self._judge_later()
        self._last_turn = now
        died = [name for name, cluster in self._clusters.items() if cluster.watch()]
        try:
            if EXEC_CLUSTER in died:  # all its processes are dead: their runs need no lease to end
                release_replica(settings.REPLICA_NAME)
            if now >= self._next_beat:
                self._next_beat = now + _BEAT_SECONDS
                self._beat()
                self._workers.look()
            if now >= self._next_tick:
                self._next_tick = now + settings.POLL_SECONDS
                self._tick()
        except DatabaseError:
            logger.warning("replica.database_away", replica=settings.REPLICA_NAME)
            connection.close()
            self._judge_later()

    def _tick(self) -> None:
        """Hint at what there is to do, and look whether the clusters do it."""
        hint_cycle()
        due = due_jobs()
        if due:
            hint_maintenance()
        self._watch_scheduler()
        self._watch_exec()
        self._watch_maintenance(due[0][0] if due else None)

    def _beat(self) -> None:
        """Say that we live; the row comes back if somebody removed it."""
        Replica.objects.update_or_create(
            name=settings.REPLICA_NAME,
            defaults={
                "version": VERSION,
                "slots": settings.THREAD_POOL_SIZE,
                "pid": os.getpid(),
                "started_at": self._started_at,
                "heartbeat_at": database_now(),
                "draining": self._signals > 0,
            },
        )

    def _judge_later(self) -> None:
        """The database was away, or we were frozen: that nothing was done meanwhile is no fault
        of the clusters, which need as long as ever to show that they work."""
        self._stall_checked_from = time.monotonic() + _STALLED_AFTER.total_seconds()

    def _may_hang(self, cluster: str, allowed: timedelta = _STALLED_AFTER) -> bool:
        """Whether the cluster had its time to do what there was to do: one that was started a
        moment ago is not killed for the silence before it."""
        if time.monotonic() < self._stall_checked_from:
            return False
        return self._clusters[cluster].running_for > allowed.total_seconds()

    def _watch_scheduler(self) -> None:
        """A poll cluster can hang without exiting: no cycle for too long, and it starts anew."""
        allowed = max(_STALLED_AFTER, timedelta(seconds=3 * settings.POLL_SECONDS))
        if not self._may_hang(POLL_CLUSTER, allowed):
            return
        last = last_cycle_at()
        if last is None or database_now() - last > allowed:
            logger.error("cluster.stalled", cluster=POLL_CLUSTER)
            self._clusters[POLL_CLUSTER].kill()

    def _watch_exec(self) -> None:
        """An exec cluster can hang without exiting: windows wait unclaimed, though their hints
        were repeated, and this replica executes nothing. It starts anew."""
        if not self._may_hang(EXEC_CLUSTER):
            return
        waiting = LoaderExecutionLock.objects.unclaimed().filter(
            acquired_at__lt=ClockTimestamp() - _STALLED_AFTER
        )
        held = LoaderExecutionLock.objects.active().filter(replica_name=settings.REPLICA_NAME)
        if waiting.exists() and not held.exists():
            logger.error("cluster.stalled", cluster=EXEC_CLUSTER)
            self._clusters[EXEC_CLUSTER].kill()

    def _watch_maintenance(self, due_since: datetime | None) -> None:
        """A maintenance cluster can hang without exiting: a job has been due for long, though its
        hint was repeated, and this replica is at none. It starts anew."""
        if due_since is None or not self._may_hang(MAINTENANCE_CLUSTER):
            return
        at_one = MaintenanceJob.objects.held_by(settings.REPLICA_NAME).exists()
        if not at_one and database_now() - due_since > _STALLED_AFTER:
            logger.error("cluster.stalled", cluster=MAINTENANCE_CLUSTER)
            self._clusters[MAINTENANCE_CLUSTER].kill()

    def _drain(self) -> None:
        """Take no new work, let runs finish, then cancel them, then end what is left."""
        logger.info("replica.draining", replica=settings.REPLICA_NAME)
        self._tolerate(self._beat)
        for cluster in self._clusters.values():
            cluster.terminate()
        if not self._wait_for_clusters(settings.DRAIN_SECONDS):
            held = LoaderExecutionLock.objects.active().filter(replica_name=settings.REPLICA_NAME)
            self._tolerate(lambda: held.update(cancel_requested=True))
            self._wait_for_clusters(_CANCEL_SECONDS)

    def _wait_for_clusters(self, seconds: float) -> bool:
        """Whether all clusters exited in time; a second signal ends the waiting."""
        deadline = time.monotonic() + seconds
        while any(cluster.is_alive for cluster in self._clusters.values()):
            if time.monotonic() >= deadline or self._signals > 1:
                return False
            time.sleep(_LOOP_SECONDS)
        return True

    def _sign_off(self) -> None:
        """All processes are dead: what they still held is released now, not by its lease."""
        self._tolerate(lambda: release_replica(settings.REPLICA_NAME))
        self._tolerate(lambda: give_back(settings.REPLICA_NAME))
        ours = Replica.objects.filter(name=settings.REPLICA_NAME, started_at=self._started_at)
        self._tolerate(ours.delete)
        logger.info("replica.stopped", replica=settings.REPLICA_NAME)

    def _tolerate(self, step: Callable[[], object]) -> None:
        """Do a step of the drain though the database may be away: leases cover for it."""
        try:
            step()
        except DatabaseError:
            logger.warning("replica.database_away", replica=settings.REPLICA_NAME)
            connection.close()
