"""REST endpoint of a loader's figures (spec 10)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.serializers import Parameters
from core.api.views import Endpoint
from core.clock import database_now
from core.window import Window
from execution.figures import LONGEST, Figures, figures_of, standing_of
from loaders.models import Loader
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


class LoaderMetrics(Endpoint):
    """Where a loader stands, and figures of its runs over a period. Runs that only look (trials,
    re-counts) are left out."""

    needs = {"GET": Permission.VIEW}
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
        return Response(
            {
                "loader_code": loader.loader_code,
                "at": now,
                **_state(loader),
                "lag_seconds": _seconds(standing.lag),
                "overdue_seconds": _seconds(standing.overdue),
                "is_overdue": standing.overdue is not None,
                "is_fresh": standing.is_fresh,
                "periods": [_figures(figures_of(loader, period)) for period in periods],
            }
        )


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


def _figures(figures: Figures) -> dict[str, Any]:
    rate = figures.success_rate
    return {
        "from_time": figures.period.start,
        "to_time": figures.period.end,
        "runs": figures.runs,
        "runs_by_status": figures.runs_by_status,
        "success_rate": None if rate is None else round(rate, 4),
        "duration_seconds": figures.duration and asdict(figures.duration),
        "queue_wait_seconds": figures.queue_wait and asdict(figures.queue_wait),
        "records_read": figures.records_read,
        "records_loaded": figures.records_loaded,
        "records_skipped": figures.records_skipped,
        "records_purged": figures.records_purged,
        "bytes_written": figures.bytes_written,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
