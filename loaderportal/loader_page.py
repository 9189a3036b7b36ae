"""The loader's page in whole: its definition, and what runs made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.admin_access import audit_address
from accounts.admin_actions import PageAction
from accounts.roles import Permission, User, may
from backfill.admin import jobs_address, submit_address
from core.display import instant_text, number_text, span_text, window_text
from core.window import Window
from execution.admin import COVERAGE_TONES, DRY_RUN, TEST_QUERY, duration_text, status_badge
from execution.coverage import CoverageState, Interval, complete
from execution.models import (
    CoverageInterval,
    LoaderExecutionLock,
    LoadHistory,
    SourceBreaker,
    Trigger,
)
from execution.services import disable_and_cancel, run_now
from loaders.admin.loader import LoaderAdmin
from loaders.models import ApprovalStatus, Loader
from signals.models import SignalsHistory

_COUNTED = 1_000_000
"""Signals are counted exactly up to here; beyond, a page should not wait for the count."""

_SHOWN_RUNS = 8


@dataclass(frozen=True)
class CoveragePart:
    """A state's share of the loader's time so far."""

    label: str
    tone: str
    percent: float
    length: str


def _may_run(_: User, loader: Loader) -> str:
    if loader.approval_status != ApprovalStatus.APPROVED:
        return "Only an approved definition can run."
    if not loader.enabled:
        return "It is disabled. Enable it first."
    if LoaderExecutionLock.objects.active().filter(loader=loader, is_live=True).exists():
        return "A run is under way."
    return ""


def _run(user: User, loader: Loader) -> str:
    history = run_now(user=user, loader=loader, trigger=Trigger.MANUAL)
    window = f"{instant_text(history.query_from_time)} to {instant_text(history.query_to_time)}"
    return f"A run over {window} UTC is queued."


def _runs_to_cancel(_: User, loader: Loader) -> str:
    active = LoaderExecutionLock.objects.active().filter(loader=loader)
    return "" if active.exists() else "Nothing of it runs. Disable it by the other button."


def _disable_and_cancel(user: User, loader: Loader) -> str:
    asked = disable_and_cancel(user=user, loader=loader)
    return f"{loader.loader_code} is disabled. Runs that were asked to stop: {asked}."


DISABLE_AND_CANCEL = PageAction(
    "disable-and-cancel",
    "Disable and cancel",
    "cancel",
    Permission.RUN,
    _runs_to_cancel,
    act=_disable_and_cancel,
    tone="danger",
    confirm="Disable it and stop what runs of it? What those runs loaded so far is rolled back.",
)
RUN = PageAction("run", "Run now", "play_arrow", Permission.RUN, _may_run, act=_run)


def _may_be_backfilled(_: User, loader: Loader) -> str:
    if loader.approval_status != ApprovalStatus.APPROVED:
        return "Only an approved definition can run."
    return "" if loader.enabled else "It is disabled. Enable it first."


BACKFILL = PageAction(
    "backfill",
    "Backfill",
    "update",
    Permission.BACKFILL,
    _may_be_backfilled,
    link=submit_address,
)


class LoaderPageAdmin(LoaderAdmin):
    """Loaders with their runs, signals and coverage."""

    page_actions = (
        *LoaderAdmin.page_actions,
        RUN,
        BACKFILL,
        DISABLE_AND_CANCEL,
        TEST_QUERY,
        DRY_RUN,
    )

    def page_context(self, request: HttpRequest, obj: Loader) -> dict[str, Any]:
        now = timezone.now()
        return {
            **super().page_context(request, obj),
            "runs": [_run_row(run, now) for run in _latest_runs(obj)],
            "coverage": coverage_parts(obj, now),
            "links": list(_links(request.user, obj)),
        }

    def facts(self, request: HttpRequest, loader: Loader) -> Iterable[tuple[str, str]]:
        yield from super().facts(request, loader)
        if (held := _source_hold(loader)) is not None:
            yield "Source", held
        yield "Signals loaded", signals_text(loader.loader_code)
        yield "Newest signal (UTC)", instant_text(_newest_signal(loader.loader_code))


def _source_hold(loader: Loader) -> str | None:
    """Until when the loader's source is left alone, if its breaker is open."""
    breaker = SourceBreaker.objects.filter(
        source_id=loader.source_database_id, retry_at__isnull=False
    ).first()
    if breaker is None:
        return None
    until = instant_text(breaker.retry_at)
    return f"Left alone until {until} after {breaker.failures} failures"


def signals_text(loader_code: str) -> str:
    """How many signals of the loader stand in the store."""
    rows = SignalsHistory.objects.filter(loader_code=loader_code).values("loader_code")
    count = rows[: _COUNTED + 1].count()
    return f"more than {_COUNTED:,}" if count > _COUNTED else f"{count:,}"


def _newest_signal(loader_code: str) -> datetime | None:
    signals = SignalsHistory.objects.filter(loader_code=loader_code)
    newest: datetime | None = signals.aggregate(newest=Max("load_time_stamp"))["newest"]
    return newest


def _latest_runs(loader: Loader) -> Iterable[LoadHistory]:
    runs = LoadHistory.objects.filter(loader=loader).defer("source_error", "stack_trace")
    return runs.order_by("-start_time")[:_SHOWN_RUNS]


def _run_row(run: LoadHistory, now: datetime) -> dict[str, Any]:
    return {
        "address": reverse("admin:execution_loadhistory_change", args=[run.pk]),
        "run": run,
        "started": instant_text(run.start_time),
        "window": window_text(run.query_from_time, run.query_to_time),
        "loaded": number_text(run.records_loaded),
        "status": status_badge(run),
        "is_trial": run.trigger == Trigger.DRY_RUN,
        "duration": duration_text(run, now),
    }


def coverage_parts(loader: Loader, now: datetime) -> list[CoveragePart]:
    """Each state's share of the time from the loader's first window to now or its end."""
    rows = CoverageInterval.objects.filter(loader=loader).order_by("range_from")
    known = [
        Interval(Window(row.range_from, row.range_to), CoverageState(row.state)) for row in rows
    ]
    if not known:
        return []
    first = min(known[0].window.start, loader.start_at or known[0].window.start)
    until = max(known[-1].window.end, min(now, loader.end_at or now))
    lengths: dict[CoverageState, timedelta] = defaultdict(timedelta)
    for part in complete(known, first, loader.state.last_load_timestamp, until):
        lengths[part.state] += part.window.duration
    whole = until - first
    return [
        CoveragePart(
            state.label,
            COVERAGE_TONES[state].value,
            round(100 * (lengths[state] / whole), 2),
            span_text(lengths[state]),
        )
        for state in CoverageState
        if state in lengths
    ]


def _links(user: User, loader: Loader) -> Iterable[tuple[str, str]]:
    by_code = urlencode({"loader__loader_code__exact": loader.loader_code})
    by_id = urlencode({"loader__id__exact": str(loader.pk)})
    yield "Executions", f"{reverse('admin:execution_loadhistory_changelist')}?{by_code}"
    yield "Backfills", jobs_address(loader)
    yield "Coverage", f"{reverse('admin:execution_coverageinterval_changelist')}?{by_code}"
    yield "Gaps", f"{reverse('admin:execution_gap_changelist')}?{by_code}"
    yield "Output versions", f"{reverse('admin:signals_outputversion_changelist')}?{by_code}"
    yield "Versions", f"{reverse('admin:loaders_loaderversion_changelist')}?{by_id}"
    if may(user, Permission.READ_AUDIT):
        yield "Audit trail", audit_address("loader", loader.loader_code)
