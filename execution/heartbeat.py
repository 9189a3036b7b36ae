"""The heartbeat of one run: renews its lease and passes on what should stop it (spec 6).

A thread beside the run, with a database session of its own that it opens only for runs longer
than a beat. It never touches the run's transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from core.clock import ClockTimestamp
from core.errors import PortalError
from execution.exceptions import LockLostError, RunCancelledError, RunTimeoutError
from execution.models import LoaderExecutionLock
from execution.models.lock import LockQuerySet
from signals.rows import Row

logger = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
_BEATS_A_LEASE = 6


class Heartbeat:
    """Context around a run, from the moment it holds its lock.

    When the run must end, `reason` says why, what the run told to `interrupts` is called once
    from the thread, and the run's own statement at the portal's database is cancelled. The lease
    is renewed all the same until the run has ended. A database that does not answer is tried
    again at the next beat: if it stays away, the lease expires and the fence keeps the run from
    committing.
    """

    def __init__(self, lock: LoaderExecutionLock) -> None:
        self._lock_id = lock.pk
        self._backend_pid = lock.backend_pid
        self._started = time.monotonic()
        self._timeout_seconds = float("inf")
        self._stop: Callable[[], None] | None = None
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._renew_at = 0.0
        self._rows: int | None = None
        self._told_rows: int | None = None
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

    def limit(self, seconds: float) -> None:
        """End the run when it has taken longer than this, in seconds since it was taken."""
        self._timeout_seconds = seconds

    def interrupts(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the run must end. Raises the reason if that is so already."""
        with self._guard:
            if self.reason is not None:
                raise self.reason
            self._stop = stop

    def counting(self, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The batches. How many rows they had is told with the next beat, for people to watch."""
        self._rows = 0
        for batch in batches:
            self._rows += len(batch)
            yield batch

    def _beat(self) -> None:
        try:
            while not self._over.wait(BEAT_SECONDS):
                self._turn()
        finally:
            connection.close()

    def _turn(self) -> None:
        try:
            self._tell()
            if self.reason is None:
                self._end_if(self._why_stop())
        except DatabaseError:
            logger.warning("heartbeat.database_away", lock_id=str(self._lock_id))
            connection.close()

    def _tell(self) -> None:
        """Renew the lease when it is time, and say how many rows were read: one statement on the
        lock's row, and none where nothing is to be said. Rows stand still before the commit locks
        anything, so it meets no more of this than of the lease."""
        renews, rows = time.monotonic() >= self._renew_at, self._rows
        news: dict[str, Any] = {}
        if renews:
            news["lease_until"] = ClockTimestamp() + settings.LEASE
        if rows != self._told_rows:
            news["rows_so_far"] = rows
        if news:
            self._held().update(**news)
        self._told_rows = rows
        if renews:
            self._renew_at = self._next_renewal()

    def _why_stop(self) -> PortalError | None:
        if time.monotonic() - self._started > self._timeout_seconds:
            return RunTimeoutError(
                f"The run took longer than its timeout of {self._timeout_seconds:.0f} seconds."
            )
        cancelled = self._held().values_list("cancel_requested", flat=True).first()
        if cancelled is None:
            return LockLostError("The run lost its lock; nothing was written.")
        return RunCancelledError("The run was cancelled.") if cancelled else None

    def _end_if(self, reason: PortalError | None) -> None:
        if reason is None:
            return
        with self._guard:
            self.reason = reason
            stop = self._stop
        if stop is not None:
            stop()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_cancel_backend(%s)", [self._backend_pid])

    def _held(self) -> LockQuerySet:
        return LoaderExecutionLock.objects.active().filter(pk=self._lock_id)

    @staticmethod
    def _next_renewal() -> float:
        return time.monotonic() + settings.LEASE.total_seconds() / _BEATS_A_LEASE
