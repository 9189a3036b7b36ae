"""The filter of executions by when they started, `?started=24h` or `?started=2026-01-31T10`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from core.display import window_text
from core.window import Window
from execution.activity import hour_of, last_day
from execution.models import LoadHistory

_HOUR = "%Y-%m-%dT%H"
_OFFERED = {"24h": "Last 24 hours", "7d": "Last 7 days"}


def started_in(hour: datetime) -> str:
    """The filter's value for the hour (aware UTC) that an instant lies in."""
    return hour.astimezone(UTC).strftime(_HOUR)


class StartedFilter(DropdownFilter):  # type: ignore[misc] # django-unfold is not typed
    """Executions that started in the last day or week, whole hours as the home page counts them,
    or in one hour (UTC). An hour is offered only while it is asked for; an address that is none
    narrows nothing."""

    title = "started (UTC)"
    parameter_name = "started"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        offered, asked, window = list(_OFFERED.items()), self.value(), self._window()
        if asked and asked not in _OFFERED and window is not None:
            offered.append((asked, window_text(window.start, window.end)))
        return offered

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoadHistory]
    ) -> QuerySet[LoadHistory]:
        window = self._window()
        if window is None:
            return queryset
        return queryset.filter(start_time__gte=window.start, start_time__lt=window.end)

    def _window(self) -> Window | None:
        asked = self.value() or ""
        if asked in _OFFERED:
            day = last_day(timezone.now())
            return day if asked == "24h" else Window(day.start - timedelta(days=6), day.end)
        try:
            return hour_of(datetime.strptime(asked, _HOUR).replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            return None
