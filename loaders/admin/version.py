"""Versions of loaders: the inbox of what waits for approval, the review page, and what was
decided. A version is immutable; the only thing done here is to approve or reject it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin, name_of, tell_refusal
from accounts.roles import Permission, User, may, refusal
from core.display import NOTHING, Tone, badge, time_shown
from core.errors import PortalError
from core.shown_zone import in_shown_zone
from loaders.admin.actions import own_edit
from loaders.admin.comparison import comparison_page
from loaders.admin.evidence import evidence_context
from loaders.admin.forms import DecisionForm
from loaders.admin.inbox import (
    WaitingFilter,
    age_text,
    change_text,
    evidence_badge,
    is_inbox,
    last_approved,
    place_in_inbox,
    waiting_address,
    waiting_for,
    waiting_for_anybody,
    with_last_approved,
)
from loaders.changes import settings_of, sql_of
from loaders.models import Decision, EvidencePack, EvidenceStatus, Loader, LoaderVersion
from loaders.services import (
    approve,
    decision_text,
    may_see_evidence,
    reject,
    renew_evidence,
    restore_version,
    show_sql,
)
from loaders.side_by_side import side_by_side

_EDIT = Permission.EDIT_LOADERS
__all__ = ["LoaderVersionAdmin", "decide", "waiting_address", "waiting_for", "waiting_for_anybody"]

_TONES = {
    Decision.PENDING: Tone.WAITING,
    Decision.APPROVED: Tone.GOOD,
    Decision.REJECTED: Tone.BAD,
    Decision.WITHDRAWN: Tone.QUIET,
    Decision.EXPIRED: Tone.QUIET,
}


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
        "comparison",
    )
    list_display_links = ("shown_loader",)
    change_list_template = "console/inbox.html"
    list_filter = (WaitingFilter, "decision")
    list_select_related = ("loader", "submitted_by", "decided_by")
    linked_fields = ("loader",)
    search_fields = ("loader__loader_code", "submitted_by__username", "comment")
    search_help_text = "Loader, who submitted it, or comment"
    ordering = ("-submitted_at",)

    def get_list_display(self, request: HttpRequest) -> Any:
        """What waits is told by what it changes; what was decided, by the decision."""
        if not is_inbox(request):
            return self.list_display
        shows_source = may(request.user, Permission.VIEW_SQL)

        @admin.display(description="What changes")
        def change(version: LoaderVersion) -> str:
            return change_text(version, last_approved(version), with_source=shows_source)

        waits = ("submitted_by", "note_shown", "since", "evidence_shown")
        return ("shown_loader", "number", change, *waits)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoaderVersion]:
        found: QuerySet[LoaderVersion] = super().get_queryset(request)
        return with_last_approved(found) if is_inbox(request) else found

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """The inbox looks into the evidence."""
        if not is_inbox(request):
            return self.list_select_related
        return (*self.list_select_related, "evidence")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Who has waited longest comes first in the inbox."""
        return ("submitted_at",) if is_inbox(request) else self.ordering

    @admin.display(description="Note")
    def note_shown(self, version: LoaderVersion) -> str:
        return version.note

    @admin.display(description="Has waited", ordering="submitted_at")
    def since(self, version: LoaderVersion) -> str:
        return age_text(version, timezone.now())

    @admin.display(description="Evidence")
    def evidence_shown(self, version: LoaderVersion) -> SafeString | str:
        return evidence_badge(version)

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

    @admin.display(description="Difference")
    def comparison(self, version: LoaderVersion) -> SafeString:
        """A link to what differs; the first version has nothing to be compared with."""
        if version.number == 1:
            return format_html("{}", NOTHING)
        address = reverse("admin:loaders_loaderversion_compare", args=[version.loader_id])
        return format_html(
            '<a class="lp-link" href="{}?to={}">Compare</a>', address, version.number
        )

    def get_urls(self) -> list[URLPattern]:
        compare = self.admin_site.admin_view(self.compare_view)
        view = self.admin_site.admin_view(self.restore_view)
        gather = self.admin_site.admin_view(self.evidence_view)
        news = self.admin_site.admin_view(self.news_view)
        names = ("loaders_loaderversion_restore", "loaders_loaderversion_evidence")
        return [
            path("<path:object_id>/news/", news, name="loaders_loaderversion_news"),
            path("<path:object_id>/restore/", view, name=names[0]),
            path("<path:object_id>/evidence/", gather, name=names[1]),
            path("<uuid:loader_id>/compare/", compare, name="loaders_loaderversion_compare"),
            *super().get_urls(),
        ]

    def compare_view(self, request: HttpRequest, loader_id: UUID) -> HttpResponse:
        """Two versions of a loader side by side."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        loader = Loader.objects.visible_to(request.user).filter(pk=loader_id).first()
        if loader is None:
            raise Http404
        context = {**self.admin_site.each_context(request), "model_admin": self}
        return comparison_page(request, loader, context)

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
            tell_refusal(request, error)
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
            tell_refusal(request, error)
        else:
            messages.success(request, "The evidence is gathered again.")
        return redirect("admin:loaders_loaderversion_change", version.pk)

    def news_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What happened to a waiting version while somebody looks at it: 204 if nothing did, else
        a notice for their page. `gathering` says that the evidence was not complete then."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = self.get_object(request, unquote(object_id))
        if version is None:
            raise Http404
        is_decided = version.decision != Decision.PENDING
        pack = EvidencePack.objects.filter(version=version).first()
        is_complete = "gathering" in request.GET and pack and pack.status == EvidenceStatus.FINISHED
        if not is_decided and not is_complete:
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
        context = {
            "address": reverse("admin:loaders_loaderversion_change", args=[version.pk]),
            "decided": decision_text(version) if is_decided else "",
        }
        return TemplateResponse(request, "console/review_news.html", context)

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
                version.refresh_from_db(fields=["decision"])
                if version.decision != Decision.PENDING:  # somebody else was faster
                    tell_refusal(request, error)
                    return redirect("admin:loaders_loaderversion_change", version.pk)
                error.leave_trace()
                form.add_error("comment" if "comment" in _fields(error) else None, error.message)
            else:
                messages.success(request, text)
                return redirect("admin:loaders_loader_change", version.loader_id)
        return self._page(request, version, form)

    def _page(
        self, request: HttpRequest, version: LoaderVersion, form: DecisionForm
    ) -> TemplateResponse:
        is_waiting = version.decision == Decision.PENDING
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
            "is_waiting": is_waiting,
            "is_decider": may(request.user, Permission.APPROVE),
            "news_address": reverse("admin:loaders_loaderversion_news", args=[version.pk]),
            "submitted_by": name_of(version.submitted_by),
            "inbox_address": waiting_address(),
            **place_in_inbox(request.user, version),
            "approval_blocked": _blocked(request.user, version.loader, own=True)
            or ("The evidence is not complete yet." if evidence.get("is_gathering") else ""),
            "gathering_blocked": gathering_refused(request.user),
            **evidence,
            "restoring_blocked": "" if may(request.user, _EDIT) else refusal(_EDIT),
            "rejection_blocked": _blocked(request.user, version.loader, own=False),
            **(differences := _differences(version, with_sql=with_sql)),
        }
        if is_waiting:
            context["change"] = change_text(version, differences["before"], with_source=with_sql)
        waits = evidence.get("is_gathering") and not evidence["pack"].note
        context["looks_again"] = bool(waits and is_waiting)
        return TemplateResponse(request, "console/review.html", context)


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
        diff = side_by_side(sql_of(before.definition), sql) if before else []
        shown |= {"sql": sql, "diff": diff}
    return shown


def _fields(error: PortalError) -> Any:
    found = error.details.get("errors")
    return found if isinstance(found, dict) else {}
