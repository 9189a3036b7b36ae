"""JSON forms of backfills (spec 10)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from backfill.models import BackfillJob, BackfillRun
from backfill.order import FIRST, LAST, USUAL
from backfill.services import Preview, Wanted
from backfill.services.reading import pace
from backfill.services.submitting import LONGEST_REASON, Planned
from backfill.states import JobMode, JobStatus
from core.api.serializers import Parameters, SeveralField, Strict
from core.window import Window
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


class JobAnswer(JobRow):
    """One job with its pace: seconds of the source's time and rows in a second, and the seconds
    that are left. Null before the first window, and the latter for a job that does not go on."""

    pace = serializers.SerializerMethodField()

    class Meta(JobRow.Meta):
        fields = (*JobRow.Meta.fields, "pace")

    def get_pace(self, job: BackfillJob) -> dict[str, Any] | None:
        """Over the latest windows."""
        found = pace(job)
        if found is None:
            return None
        goes_on = job.status in JobStatus.active()
        left = found.left(job.seconds_left).total_seconds() if goes_on else None
        return {
            "seconds_per_second": round(found.seconds_per_second, 3),
            "rows_per_second": round(found.rows_per_second, 3),
            "seconds_left": None if left is None else round(left),
        }


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


def preview_answer(preview: Preview) -> dict[str, Any]:
    """A preview as it is answered."""
    return {
        **_planned(preview.planned),
        "seconds": preview.seconds,
        "needs_approval": preview.needs_approval,
        "first_window": _window(preview.first),
        "last_window": _window(preview.last),
        "standing_rows": preview.standing,
        "standing_is_more": preview.standing_is_more,
        "page": preview.page,
        "pages": preview.pages,
        "windows": [
            {
                **_window(shown.window),
                "standing_rows": shown.rows,
                "replaced_rows": shown.replaced,
                "fails_on_duplicates": shown.fails,
                "coverage": shown.coverage,
            }
            for shown in preview.windows
        ],
        "estimate": asdict(preview.estimate),
        "equal_job": preview.equal_job,
        "overlapping_jobs": preview.overlapping_jobs,
    }


def _planned(planned: Planned) -> dict[str, Any]:
    return {
        "version": planned.version.number,
        "from_time": planned.window.start,
        "to_time": planned.window.end,
        "window_count": planned.windows,
    }


def _window(window: Window) -> dict[str, Any]:
    return {"window_from": window.start, "window_to": window.end}
