"""The list of loaders: what a definition and its state say. What runs and coverage say is added by
`loaderportal`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from accounts.admin_actions import ActionPageAdmin
from core.display import NOTHING, Tone, ago_text, badge, span_text, stacked, time_shown
from core.shown_zone import in_shown_zone
from loaders.admin.loader_filters import ArchivedFilter, MineFilter, StandingFilter
from loaders.admin.switching import SwitchingAdmin
from loaders.models import ApprovalStatus, Lateness, Loader, LoadStatus
from loaders.models.loader import LoaderQuerySet
from loaders.policies import LoaderKind

_APPROVAL = {
    ApprovalStatus.DRAFT: Tone.QUIET,
    ApprovalStatus.PENDING_APPROVAL: Tone.WAITING,
    ApprovalStatus.APPROVED: Tone.GOOD,
    ApprovalStatus.REJECTED: Tone.BAD,
}
_STATE = {
    LoadStatus.IDLE: Tone.QUIET,
    LoadStatus.RUNNING: Tone.BUSY,
    LoadStatus.FAILED: Tone.BAD,
}


def approval_badge(loader: Loader) -> SafeString:
    """Where the definition stands."""
    status = ApprovalStatus(loader.approval_status)
    return badge(status.label, _APPROVAL[status])


def state_badge(loader: Loader) -> SafeString:
    """What the last run left behind."""
    status = LoadStatus(loader.state.load_status)
    return badge(status.label, _STATE[status])


def enabled_badge(loader: Loader) -> SafeString:
    """Whether it may run."""
    if loader.archived_at is not None:
        return badge("Archived", Tone.QUIET)
    return badge("Enabled", Tone.GOOD) if loader.enabled else badge("Disabled", Tone.QUIET)


def badges_of(loader: Loader) -> SafeString:
    """All of that in as few badges as say it: an approved, enabled loader shows its state only."""
    shown = []
    is_usual = loader.enabled and loader.approval_status == ApprovalStatus.APPROVED
    if is_usual or loader.state.load_status != LoadStatus.IDLE:
        shown.append(state_badge(loader))
    if loader.approval_status != ApprovalStatus.APPROVED:
        shown.append(approval_badge(loader))
    if not loader.enabled:
        shown.append(enabled_badge(loader))
    badges = format_html_join(" ", "{}", ((one,) for one in shown))
    return format_html('<span class="lp-badges">{}</span>', badges)


def lag_text(loader: Loader, now: datetime) -> str:
    """How far the watermark lies behind now, or behind the loader's end."""
    watermark = loader.state.last_load_timestamp
    if watermark is None:
        return NOTHING
    if loader.end_at and watermark >= loader.end_at:
        return "Complete"
    return span_text(min(now, loader.end_at or now) - watermark)


def lateness_text(loader: Loader, lateness: str, now: datetime) -> str:
    """In words why a loader is late; empty for one that is not."""
    due, target = loader.state.next_due_at, loader.freshness_target_seconds
    if lateness == Lateness.OVERDUE and due is not None:
        return f"due for {span_text(now - due)}"
    if lateness == Lateness.STALE and target is not None:
        return f"target {span_text(timedelta(seconds=target))}"
    return ""


def next_due_text(loader: Loader, now: datetime) -> SafeString | str:
    """When the scheduler starts its next run, or why it does not."""
    due = loader.state.next_due_at
    if loader.state.is_held:
        return badge("Held", Tone.BAD)
    if loader.kind == LoaderKind.EXTERNAL:
        return "Posted"
    if not loader.enabled or loader.approval_status != ApprovalStatus.APPROVED or due is None:
        return NOTHING
    return stacked("now" if due <= now else ago_text(due, now), time_shown(due))


class LoaderChangeList(ChangeList):  # type: ignore[misc] # django-unfold is not typed
    """The rows without what the list does not show: each SQL would be decrypted for nothing."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Loader]:
        found: LoaderQuerySet = super().get_queryset(request, *args, **kwargs)
        found = found.with_lateness(timezone.now())
        return found.defer("loader_sql", "approved_version__definition")


class LoaderListAdmin(SwitchingAdmin, ActionPageAdmin):
    """The list: columns, filters, search."""

    list_fullwidth = True
    list_display: Any = ("code", "state_shown", "lag", "last_run", "next_due", "owner")
    list_filter = (
        ArchivedFilter,
        StandingFilter,
        "approval_status",
        "enabled",
        "state__load_status",
        MineFilter,
        "source_database",
        "domain",
    )
    list_select_related = ("state", "source_database")
    search_fields = ("loader_code", "description", "owning_team", "source_database__db_code")
    search_help_text = "Code, description, team or source"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LoaderChangeList]:
        return LoaderChangeList

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """The oldest watermark first where the list is of those that are behind."""
        if request.GET.get(StandingFilter.parameter_name) == "behind":
            return ("state__last_load_timestamp", "loader_code")
        return ("loader_code",)

    @admin.display(description="Loader", ordering="loader_code")
    def code(self, loader: Loader) -> SafeString:
        """Its code, and what it reads."""
        source = loader.source_database
        return stacked(loader.loader_code, source.db_code if source else "Posted signals")

    @admin.display(description="State", ordering="state__load_status")
    def state_shown(self, loader: Loader) -> SafeString:
        return badges_of(loader)

    @admin.display(description="Lag", ordering=F("state__last_load_timestamp").desc())
    def lag(self, loader: Loader) -> SafeString | str:
        now = timezone.now()
        late = lateness_text(loader, getattr(loader, "lateness", ""), now)
        if not late:
            return lag_text(loader, now)
        below = format_html('<span class="lp-error">Late: {}</span>', late)
        return stacked(lag_text(loader, now), below)

    @admin.display(description=in_shown_zone("Last run"), ordering="state__last_attempt_at")
    def last_run(self, loader: Loader) -> SafeString | str:
        at = loader.state.last_attempt_at
        return "Never" if at is None else stacked(ago_text(at, timezone.now()), time_shown(at))

    @admin.display(description=in_shown_zone("Next due"), ordering="state__next_due_at")
    def next_due(self, loader: Loader) -> SafeString | str:
        return next_due_text(loader, timezone.now())

    @admin.display(description="Owner", ordering="owning_team")
    def owner(self, loader: Loader) -> str:
        return loader.owning_team or loader.contact or NOTHING
