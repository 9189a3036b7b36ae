"""The list of loaders in whole: how long their latest runs took, and what of a week is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.charts import Spark, sparkline, strip
from core.display import NOTHING, span_text
from core.window import Window
from execution.coverage import CoverageState
from execution.recent_runs import MOST, EndedRun, recent_runs
from execution.services import worst_of_each
from loaderportal.coverage_page import coverage_address
from loaderportal.loader_page import LoaderPageAdmin
from loaders.admin.loader_list import LoaderChangeList

_DAYS = 7
_PARTS_A_DAY = 4
_PART = timedelta(days=1) / _PARTS_A_DAY


@dataclass(frozen=True)
class RowFacts:
    """What a row shows beside the loader itself."""

    runs: Sequence[EndedRun]
    week: Mapping[int, CoverageState]


class LoaderRowsChangeList(LoaderChangeList):
    """Rows with runs and coverage: three statements, however many rows a page has."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """As Django's; each row gets `facts`."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        runs = recent_runs([row.loader_code for row in rows])
        parts = week_of(timezone.now())
        # Up to the present part only: of that one, what is loaded so far tells more than that the
        # rest of it is still to come.
        weeks = worst_of_each(rows, parts, parts[-1].start)
        for row in rows:
            row.facts = RowFacts(runs[row.loader_code], weeks.get(row.loader_code, {}))
        self.result_list = rows


class LoaderRowsAdmin(LoaderPageAdmin):
    """Loaders: list and page."""

    list_display = (
        "code",
        "state_shown",
        "lag",
        "last_run",
        "next_due",
        "durations",
        "week",
        "owner",
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LoaderRowsChangeList]:
        return LoaderRowsChangeList

    @admin.display(description="Durations")
    def durations(self, loader: Any) -> SafeString | str:
        """The last runs, each by what it took; leads to all of them."""
        runs = loader.facts.runs
        if not runs:
            return NOTHING
        query = urlencode({"loader__loader_code__exact": loader.loader_code})
        address = f"{reverse('admin:execution_loadhistory_changelist')}?{query}"
        bars = [Spark(_seconds(run), run.failed) for run in runs]
        picture = sparkline(bars, places=MOST, told=durations_text(runs))
        return format_html('<a class="lp-picture" href="{}">{}</a>', address, picture)

    @admin.display(description="Last 7 days")
    def week(self, loader: Any) -> SafeString | str:
        """The coverage of the last week; leads to it."""
        states: Mapping[int, CoverageState] = loader.facts.week
        if not states:
            return NOTHING
        known = [states.get(number) for number in range(_DAYS * _PARTS_A_DAY)]
        parts = [
            (state.value.lower() if state else "none", len(list(same)))
            for state, same in groupby(known)
        ]
        window = week_window(timezone.now())
        return format_html(
            '<a class="lp-picture" href="{}">{}</a>',
            coverage_address(loader, window),
            strip(parts, told=week_text(states.values())),
        )


def week_window(now: datetime) -> Window:
    """The last seven days, ending with the present quarter of a day (UTC)."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + ((now - midnight) // _PART + 1) * _PART
    return Window(end - timedelta(days=_DAYS), end)


def week_of(now: datetime) -> list[Window]:
    """Its quarters of days, in order."""
    start = week_window(now).start
    count = _DAYS * _PARTS_A_DAY
    return [Window(start + n * _PART, start + (n + 1) * _PART) for n in range(count)]


def durations_text(runs: Sequence[EndedRun]) -> str:
    """The sparkline in words."""
    taken = [run.duration for run in runs if run.duration is not None]
    failed = sum(run.failed for run in runs)
    what = "The last run" if len(runs) == 1 else f"The last {len(runs)} runs"
    text = f"{what}: {span_text(min(taken))} to {span_text(max(taken))}" if taken else what
    return f"{text}, {failed or 'none'} failed"


def week_text(states: Any) -> str:
    """The strip in words: how many quarters of days are in which state."""
    counted = Counter(states)
    parts = [f"{state.label.lower()} {counted[state]}" for state in CoverageState if counted[state]]
    return f"Six-hour parts of the last 7 days: {', '.join(parts)}"


def _seconds(run: EndedRun) -> float:
    return max(run.duration.total_seconds(), 0.0) if run.duration is not None else 0.0
