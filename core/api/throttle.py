"""Throttling: so many requests a period for each user, counted in the database (spec 10).

The count is one statement in a transaction of its own, before anything else is done: it locks one
caller's row for as long as it takes, so callers never wait for one another, and it holds no lock
while it waits for one, so it can be part of no deadlock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.request import Request

from core.api.rate import RateLimit
from core.clock import ClockTimestamp
from core.errors import TransientError
from core.models import RequestCount

_BATCH = 1000

# What is over the limit is not counted on: the number must not grow with the attack.
_COUNT = """
INSERT INTO api_request_count AS seen (subject, began_at, requests)
VALUES (%(subject)s, statement_timestamp(), 1)
ON CONFLICT (subject) DO UPDATE SET
    began_at = CASE WHEN seen.began_at <= statement_timestamp() - make_interval(secs => %(seconds)s)
        THEN statement_timestamp() ELSE seen.began_at END,
    requests = CASE WHEN seen.began_at <= statement_timestamp() - make_interval(secs => %(seconds)s)
        THEN 1 ELSE LEAST(seen.requests, %(limit)s) + 1 END
RETURNING requests, %(seconds)s - EXTRACT(EPOCH FROM statement_timestamp() - began_at)
"""

_FORGET = """
DELETE FROM api_request_count WHERE subject IN (
    SELECT subject FROM api_request_count
    WHERE began_at <= statement_timestamp() - make_interval(secs => %s)
    ORDER BY subject LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


class TooManyRequestsError(TransientError):
    """The caller made all the requests that a period allows."""

    code = "TOO_MANY_REQUESTS"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, limit: RateLimit, wait: int) -> None:
        super().__init__(
            f"More than {limit.requests} requests in {limit.seconds} s. Try again in {wait} s.",
            details={"retry_after": wait},
        )
        self.headers: Mapping[str, str] = {"Retry-After": str(wait)}


def count_request(request: Request, user: Any) -> None:
    """Count the request for its user, whom a token's owner is too, or else for its address. Raises
    TooManyRequestsError."""
    limit: RateLimit | None = settings.RATE_LIMIT
    if limit is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "subject": subject_of(user, request.META.get("REMOTE_ADDR", "")),
                "seconds": limit.seconds,
                "limit": limit.requests,
            },
        )
        requests, left = cursor.fetchone()
    if requests > limit.requests:
        raise TooManyRequestsError(limit, max(1, math.ceil(left)))


def subject_of(user: Any, address: str) -> str:
    """Whom a request is counted for. Of an IPv6 address the network counts: whoever has one
    address of a /64 has them all."""
    if user is not None:
        return f"user {user.pk}"
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"address {ip_network((parsed.packed[:8] + bytes(8), 64))}"
    return f"address {getattr(parsed, 'ipv4_mapped', None) or parsed}"


def count_old_counts() -> int:
    """How many it would delete."""
    limit: RateLimit | None = settings.RATE_LIMIT
    counts = RequestCount.objects.all()
    if limit is not None:
        counts = counts.filter(began_at__lte=ClockTimestamp() - timedelta(seconds=limit.seconds))
    return counts.count()


def forget_counts() -> int:
    """Delete the counts of periods that are over; returns how many. One that is being counted on
    at the moment is left alone."""
    limit: RateLimit | None = settings.RATE_LIMIT
    if limit is None:
        return int(RequestCount.objects.all().delete()[0])
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [limit.seconds, _BATCH])
            found = int(cursor.rowcount)
        deleted += found
        if found < _BATCH:
            return deleted
