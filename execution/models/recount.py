"""Recount: what asking a closed window again brought to light (spec 9 "Late data")."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from core.ids import uuid7
from execution.models.history import LoadHistory
from execution.recount.counting import Difference
from loaders.models import Loader

MOST_DIFFERENCES = 2000
"""Grains that are listed; a re-count that finds more is cut there and says so."""


class RecountState(models.TextChoices):
    """What became of a re-count's findings."""

    SAME = "SAME", "As loaded"
    FOUND = "FOUND", "Differs, to be loaded again"
    WAITS = "WAITS", "Fewer records: waits for a person"
    RELOADED = "RELOADED", "Loaded again"
    DECLINED = "DECLINED", "Left as it is"


class Recount(models.Model):
    """The comparison of one window, beside its execution. `age_seconds` is how long the window was
    closed when it was asked; `late_records` are those that came since their grain was loaded,
    `lost_records` those that are gone at the source. `reloads` names the backfills that followed.
    """

    TRANSITIONS = {
        RecountState.FOUND: {RecountState.RELOADED, RecountState.DECLINED},
        RecountState.WAITS: {RecountState.RELOADED, RecountState.DECLINED},
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="recounts",
    )
    load_history = models.OneToOneField(
        LoadHistory, on_delete=models.PROTECT, related_name="recount"
    )
    state = models.CharField(max_length=16, choices=RecountState.choices)
    age_seconds = models.PositiveBigIntegerField()
    found_records = models.BigIntegerField()
    late_records = models.BigIntegerField()
    lost_records = models.BigIntegerField()
    is_cut = models.BooleanField(default=False)
    grains = models.JSONField(default=list)
    reloads = models.JSONField(default=list)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "recount"
        verbose_name = "re-count"
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=("FOUND", "WAITS")),
                name="recount_open",
            )
        ]

    def __str__(self) -> str:
        return f"Re-count of {self.load_history}"

    @property
    def differences(self) -> list[Difference]:
        """The grains that differ, as they were listed."""
        return [
            Difference(datetime.fromisoformat(at), loaded, found)
            for at, loaded, found in self.grains
        ]
