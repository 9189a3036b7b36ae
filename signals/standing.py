"""How many signals of a loader stand in windows, for those who are about to replace them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from core.window import Window

COUNTED = 1_000_000
"""A range is counted exactly up to here: nobody should wait for more."""


def rows_by_window(loader_code: str, windows: Sequence[Window]) -> list[int]:
    """How many signals stand in each of the windows, by one query."""
    if not windows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(s.loader_code) "
            "FROM unnest(%s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY AS w (a, b, n) "
            "LEFT JOIN signals_history s ON s.loader_code = %s "
            "AND s.load_time_stamp >= w.a AND s.load_time_stamp < w.b GROUP BY w.n ORDER BY w.n",
            [[w.start for w in windows], [w.end for w in windows], loader_code],
        )
        return [int(count) for (count,) in cursor.fetchall()]


def rows_up_to(loader_code: str, window: Window, most: int = COUNTED) -> int:
    """How many signals stand in the window; `most` and one for more than that."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM signals_history WHERE loader_code = %s "
            "AND load_time_stamp >= %s AND load_time_stamp < %s LIMIT %s) AS counted",
            [loader_code, window.start, window.end, most + 1],
        )
        return int(cursor.fetchone()[0])
