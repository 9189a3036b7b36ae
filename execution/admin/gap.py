"""Console pages of gaps and waivers: what is missing, and what a person said about it (spec 9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_access import name_of
from accounts.admin_actions import ActionForm, ActionPageAdmin, PageAction
from accounts.admin_lists import SearchedFilter
from accounts.roles import Permission, User
from core.display import NOTHING, Tone, badge, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.coverage import COVERAGE_TONES
from execution.admin.links import loader_link
from execution.coverage import CoverageState
from execution.exceptions import GapNotFoundError
from execution.models import Gap, GapWaiver, read_gap_id
from execution.services import waive_gaps, withdraw_waiver

_LENGTHS = {
    "5min": ("5 minutes and more", timedelta(minutes=5)),
    "1h": ("1 hour and more", timedelta(hours=1)),
    "1d": ("1 day and more", timedelta(days=1)),
}


class LengthFilter(admin.SimpleListFilter):
    """Gaps that are at least so long."""

    title = "length"
    parameter_name = "length"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in _LENGTHS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Gap]) -> QuerySet[Gap]:
        if (chosen := _LENGTHS.get(self.value() or "")) is None:
            return queryset
        return queryset.filter(range_to__gte=F("range_from") + chosen[1])


class ReasonForm(ActionForm):
    """Why."""

    reason = forms.CharField(
        label="Reason",
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The audit trail keeps it.",
    )


class WaivingForm(ReasonForm):
    """Why nothing is missing."""

    note = (
        "A waived gap is left alone by the gap scanner. Rows that are loaded into it later count "
        "all the same, and the waiver can be withdrawn."
    )


class WithdrawalForm(ReasonForm):
    """Why it is missing after all."""

    note = "What of the stretch is still waived becomes a gap again, and the next scan loads it."


def _waive(user: User, gap: Gap, *, reason: str) -> str:
    waive_gaps(user=user, loader=gap.loader, window=gap.window, reason=reason)
    return f"The gap of {gap.loader_id} is waived."


def _withdraw(user: User, waiver: GapWaiver, *, reason: str) -> str:
    withdraw_waiver(user=user, waiver_id=waiver.pk, reason=reason)
    return "The waiver is withdrawn."


WAIVE = PageAction(
    "waive",
    "Waive",
    "do_not_disturb_on",
    Permission.MEND_COVERAGE,
    lambda _, __: "",
    act=_waive,
    form=WaivingForm,
)
WITHDRAW = PageAction(
    "withdraw",
    "Withdraw",
    "undo",
    Permission.MEND_COVERAGE,
    lambda _, waiver: "It was withdrawn." if waiver.withdrawn_at else "",
    act=_withdraw,
    form=WithdrawalForm,
)


class _StretchAdmin(ActionPageAdmin):
    """What both pages tell of a stretch of a loader's time."""

    change_form_outer_before_template = "console/stretch_box.html"
    list_select_related: tuple[str, ...] = ("loader",)
    search_fields = ("=loader__loader_code",)
    search_help_text = "Loader, in full"

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        bounds = {"from": obj.range_from, "to": obj.range_to}
        shown = {name: at.strftime("%Y-%m-%dT%H:%M:%S") for name, at in bounds.items()}
        page = reverse("admin:loaders_loader_coverage", args=[obj.loader.pk])
        return {
            "loader_address": reverse("admin:loaders_loader_change", args=[obj.loader.pk]),
            "links": [("Coverage", f"{page}?{urlencode(shown)}")],
        }

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, found: Any) -> SafeString:
        return loader_link(found.loader_id, found.loader.pk)

    @admin.display(description=in_shown_zone("Stretch"), ordering="range_from")
    def stretch(self, found: Any) -> str:
        return window_shown(found.range_from, found.range_to)

    @admin.display(description="Length")
    def length(self, found: Any) -> str:
        return span_text(found.range_to - found.range_from)


class GapAdmin(_StretchAdmin):
    """Gaps of all loaders, newest first."""

    page_actions: tuple[PageAction, ...] = (WAIVE,)
    list_display = ("stretch", "length", "loader_shown", "state_shown", "run")
    list_filter = ("state", LengthFilter, ("loader", SearchedFilter))
    list_filter_submit = True

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Gap | None:
        """The gap, looked for in its loader's time line only."""
        try:
            code, _ = read_gap_id(object_id)
        except GapNotFoundError:
            return None
        found: QuerySet[Gap] = self.get_queryset(request)
        return found.filter(loader_id=code, pk=object_id).first()

    def get_fieldsets(self, request: HttpRequest, obj: Gap | None = None) -> Any:
        return [("What is missing", {"fields": (("stretch", "length"), ("state_shown", "run"))})]

    @admin.display(description="State", ordering="state")
    def state_shown(self, gap: Gap) -> SafeString:
        state = CoverageState(gap.state)
        return badge(state.label, COVERAGE_TONES[state])

    @admin.display(description="Last run")
    def run(self, gap: Gap) -> SafeString | str:
        if gap.load_history_id is None:
            return NOTHING
        address = reverse("admin:execution_loadhistory_change", args=[gap.load_history_id])
        return format_html('<a class="lp-link" href="{}">Execution</a>', address)


class StandingFilter(admin.SimpleListFilter):
    """Waivers that stand, or that were withdrawn."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Stands"), ("no", "Withdrawn")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[GapWaiver]) -> QuerySet[GapWaiver]:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(withdrawn_at__isnull=self.value() == "yes")


class WaiverAdmin(_StretchAdmin):
    """What persons declared to be no gaps."""

    page_actions = (WITHDRAW,)
    list_display = ("stretch", "length", "loader_shown", "standing", "reason", "who", "when")
    list_filter = (StandingFilter, ("loader", SearchedFilter))
    list_filter_submit = True
    list_select_related = ("loader", "waived_by", "withdrawn_by")

    def get_fieldsets(self, request: HttpRequest, obj: GapWaiver | None = None) -> Any:
        said = (("stretch", "length"), ("who", "when"), "reason")
        sections: list[Any] = [("What was waived", {"fields": said})]
        if obj is not None and obj.withdrawn_at is not None:
            back = (("who_withdrew", "withdrawn"), "withdrawal_reason")
            sections.append(("Withdrawn", {"fields": back}))
        return sections

    @admin.display(description="State", ordering="withdrawn_at")
    def standing(self, waiver: GapWaiver) -> SafeString:
        if waiver.withdrawn_at is None:
            return badge("Stands", Tone.GOOD)
        return badge("Withdrawn", Tone.QUIET)

    @admin.display(description="Waived by")
    def who(self, waiver: GapWaiver) -> str:
        return name_of(waiver.waived_by)

    @admin.display(description=in_shown_zone("Waived"), ordering="waived_at")
    def when(self, waiver: GapWaiver) -> str:
        return time_shown(waiver.waived_at)

    @admin.display(description="Withdrawn by")
    def who_withdrew(self, waiver: GapWaiver) -> str:
        return name_of(waiver.withdrawn_by)

    @admin.display(description=in_shown_zone("Withdrawn"))
    def withdrawn(self, waiver: GapWaiver) -> str:
        return time_shown(waiver.withdrawn_at)
