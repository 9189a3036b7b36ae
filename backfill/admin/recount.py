"""Console pages of re-counts: a list, what differs, and the decision where records are fewer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_access import name_of
from accounts.admin_actions import ActionForm, ActionPageAdmin, PageAction
from accounts.admin_lists import SearchedFilter
from accounts.roles import Permission, User
from backfill.services.recounts import decline_recount, reload_recount, reloads_of
from core.display import NOTHING, Tone, badge, number_text, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin import loader_link
from execution.models import Recount, RecountState

_TONES = {
    RecountState.SAME: Tone.GOOD,
    RecountState.FOUND: Tone.BUSY,
    RecountState.WAITS: Tone.WAITING,
    RecountState.RELOADED: Tone.GOOD,
    RecountState.DECLINED: Tone.QUIET,
}
_SHOWN = 200


class ReasonForm(ActionForm):
    """Why it is decided so."""

    reason = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The audit trail keeps it.",
    )


def _waits(_: User, recount: Recount) -> str:
    return "" if recount.state == RecountState.WAITS else "It does not wait for a decision."


def _reload(user: User, recount: Recount, *, reason: str) -> str:
    reload_recount(user=user, recount=recount, reason=reason)
    return "The grains are loaded again. What is replaced becomes an output version."


def _decline(user: User, recount: Recount, *, reason: str) -> str:
    decline_recount(user=user, recount=recount, reason=reason)
    return "What is loaded stays."


RELOAD = PageAction(
    "reload",
    "Load again",
    "replay",
    Permission.BACKFILL,
    _waits,
    act=_reload,
    form=ReasonForm,
    tone="main",
)
DECLINE = PageAction(
    "decline", "Leave as it is", "close", Permission.BACKFILL, _waits, act=_decline, form=ReasonForm
)


class RecountAdmin(ActionPageAdmin):
    """What asking closed windows again brought to light."""

    page_actions = (RELOAD, DECLINE)
    change_form_outer_before_template = "console/recount_box.html"
    list_display = ("asked", "loader_shown", "window_shown", "state_shown", "age", "late", "lost")
    list_filter = ("state", ("loader", SearchedFilter))
    list_filter_submit = True
    list_select_related = ("loader", "load_history")
    search_fields = ("=loader__loader_code",)
    search_help_text = "Loader, in full"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recount]:
        found: QuerySet[Recount] = super().get_queryset(request)
        return found.select_related("loader", "load_history", "decided_by").defer(
            "load_history__source_error", "load_history__stack_trace"
        )

    def get_fieldsets(self, request: HttpRequest, obj: Recount | None = None) -> Any:
        sections: list[Any] = [
            (
                "What was asked",
                {"fields": (("asked", "window_shown"), ("age", "found"), ("late", "lost"))},
            )
        ]
        if obj is not None and obj.decided_at is not None:
            decision = (("decided", "decider"), "reason")
            sections.append(("What was decided", {"fields": decision}))
        return sections

    def page_context(self, request: HttpRequest, obj: Recount) -> dict[str, Any]:
        shown = obj.differences[:_SHOWN]
        jobs = reloads_of(obj)
        return {
            "badges": [_badge(obj)],
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
            "differences": [
                (time_shown(one.at), number_text(one.loaded), number_text(one.found))
                for one in shown
            ],
            "is_longer": obj.is_cut or len(obj.differences) > _SHOWN,
            "jobs": [
                (reverse("admin:backfill_backfilljob_change", args=[job.pk]), job) for job in jobs
            ],
        }

    @admin.display(description=in_shown_zone("Asked"), ordering="load_history__start_time")
    def asked(self, recount: Recount) -> str:
        return time_shown(recount.load_history.start_time)

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, recount: Recount) -> SafeString:
        return loader_link(recount.loader_id, recount.loader.pk)

    @admin.display(description=in_shown_zone("Window"), ordering="load_history__query_from_time")
    def window_shown(self, recount: Recount) -> str:
        window = recount.load_history.window
        return window_shown(window.start, window.end)

    @admin.display(description="State", ordering="state")
    def state_shown(self, recount: Recount) -> SafeString:
        return _badge(recount)

    @admin.display(description="Closed for", ordering="age_seconds")
    def age(self, recount: Recount) -> str:
        return span_text(timedelta(seconds=recount.age_seconds))

    @admin.display(description="Records found")
    def found(self, recount: Recount) -> str:
        return number_text(recount.found_records)

    @admin.display(description="Late records", ordering="late_records")
    def late(self, recount: Recount) -> str:
        return number_text(recount.late_records)

    @admin.display(description="Gone at the source", ordering="lost_records")
    def lost(self, recount: Recount) -> str:
        return number_text(recount.lost_records)

    @admin.display(description=in_shown_zone("Decided"))
    def decided(self, recount: Recount) -> str:
        return time_shown(recount.decided_at)

    @admin.display(description="By")
    def decider(self, recount: Recount) -> str:
        return NOTHING if recount.decided_by is None else name_of(recount.decided_by)


def _badge(recount: Recount) -> SafeString:
    state = RecountState(recount.state)
    return badge(state.label, _TONES[state])
