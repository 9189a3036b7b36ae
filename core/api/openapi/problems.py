"""How problem documents are told in the OpenAPI document: which codes come with which status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from core.api.problems import BAD_REQUEST, CODES, CONTENT_TYPE, DATABASE_UNAVAILABLE
from core.errors import PortalError

Codes = dict[int, dict[str, str]]
"""By status: what each code means."""

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457). `code` is stable; `detail` is for people and "
    "may be worded anew. Some problems have further members.",
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "description": "The status in words.", "example": "Not Found"},
        "status": {"type": "integer", "example": 404},
        "code": {"type": "string", "example": "LOADER_NOT_FOUND"},
        "detail": {"type": "string", "example": "There is no loader ORDERS_BY_HOUR."},
        "correlationId": {
            "type": "string",
            "description": "Under which the logs tell of the request; also in `X-Correlation-ID`.",
            "example": "019c1234-5678-7abc-8def-0123456789ab",
        },
        "errors": {
            "description": "What is wrong: by the name of the field, or for `SQL_INVALID` the "
            "guard's findings.",
            "oneOf": [
                {"type": "object", "additionalProperties": True},
                {"type": "array", "items": {"type": "object", "additionalProperties": True}},
            ],
        },
        "retryAfter": {"type": "integer", "description": "Seconds to wait before trying again."},
    },
    "required": ["type", "title", "status", "code", "detail", "correlationId"],
    "example": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "LOADER_NOT_FOUND",
        "detail": "There is no loader ORDERS_BY_HOUR.",
        "correlationId": "019c1234-5678-7abc-8def-0123456789ab",
    },
}


def codes_of(errors: Iterable[type[PortalError]], general: Iterable[tuple[int, str]] = ()) -> Codes:
    """The codes of the errors, and of those that DRF raises, by status."""
    found: Codes = defaultdict(dict)
    for error in errors:
        found[int(error.status)].setdefault(error.code, first_sentence(error.__doc__ or ""))
    for status, code in general:
        found[status].setdefault(code, GENERAL[code])
    return {status: dict(sorted(found[status].items())) for status in sorted(found)}


def answer_of(status: int, codes: Mapping[str, str]) -> dict[str, Any]:
    """The answer of an operation for this status."""
    lines = [f"- `{code}`: {meaning}" for code, meaning in codes.items()]
    return {
        "description": "\n".join([f"{HTTPStatus(status).phrase}.", "", *lines]),
        "content": {
            CONTENT_TYPE: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {
                            "type": "object",
                            "properties": {"code": {"type": "string", "enum": list(codes)}},
                        },
                    ]
                }
            }
        },
    }


def first_sentence(text: str) -> str:
    """Of a docstring."""
    words = " ".join(text.split())
    end = words.find(". ")
    return words if end < 0 else words[: end + 1]


GENERAL: dict[str, str] = {
    BAD_REQUEST: "`Host` names no portal that is here, or the request is not formed as HTTP asks.",
    "NOT_AUTHENTICATED": "The request says not who asks.",
    "AUTHENTICATION_FAILED": "Name, password or token is not valid.",
    "PERMISSION_DENIED": "The role of who asks does not allow it.",
    "NOT_FOUND": "There is nothing at this address, or the cursor is not one of this list.",
    "METHOD_NOT_ALLOWED": "The address has no such method; `Allow` names those it has.",
    "MALFORMED_BODY": "The body is not JSON.",
    "UNSUPPORTED_MEDIA_TYPE": "The body is not declared as `application/json`.",
    "NOT_ACCEPTABLE": "`Accept` leaves out what the answer could be given as.",
    "TOO_MANY_REQUESTS": "The caller made all the requests that a period allows.",
    "VALIDATION_FAILED": "A field or parameter is missing, unknown or not as it must be.",
    "INTERNAL_ERROR": "A defect of the portal: its operators find it by the correlation id.",
    DATABASE_UNAVAILABLE: "The portal's database does not answer.",
}
"""What the codes mean that any view may answer with; a test holds it to `core.api.problems`."""

assert set(CODES.values()) <= set(GENERAL)
