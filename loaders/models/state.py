"""LoaderState: where a loader stands. Runs change it; its definition stays untouched (spec 2)."""

from __future__ import annotations

from django.db import models

from loaders.models.loader import Loader


class LoadStatus(models.TextChoices):
    """What the last run left behind."""

    IDLE = "IDLE", "Idle"
    RUNNING = "RUNNING", "Running"
    FAILED = "FAILED", "Failed"


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

    class Meta:
        db_table = "loader_state"

    def __str__(self) -> str:
        return f"{self.loader_id}: {self.load_status}"
