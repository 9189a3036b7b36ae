"""SignalsHistory, segment combinations with their names, and output versions, in schema `signals`
(spec 2).

The tables are made by SQL (partitions, a function that runs as their owner, a schema that Django
does not know); the models find them by the search path.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from simple_history.models import HistoricalRecords

from accounts.object_access import is_restricted
from accounts.roles import User
from core.ids import uuid7
from core.window import Window
from loaders.models import Loader

SEGMENT_COUNT = 10

VALUES = "rec_count, value_count, sum_val, avg_val, max_val, min_val"
COLUMNS = f"loader_code, load_time_stamp, segment_code, {VALUES}, load_history_id"
"""Columns of a signal, in the order of its table."""


class SegmentCombinationQuerySet(models.QuerySet["SegmentCombination"]):
    """Named queries over segment combinations."""

    def visible_to(self, user: User) -> SegmentCombinationQuerySet:
        """Combinations that came with a loader that the user reaches."""
        if not is_restricted(user):
            return self
        codes = Loader.objects.visible_to(user).values("loader_code")
        brought = LoaderSegment.objects.filter(loader_code__in=codes)
        return self.filter(segment_code__in=brought.values("segment_code"))


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

    objects = SegmentCombinationQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "segment_combination"

    def __str__(self) -> str:
        return " / ".join(value for value in self.segments if value) or "(all)"

    @property
    def segments(self) -> list[str]:
        """The ten values in order; an empty text where the source gave none."""
        return [getattr(self, f"segment_{n}") for n in range(1, SEGMENT_COUNT + 1)]


class LoaderSegment(models.Model):
    """That a loader has brought a combination. It is committed with the combination and stays when
    the signals go: it tells whose names they are, not what stands."""

    pk = models.CompositePrimaryKey("loader_code", "segment_code")
    loader_code = models.TextField()
    segment_code = models.UUIDField()

    class Meta:
        managed = False
        db_table = "loader_segment"

    def __str__(self) -> str:
        return f"{self.loader_code} {self.segment_code}"


class SegmentDescription(models.Model):
    """What people call a segment combination: an entry of the segments dictionary (spec 2). A
    combination without a row here has no name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    segment_code = models.UUIDField(unique=True)
    """Code of a `SegmentCombination`; those are never deleted."""

    description = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(table_name="segments_dictionary_history")

    class Meta:
        db_table = "segments_dictionary"
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(description=""), name="segments_dictionary_says_something"
            )
        ]

    def __str__(self) -> str:
        return self.description


class SignalColumns(models.Model):
    """The columns of a signal: counts are whole numbers, values double precision, all may be
    null."""

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
        abstract = True

    def __str__(self) -> str:
        return f"{self.loader_code} {self.load_time_stamp:%Y-%m-%d %H:%M}Z {self.segment_code}"


class SignalsHistory(SignalColumns):
    """One aggregated signal."""

    pk = models.CompositePrimaryKey("loader_code", "load_time_stamp", "segment_code")

    class Meta:
        managed = False
        db_table = "signals_history"


class OutputVersionQuerySet(models.QuerySet["OutputVersion"]):
    """Named queries over output versions."""

    def standing(self, now: datetime) -> OutputVersionQuerySet:
        """Versions that can be compared and restored."""
        return self.filter(expires_at__gt=now)


class OutputVersion(models.Model):
    """What stood in a window before a reload brought something else (spec 6 "Purge"). Kept until
    `expires_at`; the application may neither change nor delete it before."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        db_constraint=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    replaced_at = models.DateTimeField()
    replaced_by = models.UUIDField()
    """The execution that replaced it; that may have been deleted since."""

    rows = models.BigIntegerField()
    expires_at = models.DateTimeField()

    objects = OutputVersionQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "output_version"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.loader_id} {self.window_from:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The window that was reloaded, UTC."""
        return Window(self.window_from, self.window_to)


class OutputRow(SignalColumns):
    """One signal of an output version, with the execution that had loaded it."""

    append_only = True

    pk = models.CompositePrimaryKey("version_id", "load_time_stamp", "segment_code")
    version_id = models.UUIDField()

    class Meta:
        managed = False
        db_table = "output_row"
