"""Answers about backfills, re-counts and scans that no single row is shown by."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backfill.exceptions import BackfillJobExistsError, SourceDataExpiredError
from backfill.late.lateness import Bucket
from backfill.pace import Estimate
from backfill.services import Preview
from core.api.answers import DataclassAnswer
from core.errors import PortalError
from core.window import Window
from execution.coverage import CoverageState
from execution.exceptions import WindowBeyondWatermarkError
from loaders.exceptions import (
    DefinitionTamperedError,
    EnvironmentMismatchError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderIsExternalError,
    LoaderNotApprovedError,
    LoaderNotFoundError,
    SourceNotReadOnlyError,
)

SUBMIT_ERRORS: tuple[type[PortalError], ...] = (
    LoaderNotFoundError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
    LoaderIsExternalError,
    DefinitionTamperedError,
    EnvironmentMismatchError,
    SourceNotReadOnlyError,
    WindowBeyondWatermarkError,
    BackfillJobExistsError,
    SourceDataExpiredError,
)
"""What may keep a backfill from being submitted."""


class WindowAnswer(serializers.Serializer[Window]):
    """A window, `[windowFrom, windowTo)`."""

    window_from = serializers.DateTimeField(source="start")
    window_to = serializers.DateTimeField(source="end")


class PreviewedWindowAnswer(serializers.Serializer[Any]):
    """One window as it would be loaded. `standingRows` are there now, `replacedRows` of them would
    be replaced; `failsOnDuplicates` tells that the run would fail on them."""

    window_from = serializers.DateTimeField(source="window.start")
    window_to = serializers.DateTimeField(source="window.end")
    standing_rows = serializers.IntegerField(source="rows")
    replaced_rows = serializers.IntegerField(source="replaced")
    fails_on_duplicates = serializers.BooleanField(source="fails")
    coverage = serializers.ListField(child=serializers.ChoiceField(CoverageState.choices))


class EstimateAnswer(DataclassAnswer):
    """What a backfill is expected to ask of source and portal; null is not known yet."""

    shows = Estimate


class PreviewAnswer(serializers.Serializer[Preview]):
    """A backfill that nobody has submitted yet."""

    version = serializers.IntegerField(source="planned.version.number")
    from_time = serializers.DateTimeField(source="planned.window.start")
    to_time = serializers.DateTimeField(source="planned.window.end")
    window_count = serializers.IntegerField(source="planned.windows")
    seconds = serializers.IntegerField()
    needs_approval = serializers.BooleanField()
    first_window = WindowAnswer(source="first")
    last_window = WindowAnswer(source="last")
    standing_rows = serializers.IntegerField(source="standing")
    standing_is_more = serializers.BooleanField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    windows = PreviewedWindowAnswer(many=True)
    estimate = EstimateAnswer()
    equal_job = serializers.UUIDField(allow_null=True)
    overlapping_jobs = serializers.ListField(child=serializers.UUIDField())


class ScanAskedAnswer(serializers.Serializer[Any]):
    """The scan was asked for; it is in the list once it has begun."""

    status = serializers.ChoiceField(["ASKED"])


class LatenessBucketAnswer(serializers.Serializer[Bucket]):
    """Records that came later than `overSeconds` and were there by `untilSeconds`."""

    over_seconds = serializers.SerializerMethodField()
    until_seconds = serializers.SerializerMethodField()
    records = serializers.IntegerField()
    late_records = serializers.IntegerField(source="late")
    share = serializers.SerializerMethodField()

    def get_over_seconds(self, bucket: Bucket) -> int:
        """Later than this."""
        return int(bucket.over.total_seconds())

    def get_until_seconds(self, bucket: Bucket) -> int:
        """At most so late."""
        return int(bucket.until.total_seconds())

    def get_share(self, bucket: Bucket) -> float:
        """Of all records that were counted, from 0 to 1."""
        return round(bucket.share, 6)


class LatenessAnswer(serializers.Serializer[Any]):
    """How late a loader's records come; the suggestion is null while its lateness will do."""

    loader_code = serializers.CharField()
    lateness_seconds = serializers.IntegerField()
    suggested_lateness_seconds = serializers.IntegerField(allow_null=True)
    buckets = LatenessBucketAnswer(many=True)
