"""The home page put together."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from accounts.roles import Permission, may
from core.display import time_shown
from execution.models import Replica
from loaderportal.home.day import day_context
from loaderportal.home.loaders import count_loaders, loaders_context
from loaderportal.home.operation import operation_context
from loaderportal.home.waiting import waiting_context

REFRESH_SECONDS = 30


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the home page. Raises PermissionDenied for who has no role any more."""
    user = request.user
    if not may(user, Permission.VIEW):
        raise PermissionDenied
    now = timezone.now()
    counts = count_loaders(user, now)
    loaders = loaders_context(user, counts, now)
    waiting = waiting_context(user, counts, now)
    cards = (*loaders["loader_cards"], waiting["waiting_card"], loaders["behind_card"])
    return {
        **context,
        **loaders,
        **waiting,
        **day_context(user, now),
        **operation_context(user, now),
        "title": "Home",
        "cards": cards,
        "no_workers": not Replica.objects.live().exists(),
        "is_empty": counts.known == 0,
        "may_edit": may(user, Permission.EDIT_LOADERS),
        "may_add_sources": may(user, Permission.MANAGE_SOURCES),
        "updated": time_shown(now),
        "refresh_seconds": REFRESH_SECONDS,
    }
