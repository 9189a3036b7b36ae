"""Source databases. Administrators edit them, viewers don't see where they are; nobody ever sees a
password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_actions import ActionPageAdmin, PageAction
from accounts.roles import Permission
from loaders.admin.actions import TEST
from loaders.admin.forms import SourceForm
from loaders.models import SourceDatabase


class SourceDatabaseAdmin(ActionPageAdmin):
    """Connection profiles."""

    audited_as = "source"
    page_actions: Sequence[PageAction] = (TEST,)
    view_permission = Permission.VIEW_SQL
    add_permission = Permission.MANAGE_SOURCES
    change_permission = Permission.MANAGE_SOURCES
    form = SourceForm
    change_form_outer_before_template = "console/source_notice.html"
    list_display = ("db_code", "kind", "address", "db_name", "user_name", "tls_mode", "environment")
    list_filter = ("db_type", "environment")
    search_fields = ("db_code", "host", "db_name")

    @admin.display(description="Kind", ordering="db_type")
    def kind(self, source: SourceDatabase) -> str:
        return source.get_db_type_display()

    @admin.display(description="Address", ordering="host")
    def address(self, source: SourceDatabase) -> str:
        return f"{source.host}:{source.port}"

    def get_fieldsets(self, request: HttpRequest, obj: SourceDatabase | None = None) -> Any:
        account = ["user_name"]
        if self.has_change_permission(request):
            account.append("new_password")
        limits = ("connect_timeout_seconds", "idle_read_timeout_seconds", "max_connections")
        return (
            ("Database", {"fields": ("db_code", "db_type", ("host", "port"), "db_name")}),
            ("Account", {"fields": account}),
            ("Protection", {"fields": ("environment", "tls_mode", "tls_ca")}),
            ("Limits", {"fields": limits}),
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: SourceDatabase | None = None
    ) -> list[str]:
        return ["db_code"] if obj else []
