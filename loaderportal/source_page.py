"""Sources in whole: their profiles, how they answer, and what reads them now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.display import (
    NOTHING,
    Tone,
    ago_text,
    badge,
    instant_text,
    number_text,
    stacked,
    time_shown,
)
from core.shown_zone import in_shown_zone
from execution.admin import locks_address
from execution.source_standing import SourceStanding, with_standing, with_use
from loaders.admin.loader_filters import loaders_address
from loaders.admin.source import SourceDatabaseAdmin
from loaders.models import SourceDatabase

_TONES = {
    SourceStanding.HELD: Tone.BAD,
    SourceStanding.FAILING: Tone.WAITING,
    SourceStanding.UNTRIED: Tone.QUIET,
    SourceStanding.ANSWERS: Tone.GOOD,
}


def sources_address(**asked: str) -> str:
    """The list of sources, narrowed by its filters: `standing="HELD"`."""
    page = reverse("admin:loaders_sourcedatabase_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page


def standing_badge(source: Any) -> SafeString:
    """How the source answers; it comes from `with_standing`."""
    standing = SourceStanding(source.standing)
    return badge(standing.label, _TONES[standing])


def standing_text(source: Any) -> str:
    """The same in a sentence."""
    failures = "once" if source.failures == 1 else f"{source.failures} times in a row"
    match SourceStanding(source.standing):
        case SourceStanding.HELD:
            until = f"{instant_text(source.retry_at)} UTC"
            return f"It failed {failures} ({source.last_error}). One run tries it after {until}."
        case SourceStanding.FAILING:
            return f"It failed {failures} ({source.last_error}) and is asked again."
        case SourceStanding.UNTRIED:
            return "No run has read it, and its connection was not tested."
        case SourceStanding.ANSWERS:
            return "It served whoever asked last."


def _blackout_text(until: datetime | None) -> str:
    return "" if until is None else f"Its blackout hours last until {instant_text(until)} UTC."


class SourceStandingFilter(admin.SimpleListFilter):
    """Sources by how they answer."""

    title = "state"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(standing.value, str(standing.label)) for standing in SourceStanding]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[SourceDatabase]
    ) -> QuerySet[SourceDatabase]:
        if self.value() not in SourceStanding.values:
            return queryset
        return with_standing(queryset).filter(standing=self.value())


class SourcePageAdmin(SourceDatabaseAdmin):
    """Sources with their loaders and locks."""

    change_form_outer_before_template = "console/source_box.html"
    list_fullwidth = True
    list_display = (
        "db_code",
        "standing_shown",
        "answered",
        "account_shown",
        "loaders_shown",
        "locks_shown",
        "database",
        "environment",
    )
    list_filter = (SourceStandingFilter, *SourceDatabaseAdmin.list_filter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourceDatabase]:
        return with_use(with_standing(super().get_queryset(request)))

    def page_context(self, request: HttpRequest, obj: SourceDatabase) -> dict[str, Any]:
        source: Any = obj
        now = timezone.now()
        until = obj.blackout_end(now)
        return {
            "badges": [standing_badge(source), self.account(obj)],
            "sentence": standing_text(source),
            "blackout": f"Its blackout hours last until {instant_text(until)} UTC."
            if until
            else "",
            "facts": (
                (in_shown_zone("Last answered"), time_shown(source.answered_at, empty="Never")),
                (
                    in_shown_zone("Account looked at"),
                    time_shown(obj.read_only_checked_at, empty="Never"),
                ),
                ("Loaders", self.loaders_shown(obj)),
                ("Runs now, of at most", self.locks_shown(obj)),
            ),
        }

    @admin.display(description="State", ordering="standing")
    def standing_shown(self, source: Any) -> SafeString:
        if source.standing in (SourceStanding.HELD, SourceStanding.FAILING):
            return stacked(standing_badge(source), source.last_error)
        return standing_badge(source)

    @admin.display(description=in_shown_zone("Last answered"), ordering="answered_at")
    def answered(self, source: Any) -> SafeString | str:
        at = source.answered_at
        return "Never" if at is None else stacked(ago_text(at, timezone.now()), time_shown(at))

    @admin.display(description="Account", ordering="read_only_verdict")
    def account_shown(self, source: SourceDatabase) -> SafeString:
        """What it may do, and its name."""
        return stacked(self.account(source), source.user_name or NOTHING)

    @admin.display(description="Database", ordering="host")
    def database(self, source: SourceDatabase) -> SafeString:
        """Kind, name and address."""
        name = f"{self.kind(source)} {source.db_name}".strip()
        return stacked(name, self.address(source))

    @admin.display(description="Loaders", ordering="loader_count")
    def loaders_shown(self, source: Any) -> SafeString | str:
        if not source.loader_count:
            return NOTHING
        address = loaders_address(source_database__id__exact=str(source.pk))
        return _link(address, number_text(source.loader_count))

    @admin.display(description="Runs now", ordering="lock_count")
    def locks_shown(self, source: Any) -> SafeString | str:
        if not source.lock_count:
            return f"0 of {source.max_connections}"
        address = locks_address(state="active", source=source.db_code)
        return _link(address, f"{source.lock_count} of {source.max_connections}")


def _link(address: str, text: str) -> SafeString:
    return format_html('<a class="lp-link" href="{}">{}</a>', address, text)
