"""Opaque cursors, newest first (spec 10)."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class NewestFirstPagination(CursorPagination):
    """Pages of 50, at most 500; the ids are UUIDv7, so their order is that of time."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-id"
