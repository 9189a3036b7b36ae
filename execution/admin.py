"""Console pages of executions, coverage, locks and replicas: read-only, but for cancelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin, name_of
from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.roles import Permission, User, may
from core.display import (
    NOTHING,
    Tone,
    badge,
    instant_text,
    number_text,
    span_text,
    window_text,
)
from execution.coverage import CoverageState
from execution.models import (
    CoverageInterval,
    LoaderExecutionLock,
    LoadHistory,
    Replica,
    RunStatus,
)
from execution.models.replica import LIVE_FOR
from execution.services import request_cancel

_STATUS = {
    RunStatus.RUNNING: Tone.BUSY,
    RunStatus.SUCCESS: Tone.GOOD,
    RunStatus.FAILED: Tone.BAD,
    RunStatus.CANCELLED: Tone.QUIET,
}
COVERAGE_TONES = {
    CoverageState.LOADED: Tone.GOOD,
    CoverageState.EMPTY: Tone.QUIET,
    CoverageState.UNVERIFIED: Tone.WAITING,
    CoverageState.FAILED: Tone.BAD,
    CoverageState.MISSING: Tone.BAD,
    CoverageState.PENDING: Tone.QUIET,
    CoverageState.WAIVED: Tone.QUIET,
    CoverageState.EXPIRED: Tone.QUIET,
}


def status_badge(execution: LoadHistory) -> SafeString:
    """The status as people see it: a run that no worker has taken up yet is queued."""
    if execution.status == RunStatus.RUNNING and execution.claimed_at is None:
        return badge(execution.shown_status, Tone.WAITING)
    return badge(execution.shown_status, _STATUS[RunStatus(execution.status)])


def duration_text(execution: LoadHistory, now: datetime) -> str:
    """From the worker's claim to the end, or until now."""
    if execution.claimed_at is None:
        return NOTHING
    return span_text((execution.end_time or now) - execution.claimed_at)


def loader_link(code: str, pk: Any) -> SafeString:
    """A loader's code, leading to its page."""
    address = reverse("admin:loaders_loader_change", args=[pk])
    return format_html('<a class="lp-link" href="{}">{}</a>', address, code)


class StatusFilter(admin.SimpleListFilter):
    """Statuses as people see them."""

    title = "status"
    parameter_name = "status"
    _CONDITIONS = {
        "queued": Q(status=RunStatus.RUNNING, claimed_at__isnull=True),
        "running": Q(status=RunStatus.RUNNING, claimed_at__isnull=False),
        "active": Q(status=RunStatus.RUNNING),
        "succeeded": Q(status=RunStatus.SUCCESS),
        "failed": Q(status=RunStatus.FAILED),
        "cancelled": Q(status=RunStatus.CANCELLED),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shown = {"active": "Queued or running"}
        return [(name, shown.get(name, name.capitalize())) for name in self._CONDITIONS]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoadHistory]
    ) -> QuerySet[LoadHistory]:
        condition = self._CONDITIONS.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


def _may_be_cancelled(_: User, execution: LoadHistory) -> str:
    return "" if execution.status == RunStatus.RUNNING else "It has ended."


def _cancel(user: User, execution: LoadHistory) -> str:
    request_cancel(user=user, execution=execution)
    return "The run was asked to stop; its worker does so within seconds."


CANCEL = PageAction(
    "cancel", "Cancel", "cancel", Permission.RUN, _may_be_cancelled, act=_cancel, tone="danger"
)


class ExecutionAdmin(ActionPageAdmin):
    """Executions: one row an attempt. Source errors and stack traces quote SQL and data, so they
    are shown to those only who may see SQL; the same goes for replicas."""

    list_fullwidth = True
    page_actions = (CANCEL,)
    change_form_outer_before_template = "console/execution_box.html"
    list_filter = (StatusFilter, "trigger", "source_db_code", "loader")
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code", "=error_code", "=correlation_id", "=replica_name")
    search_help_text = "Loader, error code or correlation id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoadHistory]:
        found: QuerySet[LoadHistory] = super().get_queryset(request)
        secret = ("source_error", "stack_trace")
        return found.defer(*secret).select_related("loader", "version", "requested_by")

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        replica = ("replica_name",) if may(request.user, Permission.VIEW_SQL) else ()
        return (
            "started",
            "loader_shown",
            "window_shown",
            "status_shown",
            "trigger",
            "loaded",
            "duration",
            *replica,
            "error_code",
        )

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        hidden = () if may(request.user, Permission.VIEW_SQL) else ("=replica_name",)
        return [field for field in self.search_fields if field not in hidden]

    @admin.display(description="Started (UTC)", ordering="start_time")
    def started(self, execution: LoadHistory) -> str:
        return instant_text(execution.start_time)

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, execution: LoadHistory) -> SafeString:
        return loader_link(execution.loader_id, execution.loader.pk)

    @admin.display(description="Window (UTC)", ordering="query_from_time")
    def window_shown(self, execution: LoadHistory) -> str:
        return window_text(execution.query_from_time, execution.query_to_time)

    @admin.display(description="Status", ordering="status")
    def status_shown(self, execution: LoadHistory) -> SafeString:
        return status_badge(execution)

    @admin.display(description="Loaded", ordering="records_loaded")
    def loaded(self, execution: LoadHistory) -> str:
        return number_text(execution.records_loaded)

    @admin.display(description="Duration")
    def duration(self, execution: LoadHistory) -> str:
        return duration_text(execution, timezone.now())

    # --- page -----------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: LoadHistory | None = None) -> Any:
        origin: list[Any] = [
            ("trigger", "requester"),
            ("source_db_code", "version_shown"),
            "correlation_id",
        ]
        error = ["error_code", "error_message"]
        if may(request.user, Permission.VIEW_SQL):
            origin[-1] = ("correlation_id", "replica_name")
            error += ["source_error_shown", "stack_trace_shown"]
        window = (
            ("window_shown", "signals_shown"),
            ("read", "loaded"),
            ("purged", "written"),
        )
        course = (("started", "claimed"), ("ended", "duration"))
        sections = [
            ("What was loaded", {"fields": window}),
            ("When", {"fields": course}),
            ("By whom, and what from", {"fields": origin}),
        ]
        if obj is not None and obj.error_code:
            sections.insert(0, ("Error", {"fields": error}))
        return sections

    def page_context(self, request: HttpRequest, obj: LoadHistory) -> dict[str, Any]:
        return {
            "badges": [status_badge(obj)],
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
        }

    @admin.display(description="Signals found (UTC)")
    def signals_shown(self, execution: LoadHistory) -> str:
        if execution.actual_from_time is None or execution.actual_to_time is None:
            return "No rows"
        first, last = execution.actual_from_time, execution.actual_to_time
        return f"{instant_text(first)} to {instant_text(last)}"

    @admin.display(description="Read")
    def read(self, execution: LoadHistory) -> str:
        return number_text(execution.records_read)

    @admin.display(description="Purged")
    def purged(self, execution: LoadHistory) -> str:
        return number_text(execution.records_purged)

    @admin.display(description="Bytes written")
    def written(self, execution: LoadHistory) -> str:
        return number_text(execution.bytes_written)

    @admin.display(description="Taken up (UTC)")
    def claimed(self, execution: LoadHistory) -> str:
        return instant_text(execution.claimed_at)

    @admin.display(description="Ended (UTC)")
    def ended(self, execution: LoadHistory) -> str:
        return instant_text(execution.end_time)

    @admin.display(description="Asked for by")
    def requester(self, execution: LoadHistory) -> str:
        return name_of(execution.requested_by)

    @admin.display(description="Version")
    def version_shown(self, execution: LoadHistory) -> SafeString:
        address = reverse("admin:loaders_loaderversion_change", args=[execution.version_id])
        return format_html('<a class="lp-link" href="{}">{}</a>', address, execution.version.number)

    @admin.display(description="The source said")
    def source_error_shown(self, execution: LoadHistory) -> SafeString:
        return format_html('<pre class="lp-code">{}</pre>', execution.source_error or NOTHING)

    @admin.display(description="Stack trace")
    def stack_trace_shown(self, execution: LoadHistory) -> SafeString:
        return format_html('<pre class="lp-code">{}</pre>', execution.stack_trace or NOTHING)


class CoverageAdmin(PortalModelAdmin):
    """What is known of each stretch of a loader's time."""

    list_display = ("loader_shown", "stretch", "length", "state_shown", "signals", "run")
    list_display_links = None
    list_filter = ("state", "loader")
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code",)
    search_help_text = "Loader, in full"
    ordering = ("loader", "-range_from")

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, interval: CoverageInterval) -> SafeString:
        return loader_link(interval.loader_id, interval.loader.pk)

    @admin.display(description="Stretch (UTC)", ordering="range_from")
    def stretch(self, interval: CoverageInterval) -> str:
        return window_text(interval.range_from, interval.range_to)

    @admin.display(description="Length")
    def length(self, interval: CoverageInterval) -> str:
        return span_text(interval.range_to - interval.range_from)

    @admin.display(description="State", ordering="state")
    def state_shown(self, interval: CoverageInterval) -> SafeString:
        state = CoverageState(interval.state)
        return badge(state.label, COVERAGE_TONES[state])

    @admin.display(description="Signals", ordering="rec_count")
    def signals(self, interval: CoverageInterval) -> str:
        return number_text(interval.rec_count)

    @admin.display(description="Last run")
    def run(self, interval: CoverageInterval) -> SafeString | str:
        if interval.load_history_id is None:
            return NOTHING
        address = reverse("admin:execution_loadhistory_change", args=[interval.load_history_id])
        return format_html('<a class="lp-link" href="{}">Execution</a>', address)


class LockAdmin(PortalModelAdmin):
    """Windows that workers hold or held."""

    view_permission = Permission.VIEW_SQL
    list_display = (
        "loader_shown",
        "window_shown",
        "holding",
        "replica_name",
        "worker_pid",
        "acquired",
        "lease",
        "release",
    )
    list_display_links = None
    list_filter = ("released", "replica_name")
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code", "=replica_name")

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, lock: LoaderExecutionLock) -> SafeString:
        return loader_link(lock.loader_id, lock.loader.pk)

    @admin.display(description="Window (UTC)", ordering="window_from")
    def window_shown(self, lock: LoaderExecutionLock) -> str:
        return window_text(lock.window_from, lock.window_to)

    @admin.display(description="State", ordering="released")
    def holding(self, lock: LoaderExecutionLock) -> SafeString:
        if lock.released:
            return badge("Released", Tone.QUIET)
        if lock.cancel_requested:
            return badge("Asked to stop", Tone.WAITING)
        return badge("Held", Tone.BUSY) if lock.claimed_at else badge("Queued", Tone.WAITING)

    @admin.display(description="Acquired (UTC)", ordering="acquired_at")
    def acquired(self, lock: LoaderExecutionLock) -> str:
        return instant_text(lock.acquired_at)

    @admin.display(description="Lease until (UTC)", ordering="lease_until")
    def lease(self, lock: LoaderExecutionLock) -> str:
        return instant_text(lock.lease_until)

    @admin.display(description="Released (UTC)", ordering="released_at")
    def release(self, lock: LoaderExecutionLock) -> str:
        return instant_text(lock.released_at)


class ReplicaAdmin(PortalModelAdmin):
    """Who works."""

    view_permission = Permission.VIEW_SQL
    list_display = ("name", "state_shown", "slots", "version", "pid", "started", "heartbeat")
    list_display_links = None
    list_filter = ("draining",)
    search_fields = ("name",)

    @admin.display(description="State")
    def state_shown(self, replica: Replica) -> SafeString:
        if replica.heartbeat_at < timezone.now() - LIVE_FOR:
            return badge("Not heard of", Tone.BAD)
        return badge("Draining", Tone.WAITING) if replica.draining else badge("Live", Tone.GOOD)

    @admin.display(description="Started (UTC)", ordering="started_at")
    def started(self, replica: Replica) -> str:
        return instant_text(replica.started_at)

    @admin.display(description="Heartbeat (UTC)", ordering="heartbeat_at")
    def heartbeat(self, replica: Replica) -> str:
        return instant_text(replica.heartbeat_at)
