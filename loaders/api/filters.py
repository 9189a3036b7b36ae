"""What lists of loaders and sources can be narrowed to, and their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from core.api.pagination import NewestFirstPagination
from core.api.serializers import Parameters, SeveralField
from loaders.dialects import DatabaseType
from loaders.models import ApprovalStatus, Loader, LoadStatus, ReadOnlyVerdict, SourceDatabase
from loaders.policies import LoaderKind

_ORDERINGS = {
    "-createdAt": "-id",
    "createdAt": "id",
    "loaderCode": "loader_code",
    "-loaderCode": "-loader_code",
}
"""Orders of the list of loaders; each is a unique column's, so that a cursor is exact."""


class LoaderFilter(Parameters):
    """Parameters of the list, besides those of its pages. `sourceDatabase` is a source's code;
    `search` looks for a text in code and description; an empty domain or team is that of loaders
    without one."""

    archived = serializers.BooleanField(default=False)
    approval_status = SeveralField(ApprovalStatus, required=False)
    load_status = SeveralField(LoadStatus, required=False)
    enabled = serializers.BooleanField(required=False)
    is_test = serializers.BooleanField(required=False)
    kind = serializers.ChoiceField(LoaderKind.choices, required=False)
    source_database = serializers.CharField(max_length=64, required=False)
    domain = serializers.CharField(max_length=64, required=False, allow_blank=True)
    owning_team = serializers.CharField(max_length=128, required=False, allow_blank=True)
    tag = serializers.CharField(max_length=32, required=False)
    search = serializers.CharField(max_length=200, required=False)
    ordering = serializers.ChoiceField(list(_ORDERINGS), default="-createdAt")


class SourceFilter(Parameters):
    """Parameters of the list of sources, besides those of its pages. `search` looks for a text in
    code, host and database name."""

    db_type = serializers.ChoiceField(DatabaseType.choices, required=False)
    environment = serializers.CharField(max_length=32, required=False)
    read_only_verdict = SeveralField(ReadOnlyVerdict, required=False)
    allow_test_queries = serializers.BooleanField(required=False)
    search = serializers.CharField(max_length=200, required=False)


_LOADER_COLUMNS = {
    "approval_status": "approval_status__in",
    "load_status": "state__load_status__in",
    "enabled": "enabled",
    "is_test": "is_test",
    "kind": "kind",
    "source_database": "source_database__db_code",
    "domain": "domain",
    "owning_team": "owning_team",
}
_SOURCE_COLUMNS = {
    "db_type": "db_type",
    "environment": "environment",
    "read_only_verdict": "read_only_verdict__in",
    "allow_test_queries": "allow_test_queries",
}
"""Parameters, and what they ask of the column."""


def narrowed_loaders(loaders: QuerySet[Loader], asked: Mapping[str, Any]) -> QuerySet[Loader]:
    """The loaders that have all that is asked, as `LoaderFilter` made it."""
    found = loaders.filter(
        archived_at__isnull=not asked["archived"], **_conditions(_LOADER_COLUMNS, asked)
    )
    if "tag" in asked:
        found = found.filter(tags__contains=[asked["tag"]])
    if "search" in asked:
        text = asked["search"]
        found = found.filter(Q(loader_code__icontains=text) | Q(description__icontains=text))
    return found


def narrowed_sources(
    sources: QuerySet[SourceDatabase], asked: Mapping[str, Any]
) -> QuerySet[SourceDatabase]:
    """The sources that have all that is asked, as `SourceFilter` made it."""
    found = sources.filter(**_conditions(_SOURCE_COLUMNS, asked))
    if "search" in asked:
        text = asked["search"]
        named = Q(db_code__icontains=text) | Q(host__icontains=text) | Q(db_name__icontains=text)
        found = found.filter(named)
    return found


def _conditions(columns: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, Any]:
    return {column: asked[name] for name, column in columns.items() if name in asked}


class LoaderPagination(NewestFirstPagination):
    """Pages in the order that `ordering` asks for."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """A unique column."""
        return (_ORDERINGS[view.asked["ordering"]],)

    def check_position(self, text: str) -> None:
        if self.ordering[0].endswith("id"):
            UUID(text)
        elif "\0" in text:
            raise ValueError(text)
