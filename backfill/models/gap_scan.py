"""GapScan: what a scan for gaps found and did (spec 9)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from backfill.gaps import Fate
from backfill.models.job import BackfillJob
from core.ids import uuid7
from core.window import Window


class GapScan(models.Model):
    """One scan and its figures. `ended_at` is null while it goes on, and stays null if its process
    was ended; what it had submitted by then stands."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    started_at = models.DateTimeField("started")
    ended_at = models.DateTimeField("ended", null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    looked_from = models.DateTimeField("looks back to")
    loaders_scanned = models.PositiveIntegerField(default=0)
    loaders_left_out = models.JSONField(default=dict)
    """How many by `backfill.gaps.LeftOut`."""

    loaders_miscounted = models.PositiveIntegerField(default=0)
    """Those whose signals are not as many as their executions left."""

    loaders_unverified = models.PositiveIntegerField(default=0)
    """Of these, how many this scan had no time to look into."""

    stretches_lost = models.PositiveIntegerField(default=0)
    """Stretches whose signals are gone: they were made gaps."""

    gaps_found = models.PositiveIntegerField(default=0)
    gaps_new = models.PositiveIntegerField(default=0)
    gaps_by_fate = models.JSONField(default=dict)
    """How many by `backfill.gaps.Fate`."""

    correlation_id = models.CharField(max_length=64)

    class Meta:
        db_table = "gap_scan"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S}Z"

    @property
    def jobs_made(self) -> int:
        """How many backfills it submitted."""
        made: int = self.gaps_by_fate.get(Fate.SUBMITTED, 0)
        return made


class GapFinding(models.Model):
    """One gap that a scan found, and what became of it. A scan keeps so many at most, and counts
    all of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scan = models.ForeignKey(GapScan, on_delete=models.CASCADE, related_name="findings")
    loader_code = models.CharField(max_length=64)
    range_from = models.DateTimeField()
    range_to = models.DateTimeField()
    states = models.JSONField(default=list)
    fate = models.CharField(max_length=24, choices=[(fate.value, fate.value) for fate in Fate])
    is_new = models.BooleanField(default=False)
    job = models.ForeignKey(BackfillJob, on_delete=models.SET_NULL, null=True, related_name="+")
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        db_table = "gap_finding"
        ordering = ("id",)
        indexes = [models.Index(fields=["scan", "id"], name="gap_finding_by_scan")]

    def __str__(self) -> str:
        return f"{self.loader_code} {self.range_from:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The gap, UTC, as far as the scan looked."""
        return Window(self.range_from, self.range_to)
