"""Console page of maintenance jobs: read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.roles import Permission
from core.display import NOTHING, Tone, badge, number_text, time_shown
from core.shown_zone import in_shown_zone
from execution.maintenance import registered
from execution.maintenance.runner import next_due
from execution.models import MaintenanceJob


class MaintenanceJobAdmin(PortalModelAdmin):
    """The portal's upkeep: when each job ran, and how it ended."""

    view_permission = Permission.VIEW_SQL
    list_display = (
        "name",
        "state_shown",
        "schedule",
        "next_shown",
        "started",
        "finished",
        "count",
        "holder",
        "last_error",
    )
    list_display_links = None
    search_fields = ("name", "=holder")

    @admin.display(description="State")
    def state_shown(self, job: MaintenanceJob) -> SafeString:
        if job.lease_until is not None:
            is_lost = job.lease_until < timezone.now()
            return badge("Lost", Tone.BAD) if is_lost else badge("Running", Tone.BUSY)
        if job.last_error:
            return badge("Failed", Tone.BAD)
        return badge("Done", Tone.GOOD) if job.last_finished_at else badge("New", Tone.QUIET)

    @admin.display(description="Due")
    def schedule(self, job: MaintenanceJob) -> str:
        known = registered().get(job.name)
        return str(known.schedule) if known else "No longer"

    @admin.display(description=in_shown_zone("Next"))
    def next_shown(self, job: MaintenanceJob) -> str:
        known = registered().get(job.name)
        return time_shown(next_due(known, job, None)) if known else NOTHING

    @admin.display(description=in_shown_zone("Started"), ordering="last_started_at")
    def started(self, job: MaintenanceJob) -> str:
        return time_shown(job.last_started_at)

    @admin.display(description=in_shown_zone("Ended"), ordering="last_finished_at")
    def finished(self, job: MaintenanceJob) -> str:
        return time_shown(job.last_finished_at)

    @admin.display(description="Did", ordering="last_count")
    def count(self, job: MaintenanceJob) -> str:
        return number_text(job.last_count)
