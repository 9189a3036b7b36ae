"""Rollups as they stand, and as they should, by SQL of the tests' own."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

_STAND = (
    "SELECT loader_code, extract(epoch FROM bucket_start)::bigint, signals, rec_count, "
    "value_count, sum_val, counted_sum, max_val, min_val FROM signals.signals_rollup ORDER BY 1, 2"
)
_SHOULD = """
SELECT loader_code, floor(extract(epoch FROM load_time_stamp) / 900)::bigint * 900, count(*),
    sum(rec_count)::bigint,
    sum(CASE WHEN sum_val IS NULL THEN NULL ELSE value_count END)::bigint,
    sum(sum_val::numeric)::double precision,
    sum(CASE WHEN value_count IS NULL THEN NULL ELSE sum_val::numeric END)::double precision,
    max(max_val), min(min_val)
FROM signals.signals_history GROUP BY 1, 2 ORDER BY 1, 2
"""


def rolled_up() -> list[tuple[Any, ...]]:
    """What stands: loader, epoch second, signals and totals."""
    return _fetch(_STAND)


def summed() -> list[tuple[Any, ...]]:
    """The same, summed up from the signals; totals of values but for their last bits."""
    return [
        (*row[:5], *(value if value is None else pytest.approx(value) for value in row[5:]))
        for row in _fetch(_SHOULD)
    ]


def _fetch(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
