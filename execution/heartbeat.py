"""The heartbeat of one run: renews its lease and passes on what should stop it (spec 6).

A thread beside the run, with a database session of its own that it opens only for runs longer
than a beat. It never touches the run's transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from core.errors import PortalError
from execution.exceptions import LockLostError, RunCancelledError, RunTimeoutError
from execution.models import LoaderExecutionLock
from execution.models.lock import ClockTimestamp

logger = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
_BEATS_A_LEASE = 6


class Heartbeat:
    """Context around a run. `stop` is called once, from the thread, when the run must end;
    `reason` then says why. A database that does not answer is tried again at the next beat: if
    it stays away, the lease expires and the fence keeps the run from committing."""

    def __init__(self, lock_id: UUID, timeout_seconds: float, stop: Callable[[], None]) -> None:
        self._lock_id = lock_id
        self._deadline = time.monotonic() + timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._stop = stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._renew_at = 0.0
        self.reason: PortalError | None = None

    def __enter__(self) -> Self:
        self._renew_at = self._next_renewal()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._over.wait(BEAT_SECONDS):
                self.reason = self._why_stop()
                if self.reason is not None:
                    self._stop()
                    return
        finally:
            connection.close()

    def _why_stop(self) -> PortalError | None:
        if time.monotonic() > self._deadline:
            return RunTimeoutError(
                f"The run took longer than its timeout of {self._timeout_seconds:.0f} seconds."
            )
        try:
            return self._ask_lock()
        except DatabaseError:
            logger.warning("heartbeat.database_away", lock_id=str(self._lock_id))
            connection.close()
            return None

    def _ask_lock(self) -> PortalError | None:
        held = LoaderExecutionLock.objects.active().filter(pk=self._lock_id)
        if time.monotonic() >= self._renew_at:
            held.update(lease_until=ClockTimestamp() + settings.LEASE)
            self._renew_at = self._next_renewal()
        cancelled = held.values_list("cancel_requested", flat=True).first()
        if cancelled is None:
            return LockLostError("The run lost its lock; nothing was written.")
        return RunCancelledError("The run was cancelled.") if cancelled else None

    @staticmethod
    def _next_renewal() -> float:
        return time.monotonic() + settings.LEASE.total_seconds() / _BEATS_A_LEASE
