"""Remembers where a request comes from, for the audit events it causes."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from audit.client_address import client_address
from audit.services import set_source_address


class SourceAddressMiddleware:
    """Where the request comes from: the peer, or whom the proxies that are trusted name. Whatever
    reads REMOTE_ADDR after this, the lock-out among them, reads that."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        named = request.headers.get("X-Forwarded-For", "")
        request.META["REMOTE_ADDR"] = client_address(peer, named, settings.TRUSTED_PROXIES)
        set_source_address(request.META["REMOTE_ADDR"] or None)
        return self._get_response(request)
