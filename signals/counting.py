"""How many signals of a loader stand, by the execution that loaded them (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.window import Window

_IN_WINDOW = "loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s"


def count_by_run(loader_code: str, window: Window) -> dict[UUID, int]:
    """Signals in the window by execution. One range of the primary key is read; the answer has
    an entry an execution."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT load_history_id, count(*) FROM signals_history "
            f"WHERE {_IN_WINDOW} GROUP BY load_history_id",
            [loader_code, window.start, window.end],
        )
        return dict(cursor.fetchall())


def stamps_of_runs(
    loader_code: str, window: Window, runs: Sequence[UUID], most: int
) -> list[datetime]:
    """Times in the window that hold signals of these executions, at most `most`, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT load_time_stamp FROM signals_history WHERE {_IN_WINDOW} "
            "AND load_history_id = ANY(%s) ORDER BY 1 LIMIT %s",
            [loader_code, window.start, window.end, list(runs), most],
        )
        return [stamp for (stamp,) in cursor.fetchall()]
