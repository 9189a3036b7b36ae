"""The seeds' paths to read loaders, `res/loaders/...`, for clients of the older service (spec 10).

They answer as `loaders` does. One loader comes with where its source is, as seed 000 ("Define a
Loader with Configurable Source Database") and seed 003 ("Loader Details") show it.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reaches
from accounts.roles import Permission, User, may
from core.api.operations import Operation
from core.api.views import Endpoint
from loaders import services
from loaders.api.operations import LIST_LOADERS_AS_SEED
from loaders.api.serializers import LoaderAnswer, LoaderWithSql
from loaders.api.views import LoaderList
from loaders.exceptions import LoaderNotFoundError
from loaders.models import Loader, SourceDatabase

_READS = ["get", "head", "options"]


class SeedLoaderList(LoaderList):
    """The list of loaders, to read only."""

    needs = {"GET": Permission.VIEW}
    operations = {"GET": LIST_LOADERS_AS_SEED}
    http_method_names = _READS


class SourcePlace(serializers.ModelSerializer[SourceDatabase]):
    """Where a source is and by which account it is read, never the password."""

    class Meta:
        model = SourceDatabase
        fields = ("db_code", "db_type", "host", "port", "db_name", "user_name")


class SeedLoaderAnswer(LoaderWithSql):
    """A loader with its SQL and its source, for those who may see them."""

    only_for_some = frozenset({*LoaderWithSql.only_for_some, "source"})

    def get_fields(self) -> dict[str, Any]:
        """A field named `source` would hide what every serializer has under that name."""
        return {**super().get_fields(), "source": SourcePlace(source="source_database")}


class SeedLoader(Endpoint):
    """One loader with its source; the SQL and the source for those who may see them."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getLoaderBySeedPath",
            "Read a loader with its source, by the path of the older service",
            answer=SeedLoaderAnswer,
            errors=(LoaderNotFoundError,),
            tag="loaders",
        )
    }

    def get(self, request: Request, code: str) -> Response:
        loader = services.get_loader(code, user=request.user)
        shown = services.show_sql(user=request.user, loader_code=loader.loader_code)
        answer = LoaderWithSql(loader) if shown else LoaderAnswer(loader)
        return Response({**answer.data, **_source(request.user, loader)})


def _source(user: User, loader: Loader) -> dict[str, Any]:
    """The source, for who may see it and reaches it."""
    source = loader.source_database
    if source is None or not may(user, Permission.VIEW_SQL) or not reaches(user, source):
        return {}
    return {"source": SourcePlace(source).data}
