"""REST endpoint of a loader's figures (spec 10)."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.answers import DataclassAnswer
from core.api.operations import Operation
from core.api.serializers import Parameters
from core.api.views import Endpoint
from core.clock import database_now
from core.window import Window
from execution.figures import LONGEST, Figures, Spread, figures_of, standing_of
from loaders.exceptions import LoaderNotFoundError
from loaders.models import ApprovalStatus, Loader, LoadStatus
from loaders.services import get_loader

_USUAL = (timedelta(hours=24), timedelta(days=7))


class MetricsParameters(Parameters):
    """The period, `[fromTime, toTime)`, at most 31 days: both or neither. Without it, the last 24
    hours and the last 7 days."""

    from_time = serializers.DateTimeField(required=False, default_timezone=UTC)
    to_time = serializers.DateTimeField(required=False, default_timezone=UTC)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A period that is one, and not too long to be looked at while somebody waits."""
        if len(asked) == 1:
            missing = ({"from_time", "to_time"} - asked.keys()).pop()
            raise serializers.ValidationError({missing: ["Give both ends of the period."]})
        if asked and not timedelta(0) < asked["to_time"] - asked["from_time"] <= LONGEST:
            message = f"It must be after fromTime, by {LONGEST.days} days at most."
            raise serializers.ValidationError({"to_time": [message]})
        return asked


class SpreadAnswer(DataclassAnswer):
    """Half of the values are up to `p50`, 95 of a hundred up to `p95`, all up to `max`; seconds."""

    shows = Spread


class FiguresAnswer(serializers.Serializer[Figures]):
    """Of the runs that started in the period; null is what no run has."""

    from_time = serializers.DateTimeField(source="period.start")
    to_time = serializers.DateTimeField(source="period.end")
    runs = serializers.IntegerField()
    runs_by_status = serializers.DictField(child=serializers.IntegerField())
    success_rate = serializers.SerializerMethodField()
    duration_seconds = SpreadAnswer(source="duration", allow_null=True)
    queue_wait_seconds = SpreadAnswer(source="queue_wait", allow_null=True)
    records_read = serializers.IntegerField()
    records_loaded = serializers.IntegerField()
    records_skipped = serializers.IntegerField()
    records_purged = serializers.IntegerField()
    bytes_written = serializers.IntegerField()

    def get_success_rate(self, figures: Figures) -> float | None:
        """From 0 to 1; null before the first run that came to an end by itself."""
        return None if figures.success_rate is None else round(figures.success_rate, 4)


class MetricsAnswer(serializers.Serializer[Any]):
    """Where a loader stands, and figures of its runs. Spans are seconds; null is what is not
    there, such as the lag before the first window."""

    loader_code = serializers.CharField()
    at = serializers.DateTimeField()
    enabled = serializers.BooleanField()
    approval_status = serializers.ChoiceField(ApprovalStatus.choices)
    load_status = serializers.ChoiceField(LoadStatus.choices)
    last_load_timestamp = serializers.DateTimeField(allow_null=True)
    last_success_timestamp = serializers.DateTimeField(allow_null=True)
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    next_due_at = serializers.DateTimeField(allow_null=True)
    consecutive_failures = serializers.IntegerField()
    freshness_target_seconds = serializers.IntegerField(allow_null=True)
    lag_seconds = serializers.FloatField(allow_null=True)
    overdue_seconds = serializers.FloatField(allow_null=True)
    is_overdue = serializers.BooleanField()
    is_fresh = serializers.BooleanField(allow_null=True)
    periods = FiguresAnswer(many=True)


class LoaderMetrics(Endpoint):
    """Where a loader stands, and figures of its runs over a period. Runs that only look (trials,
    re-counts) are left out."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getLoaderMetrics",
            "Read a loader's figures",
            tag="executions",
            answer=MetricsAnswer,
            errors=(LoaderNotFoundError,),
        )
    }
    parameters = MetricsParameters

    def get(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        now = database_now()
        if self.asked:
            bounds = (self.asked[name].astimezone(UTC) for name in ("from_time", "to_time"))
            periods = [Window(*bounds)]
        else:
            periods = [Window(now - length, now) for length in _USUAL]
        standing = standing_of(loader, now)
        metrics = {
            "loader_code": loader.loader_code,
            "at": now,
            **_state(loader),
            "lag_seconds": _seconds(standing.lag),
            "overdue_seconds": _seconds(standing.overdue),
            "is_overdue": standing.overdue is not None,
            "is_fresh": standing.is_fresh,
            "periods": [figures_of(loader, period) for period in periods],
        }
        return Response(MetricsAnswer(metrics).data)


def _state(loader: Loader) -> dict[str, Any]:
    state = loader.state
    return {
        "enabled": loader.enabled,
        "approval_status": loader.approval_status,
        "load_status": state.load_status,
        "last_load_timestamp": state.last_load_timestamp,
        "last_success_timestamp": state.last_success_timestamp,
        "last_attempt_at": state.last_attempt_at,
        "next_due_at": state.next_due_at,
        "consecutive_failures": state.consecutive_failures,
        "freshness_target_seconds": loader.freshness_target_seconds,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
