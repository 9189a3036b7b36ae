"""Signals as they stand, few enough for one answer (spec 8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from core.window import Window
from loaders.models import Loader
from signals.exceptions import QueryInvalidError
from signals.models import SEGMENT_COUNT, VALUES

MOST_LISTED = 10_000
"""As many as may be posted at once."""

_SEGMENTS = ", ".join(f"coalesce(segment_{n}, '')" for n in range(1, SEGMENT_COUNT + 1))
# Bounded first: a join before that would read the whole range.
_LISTED = f"""
SELECT load_time_stamp, ARRAY[{_SEGMENTS}], segment_code, {VALUES}, load_history_id FROM (
    SELECT * FROM signals_history
    WHERE loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s
    ORDER BY load_time_stamp, segment_code LIMIT %s
) bounded LEFT JOIN segment_combination USING (segment_code)
ORDER BY load_time_stamp, segment_code
"""


class ListedSignal(NamedTuple):
    """A signal with its segments; `execution_id` is the execution that loaded it."""

    load_time_stamp: datetime
    segments: list[str]
    segment_code: UUID
    rec_count: int | None
    value_count: int | None
    sum_val: float | None
    avg_val: float | None
    max_val: float | None
    min_val: float | None
    execution_id: UUID


def list_signals(loader: Loader, window: Window) -> list[ListedSignal]:
    """The loader's signals in the window, in order of time and code. Raises QueryInvalidError for
    more than MOST_LISTED."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTED, [loader.loader_code, window.start, window.end, MOST_LISTED + 1])
        rows = cursor.fetchall()
    if len(rows) > MOST_LISTED:
        raise QueryInvalidError(
            f"There are more than {MOST_LISTED} signals: ask for less time, reduce or aggregate "
            "them by signals/query, or download them by signals/export."
        )
    return [ListedSignal(stamp.astimezone(UTC), *rest) for stamp, *rest in rows]
