"""Every error as an RFC 9457 problem document with a stable `code` (spec 10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from core.api.json import BodyTooLargeError
from core.camel_case import camelize, rename
from core.correlation import correlation_id
from core.errors import PortalError

CONTENT_TYPE = "application/problem+json"

BAD_REQUEST = "BAD_REQUEST"
DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
CODES: dict[type[Exception], str] = {
    exceptions.NotAuthenticated: "NOT_AUTHENTICATED",
    exceptions.AuthenticationFailed: "AUTHENTICATION_FAILED",
    exceptions.PermissionDenied: "PERMISSION_DENIED",
    PermissionDenied: "PERMISSION_DENIED",
    exceptions.NotFound: "NOT_FOUND",
    Http404: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.ParseError: "MALFORMED_BODY",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.Throttled: "TOO_MANY_REQUESTS",
    exceptions.ValidationError: "VALIDATION_FAILED",
}
"""Stable codes of what Django and DRF raise; those of the product stand at its own errors."""


def problem(
    status: int, code: str, detail: str, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "correlation_id": correlation_id(),
        **(details or {}),
    }


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None lets Django answer an unexpected error with 500."""
    headers: dict[str, str] = {}
    if isinstance(error, PortalError):
        error.leave_trace()
        status, details = int(error.status), error.details
        body = problem(status, error.code, error.message, details)
        headers |= error.headers
    elif isinstance(error, exceptions.ValidationError):
        fields = error.detail if isinstance(error.detail, dict) else {"body": error.detail}
        body = problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "VALIDATION_FAILED",
            f"Please correct: {', '.join(camelize(str(name)) for name in fields)}.",
            {"errors": fields},
        )
    elif isinstance(error, exceptions.APIException):
        if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
            error.status_code = HTTPStatus.UNAUTHORIZED
        body = problem(error.status_code, _code_of(error), str(error.detail))
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = f"{wait:.0f}"
    elif (told := _of_django(error)) is not None:
        body = told
    else:
        return None
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _of_django(error: Exception) -> dict[str, Any] | None:
    """The problem that an error of Django's own tells of, if any."""
    if isinstance(error, Http404 | PermissionDenied):
        status = HTTPStatus.NOT_FOUND if isinstance(error, Http404) else HTTPStatus.FORBIDDEN
        return problem(status, _code_of(error), str(error) or "There is nothing at this address.")
    if isinstance(error, RequestDataTooBig):
        return problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            BodyTooLargeError.code,
            f"The body is longer than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.",
        )
    if isinstance(error, UnreadablePostError):
        return problem(HTTPStatus.BAD_REQUEST, BAD_REQUEST, "The body did not arrive in whole.")
    if isinstance(error, OperationalError):
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            DATABASE_UNAVAILABLE,
            "The portal's database does not answer. Try again later.",
        )
    return None


def _code_of(error: Exception) -> str:
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return "INTERNAL_ERROR"


def bad_request(exception: Exception) -> JsonResponse:
    """Answer for a request that Django refuses before any view sees it."""
    return _json(problem(HTTPStatus.BAD_REQUEST, BAD_REQUEST, why_refused(exception)))


def why_refused(exception: Exception) -> str:
    """What Django has against the request. Its own words may quote what was sent."""
    if isinstance(exception, DisallowedHost):
        return (
            "The portal does not answer to the host name of this request. If it is the portal's, "
            "its operators add it to LOADERPORTAL_ALLOWED_HOSTS."
        )
    return "The request is not formed as HTTP asks for it."


def not_found() -> JsonResponse:
    """Answer for an API address that does not exist."""
    return _json(problem(HTTPStatus.NOT_FOUND, "NOT_FOUND", "There is nothing at this address."))


def server_error() -> JsonResponse:
    """Answer for a defect: no detail but the correlation id, which the log names too."""
    return _json(
        problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "The portal failed unexpectedly. Give its operators the correlation id.",
        )
    )


def _json(body: dict[str, Any]) -> JsonResponse:
    return JsonResponse(rename(body, camelize), status=body["status"], content_type=CONTENT_TYPE)
