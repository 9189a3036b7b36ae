"""Where a request comes from, and whether nobody could read it on its way."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from audit.client_address import client_address, vouches
from audit.services import set_source_address


class SourceAddressMiddleware:
    """Where the request comes from: the peer, or whom the proxies that are trusted name. Whatever
    reads REMOTE_ADDR after this, the lock-out among them, reads that. Where the peer is trusted and
    says that it was asked over TLS, links, cookies and the check of forms go by that."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        if _came_by_tls(request) and vouches(peer, settings.TRUSTED_PROXIES):
            request.META["wsgi.url_scheme"] = "https"
        named = request.headers.get("X-Forwarded-For", "")
        request.META["REMOTE_ADDR"] = client_address(peer, named, settings.TRUSTED_PROXIES)
        set_source_address(request.META["REMOTE_ADDR"] or None)
        return self._get_response(request)


def _came_by_tls(request: HttpRequest) -> bool:
    """Whether the proxy says so. Where several stand in a row, the first of them met the client."""
    said = request.headers.get("X-Forwarded-Proto", "").partition(",")[0]
    return said.strip().lower() == "https"
