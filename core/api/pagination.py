"""Pages of answers: opaque cursors, newest first; numbered pages of what is computed (spec 10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.request import Request

from core.api.serializers import NumberedPageParameters, PageParameters

_LINK = {"type": "string", "format": "uri", "nullable": True}
_OTHER_NAME = "page_size"
"""`pageSize` may be written so too."""


class CursorPages(CursorPagination):
    """Pages of 50, at most 500, by an opaque cursor."""

    parameters = PageParameters

    page_size = 50
    page_size_query_param = "pageSize"
    max_page_size = PageParameters.largest
    offset_cutoff = 100_000
    """Rows that may share the first value that orders, as gaps of many loaders share their start. A
    cursor counts them; beyond, it would lead to the same page for ever."""

    def get_page_size(self, request: Request) -> int | None:
        """As asked for; what is asked for was checked before."""
        asked = request.query_params.get(_OTHER_NAME)
        return int(asked) if asked else super().get_page_size(request)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A page as the OpenAPI document describes it."""
        return {
            "type": "object",
            "description": "A page of the list, and where to go on.",
            "properties": {"next": _LINK, "previous": _LINK, "results": schema},
            "required": ["next", "previous", "results"],
        }

    def decode_cursor(self, request: Any) -> Any:
        """The cursor of the request. Raises NotFound for one that we can't have made."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                self.check_position(str(cursor.position))
            except ValueError:
                raise NotFound(self.invalid_cursor_message) from None
        return cursor

    def check_position(self, text: str) -> None:
        """Raise ValueError for what can't be a value of the first field that orders."""
        if "\0" in text:
            raise ValueError


class NewestFirstPagination(CursorPages):
    """Newest first; the ids are UUIDv7, so their order is that of time."""

    ordering: str | tuple[str, ...] = "-id"

    def check_position(self, text: str) -> None:
        UUID(text)


class LatestFirstPagination(CursorPages):
    """The same for rows with a time of the database's, `at`, which counts rather than the id."""

    ordering = ("-at", "-id")

    def check_position(self, text: str) -> None:
        datetime.fromisoformat(text)


class NumberedPagination(PageNumberPagination):
    """Pages of 100, at most 1000, of a list that is made anew for each request."""

    parameters = NumberedPageParameters

    page_size = 100
    page_size_query_param = "pageSize"
    max_page_size = 1000

    def get_page_size(self, request: Request) -> int | None:
        """As asked for; what is asked for was checked before."""
        asked = request.query_params.get(_OTHER_NAME)
        return int(asked) if asked else super().get_page_size(request)
