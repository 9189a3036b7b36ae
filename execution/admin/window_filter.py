"""The filter of executions by what of time they load, `?window=<from>/<to>`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from unfold.contrib.filters.admin import DropdownFilter

from core.display import window_text
from core.window import Window
from execution.models import LoadHistory


class WindowFilter(DropdownFilter):  # type: ignore[misc] # django-unfold is not typed
    """Executions whose window has a part of the range in the address, two instants in ISO 8601 with
    a slash between. It is offered only while it narrows, as a field, so that it stays when others
    are applied; an address that is none narrows nothing."""

    title = "part of time (UTC)"
    parameter_name = "window"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked, window = self.value(), self._window()
        return [(asked, window_text(window.start, window.end))] if asked and window else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoadHistory]
    ) -> QuerySet[LoadHistory]:
        window = self._window()
        if window is None:
            return queryset
        return queryset.filter(query_from_time__lt=window.end, query_to_time__gt=window.start)

    def _window(self) -> Window | None:
        start, _, end = (self.value() or "").partition("/")
        first, last = _instant(start), _instant(end)
        return Window(first, last) if first and last and first < last else None


def _instant(text: str) -> datetime | None:
    """The instant in UTC; None for what is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
