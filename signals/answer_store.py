"""Where answers to signals queries are kept for a while: Redis, or a table of the portal (spec 8).

Both keep bytes as they are. Django's own caches pickle what they keep, so whoever can write to
them could have the portal execute what they like; bytes that nobody interprets can't do harm.
"""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection, transaction

MOST_ENTRIES = 300
"""Answers that the table keeps; an ordinary one takes a tenth of a megabyte, the largest four."""

_GET = "SELECT body FROM query_answer WHERE cache_key = %s AND expires_at > statement_timestamp()"
_SET = """
INSERT INTO query_answer (cache_key, body, expires_at)
VALUES (%s, %s, statement_timestamp() + make_interval(secs => %s))
ON CONFLICT (cache_key) DO UPDATE
SET body = excluded.body, expires_at = excluded.expires_at, kept_at = excluded.kept_at
"""
# The newest stay: by their expiry, answers for an hour would push out those for five minutes.
# Rows that somebody else deletes at the moment are left to them: nobody waits for anybody.
_CULL = """
DELETE FROM query_answer WHERE cache_key IN (
    SELECT cache_key FROM query_answer WHERE expires_at <= statement_timestamp()
    OR cache_key IN (SELECT cache_key FROM query_answer ORDER BY kept_at DESC OFFSET %s)
    ORDER BY cache_key FOR UPDATE SKIP LOCKED
)
"""


class PlainBytes:
    """For Django's Redis cache: what goes in comes out, unread."""

    def dumps(self, value: bytes) -> bytes:
        """The bytes to keep."""
        return value

    def loads(self, data: bytes) -> bytes:
        """The bytes that were kept."""
        return data


class DatabaseAnswers(BaseCache):
    """Keeps bytes in the portal's database, in a table that a crash of the server may empty."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The bytes kept under the key, unless their time is over."""
        with connection.cursor() as cursor:
            cursor.execute(_GET, [self.make_and_validate_key(key, version=version)])
            found = cursor.fetchone()
        return default if found is None else bytes(found[0])

    def set(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        """Keep the bytes for so many seconds, and let go of what is old or too many."""
        with transaction.atomic(), connection.cursor() as cursor:
            name = self.make_and_validate_key(key, version=version)
            cursor.execute(_SET, [name, value, timeout])
            cursor.execute(_CULL, [MOST_ENTRIES])

    def clear(self) -> None:
        """Let go of everything."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM query_answer")
