"""The loader's page in whole: its definition, and what runs made of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.admin_access import audit_address
from accounts.admin_actions import PageAction
from accounts.roles import Permission, User, may
from backfill.admin import jobs_address, submit_address
from core.display import instant_text, number_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin import DRY_RUN, TEST_QUERY, duration_text, status_badge
from execution.models import (
    Gap,
    LoaderExecutionLock,
    LoadHistory,
    SourceBreaker,
    Trigger,
)
from execution.services import disable_and_cancel, read_coverage, run_now
from loaderportal.coverage_page import (
    STRIP,
    coverage_address,
    coverage_view,
    ends_of,
    loader_for,
    strip_of,
)
from loaderportal.evidence.page import EVIDENCE
from loaderportal.explorer_page import explorer_address
from loaders.admin.loader import LoaderAdmin
from loaders.models import ApprovalStatus, Loader
from signals.models import SignalsHistory

_COUNTED = 1_000_000
"""Signals are counted exactly up to here; beyond, a page should not wait for the count."""

_SHOWN_RUNS = 8
_SHOWN_COVERAGE = timedelta(days=7)
_COUNTED_GAPS = 99


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
        EVIDENCE,
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.coverage_view)
        address = path("<path:object_id>/coverage/", view, name="loaders_loader_coverage")
        return [address, *super().get_urls()]

    def coverage_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is known of each stretch of the loader's time."""
        loader = loader_for(request, object_id)
        return coverage_view(request, loader, self.admin_site.each_context(request))

    def page_context(self, request: HttpRequest, obj: Loader) -> dict[str, Any]:
        now = timezone.now()
        return {
            **super().page_context(request, obj),
            "runs": [_run_row(run, now) for run in _latest_runs(obj)],
            "coverage": coverage_context(obj, now),
            "links": list(_links(request.user, obj)),
        }

    def facts(self, request: HttpRequest, loader: Loader) -> Iterable[tuple[str, str]]:
        yield from super().facts(request, loader)
        if (held := _source_hold(loader)) is not None:
            yield "Source", held
        yield "Signals loaded", signals_text(loader.loader_code)
        yield in_shown_zone("Newest signal"), time_shown(_newest_signal(loader.loader_code))


def _source_hold(loader: Loader) -> str | None:
    """Until when the loader's source is left alone, if its breaker is open."""
    breaker = SourceBreaker.objects.filter(
        source_id=loader.source_database_id, retry_at__isnull=False
    ).first()
    if breaker is None:
        return None
    until = time_shown(breaker.retry_at)
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
        "started": time_shown(run.start_time),
        "window": window_shown(run.query_from_time, run.query_to_time),
        "loaded": number_text(run.records_loaded),
        "status": status_badge(run),
        "is_trial": run.trigger == Trigger.DRY_RUN,
        "duration": duration_text(run, now),
    }


def coverage_context(loader: Loader, now: datetime) -> dict[str, Any] | None:
    """The loader's last week as a strip; None for one that never had a window."""
    week = now.replace(second=0, microsecond=0) - _SHOWN_COVERAGE
    reading = read_coverage(loader, start=week, most=STRIP) or read_coverage(loader, most=STRIP)
    if reading is None:
        return None
    gaps = Gap.objects.filter(loader_id=loader.loader_code)
    count = gaps[: _COUNTED_GAPS + 1].count()
    return {
        "strip": strip_of(loader, reading),
        **ends_of(reading.stretch),
        "gaps": f"more than {_COUNTED_GAPS}" if count > _COUNTED_GAPS else f"{count}",
        "has_gaps": count > 0,
        "gaps_address": f"{reverse('admin:execution_gap_changelist')}?"
        + urlencode({"loader__loader_code__exact": loader.loader_code}),
        "address": coverage_address(loader),
    }


def _links(user: User, loader: Loader) -> Iterable[tuple[str, str]]:
    by_code = urlencode({"loader__loader_code__exact": loader.loader_code})
    by_id = urlencode({"loader__id__exact": str(loader.pk)})
    yield "Explorer", explorer_address(loader)
    yield "Executions", f"{reverse('admin:execution_loadhistory_changelist')}?{by_code}"
    yield "Backfills", jobs_address(loader)
    yield "Coverage", coverage_address(loader)
    yield "Gaps", f"{reverse('admin:execution_gap_changelist')}?{by_code}"
    yield "Output versions", f"{reverse('admin:signals_outputversion_changelist')}?{by_code}"
    yield "Versions", f"{reverse('admin:loaders_loaderversion_changelist')}?{by_id}"
    if may(user, Permission.READ_AUDIT):
        yield "Audit trail", audit_address("loader", loader.loader_code)
