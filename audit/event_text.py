"""The one text of an audit event that is sealed, as PostgreSQL makes it.

A JSON array of all columns. PostgreSQL makes it, in sealing and in verification alike, so that it
hangs on no version of Python, Django or driver, nor on the session's time zone: an instant is in
seconds since 1970, and jsonb has one order of keys.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

COLUMNS = (
    "id",
    "at",
    "actor_id",
    "actor_name",
    "source_address",
    "action",
    "object_type",
    "object_id",
    "before",
    "after",
    "correlation_id",
)
"""All columns of `audit_event`. One more is a new form: what is sealed keeps the old one."""

_CASTS = {"at": "extract(epoch FROM {})::text", "source_address": "{}::text"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_text(table: str) -> str:
    """The SQL expression for the text of an event of this table or alias."""
    parts = (_CASTS.get(name, "{}").format(f"{table}.{name}") for name in COLUMNS)
    return f"jsonb_build_array({', '.join(parts)})::text"


def instant(column: str) -> str:
    """The SQL expression for an instant as text, in seconds since 1970."""
    return f"extract(epoch FROM {column})::text"


def instant_of(moment: datetime) -> str:
    """The same for a moment in hand, after 1970."""
    seconds, rest = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    return f"{seconds}.{rest:06d}"
