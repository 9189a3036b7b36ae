"""CoverageInterval: what is known of each stretch of a loader's time line (spec 9)."""

from __future__ import annotations

from django.db import models

from core.ids import uuid7
from execution.coverage import CoverageState
from loaders.models import Loader


class CoverageInterval(models.Model):
    """One stretch `[range_from, range_to)`, kept in the commit. MISSING and PENDING are not
    stored: they are what lies between and after. `rec_count` is how many signals stand in the
    stretch; null where that is not known."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="coverage",
    )
    range_from = models.DateTimeField()
    range_to = models.DateTimeField()
    state = models.CharField(max_length=16, choices=CoverageState.choices)
    load_history_id = models.UUIDField(null=True)
    rec_count = models.BigIntegerField(null=True)

    class Meta:
        db_table = "coverage"
        ordering = ("loader", "range_from")
        constraints = [
            models.UniqueConstraint(fields=["loader", "range_from"], name="coverage_starts_once"),
            models.CheckConstraint(
                condition=models.Q(range_from__lt=models.F("range_to")),
                name="coverage_range_is_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} {self.range_from:%Y-%m-%d %H:%M}Z {self.state}"
