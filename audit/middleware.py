"""Remembers where a request comes from, for the audit events it causes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.services import set_source_address


class SourceAddressMiddleware:
    """The peer's address; a proxy in front must be set up to rewrite it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        set_source_address(request.META.get("REMOTE_ADDR") or None)
        return self._get_response(request)
