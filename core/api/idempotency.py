"""Idempotency-Key: a POST that is sent again does nothing again (spec 10).

The request's work and the row that remembers its answer are one transaction: a crash leaves both or
neither. Who works on a key holds an advisory lock until that transaction ends, so a second request
of the same key sees either the lock or the row. The form follows the IETF's draft
(draft-ietf-httpapi-idempotency-key-header); why errors are not stored is in docs/decisions.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.json import CamelCaseRenderer
from core.api.stored_answers import KEPT
from core.clock import ClockTimestamp
from core.errors import TerminalError, TransientError
from core.models import StoredAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
"""Header field of an answer that was given before."""

_KEY = re.compile(r"[ -~]{1,255}")
_IS_MINE = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"


class Repetition(Enum):
    """What a view makes of an Idempotency-Key at POST."""

    ANSWERED = "answered"
    """The stored answer is given again."""

    HARMLESS = "harmless"
    """The key is ignored: the request changes nothing, or the same once more."""

    REFUSED = "refused"
    """The answer is or may be a key to the portal, and must not be stored."""


class IdempotencyKeyInvalidError(TerminalError):
    """The key is empty, too long, or has characters that can't be printed."""

    code = "IDEMPOTENCY_KEY_INVALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyKeyNotAcceptedError(TerminalError):
    """The answer of this address is not stored, so it can't be given again."""

    code = "IDEMPOTENCY_KEY_NOT_ACCEPTED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyKeyReusedError(TerminalError):
    """The key came with another request before."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyKeyInProgressError(TransientError):
    """A request of this key is being worked on."""

    code = "IDEMPOTENCY_KEY_IN_PROGRESS"
    status = HTTPStatus.CONFLICT
    headers = {"Retry-After": "1"}


def key_of(request: Request, repetition: Repetition) -> str | None:
    """The key under which the answer is to be remembered, if any. Raises
    IdempotencyKeyInvalidError, IdempotencyKeyNotAcceptedError."""
    key: str | None = request.headers.get(HEADER)
    if key is None or repetition is Repetition.HARMLESS:
        return None
    if repetition is Repetition.REFUSED:
        raise IdempotencyKeyNotAcceptedError(
            f"Leave {HEADER} out here: the answer holds a secret that is shown once, so it is not "
            "kept and could not be given again."
        )
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalidError(
            f"{HEADER} must be 1 to 255 printable ASCII characters, such as a UUID."
        )
    return key


def answer_once(key: str, request: Request, work: Callable[[], Response]) -> HttpResponseBase:
    """The answer of `work`, done in one transaction with the row that remembers it, or the answer
    that the same request had within a day. An answer that tells of an error is not remembered, and
    nothing of what led to it is kept.

    Raises IdempotencyKeyReusedError, IdempotencyKeyInProgressError, and whatever `work` raises.
    """
    caller = caller_of(request.user)
    fingerprint = fingerprint_of(request)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_IS_MINE, [f"idempotency {caller} {key}"])
            if not cursor.fetchone()[0]:
                raise IdempotencyKeyInProgressError(
                    f"A request with this {HEADER} is being worked on. Send it again to have its "
                    "answer."
                )
        rows = StoredAnswer.objects.filter(caller=caller, key=key)
        rows.filter(created_at__lte=ClockTimestamp() - KEPT).delete()
        stored = rows.first()
        if stored is not None:
            return _again(stored, fingerprint)
        response = work()
        if response.status_code < HTTPStatus.BAD_REQUEST:
            content = _content(fingerprint, response)
            StoredAnswer.objects.create(caller=caller, key=key, content=content)
        else:
            transaction.set_rollback(True)
    return response


def caller_of(user: Any) -> str:
    """Whose keys are told apart: a user's, and those of tokens by the role that they are limited
    to, so that no answer is given again to who may see less of it."""
    role = getattr(user, "token_role", None)
    return f"user {user.pk}" if role is None else f"user {user.pk} as {role}"


def fingerprint_of(request: Request) -> str:
    """A hash of all that makes a request another one: address and body, not its spacing or the
    order of its members. Kept encrypted only: the body may hold a password. Raises ParseError."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    query = request.META.get("QUERY_STRING", "")
    parts = (str(request.method), request.path.rstrip("/"), query, body)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content(fingerprint: str, response: Response) -> str:
    body = b"" if response.data is None else CamelCaseRenderer().render(response.data)
    return json.dumps(
        {
            "request": fingerprint,
            "status": response.status_code,
            "headers": {n: v for n, v in response.items() if n != "Content-Type"},
            "body": body.decode(),
        }
    )


def _again(stored: StoredAnswer, fingerprint: str) -> HttpResponse:
    content = json.loads(stored.content)
    if content["request"] != fingerprint:
        raise IdempotencyKeyReusedError(
            f"This {HEADER} came with another request before. Give each request a key of its own, "
            "and the same only to the very same one."
        )
    answer = HttpResponse(content["body"], status=content["status"])
    del answer["Content-Type"]
    if content["body"]:
        answer["Content-Type"] = CamelCaseRenderer.media_type
    for name, value in content["headers"].items():
        answer[name] = value
    answer[REPLAYED] = "true"
    return answer
