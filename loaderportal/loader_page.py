"""The loader's page in whole: its definition, and what runs made of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin_access import audit_address
from accounts.admin_actions import PageAction
from accounts.roles import Permission, User, may
from backfill.admin import jobs_address, submit_address
from core.display import instant_text, time_shown
from core.shown_zone import in_shown_zone
from execution.admin import DRY_RUN, TEST_QUERY
from execution.models import LoaderExecutionLock, Trigger
from execution.services import disable_and_cancel, run_now
from loaderportal.coverage_page import coverage_view, loader_for
from loaderportal.evidence.page import EVIDENCE
from loaderportal.loader_sections import (
    SECTIONS,
    newest_signal,
    signals_text,
    source_hold,
    tab_links,
)
from loaderportal.loader_tabs import FORM_TABS, OVERVIEW, SQL, chosen_tab, tabs
from loaders.admin.loader import LoaderAdmin
from loaders.models import ApprovalStatus, Loader
from loaders.policies import LoaderKind


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
    is_rare=True,
    confirm="Disable it and stop what runs of it? What those runs loaded so far is rolled back.",
)
RUN = PageAction("run", "Run now", "play_arrow", Permission.RUN, _may_run, act=_run, tone="main")


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
        RUN,
        BACKFILL,
        TEST_QUERY,
        DRY_RUN,
        *LoaderAdmin.page_actions,
        DISABLE_AND_CANCEL,
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
        return {
            **super().page_context(request, obj),
            "links": list(_links(request.user, obj)),
        }

    def facts(self, request: HttpRequest, loader: Loader) -> Iterable[tuple[str, str]]:
        yield from super().facts(request, loader)
        if (held := source_hold(loader)) is not None:
            yield "Source", held
        yield "Signals loaded", signals_text(loader.loader_code)
        yield in_shown_zone("Newest signal"), time_shown(newest_signal(loader.loader_code))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Loader | None = None,
        **kwargs: Any,
    ) -> Any:
        """The tab that is asked for; of a form that was refused, the one with the error."""
        if obj is not None:
            errors = context["adminform"].form.errors
            tab = chosen_tab(request.GET.get("tab"), errors, is_posted=request.method == "POST")
            sees_sql = obj.kind == LoaderKind.SQL and may(request.user, Permission.VIEW_SQL)
            context |= {
                "tab": tab,
                "tabs": list(tabs(tab, errors, sees_sql=sees_sql)),
                "shows_form": tab in FORM_TABS,
            }
            if tab in SECTIONS:
                context |= {
                    "section": SECTIONS[tab](obj, timezone.now()),
                    "section_template": f"console/loader_{tab}.html",
                }
            if tab == OVERVIEW:
                context["facts"] = list(self.facts(request, obj))
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def address_after_save(self, request: HttpRequest, obj: Loader, *, has_errors: bool) -> str:
        """The tab that was saved, or the one with what is to be corrected."""
        address = super().address_after_save(request, obj, has_errors=has_errors)
        tab = SQL if has_errors else request.GET.get("tab")
        return f"{address}?tab={tab}" if tab in FORM_TABS else address


def _links(user: User, loader: Loader) -> Iterable[tuple[str, str]]:
    yield from tab_links(loader)
    yield "Backfills", jobs_address(loader)
    if may(user, Permission.READ_AUDIT):
        yield "Audit trail", audit_address("loader", loader.loader_code)
