"""JSON forms of backfills (spec 10)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backfill.models import BackfillJob, BackfillRun
from backfill.order import FIRST, LAST, USUAL
from backfill.services import Wanted
from backfill.services.reading import pace
from backfill.services.submitting import LONGEST_REASON
from backfill.states import JobMode, JobStatus
from core.api.serializers import Parameters, SeveralField, Strict
from loaders.policies import PurgeStrategy


class WantedBody(Strict):
    """What to load, and how."""

    from_time = serializers.DateTimeField()
    to_time = serializers.DateTimeField()
    purge_strategy = serializers.ChoiceField(
        choices=PurgeStrategy.choices, default=PurgeStrategy.PURGE_AND_RELOAD
    )
    mode = serializers.ChoiceField(choices=JobMode.choices, default=JobMode.ALL)
    priority = serializers.IntegerField(min_value=FIRST, max_value=LAST, default=USUAL)
    reason = serializers.CharField(allow_blank=True, default="", max_length=LONGEST_REASON)


class JobBody(WantedBody):
    """Body of submit."""

    loader_code = serializers.CharField(max_length=64)


class PreviewBody(JobBody):
    """Body of preview: as for submit, and which page of the windows."""

    page = serializers.IntegerField(min_value=1, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=500, default=50)


class CommentBody(Strict):
    """Body of approve and reject."""

    comment = serializers.CharField(allow_blank=True, default="", max_length=1000)


class JobFilter(Parameters):
    """Parameters of the list, besides those of its pages. `requestedBy` is a user's name, or
    `system` for what the portal submitted itself."""

    loader_code = serializers.CharField(max_length=64, required=False)
    status = SeveralField(JobStatus, required=False)
    requested_by = serializers.CharField(max_length=150, required=False)


def wanted_in(body: dict[str, Any]) -> Wanted:
    """The wish in a body that was checked."""
    return Wanted(
        from_time=body["from_time"],
        to_time=body["to_time"],
        purge_strategy=PurgeStrategy(body["purge_strategy"]),
        mode=JobMode(body["mode"]),
        priority=body["priority"],
        reason=body["reason"],
    )


class JobRow(serializers.ModelSerializer[BackfillJob]):
    """A job in a list."""

    loader_code = serializers.CharField(source="loader_id")
    version = serializers.IntegerField(source="version.number")
    requested_by = serializers.CharField(source="requested_by.username", default=None)
    decided_by = serializers.CharField(source="decided_by.username", default=None)
    retry_of = serializers.UUIDField(source="retry_of_id")

    class Meta:
        model = BackfillJob
        fields: tuple[str, ...] = (
            "id",
            "loader_code",
            "version",
            "from_time",
            "to_time",
            "purge_strategy",
            "mode",
            "priority",
            "reason",
            "origin",
            "status",
            "pause_reason",
            "waits_for",
            "waiting_since",
            "retry_at",
            "requested_by",
            "requested_at",
            "decided_by",
            "decided_at",
            "comment",
            "started_at",
            "ended_at",
            "percent_done",
            "windows_done",
            "windows_left",
            "seconds_done",
            "seconds_left",
            "records_read",
            "records_loaded",
            "records_purged",
            "error_code",
            "error_message",
            "retry_of",
            "correlation_id",
        )


class JobPaceAnswer(serializers.Serializer[Any]):
    """Seconds of the source's time and rows in a second, over the latest windows, and the seconds
    that are left; null for a job that does not go on."""

    seconds_per_second = serializers.FloatField()
    rows_per_second = serializers.FloatField()
    seconds_left = serializers.IntegerField(allow_null=True)

    def get_attribute(self, instance: BackfillJob) -> dict[str, Any] | None:
        """None before the first window."""
        found = pace(instance)
        if found is None:
            return None
        goes_on = instance.status in JobStatus.active()
        left = found.left(instance.seconds_left).total_seconds() if goes_on else None
        return {
            "seconds_per_second": round(found.seconds_per_second, 3),
            "rows_per_second": round(found.rows_per_second, 3),
            "seconds_left": None if left is None else round(left),
        }


class JobAnswer(JobRow):
    """One job with its pace: seconds of the source's time and rows in a second, and the seconds
    that are left. Null before the first window, and the latter for a job that does not go on."""

    pace = JobPaceAnswer(allow_null=True)

    class Meta(JobRow.Meta):
        fields = (*JobRow.Meta.fields, "pace")


class RunAnswer(serializers.ModelSerializer[BackfillRun]):
    """One attempt of a job at one window."""

    execution_id = serializers.UUIDField(source="load_history_id")

    class Meta:
        model = BackfillRun
        fields = (
            "execution_id",
            "window_from",
            "window_to",
            "attempt",
            "status",
            "dispatched_at",
            "ended_at",
            "records_read",
            "records_loaded",
            "records_purged",
            "error_code",
        )
