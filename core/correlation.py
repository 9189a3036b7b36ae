"""One correlation id from request to run: accepted, made, returned and logged (spec 10, 12)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from core.ids import uuid7

HEADER = "X-Correlation-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def correlation_id() -> str:
    """The id of the work at hand; a new one outside any."""
    value = _current.get()
    if not value:
        value = str(uuid7())
        _current.set(value)
    return value


def set_correlation_id(value: str) -> None:
    """Go on under this id (a worker that takes up a dispatched run)."""
    _current.set(value)


class CorrelationMiddleware:
    """Takes `X-Correlation-ID` from the request if it is well-formed, and returns it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        set_correlation_id(given if _ACCEPTED.fullmatch(given) else str(uuid7()))
        response = self._get_response(request)
        response[HEADER] = correlation_id()
        return response
