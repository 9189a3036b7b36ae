"""Console page of coverage: read-only."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.admin_lists import SearchedFilter
from core.display import NOTHING, Tone, badge, number_text, span_text, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.links import loader_link
from execution.coverage import CoverageState
from execution.models import CoverageInterval

COVERAGE_TONES = {
    CoverageState.LOADED: Tone.GOOD,
    CoverageState.EMPTY: Tone.QUIET,
    CoverageState.UNVERIFIED: Tone.WAITING,
    CoverageState.FAILED: Tone.BAD,
    CoverageState.MISSING: Tone.BAD,
    CoverageState.PENDING: Tone.QUIET,
    CoverageState.WAIVED: Tone.QUIET,
    CoverageState.EXPIRED: Tone.QUIET,
}


class CoverageAdmin(PortalModelAdmin):
    """What is known of each stretch of a loader's time."""

    list_display = ("loader_shown", "stretch", "length", "state_shown", "signals", "run")
    list_display_links = None
    list_filter = ("state", ("loader", SearchedFilter))
    list_filter_submit = True
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code",)
    search_help_text = "Loader, in full"
    ordering = ("loader", "-range_from")

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, interval: CoverageInterval) -> SafeString:
        return loader_link(interval.loader_id, interval.loader.pk)

    @admin.display(description=in_shown_zone("Stretch"), ordering="range_from")
    def stretch(self, interval: CoverageInterval) -> str:
        return window_shown(interval.range_from, interval.range_to)

    @admin.display(description="Length")
    def length(self, interval: CoverageInterval) -> str:
        return span_text(interval.range_to - interval.range_from)

    @admin.display(description="State", ordering="state")
    def state_shown(self, interval: CoverageInterval) -> SafeString:
        state = CoverageState(interval.state)
        return badge(state.label, COVERAGE_TONES[state])

    @admin.display(description="Signals", ordering="rec_count")
    def signals(self, interval: CoverageInterval) -> str:
        return number_text(interval.rec_count)

    @admin.display(description="Last run")
    def run(self, interval: CoverageInterval) -> SafeString | str:
        if interval.load_history_id is None:
            return NOTHING
        address = reverse("admin:execution_loadhistory_change", args=[interval.load_history_id])
        return format_html('<a class="lp-link" href="{}">Execution</a>', address)
