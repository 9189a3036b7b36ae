"""Filters of the list of loaders, by what people look for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from loaders.models import Loader
from loaders.models.loader import LoaderQuerySet
from loaders.services import drafted_by


def loaders_address(**asked: str) -> str:
    """The list of loaders, narrowed by its filters: `standing="late"`."""
    page = reverse("admin:loaders_loader_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page


class ArchivedFilter(admin.SimpleListFilter):
    """Archived loaders are hidden unless asked for."""

    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """As Django's, with what is shown by default named."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "In use"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Loader]) -> QuerySet[Loader]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")


_Narrow = Callable[[LoaderQuerySet, datetime], LoaderQuerySet]


class StandingFilter(admin.SimpleListFilter):
    """Loaders that somebody should look at, as the home page counts them."""

    title = "what to look at"
    parameter_name = "standing"
    _NARROW: dict[str, tuple[str, _Narrow]] = {
        "late": ("Late", lambda found, now: found.late(now)),
        "failed": ("Failed", lambda found, _: found.failed()),
        "held": ("Held until somebody acts", lambda found, _: found.held()),
        "behind": ("Behind", lambda found, now: found.behind(now)),
        "never": (
            "Never loaded",
            lambda found, _: found.filter(state__last_success_timestamp=None),
        ),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self._NARROW.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self._NARROW.get(self.value() or "")
        return queryset if chosen is None else chosen[1](queryset, timezone.now())


class MineFilter(admin.SimpleListFilter):
    """Loaders whose definition the person wrote of since its last approval."""

    title = "written by me"
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Since the last approval")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Loader]) -> QuerySet[Loader]:
        return queryset.filter(drafted_by(request.user)) if self.value() == "yes" else queryset
