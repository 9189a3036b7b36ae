"""BackfillRun: one attempt of a job at one window, and the execution that made it."""

from __future__ import annotations

from django.db import models

from backfill.models.job import BackfillJob
from core.ids import uuid7
from core.window import Window
from execution.models import LoadHistory, RunStatus


class BackfillRun(models.Model):
    """Written in the transaction that dispatched the execution; takes over how that ended, once,
    so that it tells the job's story when the execution's retention is over. RUNNING here means not
    taken over yet."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(BackfillJob, on_delete=models.CASCADE, related_name="runs")
    load_history = models.OneToOneField(
        LoadHistory, on_delete=models.SET_NULL, null=True, related_name="backfill_run"
    )
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    """Of a run that was cut short, where it was cut."""

    attempt = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.RUNNING)
    dispatched_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    records_read = models.BigIntegerField(null=True)
    records_loaded = models.BigIntegerField(null=True)
    records_purged = models.BigIntegerField(null=True)
    failure_kind = models.CharField(max_length=16, blank=True)
    error_code = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "backfill_run"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["job", "window_from"],
                condition=models.Q(status="RUNNING"),
                name="backfill_run_once_at_a_window",
            )
        ]
        indexes = [models.Index(fields=["job", "window_from"], name="backfill_run_by_window")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.window_from:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The window, UTC."""
        return Window(self.window_from, self.window_to)
