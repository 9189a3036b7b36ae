"""The seeds' paths to read loaders, `res/loaders/...`, for clients of the older service (spec 10).

They answer as `loaders` does. One loader comes with where its source is, as seed 000 ("Define a
Loader with Configurable Source Database") and seed 003 ("Loader Details") show it.
"""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reaches
from accounts.roles import Permission, User, may
from core.api.operations import Operation
from core.api.views import Endpoint
from loaders import services
from loaders.api.serializers import LoaderWithSql
from loaders.api.views import LoaderList
from loaders.exceptions import LoaderNotFoundError
from loaders.models import Loader, SourceDatabase

_READS = ["get", "head", "options"]


class SeedSourceAnswer(serializers.ModelSerializer[SourceDatabase]):
    """Where the source is and by which account it is read, never the password."""

    class Meta:
        model = SourceDatabase
        fields = ("db_code", "db_type", "host", "port", "db_name", "user_name")


class SeedLoaderAnswer(LoaderWithSql):
    """One loader; the SQL and `source` are there for those who may see them."""

    only_for_some = frozenset({"loader_sql", "source"})

    source = SeedSourceAnswer(source="source_database", read_only=True)  # type: ignore[assignment]

    class Meta(LoaderWithSql.Meta):
        fields = (*LoaderWithSql.Meta.fields, "source")


class SeedLoaderList(LoaderList):
    """The list of loaders, to read only."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listLoadersAsBefore", "List loaders (the older service's path)", tag="loaders"
        )
    }
    http_method_names = _READS


class SeedLoader(Endpoint):
    """One loader with its source; the SQL and the source for those who may see them."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getLoaderAsBefore",
            "Read a loader (the older service's path)",
            tag="loaders",
            answer=SeedLoaderAnswer,
            errors=(LoaderNotFoundError,),
        )
    }

    def get(self, request: Request, code: str) -> Response:
        loader = services.get_loader(code, user=request.user)
        shown = services.show_sql(user=request.user, loader_code=loader.loader_code)
        answer = dict(SeedLoaderAnswer(loader).data)
        if not shown:
            del answer["loader_sql"]
        if not _sees_source(request.user, loader):
            del answer["source"]
        return Response(answer)


def _sees_source(user: User, loader: Loader) -> bool:
    """Whether there is one, and the user may see where it is."""
    source = loader.source_database
    return source is not None and may(user, Permission.VIEW_SQL) and reaches(user, source)
