"""Versions of loaders: the inbox of what waits for approval, the review page, and what was
decided. A version is immutable; the only thing done here is to approve or reject it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.object_access import reachable
from accounts.roles import Permission, User, may, refusal
from core.display import Tone, badge, time_shown
from core.errors import PortalError
from core.shown_zone import in_shown_zone
from loaders.admin.actions import own_edit
from loaders.admin.evidence import evidence_context
from loaders.admin.forms import DecisionForm
from loaders.changes import settings_of, sql_diff, sql_of
from loaders.models import Decision, Loader, LoaderVersion
from loaders.services import (
    approve,
    edited_by,
    may_see_evidence,
    reject,
    renew_evidence,
    restore_version,
    show_sql,
)

_EDIT = Permission.EDIT_LOADERS
_LOOKS_AGAIN_SECONDS = "3"
_TONES = {
    Decision.PENDING: Tone.WAITING,
    Decision.APPROVED: Tone.GOOD,
    Decision.REJECTED: Tone.BAD,
    Decision.WITHDRAWN: Tone.QUIET,
    Decision.EXPIRED: Tone.QUIET,
}


def waiting_for_anybody(user: User) -> QuerySet[LoaderVersion]:
    """What waits for a decision, of the loaders that the user reaches."""
    return reachable(user, LoaderVersion.objects.filter(decision=Decision.PENDING))


def waiting_for(user: User) -> QuerySet[LoaderVersion]:
    """What the user may decide: submitted by others, edited by others."""
    waiting = waiting_for_anybody(user)
    if not may(user, Permission.APPROVE):
        return waiting.none()
    return waiting.exclude(submitted_by=user).exclude(edited_by(user))


def waiting_address() -> str:
    """Where the inbox is."""
    return reverse("admin:loaders_loaderversion_changelist") + "?waiting=me"


class WaitingFilter(admin.SimpleListFilter):
    """The inbox."""

    title = "waiting"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("me", "For my approval"), ("all", "For anybody's approval")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoaderVersion]
    ) -> QuerySet[LoaderVersion]:
        if self.value() == "me":
            return queryset.filter(pk__in=waiting_for(request.user).values("pk"))
        if self.value() == "all":
            return queryset.filter(decision=Decision.PENDING)
        return queryset


class LoaderVersionAdmin(PortalModelAdmin):
    """The list of versions, and the page that an approver decides on."""

    list_display = (
        "shown_loader",
        "number",
        "decision_shown",
        "submitted_by",
        "submitted",
        "decided_by",
        "decided",
        "comment",
    )
    list_display_links = ("shown_loader",)
    list_filter = (WaitingFilter, "decision")
    list_select_related = ("loader", "submitted_by", "decided_by")
    linked_fields = ("loader",)
    search_fields = ("loader__loader_code", "submitted_by__username", "comment")
    search_help_text = "Loader, who submitted it, or comment"
    ordering = ("-submitted_at",)

    @admin.display(description="Loader", ordering="loader__loader_code")
    def shown_loader(self, version: LoaderVersion) -> str:
        return version.loader.loader_code

    @admin.display(description="Decision", ordering="decision")
    def decision_shown(self, version: LoaderVersion) -> SafeString:
        return decision_badge(version)

    @admin.display(description=in_shown_zone("Submitted"), ordering="submitted_at")
    def submitted(self, version: LoaderVersion) -> str:
        return time_shown(version.submitted_at)

    @admin.display(description=in_shown_zone("Decided"), ordering="decided_at")
    def decided(self, version: LoaderVersion) -> str:
        return time_shown(version.decided_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.restore_view)
        gather = self.admin_site.admin_view(self.evidence_view)
        names = ("loaders_loaderversion_restore", "loaders_loaderversion_evidence")
        return [
            path("<path:object_id>/restore/", view, name=names[0]),
            path("<path:object_id>/evidence/", gather, name=names[1]),
            *super().get_urls(),
        ]

    def restore_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a draft of the version and show the loader."""
        version = self.get_object(request, unquote(object_id))
        if request.method != "POST" or version is None:
            raise Http404
        if not may(request.user, Permission.EDIT_LOADERS):
            raise PermissionDenied
        try:
            restore_version(user=request.user, loader=version.loader, number=version.number)
        except PortalError as error:
            messages.error(request, error.message)
        else:
            code = version.loader.loader_code
            messages.success(request, f"{code} has the values of version {version.number} again.")
        return redirect("admin:loaders_loader_change", version.loader_id)

    def evidence_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the evidence gathered again and return to the review."""
        version = self.get_object(request, unquote(object_id))
        if request.method != "POST" or version is None:
            raise Http404
        if gathering_refused(request.user):
            raise PermissionDenied
        try:
            renew_evidence(user=request.user, version=version)
        except PortalError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "The evidence is gathered again.")
        return redirect("admin:loaders_loaderversion_change", version.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The review page; a POST decides."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = self.get_object(request, unquote(object_id))
        if version is None:
            raise Http404
        if request.method == "POST" and not may(request.user, Permission.APPROVE):
            raise PermissionDenied
        form = DecisionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                text = decide(
                    user=request.user,
                    version=version,
                    decision=Decision.APPROVED if "approve" in request.POST else Decision.REJECTED,
                    comment=form.cleaned_data["comment"],
                )
            except PortalError as error:
                form.add_error("comment" if "comment" in _fields(error) else None, error.message)
            else:
                messages.success(request, text)
                return redirect("admin:loaders_loader_change", version.loader_id)
        return self._page(request, version, form)

    def _page(
        self, request: HttpRequest, version: LoaderVersion, form: DecisionForm
    ) -> TemplateResponse:
        with_sql = show_sql(
            user=request.user, loader_code=version.loader.loader_code, version=version.number
        )
        evidence = evidence_context(
            version, with_data=with_sql and may_see_evidence(request.user, version.loader)
        )
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": f"{version.loader.loader_code}, version {version.number}",
            "version": version,
            "decision_badge": decision_badge(version),
            "submitted": time_shown(version.submitted_at),
            "decided": time_shown(version.decided_at),
            "form": form,
            "is_waiting": version.decision == Decision.PENDING,
            "approval_blocked": _blocked(request.user, version.loader, own=True)
            or ("The evidence is not complete yet." if evidence.get("is_gathering") else ""),
            "gathering_blocked": gathering_refused(request.user),
            **evidence,
            "restoring_blocked": "" if may(request.user, _EDIT) else refusal(_EDIT),
            "rejection_blocked": _blocked(request.user, version.loader, own=False),
            **_differences(version, with_sql=with_sql),
        }
        response = TemplateResponse(request, "console/review.html", context)
        waits = evidence.get("is_gathering") and not evidence["pack"].note
        if waits and context["is_waiting"] and request.method == "GET":
            response["Refresh"] = _LOOKS_AGAIN_SECONDS
        return response


def decide(*, user: User, version: LoaderVersion, decision: Decision, comment: str) -> str:
    """Approve or reject the very version that the person looked at, and say what happened. One
    that was submitted in its place meanwhile is not decided."""
    service = approve if decision == Decision.APPROVED else reject
    code = version.loader.loader_code
    service(user=user, loader=version.loader, comment=comment, version=version.number)
    return f"Version {version.number} of {code} is {decision.label.lower()}."


def decision_badge(version: LoaderVersion) -> SafeString:
    """What became of the version."""
    decision = Decision(version.decision)
    return badge(decision.label, _TONES[decision])


def gathering_refused(user: User) -> str:
    """Why the user may not have evidence gathered again; empty when they may."""
    allowed = (Permission.EDIT_LOADERS, Permission.APPROVE)
    return "" if any(may(user, one) for one in allowed) else refusal(Permission.APPROVE)


def _blocked(user: User, loader: Loader, *, own: bool) -> str:
    if not may(user, Permission.APPROVE):
        return refusal(Permission.APPROVE)
    return own_edit(user, loader) if own else ""


def _differences(version: LoaderVersion, *, with_sql: bool) -> dict[str, Any]:
    """What the page shows of the version against the one approved last before it. Who may not see
    the SQL sees no more of the source than its code."""
    before = (
        version.loader.versions.filter(decision=Decision.APPROVED, number__lt=version.number)
        .order_by("-number")
        .first()
    )
    earlier = before.definition if before else None
    settings = settings_of(version.definition, earlier, with_source=with_sql)
    shown: dict[str, Any] = {
        "before": before,
        "changed": [setting for setting in settings if setting.changed],
        "unchanged": [setting for setting in settings if not setting.changed],
        "with_sql": with_sql,
    }
    if with_sql:
        sql = sql_of(version.definition)
        shown |= {"sql": sql, "diff": sql_diff(sql_of(before.definition), sql) if before else []}
    return shown


def _fields(error: PortalError) -> Any:
    found = error.details.get("errors")
    return found if isinstance(found, dict) else {}
