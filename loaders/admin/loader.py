"""Loaders: the list, and the page of one. What runs made of it is added by `loaderportal`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_actions import PageAction
from accounts.object_access import reaches
from accounts.roles import Permission, User, may
from core.display import NOTHING, Tone, badge, time_shown
from core.encrypted_fields import unreadable
from core.shown_zone import in_shown_zone
from loaders.admin.actions import APPROVE, ARCHIVE, COPY, DISABLE, ENABLE, REJECT, SUBMIT, WATERMARK
from loaders.admin.forms import LoaderForm
from loaders.admin.governance import governance_page
from loaders.admin.loader_list import (
    LoaderListAdmin,
    approval_badge,
    enabled_badge,
    lag_text,
    state_badge,
)
from loaders.admin.teams import TEAMS
from loaders.dialects import DatabaseType
from loaders.models import Loader
from loaders.policies import LoaderKind
from loaders.services import show_sql
from loaders.sql_guard import Finding, Verdict, validate

SQL_PART = "lp-part-sql"
SETTINGS_PART = "lp-part-settings"
"""Classes of the form's sections: a page with tabs shows one kind at a time."""


def guard_verdict(loader: Loader) -> Verdict:
    """The SQL guard's answer for the stored SQL of an SQL loader."""
    return validate(loader.loader_sql, DatabaseType(loader.source.db_type))


class LoaderAdmin(LoaderListAdmin):
    """The loader's definition. SQL, and what the guard says of it, only for those who may see it:
    for others it is not even in the page's source."""

    audited_as = "loader"
    add_permission = Permission.EDIT_LOADERS
    change_permission = Permission.EDIT_LOADERS
    form = LoaderForm
    page_actions: Sequence[PageAction] = (
        SUBMIT,
        APPROVE,
        REJECT,
        ENABLE,
        DISABLE,
        WATERMARK,
        COPY,
        TEAMS,
        ARCHIVE,
    )
    change_form_outer_before_template = "console/loader_box.html"
    change_form_template = "console/loader.html"
    warn_unsaved_form = True

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.governance_view)
        return [path("governance/", view, name="loaders_loader_governance"), *super().get_urls()]

    def governance_view(self, request: HttpRequest) -> HttpResponse:
        """The governance report."""
        context = {**self.admin_site.each_context(request), "model_admin": self}
        return governance_page(request, context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Loader]:
        found: QuerySet[Loader] = super().get_queryset(request)
        return found.select_related("state", "source_database", "approved_version")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Loader], search_term: str
    ) -> tuple[QuerySet[Loader], bool]:
        """A form for a backfill is offered what can be backfilled."""
        if request.GET.get("model_name") == "backfilljob" and "field_name" in request.GET:
            queryset = queryset.filter(kind=LoaderKind.SQL, archived_at=None)
        found, has_doubles = super().get_search_results(request, queryset, search_term)
        return found, has_doubles

    # --- page -----------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Loader | None = None) -> Any:
        sees_sources = _reaches_source(request.user, obj)
        reads: list[Any] = ["loader_code", "kind"]
        reads.append("source_database" if sees_sources else "source_shown")
        may_edit = self.has_change_permission(request, obj)
        if may_edit:
            reads.append("loader_sql")
        elif may(request.user, Permission.VIEW_SQL):
            reads.append("shown_sql")
        if obj is not None and may(request.user, Permission.VIEW_SQL):
            reads.append("guard")
        bounds = ("start_at", "end_at")
        if not may_edit:
            bounds = ("start_shown", "end_shown")
        times = (
            "grain_seconds",
            ("time_zone", "offset_hours"),
            "time_format",
            "lateness_seconds",
            bounds,
        )
        running: list[Any] = [
            ("min_interval_seconds", "max_query_period_seconds"),
            ("max_parallel_executions", "execution_timeout_seconds"),
            ("purge_strategy", "watermark_policy"),
            ("row_cap", "max_attempts"),
            "raw_capture",
        ]
        if obj is not None and may(request.user, Permission.SET_LOG_LEVELS):
            running.append("log_level")
        return (
            ("What it reads", {"fields": reads, "classes": [SQL_PART]}),
            *(
                (name, {"fields": fields, "classes": [SETTINGS_PART]})
                for name, fields in (
                    ("Time", times),
                    ("Running", running),
                    ("Ownership", ("description", ("owning_team", "contact"))),
                    ("Purpose", (("domain", "tags"), "is_test")),
                    ("Signals", ("segment_meanings", "freshness_target_seconds")),
                )
            ),
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new loader begins as a copy of the one that `copy` names, but for its code."""
        copied = request.GET.get("copy")
        if not copied or not may(request.user, Permission.EDIT_LOADERS):
            return dict(super().get_changeform_initial_data(request))
        loader = self.get_object(request, copied)
        if loader is None or not show_sql(user=request.user, loader_code=loader.loader_code):
            raise Http404
        names = set(LoaderForm.Meta.fields) - {"loader_code", "log_level"}
        return {name: getattr(loader, name) for name in names}

    def get_readonly_fields(self, request: HttpRequest, obj: Loader | None = None) -> list[str]:
        shown = ["guard", "shown_sql", "start_shown", "end_shown", "source_shown"]
        return [*shown, *(["loader_code", "kind"] if obj else [])]

    def has_change_permission(self, request: HttpRequest, obj: Loader | None = None) -> bool:
        """What was archived stands as it is."""
        if obj is not None and obj.archived_at is not None:
            return False
        return super().has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """No shortcuts to the source's own form beside the choice."""
        form = super().get_form(request, obj, *args, **kwargs)
        source = form.base_fields.get("source_database")
        if source is not None:
            for shortcut in ("add", "change", "view", "delete"):
                setattr(source.widget, f"can_{shortcut}_related", False)
        return form

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """The page; that somebody saw the SQL is in the audit trail."""
        response: HttpResponse = super().change_view(request, object_id, *args, **kwargs)
        if request.method == "GET" and response.status_code == 200:
            shown: dict[str, Any] = response.context_data  # type: ignore[attr-defined]
            if shown.get("shows_form", True):
                show_sql(user=request.user, loader_code=shown["original"].loader_code)
        return response

    def page_context(self, request: HttpRequest, obj: Loader) -> dict[str, Any]:
        return {
            "badges": [approval_badge(obj), enabled_badge(obj), state_badge(obj)],
        }

    def facts(self, request: HttpRequest, loader: Loader) -> Iterable[tuple[str, str]]:
        """Label and value of what the box above the form says."""
        version = loader.approved_version
        yield in_shown_zone("Watermark"), time_shown(loader.state.last_load_timestamp)
        yield "Lag", lag_text(loader, timezone.now())
        yield (
            in_shown_zone("Last success"),
            time_shown(loader.state.last_success_timestamp, empty="Never"),
        )
        held = "Held until somebody mends or runs it"
        yield (
            in_shown_zone("Next run"),
            held if loader.state.is_held else time_shown(loader.state.next_due_at),
        )
        yield "Approved version", str(version.number) if version else "None"

    def response_post_save_change(self, request: HttpRequest, obj: Loader) -> HttpResponse:
        """Stay on the loader: what is to be done next is there."""
        has_errors = self._warn(request, obj)
        return redirect(self.address_after_save(request, obj, has_errors=has_errors))

    def address_after_save(self, request: HttpRequest, obj: Loader, *, has_errors: bool) -> str:
        """Where to go on; `has_errors` says that the SQL is to be corrected."""
        return reverse("admin:loaders_loader_change", args=[obj.pk])

    def response_post_save_add(self, request: HttpRequest, obj: Loader) -> HttpResponse:
        return self.response_post_save_change(request, obj)

    def _warn(self, request: HttpRequest, loader: Loader) -> bool:
        """Say that there is something to correct, and whether."""
        errors = len(guard_verdict(loader).errors) if loader.kind == LoaderKind.SQL else 0
        if errors:
            what = "an error" if errors == 1 else f"{errors} errors"
            text = f"The SQL has {what} to correct before it can be submitted."
            messages.warning(request, text)
        return errors > 0

    @admin.display(description="Source database")
    def source_shown(self, loader: Loader) -> str:
        """Its code without the link that others have."""
        return loader.source_database.db_code if loader.source_database else NOTHING

    @admin.display(description=in_shown_zone("Start"))
    def start_shown(self, loader: Loader) -> str:
        return time_shown(loader.start_at)

    @admin.display(description=in_shown_zone("End"))
    def end_shown(self, loader: Loader) -> str:
        return time_shown(loader.end_at)

    @admin.display(description="SQL")
    def shown_sql(self, loader: Loader) -> SafeString:
        if (damaged := _damage(loader)) is not None:
            return damaged
        return format_html('<pre class="lp-code">{}</pre>', loader.loader_sql)

    @admin.display(description="SQL guard")
    def guard(self, loader: Loader) -> SafeString:
        if loader.kind != LoaderKind.SQL:
            return format_html("{}", NOTHING)
        if (damaged := _damage(loader)) is not None:
            return damaged
        verdict = guard_verdict(loader)
        head = (
            badge("Valid", Tone.GOOD)
            if verdict.is_valid
            else badge(f"{len(verdict.errors)} to correct", Tone.BAD)
        )
        return format_html(
            '<div class="lp-guard">{}{}{}</div>',
            head,
            _finding_list(verdict.errors, "error"),
            _finding_list(verdict.warnings, "warning"),
        )


def _damage(loader: Loader) -> SafeString | None:
    """What to say instead of an SQL that can't be decrypted."""
    error = unreadable(loader).get("loader_sql")
    return None if error is None else badge(error.message, Tone.BAD)


def _reaches_source(user: User, loader: Loader | None) -> bool:
    """Whether the user may choose the loader's source and open its page."""
    if not may(user, Permission.VIEW_SQL):
        return False
    return loader is None or not loader.source_database or reaches(user, loader.source_database)


def _finding_list(findings: Iterable[Finding], kind: str) -> SafeString:
    rows = ((kind, _place(finding), finding.message, finding.code) for finding in findings)
    return format_html_join("", '<p class="lp-{}"><b>{}</b> {} <code>{}</code></p>', rows)


def _place(finding: Finding) -> str:
    if finding.line is None:
        return ""
    return f"Line {finding.line}, column {finding.column}:"
