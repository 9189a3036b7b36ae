"""Console pages of executions: read-only, but for cancelling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import name_of
from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.admin_lists import SearchedFilter
from accounts.roles import Permission, User, may
from core.display import NOTHING, Tone, badge, number_text, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.links import loader_link
from execution.admin.started_filter import StartedFilter
from execution.admin.trials import trial_context
from execution.admin.window_filter import WindowFilter
from execution.models import LoadHistory, RunStatus
from execution.services import request_cancel
from loaders.models import SourceDatabase

_LOOKS_AGAIN_SECONDS = "2"
_STATUS = {
    RunStatus.RUNNING: Tone.BUSY,
    RunStatus.SUCCESS: Tone.GOOD,
    RunStatus.PARTIAL: Tone.WAITING,
    RunStatus.FAILED: Tone.BAD,
    RunStatus.CANCELLED: Tone.QUIET,
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


class StatusFilter(admin.SimpleListFilter):
    """Statuses as people see them."""

    title = "status"
    parameter_name = "status"
    _CONDITIONS = {
        "queued": Q(status=RunStatus.RUNNING, claimed_at__isnull=True),
        "running": Q(status=RunStatus.RUNNING, claimed_at__isnull=False),
        "active": Q(status=RunStatus.RUNNING),
        "succeeded": Q(status=RunStatus.SUCCESS),
        "partial": Q(status=RunStatus.PARTIAL),
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


class SourceFilter(admin.SimpleListFilter):
    """Sources by their code. A run keeps its source's code, and to look for all codes among a
    million runs takes long, so the sources of today are offered."""

    title = "source database"
    parameter_name = "source_db_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = SourceDatabase.objects.visible_to(request.user).values_list("db_code", flat=True)
        return [(code, code) for code in codes.order_by("db_code")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoadHistory]
    ) -> QuerySet[LoadHistory]:
        return queryset if self.value() is None else queryset.filter(source_db_code=self.value())


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
    list_filter = (
        StatusFilter,
        StartedFilter,
        WindowFilter,
        "trigger",
        SourceFilter,
        ("loader", SearchedFilter),
    )
    list_filter_submit = True
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

    @admin.display(description=in_shown_zone("Started"), ordering="start_time")
    def started(self, execution: LoadHistory) -> str:
        return time_shown(execution.start_time)

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, execution: LoadHistory) -> SafeString:
        return loader_link(execution.loader_id, execution.loader.pk)

    @admin.display(description=in_shown_zone("Window"), ordering="query_from_time")
    def window_shown(self, execution: LoadHistory) -> str:
        return window_shown(execution.query_from_time, execution.query_to_time)

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
            ("purged", "skipped"),
            ("purge_strategy", "written"),
        )
        course = (("started", "claimed"), ("ended", "duration"), ("attempt", "phases"))
        sections = [
            ("What was loaded", {"fields": window}),
            ("When", {"fields": course}),
            ("By whom, and what from", {"fields": origin}),
        ]
        if obj is not None and obj.capture and may(request.user, Permission.VIEW_SQL):
            kept = ("capture_path", ("capture_rows", "capture_bytes"))
            sections.append(("Raw rows that were kept", {"fields": kept}))
        if obj is not None and obj.error_code:
            sections.insert(0, ("Error", {"fields": error}))
        return sections

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page; while a trial is under way it looks again by itself."""
        response = super().change_view(request, object_id, form_url, extra_context)
        context = getattr(response, "context_data", None) or {}
        if context.get("is_under_way"):
            response["Refresh"] = _LOOKS_AGAIN_SECONDS
        return response

    def page_context(self, request: HttpRequest, obj: LoadHistory) -> dict[str, Any]:
        return {
            **trial_context(request.user, obj),
            "badges": [status_badge(obj)],
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
        }

    @admin.display(description=in_shown_zone("Signals found"))
    def signals_shown(self, execution: LoadHistory) -> str:
        if execution.actual_from_time is None or execution.actual_to_time is None:
            return "No rows"
        first, last = execution.actual_from_time, execution.actual_to_time
        return format_html("{} to {}", time_shown(first), time_shown(last))

    @admin.display(description="Read")
    def read(self, execution: LoadHistory) -> str:
        return number_text(execution.records_read)

    @admin.display(description="Skipped")
    def skipped(self, execution: LoadHistory) -> str:
        return number_text(execution.records_skipped)

    @admin.display(description="Time by phase")
    def phases(self, execution: LoadHistory) -> str:
        phases = execution.metadata.get("phases", {})
        return ", ".join(f"{name} {ms:,} ms" for name, ms in phases.items()) or NOTHING

    @admin.display(description="Purged")
    def purged(self, execution: LoadHistory) -> str:
        return number_text(execution.records_purged)

    @admin.display(description="Bytes written")
    def written(self, execution: LoadHistory) -> str:
        return number_text(execution.bytes_written)

    @admin.display(description=in_shown_zone("Taken up"))
    def claimed(self, execution: LoadHistory) -> str:
        return time_shown(execution.claimed_at)

    @admin.display(description=in_shown_zone("Ended"))
    def ended(self, execution: LoadHistory) -> str:
        return time_shown(execution.end_time)

    @admin.display(description="Asked for by")
    def requester(self, execution: LoadHistory) -> str:
        return name_of(execution.requested_by)

    @admin.display(description="Version")
    def version_shown(self, execution: LoadHistory) -> str:
        if execution.version is None:
            return "The draft"
        address = reverse("admin:loaders_loaderversion_change", args=[execution.version_id])
        return format_html('<a class="lp-link" href="{}">{}</a>', address, execution.version.number)

    @admin.display(description="File")
    def capture_path(self, execution: LoadHistory) -> str:
        return str((execution.capture or {}).get("path", NOTHING))

    @admin.display(description="Rows")
    def capture_rows(self, execution: LoadHistory) -> str:
        return number_text((execution.capture or {}).get("rows"))

    @admin.display(description="Bytes")
    def capture_bytes(self, execution: LoadHistory) -> str:
        return number_text((execution.capture or {}).get("bytes"))

    @admin.display(description="The source said")
    def source_error_shown(self, execution: LoadHistory) -> SafeString:
        return format_html('<pre class="lp-code">{}</pre>', execution.source_error or NOTHING)

    @admin.display(description="Stack trace")
    def stack_trace_shown(self, execution: LoadHistory) -> SafeString:
        return format_html('<pre class="lp-code">{}</pre>', execution.stack_trace or NOTHING)
