"""LoaderExecutionLock: the right to load one window, held by lease (spec 6)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models
from django.db.models.functions import Coalesce, Now

from core.clock import ClockTimestamp
from core.ids import uuid7
from execution.models.history import LoadHistory
from loaders.models import Loader

NOT_YET = datetime(9999, 12, 31, tzinfo=UTC)
"""Stands for the release of a lock that is active, where locks are put in order."""


def released_or_not_yet() -> Coalesce:
    """When a lock was released, and for an active one far in the future."""
    not_yet = models.Value(NOT_YET, output_field=models.DateTimeField())
    return Coalesce("released_at", not_yet)


class LockQuerySet(models.QuerySet["LoaderExecutionLock"]):
    """Named queries over locks."""

    def active(self) -> LockQuerySet:
        """Locks that hold their window."""
        return self.filter(released=False)

    def with_end(self) -> LockQuerySet:
        """Each with `ended`, by which active locks come first and then the latest released."""
        return self.annotate(ended=released_or_not_yet())

    def expired(self) -> LockQuerySet:
        """Active locks whose holder has not been heard of for a lease."""
        return self.active().filter(lease_until__lt=ClockTimestamp())

    def unclaimed(self) -> LockQuerySet:
        """Active locks that no worker has taken up yet."""
        return self.active().filter(claimed_at__isnull=True)


class LoaderExecutionLock(models.Model):
    """A dispatched window. Releasing it by compare-and-set is the last statement of its commit:
    who no longer holds it can't make anything visible."""

    lock_id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="locks",
    )
    load_history = models.OneToOneField(LoadHistory, on_delete=models.PROTECT, related_name="lock")
    is_live = models.BooleanField(default=True)
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    watermark = models.DateTimeField(null=True)
    replica_name = models.CharField("replica", max_length=255, blank=True)
    worker_pid = models.IntegerField(null=True)
    backend_pid = models.IntegerField(null=True)
    backend_start = models.DateTimeField(null=True)
    acquired_at = models.DateTimeField(db_default=Now())
    hinted_at = models.DateTimeField(db_default=Now())
    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField()
    rows_so_far = models.BigIntegerField(null=True)
    """Rows that the run has read, as its heartbeat tells every second or so. For people only."""

    cancel_requested = models.BooleanField(default=False)
    released = models.BooleanField(default=False)
    released_at = models.DateTimeField(null=True)

    objects = LockQuerySet.as_manager()

    class Meta:
        db_table = "loader_execution_lock"
        ordering = ("-acquired_at",)
        verbose_name = "lock"
        constraints = [
            models.UniqueConstraint(
                fields=["loader"],
                condition=models.Q(released=False, is_live=True),
                name="lock_one_live_run_a_loader",
            ),
            models.CheckConstraint(
                condition=models.Q(window_from__lt=models.F("window_to")),
                name="lock_window_is_not_empty",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(released=False),
                name="lock_active_by_lease",
            ),
            models.Index(released_or_not_yet().desc(), name="lock_active_first"),
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} {self.window_from:%Y-%m-%d %H:%M}Z"
