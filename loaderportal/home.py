"""The first page after sign-in: what runs, what failed, what waits for me, what is behind. Every
number leads to its list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from core.display import Tone, time_shown, window_shown
from execution.admin import duration_text, status_badge
from execution.models import LoadHistory, Replica, RunStatus, Trigger
from loaders.admin.loader import lag_text
from loaders.admin.version import waiting_address, waiting_for, waiting_for_anybody
from loaders.models import Loader, LoaderVersion, LoadStatus

_SHOWN = 8


@dataclass(frozen=True)
class Card:
    """A number that leads to its list."""

    label: str
    number: str
    address: str
    tone: Tone


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the home page. Raises PermissionDenied for who has no role any more."""
    if not may(request.user, Permission.VIEW):
        raise PermissionDenied
    now = timezone.now()
    running = _running(request.user)
    failed = Loader.objects.visible_to(request.user).filter(
        state__load_status=LoadStatus.FAILED, archived_at=None
    )
    behind = _behind(request.user, now)
    furthest = behind.first()
    return {
        **context,
        "title": "Home",
        "no_workers": not Replica.objects.live().exists(),
        "cards": (
            Card("Running now", f"{running.count():,}", _list("running"), Tone.BUSY),
            Card("Failed loaders", f"{failed.count():,}", _list("failed"), Tone.BAD),
            _waiting_card(request.user),
            Card(
                "Furthest behind",
                lag_text(furthest, now) if furthest else "Nobody",
                _list("lag"),
                Tone.QUIET,
            ),
        ),
        "running": [_run_row(run, now) for run in running[:_SHOWN]],
        "failed": _failures(failed.order_by("loader_code")[:_SHOWN]),
        "may_approve": may(request.user, Permission.APPROVE),
        "waiting": [
            {"version": version, "submitted": time_shown(version.submitted_at)}
            for version in _waiting(request.user)[:_SHOWN]
        ],
        "behind": [
            (loader, time_shown(loader.state.last_load_timestamp), lag_text(loader, now))
            for loader in behind[:_SHOWN]
        ],
    }


def _list(name: str) -> str:
    executions = reverse("admin:execution_loadhistory_changelist")
    loaders = reverse("admin:loaders_loader_changelist")
    return {
        "running": f"{executions}?status=active",
        "failed": f"{loaders}?state__load_status__exact={LoadStatus.FAILED}",
        "lag": f"{loaders}?enabled__exact=1&o=6",
    }[name]


def _running(user: User) -> QuerySet[LoadHistory]:
    runs = reachable(user, LoadHistory.objects.filter(status=RunStatus.RUNNING))
    return runs.select_related("loader").defer("source_error", "stack_trace").order_by("start_time")


def _run_row(run: LoadHistory, now: datetime) -> dict[str, Any]:
    return {
        "run": run,
        "status": status_badge(run),
        "window": window_shown(run.query_from_time, run.query_to_time),
        "duration": duration_text(run, now),
    }


def _failures(loaders: QuerySet[Loader]) -> list[dict[str, Any]]:
    """Each loader with its latest failed run."""
    codes = [loader.loader_code for loader in loaders]
    latest = (
        LoadHistory.objects.filter(loader_id__in=codes, status=RunStatus.FAILED)
        .exclude(trigger=Trigger.DRY_RUN)
        .defer("source_error", "stack_trace")
        .order_by("loader_id", "-start_time")
        .distinct("loader_id")
    )
    by_code = {run.loader_id: run for run in latest}
    return [{"loader": loader, "run": by_code.get(loader.loader_code)} for loader in loaders]


def _waiting(user: User) -> QuerySet[LoaderVersion]:
    """For an approver what waits for them; for others what waits for anybody."""
    waiting = waiting_for(user) if may(user, Permission.APPROVE) else waiting_for_anybody(user)
    return waiting.select_related("loader", "submitted_by").order_by("submitted_at")


def _waiting_card(user: User) -> Card:
    number = f"{_waiting(user).count():,}"
    if may(user, Permission.APPROVE):
        return Card("Waiting for my approval", number, waiting_address(), Tone.WAITING)
    everybody = reverse("admin:loaders_loaderversion_changelist") + "?waiting=all"
    return Card("Waiting for approval", number, everybody, Tone.WAITING)


def _behind(user: User, now: datetime) -> QuerySet[Loader]:
    """Loaders that should move, the one with the oldest watermark first."""
    until_end = Q(end_at__isnull=True) | Q(end_at__gt=F("state__last_load_timestamp"))
    return (
        Loader.objects.visible_to(user)
        .runnable()
        .filter(until_end, state__last_load_timestamp__lt=now)
        .select_related("state", "source_database")
        .order_by("state__last_load_timestamp")
    )
