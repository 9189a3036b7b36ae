"""REST endpoint of a loader's figures (spec 10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from execution.figures import LONGEST, Figures, Spread, Standing, figures_of, standing_of
from loaders.exceptions import LoaderNotFoundError
from loaders.models import ApprovalStatus, Loader, LoadStatus
from loaders.services import get_loader

_USUAL = (timedelta(hours=24), timedelta(days=7))


class SpreadAnswer(DataclassAnswer):
    """Seconds."""

    shows = Spread


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


class FiguresAnswer(serializers.Serializer[Figures]):
    """Figures of the runs of a period. `successRate` is that of the runs that came to an end by
    themselves, those cut short among the good ones, and null before the first."""

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
        """From 0 to 1."""
        rate = figures.success_rate
        return None if rate is None else round(rate, 4)


@dataclass(frozen=True)
class Reading:
    """A loader and its figures at an instant of the database's clock."""

    loader: Loader
    at: datetime
    standing: Standing
    periods: list[Figures]

    @property
    def lag_seconds(self) -> float | None:
        """To the millisecond."""
        return _seconds(self.standing.lag)

    @property
    def overdue_seconds(self) -> float | None:
        """To the millisecond."""
        return _seconds(self.standing.overdue)

    @property
    def is_overdue(self) -> bool:
        """Whether it should have run by now."""
        return self.standing.overdue is not None


class MetricsAnswer(serializers.Serializer[Reading]):
    """Where a loader stands, and its figures. `lagSeconds` is now (or the loader's end) less the
    watermark, `overdueSeconds` how long it should have run by now, `isFresh` whether the lag keeps
    the freshness target; each null where it means nothing."""

    loader_code = serializers.CharField(source="loader.loader_code")
    at = serializers.DateTimeField()
    enabled = serializers.BooleanField(source="loader.enabled")
    approval_status = serializers.ChoiceField(
        ApprovalStatus.choices, source="loader.approval_status"
    )
    load_status = serializers.ChoiceField(LoadStatus.choices, source="loader.state.load_status")
    last_load_timestamp = serializers.DateTimeField(
        source="loader.state.last_load_timestamp", allow_null=True
    )
    last_success_timestamp = serializers.DateTimeField(
        source="loader.state.last_success_timestamp", allow_null=True
    )
    last_attempt_at = serializers.DateTimeField(
        source="loader.state.last_attempt_at", allow_null=True
    )
    next_due_at = serializers.DateTimeField(source="loader.state.next_due_at", allow_null=True)
    consecutive_failures = serializers.IntegerField(source="loader.state.consecutive_failures")
    freshness_target_seconds = serializers.IntegerField(
        source="loader.freshness_target_seconds", allow_null=True
    )
    lag_seconds = serializers.FloatField(allow_null=True)
    overdue_seconds = serializers.FloatField(allow_null=True)
    is_overdue = serializers.BooleanField()
    is_fresh = serializers.BooleanField(source="standing.is_fresh", allow_null=True)
    periods = FiguresAnswer(many=True)


class LoaderMetrics(Endpoint):
    """Where a loader stands, and figures of its runs over a period. Runs that only look (trials,
    re-counts) are left out."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getLoaderMetrics",
            "Read a loader's figures",
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
        figures = [figures_of(loader, period) for period in periods]
        reading = Reading(loader, now, standing_of(loader, now), figures)
        return Response(MetricsAnswer(reading).data)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
