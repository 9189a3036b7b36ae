"""Endpoint of a source's catalogue, which the SQL editor completes from."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.views import Endpoint
from loaders.api.answers import CatalogueAnswer
from loaders.exceptions import (
    CatalogueNotReadError,
    EnvironmentMismatchError,
    SourceNotFoundError,
    SourceNotReadOnlyError,
)
from loaders.services import get_source, read_catalogue


class SourceCatalogue(Endpoint):
    """The source's tables and columns, for those who write SQL against it."""

    needs = {"GET": Permission.EDIT_LOADERS}
    operations = {
        "GET": Operation(
            "getSourceCatalogue",
            "Read a source's tables and columns",
            "For those who write SQL against it. What was read is remembered for ten minutes; no "
            "data is read, and nothing is told that the source's account may not read.",
            answer=CatalogueAnswer,
            errors=(
                SourceNotFoundError,
                CatalogueNotReadError,
                EnvironmentMismatchError,
                SourceNotReadOnlyError,
            ),
            tag="sources",
        )
    }

    def get(self, request: Request, code: str) -> Response:
        source = get_source(code, user=request.user)
        return Response(CatalogueAnswer(read_catalogue(user=request.user, source=source)).data)
