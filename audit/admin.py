"""The audit trail in the console: read-only, columns only. Who may open it is decided above this
app, where the roles are (`accounts.admin`)."""

from __future__ import annotations

from django.contrib import admin

from audit.models import AuditEvent
from audit.sealing import SealStatus, status
from core.display import time_shown
from core.shown_zone import in_shown_zone


class AuditEventColumns:
    """List and page of the trail, to be mixed with a permission-aware ModelAdmin."""

    list_display = ("when", "actor_name", "action", "object_type", "object_id", "source_address")
    list_display_links = ("when",)
    list_filter = ("object_type",)
    linked_fields: tuple[str, ...] = ("object_id", "action")
    search_fields = ("=actor_name", "=action", "=object_id", "=correlation_id")
    search_help_text = "Who, action, object or correlation id, in full"
    list_per_page = 100
    list_before_template = "console/audit_seals.html"
    fieldsets = (
        ("Event", {"fields": ("when", "actor_name", "source_address", "action")}),
        ("Object", {"fields": ("object_type", "object_id", "before", "after")}),
        ("Origin", {"fields": ("id", "correlation_id")}),
    )

    def seal_status(self) -> SealStatus:
        """Where sealing stands, for the line above the list."""
        return status()

    @admin.display(description=in_shown_zone("When"), ordering="at")
    def when(self, event: AuditEvent) -> str:
        return time_shown(event.at)
