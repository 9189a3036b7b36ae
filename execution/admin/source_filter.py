"""The filters of executions and locks by source database."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from loaders.models import SourceDatabase


class SourceFilter(admin.SimpleListFilter):
    """By the code of a source. To look for all codes among a million rows takes long, so the
    sources of today that the person reaches are offered."""

    title = "source database"
    looked_up = ""
    """The field, as a queryset is filtered by it, that has the code."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = SourceDatabase.objects.visible_to(request.user).values_list("db_code", flat=True)
        return [(code, code) for code in codes.order_by("db_code")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset if self.value() is None else queryset.filter(**{self.looked_up: self.value()})
        )


class ExecutionSourceFilter(SourceFilter):
    """Executions by the source that they read; each keeps its source's code."""

    parameter_name = "source_db_code"
    looked_up = "source_db_code"


class LockSourceFilter(SourceFilter):
    """Locks by the source that their loaders read."""

    parameter_name = "source"
    looked_up = "loader__source_database__db_code"
