"""The sidebar: what the person's role may open, and how much waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from backfill.admin import waiting_jobs_address
from backfill.models import BackfillJob
from loaders.admin.version import waiting_address, waiting_for


@dataclass(frozen=True)
class _Item:
    title: str
    icon: str
    model: str
    permission: Permission = Permission.VIEW
    page: str = "changelist"

    @property
    def name(self) -> str:
        """Of the page's address."""
        return f"{self.model}_{self.page}"

    @property
    def address(self) -> str:
        """Where the entry leads."""
        return reverse(f"admin:{self.name}")


@dataclass(frozen=True)
class _PageItem(_Item):
    """A page that belongs to no model; `model` is the name of its address."""

    @property
    def name(self) -> str:
        return self.model

    @property
    def address(self) -> str:
        return reverse(self.name)


_GROUPS: tuple[tuple[str, tuple[_Item, ...]], ...] = (
    (
        "Loaders",
        (
            _Item("Loaders", "sync_alt", "loaders_loader"),
            _Item("Approvals and versions", "approval", "loaders_loaderversion"),
            _Item("Executions", "history", "execution_loadhistory"),
            _PageItem("Explorer", "monitoring", "explorer", page=""),
            _Item("Backfills", "update", "backfill_backfilljob"),
            _Item("Late data", "history_toggle_off", "execution_recount"),
            _Item("Coverage", "view_timeline", "execution_coverage", page="board"),
            _Item("Gaps", "report", "execution_gap"),
            _Item("Gap scans", "radar", "backfill_gapscan"),
            _Item("Waived gaps", "do_not_disturb_on", "execution_gapwaiver"),
            _Item("Output versions", "restore_page", "signals_outputversion"),
            _Item("Segments", "label", "signals_segmentcombination"),
            _Item("Governance", "rule", "loaders_loader", page="governance"),
        ),
    ),
    (
        "Operation",
        (
            _Item("Source databases", "database", "loaders_sourcedatabase", Permission.VIEW_SQL),
            _Item("Locks", "lock", "execution_loaderexecutionlock", Permission.VIEW_SQL),
            _Item("Replicas", "dns", "execution_replica", Permission.VIEW_SQL),
            _Item("Maintenance", "build", "execution_maintenancejob", Permission.VIEW_SQL),
        ),
    ),
    (
        "Administration",
        (
            _Item("API tokens", "key", "accounts_apitoken", Permission.OWN_TOKENS),
            _Item("Audit trail", "fact_check", "audit_auditevent", Permission.READ_AUDIT),
            _Item("Users", "group", "auth_user", Permission.MANAGE_USERS),
            _Item("Teams", "groups", "accounts_team", Permission.MANAGE_USERS),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links; what the role may not open is left out."""
    groups: list[dict[str, Any]] = []
    if may(request.user, Permission.VIEW):
        home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
        groups.append({"items": [home]})
    for title, items in _GROUPS:
        shown = [_entry(item, request) for item in items if may(request.user, item.permission)]
        if shown:
            groups.append({"title": title, "items": shown})
    if may(request.user, Permission.VIEW):
        api = {"title": "API", "icon": "api", "link": reverse("api-page")}
        groups.append({"items": [api]})
    return groups


def environment(request: HttpRequest) -> list[str]:
    """What the header says on every page: where this is."""
    return [settings.DEPLOYMENT_ENVIRONMENT, "info"]


def _entry(item: _Item, request: HttpRequest) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "title": item.title,
        "icon": item.icon,
        "link": item.address,
        "active": _is_at(item, request),
    }
    waiting, address = _waiting(item, request.user)
    if waiting:
        entry |= {"badge": str(waiting), "badge_variant": "warning", "link": address}
    return entry


def _is_at(item: _Item, request: HttpRequest) -> bool:
    """Whether the request is for the entry's page or, of a model's list, one of its objects."""
    name = getattr(request.resolver_match, "url_name", None) or ""
    if name == item.name:
        return True
    others = {other.name for _, items in _GROUPS for other in items}
    return item.page == "changelist" and name.startswith(f"{item.model}_") and name not in others


def _waiting(item: _Item, user: User) -> tuple[int, str]:
    """How much of that waits for the user's decision, and where it is listed."""
    if item.model == "loaders_loaderversion":
        return waiting_for(user).count(), waiting_address()
    if item.model == "backfill_backfilljob":
        jobs = reachable(user, BackfillJob.objects.waiting_for(user))
        return jobs.count(), waiting_jobs_address()
    return 0, ""
