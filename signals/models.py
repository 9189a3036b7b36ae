"""SignalsHistory and SegmentCombination, in schema `signals` (spec 2).

The tables are made by SQL (partitions, a function that runs as their owner); Django only reads
them through these models, and finds them by the search path.
"""

from __future__ import annotations

from django.db import models

SEGMENT_COUNT = 10


class SegmentCombination(models.Model):
    """One combination of ten segment values. Its code is derived from its content."""

    segment_code = models.UUIDField(primary_key=True)
    segment_1 = models.TextField()
    segment_2 = models.TextField()
    segment_3 = models.TextField()
    segment_4 = models.TextField()
    segment_5 = models.TextField()
    segment_6 = models.TextField()
    segment_7 = models.TextField()
    segment_8 = models.TextField()
    segment_9 = models.TextField()
    segment_10 = models.TextField()

    class Meta:
        managed = False
        db_table = "segment_combination"

    def __str__(self) -> str:
        return " / ".join(value for value in self.segments if value) or "(all)"

    @property
    def segments(self) -> list[str]:
        """The ten values in order; an empty text where the source gave none."""
        return [getattr(self, f"segment_{n}") for n in range(1, SEGMENT_COUNT + 1)]


class SignalsHistory(models.Model):
    """One aggregated signal. Counts are whole numbers, values double precision, all may be null."""

    pk = models.CompositePrimaryKey("loader_code", "load_time_stamp", "segment_code")
    loader_code = models.TextField()
    load_time_stamp = models.DateTimeField()
    segment_code = models.UUIDField()
    rec_count = models.BigIntegerField(null=True)
    value_count = models.BigIntegerField(null=True)
    sum_val = models.FloatField(null=True)
    avg_val = models.FloatField(null=True)
    max_val = models.FloatField(null=True)
    min_val = models.FloatField(null=True)
    load_history_id = models.UUIDField()

    class Meta:
        managed = False
        db_table = "signals_history"

    def __str__(self) -> str:
        return f"{self.loader_code} {self.load_time_stamp:%Y-%m-%d %H:%M}Z {self.segment_code}"
