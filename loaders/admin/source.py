"""Source databases. Administrators edit them, viewers don't see where they are; nobody ever sees a
password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.roles import Permission
from core.display import NOTHING, Tone, badge, instant_text
from loaders.admin.actions import TEST
from loaders.admin.forms import SourceForm
from loaders.admin.teams import TEAMS
from loaders.models import ReadOnlyVerdict, SourceDatabase

_VERDICT = {
    ReadOnlyVerdict.UNKNOWN: Tone.WAITING,
    ReadOnlyVerdict.READ_ONLY: Tone.GOOD,
    ReadOnlyVerdict.CAN_WRITE: Tone.BAD,
}


class SourceDatabaseAdmin(ActionPageAdmin):
    """Connection profiles."""

    audited_as = "source"
    page_actions: Sequence[PageAction] = (TEST, TEAMS)
    view_permission = Permission.VIEW_SQL
    add_permission = Permission.MANAGE_SOURCES
    change_permission = Permission.MANAGE_SOURCES
    form = SourceForm
    list_display: Any = (
        "db_code",
        "kind",
        "address",
        "db_name",
        "user_name",
        "account",
        "tls_mode",
        "environment",
    )
    list_filter: Any = ("db_type", "read_only_verdict", "environment")
    search_fields = ("db_code", "host", "db_name")

    @admin.display(description="Kind", ordering="db_type")
    def kind(self, source: SourceDatabase) -> str:
        return source.get_db_type_display()

    @admin.display(description="Address", ordering="host")
    def address(self, source: SourceDatabase) -> str:
        return f"{source.host}:{source.port}" if source.host else NOTHING

    @admin.display(description="Account", ordering="read_only_verdict")
    def account(self, source: SourceDatabase) -> SafeString:
        """What the account may do, by the inspector's last look."""
        verdict = ReadOnlyVerdict(source.read_only_verdict)
        return badge(verdict.label, _VERDICT[verdict])

    @admin.display(description="May it write?")
    def verdict(self, source: SourceDatabase) -> SafeString:
        """The verdict, when it was found, and what the account may do beyond reading."""
        at = source.read_only_checked_at
        found = f"Looked at {instant_text(at)} UTC." if at else "Test the connection to find out."
        rights = format_html_join("", "<li>{}</li>", ((f,) for f in source.read_only_findings))
        return format_html("{} {}<ul>{}</ul>", self.account(source), found, rights)

    def get_fieldsets(self, request: HttpRequest, obj: SourceDatabase | None = None) -> Any:
        account = ["user_name"]
        if self.has_change_permission(request):
            account.append("new_password")
        if obj is not None:
            account.append("verdict")
        database = ("db_code", "db_type", ("host", "port"), "db_name", "time_zone")
        limits = (
            ("connect_timeout_seconds", "idle_read_timeout_seconds"),
            ("max_connections", "retention_days"),
            "blackout_hours",
        )
        return (
            ("Database", {"fields": database}),
            ("Account", {"fields": account}),
            ("Protection", {"fields": ("environment", "tls_mode", "tls_ca", "allow_test_queries")}),
            ("Limits", {"fields": limits}),
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: SourceDatabase | None = None
    ) -> list[str]:
        return ["db_code", "verdict"] if obj else ["verdict"]
