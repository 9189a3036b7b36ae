"""Whether a session of the portal's database waits for another one."""

from __future__ import annotations

from django.db import connection


def somebody_waits() -> bool:
    """Whether a session of this database waits for a lock; may be asked within a transaction."""
    with connection.cursor() as cursor:
        # Else a transaction knows only of the sessions that its first look found.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])
