"""The explorer: signals of a loader as a chart (spec 8).

The page itself is empty: what it shows is described by its address and fetched by the browser, the
signals from the API that everybody uses (`signals/query`, `signals/segments`, `signals/export`),
loaders from the two views below.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.roles import Permission, may
from core.api.problems import problem
from core.camel_case import camelize, rename
from core.window import Window
from loaders.exceptions import LoaderNotFoundError
from loaders.models import Loader
from loaders.services import get_loader
from signals.buckets import day_zone
from signals.models import SignalsHistory

MOST_LOADERS = 20
_LONGEST_SEARCH = 200
_API = "/api/v1/signals"


def explorer_address(loader: Loader, window: Window | None = None) -> str:
    """The explorer with a loader's signals, of a range where given."""
    asked = {"loader": loader.loader_code}
    if window is not None:
        bounds = {"from": window.start, "to": window.end}
        asked |= {name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in bounds.items()}
    return f"{reverse('explorer')}?{urlencode(asked)}"


@require_safe
def explorer_view(request: HttpRequest) -> HttpResponse:
    """The page."""
    _require_view(request)
    context = {
        **admin.site.each_context(request),
        "title": "Explorer",
        "is_fullwidth": "1",
        "signals_address": _API,
        "executions_address": reverse("admin:execution_loadhistory_changelist"),
    }
    return TemplateResponse(request, "console/explorer.html", context)


@require_safe
def loaders_view(request: HttpRequest) -> HttpResponse:
    """The first loaders whose code or description holds what was typed; those whose code begins
    with it come first. Archived ones are left out."""
    _require_view(request)
    wanted = request.GET.get("search", "").strip()[:_LONGEST_SEARCH]
    loaders = Loader.objects.visible_to(request.user).filter(archived_at=None)
    begins = loaders.filter(loader_code__istartswith=wanted).order_by("loader_code")
    found = list(begins[: MOST_LOADERS + 1])
    if wanted and len(found) <= MOST_LOADERS:
        holds = Q(loader_code__icontains=wanted) | Q(description__icontains=wanted)
        others = loaders.filter(holds).exclude(loader_code__istartswith=wanted)
        found += others.order_by("loader_code")[: MOST_LOADERS + 1 - len(found)]
    shown = [
        {"loader_code": one.loader_code, "description": one.description}
        for one in found[:MOST_LOADERS]
    ]
    return _json({"loaders": shown, "more": len(found) > MOST_LOADERS})


@require_safe
def loader_view(request: HttpRequest, code: str) -> HttpResponse:
    """What the page must know of a loader: its grain (seconds; null is a calendar day), the zone of
    its days, and between which epoch seconds it has signals (null without any)."""
    _require_view(request)
    try:
        loader = get_loader(code, user=request.user)
    except LoaderNotFoundError as error:
        return _json(problem(error.status, error.code, error.message), error.status)
    by_loader = urlencode({"loader__loader_code__exact": loader.loader_code})
    return _json(
        {
            "loader_code": loader.loader_code,
            "description": loader.description,
            "grain_seconds": loader.grain_seconds,
            **_days(loader),
            "first_signal": _epoch(_signal_at(loader, "load_time_stamp")),
            "last_signal": _epoch(_signal_at(loader, "-load_time_stamp")),
            "address": reverse("admin:loaders_loader_change", args=[loader.pk]),
            "executions": f"{reverse('admin:execution_loadhistory_changelist')}?{by_loader}",
        }
    )


def explorer_urls() -> list[URLPattern]:
    """Addresses of the page and of what only it asks for; all need a sign-in to the console."""
    guard = admin.site.admin_view
    return [
        path("admin/explorer/", guard(explorer_view), name="explorer"),
        path("admin/explorer/loaders/", guard(loaders_view), name="explorer_loaders"),
        path("admin/explorer/loaders/<str:code>/", guard(loader_view), name="explorer_loader"),
    ]


def _days(loader: Loader) -> dict[str, Any]:
    """The zone of the loader's days: an IANA name, or how many seconds it is ahead of UTC."""
    zone = day_zone(loader)
    offset = zone.rules.utcoffset(None)
    if offset is None:
        return {"time_zone": zone.name, "utc_offset_seconds": None}
    return {"time_zone": None, "utc_offset_seconds": int(offset.total_seconds())}


def _signal_at(loader: Loader, order: str) -> datetime | None:
    """The loader's first or last signal; by the primary key, whatever the number of signals."""
    stamps = SignalsHistory.objects.filter(loader_code=loader.loader_code).order_by(order)
    return stamps.values_list("load_time_stamp", flat=True).first()


def _epoch(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.astimezone(UTC).timestamp())


def _require_view(request: HttpRequest) -> None:
    if not may(request.user, Permission.VIEW):
        raise PermissionDenied


def _json(answer: dict[str, Any], status: int = HTTPStatus.OK) -> JsonResponse:
    return JsonResponse(rename(answer, camelize), status=status)
