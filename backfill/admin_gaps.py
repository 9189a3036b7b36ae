"""Console pages of scans for gaps: what each found and did (spec 9)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import name_of
from accounts.admin_actions import ActionPageAdmin
from accounts.object_access import reachable
from backfill.gaps import Fate, LeftOut
from backfill.models import GapFinding, GapScan
from core.display import NOTHING, Tone, badge, number_text, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.coverage import CoverageState
from loaders.models import Loader

SHOWN = 300
"""Findings on a page."""

FATES = {
    Fate.SUBMITTED: ("Backfill made", Tone.GOOD),
    Fate.IN_HAND: ("Backfill under way", Tone.BUSY),
    Fate.LATER: ("Left for the next scan", Tone.WAITING),
    Fate.TOO_SHORT: ("Too short", Tone.QUIET),
    Fate.LOADER_LEFT_OUT: ("Loader can't run", Tone.QUIET),
    Fate.REFUSED: ("Backfill refused", Tone.BAD),
}
LEFT_OUT = {
    LeftOut.DISABLED: "disabled",
    LeftOut.NOT_APPROVED: "not approved",
    LeftOut.ARCHIVED: "archived",
    LeftOut.EXTERNAL: "external",
}


class GapScanAdmin(ActionPageAdmin):
    """Scans, newest first, with the gaps that each found."""

    change_form_outer_after_template = "console/gap_findings.html"
    list_display = ("started", "took", "scanned", "found", "new", "made", "lost", "who")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GapScan]:
        found: QuerySet[GapScan] = super().get_queryset(request)
        return found.select_related("requested_by")

    def get_fieldsets(self, request: HttpRequest, obj: GapScan | None = None) -> Any:
        return [
            ("When", {"fields": (("started", "took"), ("looked_back", "who"))}),
            (
                "What it found and did",
                {"fields": (("found", "new"), ("fates", "lost"), ("scanned", "left_out"))},
            ),
        ]

    def page_context(self, request: HttpRequest, obj: GapScan) -> dict[str, Any]:
        codes = reachable(request.user, Loader.objects.all()).values("loader_code")
        findings = obj.findings.filter(loader_code__in=codes).select_related("job")
        shown = list(findings[: SHOWN + 1])
        known = dict(
            Loader.objects.filter(
                loader_code__in={finding.loader_code for finding in shown}
            ).values_list("loader_code", "pk")
        )
        return {
            "findings": [_row(finding, known) for finding in shown[:SHOWN]],
            "is_cut": len(shown) > SHOWN,
        }

    @admin.display(description=in_shown_zone("Started"), ordering="started_at")
    def started(self, scan: GapScan) -> str:
        return time_shown(scan.started_at)

    @admin.display(description="Took")
    def took(self, scan: GapScan) -> SafeString | str:
        if scan.ended_at is None:
            return badge("Not ended", Tone.WAITING)
        return span_text(scan.ended_at - scan.started_at)

    @admin.display(description=in_shown_zone("Looked back to"))
    def looked_back(self, scan: GapScan) -> str:
        return time_shown(scan.looked_from)

    @admin.display(description="Asked for by")
    def who(self, scan: GapScan) -> str:
        return name_of(scan.requested_by)

    @admin.display(description="Loaders")
    def scanned(self, scan: GapScan) -> str:
        return number_text(scan.loaders_scanned)

    @admin.display(description="Loaders left out")
    def left_out(self, scan: GapScan) -> str:
        parts = [f"{n:,} {LEFT_OUT[LeftOut(why)]}" for why, n in scan.loaders_left_out.items()]
        return ", ".join(parts) or "None"

    @admin.display(description="Gaps")
    def found(self, scan: GapScan) -> str:
        return number_text(scan.gaps_found)

    @admin.display(description="Seen first")
    def new(self, scan: GapScan) -> str:
        return number_text(scan.gaps_new)

    @admin.display(description="Backfills made")
    def made(self, scan: GapScan) -> str:
        return number_text(scan.jobs_made)

    @admin.display(description="What became of them")
    def fates(self, scan: GapScan) -> str:
        parts = [f"{FATES[Fate(fate)][0]}: {n:,}" for fate, n in scan.gaps_by_fate.items()]
        return ", ".join(parts) or NOTHING

    @admin.display(description="Stretches whose signals are gone")
    def lost(self, scan: GapScan) -> str:
        text = number_text(scan.stretches_lost)
        if scan.loaders_unverified:
            text += f" ({scan.loaders_unverified:,} loaders are left for the next scan)"
        return text


def _row(finding: GapFinding, known: dict[str, Any]) -> dict[str, Any]:
    label, tone = FATES[Fate(finding.fate)]
    job: SafeString | str = finding.error_message or NOTHING
    if finding.job_id is not None:
        address = reverse("admin:backfill_backfilljob_change", args=[finding.job_id])
        job = format_html('<a class="lp-link" href="{}">Backfill</a>', address)
    loader = known.get(finding.loader_code)
    return {
        "loader": finding.loader_code,
        "loader_address": loader and reverse("admin:loaders_loader_change", args=[loader]),
        "stretch": window_shown(finding.range_from, finding.range_to),
        "length": span_text(finding.range_to - finding.range_from),
        "states": ", ".join(CoverageState(state).label for state in finding.states),
        "fate": badge(label, tone),
        "job": job,
        "is_new": finding.is_new,
    }
