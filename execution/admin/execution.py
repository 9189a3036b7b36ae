"""Console pages of executions: read-only, but for cancelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.admin_lists import SearchedFilter
from accounts.roles import Permission, User, may
from core.clock import database_now
from core.display import number_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.badges import duration_text, status_badge
from execution.admin.links import loader_link
from execution.admin.source_filter import ExecutionSourceFilter
from execution.admin.started_filter import StartedFilter
from execution.admin.story import details, story
from execution.admin.trials import trial_context
from execution.admin.window_filter import WindowFilter
from execution.models import LoadHistory, RunStatus
from execution.services import request_cancel


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
    page_actions: Sequence[PageAction] = (CANCEL,)
    change_form_template = "console/execution.html"
    list_filter = (
        StatusFilter,
        StartedFilter,
        WindowFilter,
        "trigger",
        ExecutionSourceFilter,
        ("loader", SearchedFilter),
    )
    list_filter_submit = True
    list_display = (
        "started",
        "loader_shown",
        "window_shown",
        "status_shown",
        "trigger",
        "loaded",
        "duration",
    )
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code", "=error_code", "=correlation_id", "=replica_name")
    search_help_text = "Loader, error code or correlation id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoadHistory]:
        found: QuerySet[LoadHistory] = super().get_queryset(request)
        secret = ("source_error", "stack_trace")
        return found.defer(*secret).select_related("loader__state", "version", "requested_by")

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
        """The status, and below it why, if it came to nothing."""
        if not execution.error_code:
            return status_badge(execution)
        shown = status_badge(execution)
        return format_html('{}<br><code class="lp-small">{}</code>', shown, execution.error_code)

    @admin.display(description="Loaded", ordering="records_loaded")
    def loaded(self, execution: LoadHistory) -> str:
        return number_text(execution.records_loaded)

    @admin.display(description="Duration")
    def duration(self, execution: LoadHistory) -> str:
        return duration_text(execution, timezone.now())

    # --- page -----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.live_view)
        address = path("<path:object_id>/live/", view, name="execution_loadhistory_live")
        return [address, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: LoadHistory | None = None) -> Any:
        """The page shows everything by itself."""
        return ()

    def page_context(self, request: HttpRequest, obj: LoadHistory) -> dict[str, Any]:
        now = database_now()
        return {
            **trial_context(request.user, obj),
            **story(obj, now),
            **details(request.user, obj, now),
            "links": list(self.links(request.user, obj)),
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
            "live_address": reverse("admin:execution_loadhistory_live", args=[obj.pk]),
        }

    def links(self, user: User, execution: LoadHistory) -> Iterable[tuple[str, str]]:
        """What else there is to see of the execution."""
        return ()

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A fragment for the page of a run that is under way, which asks for it again and again.
        When the run has ended it is everything that the page shows, in place of all that it
        showed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        execution = self.get_object(request, unquote(object_id))
        if execution is None:
            raise Http404
        shown = {
            "original": execution,
            "page_actions": self.action_bar(request.user, execution),
            **self.page_context(request, execution),
        }
        if shown["is_running"]:
            return TemplateResponse(request, "console/execution_story.html", shown)
        response = TemplateResponse(request, "console/execution_box.html", shown)
        response["HX-Retarget"] = "#execution-page"
        response["HX-Reselect"] = "#execution-page"
        return response
