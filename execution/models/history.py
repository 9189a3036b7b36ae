"""LoadHistory: one row an attempt (spec 2)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7
from core.window import Window
from loaders.models import Loader, LoaderVersion
from loaders.policies import REPLACE_KEYS, PurgeStrategy


class RunStatus(models.TextChoices):
    """Where an execution stands. RUNNING and not yet claimed shows as queued."""

    RUNNING = "RUNNING", "Running"
    SUCCESS = "SUCCESS", "Succeeded"
    PARTIAL = "PARTIAL", "Cut short"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class Trigger(models.TextChoices):
    """What started an execution."""

    SCHEDULE = "SCHEDULE", "Schedule"
    MANUAL = "MANUAL", "Manual"
    API = "API", "API"
    BACKFILL = "BACKFILL", "Backfill"
    RESTORE = "RESTORE", "Restore of an output"
    DRY_RUN = "DRY_RUN", "Trial"
    RECOUNT = "RECOUNT", "Re-count"

    @property
    def is_live(self) -> bool:
        """Whether its runs continue from the watermark and move it (spec 5)."""
        return self in {Trigger.SCHEDULE, Trigger.MANUAL, Trigger.API}

    @property
    def loads(self) -> bool:
        """Whether its runs write signals; trials and re-counts only look (spec 3, 9)."""
        return self not in {Trigger.DRY_RUN, Trigger.RECOUNT}

    @property
    def asks_source(self) -> bool:
        """Whether its runs read from the source; a restore reads what the portal kept."""
        return self is not Trigger.RESTORE


LOADING = [trigger.value for trigger in Trigger if trigger.loads]
"""Triggers of the runs that write signals."""

OUTPUT_VERSION = "outputVersion"
"""Member of an execution's metadata: the id of the output version that a restore puts back."""

FAILURE_KIND = "failureKind"
"""Member of a failed execution's metadata: its `execution.retry.FailureKind`, which says whether
the window is worth another attempt."""


class LoadHistory(models.Model):
    """One attempt to load one window, or to try a definition over it. Its status leaves RUNNING
    once, by compare-and-set. `version` is none where a draft is tried."""

    TRANSITIONS = {
        RunStatus.RUNNING: {
            RunStatus.SUCCESS,
            RunStatus.PARTIAL,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
        }
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="executions",
    )
    version = models.ForeignKey(
        LoaderVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.RUNNING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    attempt = models.PositiveIntegerField(default=1)
    purge_strategy = models.CharField(
        max_length=32,
        choices=[*PurgeStrategy.choices, REPLACE_KEYS],
        default=PurgeStrategy.FAIL_ON_DUPLICATE,
    )
    source_db_code = models.CharField("source", max_length=64)
    """Empty where the signals were posted."""

    replica_name = models.CharField("replica", max_length=255, blank=True)
    start_time = models.DateTimeField("started")
    claimed_at = models.DateTimeField(null=True)
    end_time = models.DateTimeField("ended", null=True)
    query_from_time = models.DateTimeField("window from")
    query_to_time = models.DateTimeField("window to")
    actual_from_time = models.DateTimeField("first signal", null=True)
    actual_to_time = models.DateTimeField("last signal", null=True)
    records_read = models.BigIntegerField(null=True)
    records_loaded = models.BigIntegerField(null=True)
    records_skipped = models.BigIntegerField(null=True)
    records_purged = models.BigIntegerField(null=True)
    bytes_written = models.BigIntegerField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    source_error = EncryptedTextField(place="load_history.source_error", null=True)
    stack_trace = EncryptedTextField(place="load_history.stack_trace", null=True)
    correlation_id = models.CharField(max_length=64)
    metadata = models.JSONField(default=dict)

    class Meta:
        db_table = "load_history"
        ordering = ("-start_time",)
        verbose_name = "execution"
        indexes = [
            models.Index(fields=["loader", "-start_time"], name="load_history_by_loader"),
            models.Index(fields=["-start_time"], name="load_history_by_time"),
            models.Index(fields=["loader", "query_from_time"], name="load_history_by_window"),
            # Most executions are scheduled and succeed: of those any page is found by time.
            models.Index(
                fields=["status", "-start_time"],
                condition=~models.Q(status="SUCCESS"),
                name="load_history_by_status",
            ),
            models.Index(
                fields=["trigger", "-start_time"],
                condition=~models.Q(trigger="SCHEDULE"),
                name="load_history_by_trigger",
            ),
            models.Index(
                fields=["error_code", "-start_time"],
                condition=~models.Q(error_code=""),
                name="load_history_by_error",
            ),
            models.Index(fields=["correlation_id"], name="load_history_by_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} {self.query_from_time:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The window that was asked for, UTC."""
        return Window(self.query_from_time, self.query_to_time)

    @property
    def capture(self) -> dict[str, Any] | None:
        """`path`, `rows` and `bytes` of the raw rows that the run kept; None if it kept none. The
        file itself may be past its days."""
        found: dict[str, Any] | None = self.metadata.get("capture")
        return found

    @property
    def shown_status(self) -> str:
        """The status as people see it."""
        if self.status == RunStatus.RUNNING and self.claimed_at is None:
            return "Queued"
        return str(RunStatus(self.status).label)
