"""Enabling and disabling loaders that were chosen in the list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin_access import PortalModelAdmin
from accounts.roles import Permission, may
from loaders.models import Loader
from loaders.services import Switched, switch_many

MOST = 200
"""Loaders that are switched at once: more would keep a web worker busy for too long."""


class SwitchingAdmin(PortalModelAdmin):
    """A list with the actions. Each loader goes through the service, with an event of its own."""

    actions = ("enable_chosen", "disable_chosen")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return may(request.user, Permission.RUN)

    @admin.action(description="Enable", permissions=["run"])
    def enable_chosen(self, request: HttpRequest, queryset: QuerySet[Loader]) -> None:
        """Enable them, and say what became of each."""
        chosen = _chosen(request, queryset)
        if chosen is not None:
            _tell(request, switch_many(user=request.user, loaders=chosen, to=True), "enabled")

    @admin.action(description="Disable", permissions=["run"])
    def disable_chosen(
        self, request: HttpRequest, queryset: QuerySet[Loader]
    ) -> HttpResponse | None:
        """Ask first, naming them; then disable them, and say what became of each."""
        chosen = _chosen(request, queryset)
        if chosen is None:
            return None
        if "confirmed" in request.POST:
            _tell(request, switch_many(user=request.user, loaders=chosen, to=False), "disabled")
            return None
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "opts": self.opts,
            "title": "Disable loaders",
            "chosen": chosen,
            "enabled": sum(loader.enabled for loader in chosen),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "console/switch_confirmation.html", context)


def _chosen(request: HttpRequest, queryset: QuerySet[Loader]) -> list[Loader] | None:
    """The loaders in the order of their codes; None, and the person is told, if too many."""
    found = list(queryset.defer("loader_sql").order_by("loader_code")[: MOST + 1])
    if len(found) <= MOST:
        return found
    messages.error(request, f"At most {MOST} loaders are switched at once. Choose fewer of them.")
    return None


def _tell(request: HttpRequest, found: Switched, became: str) -> None:
    if found.done:
        messages.success(request, f"Now {became} ({len(found.done)}): {', '.join(found.done)}.")
    if found.already:
        codes = ", ".join(found.already)
        messages.info(request, f"Already {became} ({len(found.already)}): {codes}.")
    for code, why in found.refused.items():
        messages.error(request, f"{code} is not {became}. {why}")
