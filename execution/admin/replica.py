"""Console page of replicas: who works, since when, and how much of it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.admin_access import PortalModelAdmin
from accounts.object_access import is_restricted
from accounts.roles import Permission, User
from core.display import Tone, ago_text, badge, stacked, time_shown
from core.shown_zone import in_shown_zone
from execution.admin.lock import locks_address
from execution.models import Replica
from execution.models.replica import ReplicaQuerySet


def replicas_address(**asked: str) -> str:
    """The list of replicas, narrowed by its filter: `state="live"`."""
    page = reverse("admin:execution_replica_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page


def replica_badge(replica: Any) -> SafeString:
    """What a replica does; it comes from `with_work`."""
    if not replica.is_heard_of:
        return badge("Not heard of", Tone.BAD)
    return badge("Draining", Tone.WAITING) if replica.draining else badge("Live", Tone.GOOD)


def slots_link(user: User, replica: Any) -> SafeString:
    """How many of its slots are taken; leads to its locks whom that list shows all of them."""
    meter = _slots_meter(replica)
    if is_restricted(user):
        return meter
    address = locks_address(state="active", replica_name=replica.name)
    return format_html('<a class="lp-link" href="{}">{}</a>', address, meter)


def _slots_meter(replica: Any) -> SafeString:
    """A bar and figures; the replica comes from `with_work`."""
    share = min(100 * replica.slots_taken / replica.slots, 100) if replica.slots else 0
    return format_html(
        '<span class="lp-meter" aria-hidden="true"><i style="width:{}%"></i></span>{} of {}',
        f"{share:.0f}",
        replica.slots_taken,
        replica.slots,
    )


class ReplicaStateFilter(admin.SimpleListFilter):
    """Replicas by what they do, by the database's clock."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("draining", "Draining"), ("gone", "Not heard of")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        found: ReplicaQuerySet = queryset
        match self.value():
            case "live":
                return found.live()
            case "draining":
                return found.draining()
            case "gone":
                return found.gone()
        return found


class ReplicaAdmin(PortalModelAdmin):
    """Who works."""

    view_permission = Permission.VIEW_SQL
    list_fullwidth = True
    list_display = ("name", "state_shown", "heartbeat", "started", "version", "pid")
    list_display_links = None
    list_filter = (ReplicaStateFilter,)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Replica]:
        found: ReplicaQuerySet = super().get_queryset(request)  # type: ignore[assignment]
        return found.with_work()

    @admin.display(description="State", ordering="heartbeat_at")
    def state_shown(self, replica: Any) -> SafeString:
        if not replica.is_scheduling:
            return replica_badge(replica)
        return stacked(replica_badge(replica), "hands out the work")

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        """With the slots as this person may follow them."""

        @admin.display(description="Slots taken", ordering="slots_taken")
        def slots_shown(replica: Any) -> SafeString:
            return slots_link(request.user, replica)

        name, state, *others = super().get_list_display(request)
        return [name, state, slots_shown, *others]

    @admin.display(description=in_shown_zone("Heartbeat"), ordering="heartbeat_at")
    def heartbeat(self, replica: Replica) -> SafeString:
        at = replica.heartbeat_at
        return stacked(ago_text(at, timezone.now()), time_shown(at))

    @admin.display(description=in_shown_zone("Started"), ordering="started_at")
    def started(self, replica: Replica) -> SafeString:
        at = replica.started_at
        return stacked(ago_text(at, timezone.now()), time_shown(at))
