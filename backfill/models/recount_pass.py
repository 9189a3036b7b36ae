"""RecountPass: how far a pass of re-counts has come over a loader's time (spec 9)."""

from __future__ import annotations

from django.db import models

from core.ids import uuid7
from execution.models import LoadHistory
from loaders.models import Loader


class RecountPass(models.Model):
    """One pass, by the age at which it asks. `execution` is its re-count under way, if any;
    `rests_until` when it goes on after one that failed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="recount_passes",
    )
    age_seconds = models.PositiveBigIntegerField()
    counted_until = models.DateTimeField()
    execution = models.ForeignKey(
        LoadHistory, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    rests_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "recount_pass"
        constraints = [
            models.UniqueConstraint(fields=["loader", "age_seconds"], name="recount_pass_once")
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} after {self.age_seconds} s"
