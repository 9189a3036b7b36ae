"""Console pages of locks, replicas and maintenance jobs: read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.roles import Permission
from core.display import NOTHING, Tone, badge, number_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.links import loader_link
from execution.maintenance import registered
from execution.maintenance.runner import next_due
from execution.models import LoaderExecutionLock, MaintenanceJob, Replica
from execution.models.replica import LIVE_FOR


class LockAdmin(PortalModelAdmin):
    """Windows that workers hold or held."""

    view_permission = Permission.VIEW_SQL
    list_display = (
        "loader_shown",
        "window_shown",
        "holding",
        "replica_name",
        "worker_pid",
        "acquired",
        "lease",
        "release",
    )
    list_display_links = None
    list_filter = ("released", "replica_name")
    list_select_related = ("loader",)
    search_fields = ("=loader__loader_code", "=replica_name")

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, lock: LoaderExecutionLock) -> SafeString:
        return loader_link(lock.loader_id, lock.loader.pk)

    @admin.display(description=in_shown_zone("Window"), ordering="window_from")
    def window_shown(self, lock: LoaderExecutionLock) -> str:
        return window_shown(lock.window_from, lock.window_to)

    @admin.display(description="State", ordering="released")
    def holding(self, lock: LoaderExecutionLock) -> SafeString:
        if lock.released:
            return badge("Released", Tone.QUIET)
        if lock.cancel_requested:
            return badge("Asked to stop", Tone.WAITING)
        return badge("Held", Tone.BUSY) if lock.claimed_at else badge("Queued", Tone.WAITING)

    @admin.display(description=in_shown_zone("Acquired"), ordering="acquired_at")
    def acquired(self, lock: LoaderExecutionLock) -> str:
        return time_shown(lock.acquired_at)

    @admin.display(description=in_shown_zone("Lease until"), ordering="lease_until")
    def lease(self, lock: LoaderExecutionLock) -> str:
        return time_shown(lock.lease_until)

    @admin.display(description=in_shown_zone("Released"), ordering="released_at")
    def release(self, lock: LoaderExecutionLock) -> str:
        return time_shown(lock.released_at)


class ReplicaAdmin(PortalModelAdmin):
    """Who works."""

    view_permission = Permission.VIEW_SQL
    list_display = ("name", "state_shown", "slots", "version", "pid", "started", "heartbeat")
    list_display_links = None
    list_filter = ("draining",)
    search_fields = ("name",)

    @admin.display(description="State")
    def state_shown(self, replica: Replica) -> SafeString:
        if replica.heartbeat_at < timezone.now() - LIVE_FOR:
            return badge("Not heard of", Tone.BAD)
        return badge("Draining", Tone.WAITING) if replica.draining else badge("Live", Tone.GOOD)

    @admin.display(description=in_shown_zone("Started"), ordering="started_at")
    def started(self, replica: Replica) -> str:
        return time_shown(replica.started_at)

    @admin.display(description=in_shown_zone("Heartbeat"), ordering="heartbeat_at")
    def heartbeat(self, replica: Replica) -> str:
        return time_shown(replica.heartbeat_at)


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
