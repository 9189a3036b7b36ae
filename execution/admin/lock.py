"""Console page of locks: who loads which window, since when, and what was released lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.roles import Permission
from core.display import NOTHING, Tone, ago_text, badge, stacked, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.links import loader_link
from execution.admin.source_filter import LockSourceFilter
from execution.models import LoaderExecutionLock, Trigger
from execution.models.lock import released_or_not_yet


def locks_address(**asked: str) -> str:
    """The list of locks, narrowed by its filters: `state="active"`, `source="SHOP"`."""
    page = reverse("admin:execution_loaderexecutionlock_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page


class LockStateFilter(admin.SimpleListFilter):
    """Locks by what they hold."""

    title = "state"
    parameter_name = "state"
    _CONDITIONS = {
        "active": ("Held or queued", Q(released=False)),
        "held": ("Held", Q(released=False, claimed_at__isnull=False)),
        "queued": ("Queued", Q(released=False, claimed_at__isnull=True)),
        "stopping": ("Asked to stop", Q(released=False, cancel_requested=True)),
        "released": ("Released", Q(released=True)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self._CONDITIONS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoaderExecutionLock]
    ) -> QuerySet[LoaderExecutionLock]:
        chosen = self._CONDITIONS.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen[1])


class LockAdmin(PortalModelAdmin):
    """Windows that workers hold or held; those that are held stand first."""

    view_permission = Permission.VIEW_SQL
    list_fullwidth = True
    list_display = (
        "loader_shown",
        "state_shown",
        "window_shown",
        "execution",
        "replica_shown",
        "held",
        "lease",
    )
    list_display_links = None
    list_filter = (LockStateFilter, "replica_name", LockSourceFilter)
    list_select_related = ("loader", "load_history")
    ordering: Sequence[Any] = (released_or_not_yet().desc(),)
    search_fields = ("=loader__loader_code", "=replica_name")
    search_help_text = "Loader or replica, in full"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoaderExecutionLock]:
        hidden = ("source_error", "stack_trace", "metadata", "error_message")
        found = super().get_queryset(request).select_related("loader", "load_history")
        return found.defer("loader__loader_sql", *(f"load_history__{name}" for name in hidden))

    @admin.display(description="Loader", ordering="loader")
    def loader_shown(self, lock: LoaderExecutionLock) -> SafeString:
        return loader_link(lock.loader_id, lock.loader.pk)

    @admin.display(description="State", ordering="released")
    def state_shown(self, lock: LoaderExecutionLock) -> SafeString:
        """What it is, and since when."""
        now = timezone.now()
        if lock.released:
            shown = badge("Released", Tone.QUIET)
            return stacked(shown, ago_text(lock.released_at, now)) if lock.released_at else shown
        if lock.lease_until < now:
            return stacked(badge("Lease expired", Tone.BAD), ago_text(lock.lease_until, now))
        told = ago_text(lock.claimed_at or lock.acquired_at, now)
        if lock.cancel_requested:
            return stacked(badge("Asked to stop", Tone.WAITING), told)
        shown = badge("Held", Tone.BUSY) if lock.claimed_at else badge("Queued", Tone.WAITING)
        return stacked(shown, told)

    @admin.display(description=in_shown_zone("Window"), ordering="window_from")
    def window_shown(self, lock: LoaderExecutionLock) -> str:
        return window_shown(lock.window_from, lock.window_to)

    @admin.display(description="Execution")
    def execution(self, lock: LoaderExecutionLock) -> SafeString:
        address = reverse("admin:execution_loadhistory_change", args=[lock.load_history_id])
        label = Trigger(lock.load_history.trigger).label
        return format_html('<a class="lp-link" href="{}">{}</a>', address, label)

    @admin.display(description="Replica", ordering="replica_name")
    def replica_shown(self, lock: LoaderExecutionLock) -> SafeString | str:
        if not lock.replica_name:
            return NOTHING
        if lock.worker_pid is None:
            return lock.replica_name
        return stacked(lock.replica_name, f"process {lock.worker_pid}")

    @admin.display(description=in_shown_zone("Held"), ordering="acquired_at")
    def held(self, lock: LoaderExecutionLock) -> SafeString | str:
        """From when on and, once released, until when."""
        since = time_shown(lock.acquired_at)
        if lock.released_at is None:
            return since
        return stacked(since, format_html("until {}", time_shown(lock.released_at)))

    @admin.display(description=in_shown_zone("Lease until"), ordering="lease_until")
    def lease(self, lock: LoaderExecutionLock) -> SafeString | str:
        if lock.released:
            return NOTHING
        return stacked(ago_text(lock.lease_until, timezone.now()), time_shown(lock.lease_until))
