"""Coverage as people look at it: a loader's strip that can be zoomed, and all loaders by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from accounts.admin_actions import PageAction
from accounts.object_access import reachable
from accounts.roles import Permission, may
from backfill.admin.links import submit_address
from core.clock import database_now
from core.display import (
    badge,
    instant_text,
    number_text,
    span_text,
    time_shown,
    window_shown,
    window_text,
)
from core.window import Window
from execution.admin import COVERAGE_TONES, CoverageAdmin, GapAdmin
from execution.coverage import DERIVED, CoverageState, Interval
from execution.models import Gap
from execution.services import CoverageReading, read_coverage, worst_of_each
from execution.services.time_line import TimeLine
from loaders.models import Loader
from loaders.policies import LoaderKind

STRIP = 160
"""Parts of a strip at most."""

_DAY = timedelta(days=1)
_DAYS = 30
_LOADERS_A_PAGE = 50
_SPANS = {"1 day": _DAY, "7 days": 7 * _DAY, "30 days": 30 * _DAY, "1 year": 365 * _DAY}


@dataclass(frozen=True)
class Part:
    """A part of a strip, and where a click on it leads."""

    state: str
    label: str
    title: str
    weight: str
    address: str


class RangeForm(forms.Form):
    """The range that an address asks for; what it doesn't understand is left open."""

    start = forms.DateTimeField(required=False)
    end = forms.DateTimeField(required=False)

    @classmethod
    def asked(cls, request: HttpRequest) -> tuple[datetime | None, datetime | None]:
        """From and to, aware UTC; open ends are None, and so is a range that is none."""
        names = {"start": "from", "end": "to"}
        form = cls({name: request.GET.get(key) for name, key in names.items()})
        form.is_valid()
        start, end = (_utc(form.cleaned_data.get(name)) for name in names)
        if start is not None and end is not None and start >= end:
            return None, None
        return start, end


def coverage_address(loader: Loader, window: Window | None = None) -> str:
    """The page of a loader's coverage, of a part of its time where given."""
    page = reverse("admin:loaders_loader_coverage", args=[loader.pk])
    return page if window is None else f"{page}?{_query(window)}"


def strip_of(loader: Loader, reading: CoverageReading) -> list[Part]:
    """The reading as a strip; a click on a part leads to a closer look at it."""
    whole = reading.stretch.duration
    return [
        Part(
            state=one.state.value.lower(),
            label=one.state.label,
            title=_title(one),
            weight=f"{max(1000 * (one.window.duration / whole), 1.5):.2f}",
            address=coverage_address(loader, one.window),
        )
        for one in reading.intervals
    ]


def coverage_view(request: HttpRequest, loader: Loader, context: dict[str, Any]) -> HttpResponse:
    """The page of a loader's coverage."""
    start, end = RangeForm.asked(request)
    reading = read_coverage(loader, start=start, end=end, most=STRIP)
    page: dict[str, Any] = {
        **context,
        "title": f"Coverage of {loader.loader_code}",
        "loader": loader,
        "loader_address": reverse("admin:loaders_loader_change", args=[loader.pk]),
        "coverage_address": coverage_address(loader),
        "legend": legend(),
    }
    if reading is not None:
        page |= _reading_context(request, loader, reading)
    return TemplateResponse(request, "console/coverage.html", page)


def _backfill_address(gap: Gap) -> str:
    return f"{submit_address(gap.loader)}&{_query(gap.window)}"


BACKFILL = PageAction(
    "backfill",
    "Backfill",
    "update",
    Permission.BACKFILL,
    lambda _, __: "",
    link=_backfill_address,
    tone="main",
)


class GapPageAdmin(GapAdmin):
    """Gaps, with the way to a backfill."""

    page_actions = (BACKFILL, *GapAdmin.page_actions)


class CoverageBoardAdmin(CoverageAdmin):
    """Stretches of coverage, and the board of all loaders."""

    list_before_template = "console/coverage_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.board_view)
        return [path("board/", view, name="execution_coverage_board"), *super().get_urls()]

    def board_view(self, request: HttpRequest) -> HttpResponse:
        """All loaders by day: the worst state of each day."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = database_now().replace(hour=0, minute=0, second=0, microsecond=0)
        days = [Window(today - n * _DAY, today - (n - 1) * _DAY) for n in range(_DAYS - 1, -1, -1)]
        loaders = reachable(request.user, Loader.objects.filter(archived_at=None))
        loaders = loaders.filter(kind=LoaderKind.SQL).select_related("state", "source_database")
        if wanted := request.GET.get("q", "").strip():
            loaders = loaders.filter(loader_code__icontains=wanted)
        page = Paginator(loaders.order_by("loader_code"), _LOADERS_A_PAGE).get_page(
            request.GET.get("p")
        )
        context = {
            **admin.site.each_context(request),
            "title": "Coverage of all loaders",
            "days": [(day.start.strftime("%d"), f"{day.start:%a %d %B %Y}") for day in days],
            "months": _months(days),
            "rows": _board_rows(list(page), days),
            "page": page,
            "asked": wanted,
            "legend": legend(),
        }
        return TemplateResponse(request, "console/coverage_board.html", context)


def loader_for(request: HttpRequest, object_id: str) -> Loader:
    """The loader of a page, for somebody who may see it. Raises PermissionDenied and Http404."""
    if not may(request.user, Permission.VIEW):
        raise PermissionDenied
    loaders = reachable(request.user, Loader.objects.select_related("state", "source_database"))
    found = loaders.filter(pk=object_id).first()
    if found is None:
        raise Http404
    return found


# --- the loader's page ----------------------------------------------------------------------------


def _reading_context(
    request: HttpRequest, loader: Loader, reading: CoverageReading
) -> dict[str, Any]:
    stretch, gaps = reading.stretch, _gaps_of(loader, reading)
    return {
        "strip": strip_of(loader, reading),
        "stretch": window_shown(stretch.start, stretch.end),
        **ends_of(stretch),
        "watermark": time_shown(reading.line.watermark),
        "is_condensed": reading.is_condensed,
        "moves": list(_moves(loader, reading.line, stretch)),
        "spans": list(_spans(loader, reading.line, stretch)),
        "rows": [_row(request, loader, one, gaps) for one in reversed(reading.intervals)],
    }


def ends_of(stretch: Window) -> dict[str, str]:
    """What stands at the ends of a strip, and the same for who hears it."""
    return {
        "begins": time_shown(stretch.start),
        "ends": time_shown(stretch.end),
        "first": instant_text(stretch.start),
        "last": instant_text(stretch.end),
    }


def _row(
    request: HttpRequest, loader: Loader, one: Interval, gaps: Sequence[Gap]
) -> dict[str, Any]:
    """A stretch of the table. What is a gap is backfilled as far as it is shown, and waived as a
    whole."""
    gap = next((g for g in gaps if g.state == one.state and g.window.overlaps(one.window)), None)
    shown = gap and Window(
        max(one.window.start, gap.window.start), min(one.window.end, gap.window.end)
    )
    return {
        "stretch": window_shown(one.window.start, one.window.end),
        "length": span_text(one.window.duration),
        "state": badge(one.state.label, COVERAGE_TONES[one.state]),
        "signals": number_text(None if one.state in DERIVED else one.rec_count),
        "address": coverage_address(loader, one.window),
        "run": one.load_history_id
        and reverse("admin:execution_loadhistory_change", args=[one.load_history_id]),
        "backfill": f"{submit_address(loader)}&{_query(shown)}"
        if shown and may(request.user, Permission.BACKFILL)
        else None,
        "waive": reverse("admin:execution_gap_do", args=[quote(gap.pk), "waive"])
        if gap and may(request.user, Permission.MEND_COVERAGE)
        else None,
    }


def _gaps_of(loader: Loader, reading: CoverageReading) -> list[Gap]:
    """The gaps in what is shown stretch by stretch; none where stretches are condensed."""
    if reading.is_condensed:
        return []
    stretch = reading.stretch
    gaps = Gap.objects.filter(
        loader_id=loader.loader_code, range_from__lt=stretch.end, range_to__gt=stretch.start
    )
    return list(gaps[:STRIP])


def _moves(loader: Loader, line: TimeLine, stretch: Window) -> Iterable[tuple[str, str, str]]:
    """Earlier, later, closer and wider: label, icon and address; empty where there is no more."""
    length = stretch.duration
    quarter = length / 4
    for label, icon, start, end in (
        ("Earlier", "chevron_left", stretch.start - length / 2, stretch.end - length / 2),
        ("Later", "chevron_right", stretch.start + length / 2, stretch.end + length / 2),
        ("Closer", "zoom_in", stretch.start + quarter, stretch.end - quarter),
        ("Wider", "zoom_out", stretch.start - length / 2, stretch.end + length / 2),
    ):
        cut = line.cut(_whole_second(start), _whole_second(end))
        is_useful = cut is not None and cut != stretch and cut.duration >= timedelta(minutes=1)
        yield label, icon, coverage_address(loader, cut) if is_useful else ""


def _spans(loader: Loader, line: TimeLine, stretch: Window) -> Iterable[tuple[str, str, bool]]:
    """The last day, week, ...: label, address, and whether it is what is shown."""
    end = line.whole.end
    for label, length in _SPANS.items():
        cut = line.cut(end - length, None)
        if length < line.whole.duration and cut is not None:
            yield label, coverage_address(loader, cut), cut == stretch
    yield "All", coverage_address(loader), stretch == line.whole


# --- the board ------------------------------------------------------------------------------------


def _board_rows(loaders: Sequence[Loader], days: Sequence[Window]) -> list[dict[str, Any]]:
    """A row a loader; two queries for all of them."""
    states = worst_of_each(loaders, days, database_now())
    return [_board_row(loader, states.get(loader.loader_code, {}), days) for loader in loaders]


def _board_row(
    loader: Loader, states: Mapping[int, CoverageState], days: Sequence[Window]
) -> dict[str, Any]:
    cells = []
    for number, day in enumerate(days):
        state = states.get(number)
        label = state.label if state else "Nothing is known"
        cells.append(
            {
                "state": state.value.lower() if state else "none",
                "label": f"{loader.loader_code}, {day.start:%d %B}: {label}",
                "address": coverage_address(loader, day) if state else "",
            }
        )
    return {"loader": loader, "address": coverage_address(loader), "cells": cells}


def _months(days: Sequence[Window]) -> list[tuple[str, int]]:
    """Names of months above the days, and over how many columns each stands."""
    found: list[tuple[str, int]] = []
    for day in days:
        name = f"{day.start:%B %Y}"
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + 1)
        else:
            found.append((name, 1))
    return found


# --- small things ---------------------------------------------------------------------------------


def legend() -> list[tuple[str, str]]:
    """Class and name of each state."""
    return [(state.value.lower(), state.label) for state in CoverageState]


def _title(one: Interval) -> str:
    text = f"{one.state.label}: {window_text(one.window.start, one.window.end)} UTC"
    return f"{text}, {span_text(one.window.duration)}"


def _query(window: Window) -> str:
    bounds = {"from": window.start, "to": window.end}
    return urlencode({name: at.strftime("%Y-%m-%dT%H:%M:%S") for name, at in bounds.items()})


def _whole_second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _utc(instant: Any) -> Any:
    return instant.astimezone(UTC) if instant is not None else None
