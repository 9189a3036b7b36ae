"""What the tabs of a loader's page show, but for its form: each asks only for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.urls import reverse
from django.utils.http import urlencode

from accounts.admin_access import name_of
from core.display import badge, instant_text, number_text, time_shown, window_shown
from execution.admin import COVERAGE_TONES, duration_text, status_badge
from execution.coverage import CoverageState
from execution.models import LOADING, Gap, LoadHistory, RunStatus, SourceBreaker, Trigger
from execution.sentences import outcome, what_to_do
from execution.services import read_coverage
from loaderportal.coverage_page import STRIP, coverage_address, ends_of, legend, strip_of
from loaderportal.explorer_page import explorer_address
from loaderportal.signals_chart import chart_of
from loaders.admin.version import decision_badge
from loaders.models import Loader, LoaderVersion
from signals.models import SignalsHistory

MOST_RUNS = 50
_COUNTED = 1_000_000
"""Signals are counted exactly up to here; beyond, a page should not wait for the count."""

_FIRST_RUNS = 5
_FAILURES = 3
_MOST_VERSIONS = 50
_MOST_GAPS = 20
_SHOWN_COVERAGE = timedelta(days=7)
_COUNTED_GAPS = 99


def overview(loader: Loader, now: datetime) -> dict[str, Any]:
    """How it stands: the last run and failures of a week in plain sentences, and its coverage. Of
    trials and re-counts, which only look, the list of executions tells."""
    loading = _runs(loader).filter(trigger__in=LOADING)
    last = loading.first()
    failed = loading.filter(status=RunStatus.FAILED, start_time__gte=now - _SHOWN_COVERAGE)
    return {
        "last": None if last is None else _told(last, now),
        "next": next_run(loader, now),
        "failures": [_told(run, now) for run in failed[:_FAILURES]],
        "coverage": coverage_context(loader, now),
        "runs": [run_row(run, now) for run in _runs(loader)[:_FIRST_RUNS]],
    }


def latest_runs(loader: Loader, now: datetime) -> dict[str, Any]:
    """The last executions."""
    return {"runs": [run_row(run, now) for run in _runs(loader)[:MOST_RUNS]], "most": MOST_RUNS}


def versions(loader: Loader, now: datetime) -> dict[str, Any]:
    """The last versions, and what became of them."""
    found = LoaderVersion.objects.filter(loader=loader).defer("definition")
    found = found.select_related("submitted_by", "decided_by").order_by("-number")
    return {"versions": [_version_row(version) for version in found[:_MOST_VERSIONS]]}


def coverage(loader: Loader, now: datetime) -> dict[str, Any]:
    """The last week, and the latest gaps of all its time."""
    gaps = Gap.objects.filter(loader_id=loader.loader_code)[:_MOST_GAPS]
    return {
        "coverage": coverage_context(loader, now),
        "legend": legend(),
        "gaps": [_gap_row(loader, gap) for gap in gaps],
        "most": _MOST_GAPS,
    }


def signals(loader: Loader, now: datetime) -> dict[str, Any]:
    """How many there are, and a small chart of the latest."""
    newest = newest_signal(loader.loader_code)
    chart = None if newest is None else chart_of(loader, newest)
    return {
        "count": signals_text(loader.loader_code),
        "newest": time_shown(newest),
        "has_signals": newest is not None,
        "chart": chart,
        "chart_window": "" if chart is None else window_shown(chart.window.start, chart.window.end),
        "most": "" if chart is None else number_text(chart.most),
        "explorer": explorer_address(loader, None if chart is None else chart.window),
    }


SECTIONS: Mapping[str, Callable[[Loader, datetime], dict[str, Any]]] = {
    "overview": overview,
    "versions": versions,
    "runs": latest_runs,
    "coverage": coverage,
    "signals": signals,
}
"""What a tab shows, by its name; its template is `console/loader_<name>.html`."""


def next_run(loader: Loader, now: datetime) -> str:
    """When it runs next, as a sentence."""
    due = loader.state.next_due_at
    if loader.archived_at is not None:
        return "It is archived and does not run any more."
    if not loader.enabled:
        return "It is disabled and does not run."
    if loader.approved_version is None:
        return "It does not run before a definition of it is approved."
    if loader.state.is_held:
        return "It is held until somebody mends or runs it."
    if due is None:
        return "No further run is planned."
    return "A run is due now." if due <= now else f"The next run is due at {instant_text(due)} UTC."


def source_hold(loader: Loader) -> str | None:
    """Until when the loader's source is left alone, if its breaker is open."""
    breaker = SourceBreaker.objects.filter(
        source_id=loader.source_database_id, retry_at__isnull=False
    ).first()
    if breaker is None:
        return None
    until = f"{instant_text(breaker.retry_at)} UTC"
    return f"Left alone until {until} after {breaker.failures} failures"


def signals_text(loader_code: str) -> str:
    """How many signals of the loader stand in the store."""
    rows = SignalsHistory.objects.filter(loader_code=loader_code).values("loader_code")
    count = rows[: _COUNTED + 1].count()
    return f"more than {_COUNTED:,}" if count > _COUNTED else f"{count:,}"


def newest_signal(loader_code: str) -> datetime | None:
    """The stamp of the loader's latest signal."""
    found = SignalsHistory.objects.filter(loader_code=loader_code)
    newest: datetime | None = found.aggregate(newest=Max("load_time_stamp"))["newest"]
    return newest


def coverage_context(loader: Loader, now: datetime) -> dict[str, Any] | None:
    """The loader's last week as a strip; None for one that never had a window."""
    week = now.replace(second=0, microsecond=0) - _SHOWN_COVERAGE
    reading = read_coverage(loader, start=week, most=STRIP) or read_coverage(loader, most=STRIP)
    if reading is None:
        return None
    found = Gap.objects.filter(loader_id=loader.loader_code)
    count = found[: _COUNTED_GAPS + 1].count()
    return {
        "strip": strip_of(loader, reading),
        **ends_of(reading.stretch),
        "gaps": f"more than {_COUNTED_GAPS}" if count > _COUNTED_GAPS else f"{count}",
        "has_gaps": count > 0,
        "gaps_address": f"{reverse('admin:execution_gap_changelist')}?"
        + urlencode({"loader__loader_code__exact": loader.loader_code}),
        "address": coverage_address(loader),
    }


def run_row(run: LoadHistory, now: datetime) -> dict[str, Any]:
    """An execution in a table."""
    return {
        "address": reverse("admin:execution_loadhistory_change", args=[run.pk]),
        "run": run,
        "started": time_shown(run.start_time),
        "window": window_shown(run.query_from_time, run.query_to_time),
        "loaded": number_text(run.records_loaded),
        "status": status_badge(run),
        "is_trial": run.trigger == Trigger.DRY_RUN,
        "duration": duration_text(run, now),
    }


def _runs(loader: Loader) -> Any:
    runs = LoadHistory.objects.filter(loader=loader).defer("source_error", "stack_trace")
    return runs.order_by("-start_time")


def _told(run: LoadHistory, now: datetime) -> dict[str, Any]:
    return {
        "address": reverse("admin:execution_loadhistory_change", args=[run.pk]),
        "started": time_shown(run.start_time),
        "badge": status_badge(run),
        "sentence": outcome(run, now),
        "what_to_do": what_to_do(run),
    }


def _version_row(version: LoaderVersion) -> dict[str, Any]:
    return {
        "address": reverse("admin:loaders_loaderversion_change", args=[version.pk]),
        "number": version.number,
        "decision": decision_badge(version),
        "submitted_by": name_of(version.submitted_by),
        "submitted": time_shown(version.submitted_at),
        "decided_by": name_of(version.decided_by) if version.decided_by_id else "",
        "decided": time_shown(version.decided_at),
        "note": version.note,
        "comment": version.comment,
    }


def _gap_row(loader: Loader, gap: Gap) -> dict[str, Any]:
    state = CoverageState(gap.state)
    return {
        "address": coverage_address(loader, gap.window),
        "stretch": window_shown(gap.range_from, gap.range_to),
        "state": badge(state.label, COVERAGE_TONES[state]),
    }


def tab_links(loader: Loader) -> Iterable[tuple[str, str]]:
    """Lists of what belongs to the loader that no tab shows in whole."""
    by_code = urlencode({"loader__loader_code__exact": loader.loader_code})
    yield "Explorer", explorer_address(loader)
    yield "Executions", f"{reverse('admin:execution_loadhistory_changelist')}?{by_code}"
    yield "Gaps", f"{reverse('admin:execution_gap_changelist')}?{by_code}"
    yield "Output versions", f"{reverse('admin:signals_outputversion_changelist')}?{by_code}"
