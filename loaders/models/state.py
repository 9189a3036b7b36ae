"""LoaderState: where a loader stands. Runs change it; its definition stays untouched (spec 2)."""

from __future__ import annotations

from django.db import models

from loaders.models.loader import Loader


class LoadStatus(models.TextChoices):
    """What the last run left behind."""

    IDLE = "IDLE", "Idle"
    RUNNING = "RUNNING", "Running"
    FAILED = "FAILED", "Failed"


class LoaderStateQuerySet(models.QuerySet["LoaderState"]):
    """Named queries over states."""

    def held(self) -> LoaderStateQuerySet:
        """Those that failed on their definition and wait for a person's act (spec 6)."""
        return self.filter(load_status=LoadStatus.FAILED, next_due_at=None)


class LoaderState(models.Model):
    """One row a loader, no version history. Its row lock orders dispatch and commit."""

    loader = models.OneToOneField(
        Loader, on_delete=models.CASCADE, primary_key=True, related_name="state"
    )
    load_status = models.CharField(
        max_length=16, choices=LoadStatus.choices, default=LoadStatus.IDLE
    )
    last_load_timestamp = models.DateTimeField("watermark", null=True)
    last_success_timestamp = models.DateTimeField("last success", null=True)
    last_attempt_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True, db_index=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    data_version = models.PositiveBigIntegerField(default=0)

    objects = LoaderStateQuerySet.as_manager()

    class Meta:
        db_table = "loader_state"

    def __str__(self) -> str:
        return f"{self.loader_id}: {self.load_status}"

    @property
    def is_held(self) -> bool:
        """Whether the loader failed on its definition and waits for a person's act."""
        return self.load_status == LoadStatus.FAILED and self.next_due_at is None
