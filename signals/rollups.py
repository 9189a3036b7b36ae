"""Totals of a loader's signals over each quarter of an hour, kept by every commit (spec 8).

They are over all segments: one a segment would have about as many rows as the signals themselves.
Whoever changes signals calls `rebuild` in the same transaction, so both become visible together.
Nothing is added to what stood there: buckets that a window touches are computed anew from the
signals, which takes time in proportion to the window and cannot drift.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import F

from core.window import Window
from loaders.models import LoaderState

WIDTH = timedelta(minutes=15)
"""Of a bucket. Buckets begin at whole multiples of it since 1970-01-01 00:00 UTC."""

LARGEST_SUM = "1e290"
"""A larger sum_val makes the total infinite instead of an error, as may be asked of any number of
signals: so many of at most this size as a table can hold stay finite."""

_PART = timedelta(days=31)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_COUNT = 2**63 - 1


def count(values: str) -> str:
    """An expression for a total of counts as bigint; more than that can hold stays at its most."""
    return f"CASE WHEN {values} > {_LARGEST_COUNT} THEN {_LARGEST_COUNT} ELSE {values} END::bigint"


def _sum(condition: str = "") -> str:
    bounded = f"CASE WHEN abs(sum_val) > {LARGEST_SUM} THEN 'Infinity' ELSE sum_val END"
    return f"sum({bounded}){condition}"


TOTALS = {
    "signals": "count(*)",
    "rec_count": count("sum(rec_count)"),
    "value_count": count("sum(value_count) FILTER (WHERE sum_val IS NOT NULL)"),
    "sum_val": _sum(),
    "counted_sum": _sum(" FILTER (WHERE value_count IS NOT NULL)"),
    "max_val": "max(max_val)",
    "min_val": "min(min_val)",
}
"""Totals over any signals, by the rollup's column. Values are counted where they have a sum, and
`counted_sum` is the sum where they are counted: their quotient is the average. Counts stay at the
largest number there is; a null says that no signal had a value."""

_COLUMNS = ", ".join(TOTALS)
_REBUILD = f"""
WITH fresh AS MATERIALIZED (
    SELECT date_bin('15 minutes', load_time_stamp, TIMESTAMPTZ 'epoch') AS bucket_start,
           {", ".join(f"{how} AS {name}" for name, how in TOTALS.items())}
    FROM signals_history
    WHERE loader_code = %(code)s AND load_time_stamp >= %(start)s AND load_time_stamp < %(end)s
    GROUP BY 1
), gone AS (
    DELETE FROM signals_rollup WHERE loader_code = %(code)s
    AND bucket_start >= %(start)s AND bucket_start < %(end)s
    AND bucket_start NOT IN (SELECT bucket_start FROM fresh)
)
INSERT INTO signals_rollup (loader_code, bucket_start, {_COLUMNS})
SELECT %(code)s, bucket_start, {_COLUMNS} FROM fresh
ON CONFLICT (loader_code, bucket_start) DO UPDATE SET
    ({_COLUMNS}) = ROW ({", ".join(f"excluded.{name}" for name in TOTALS)})
"""


def rebuild(*, loader_code: str, window: Window) -> None:
    """Compute all buckets that touch the window anew, in the caller's transaction, after the
    caller has written the signals.

    Takes the loader's state row (see "One lock order" in docs/decisions.md) and holds it to the
    end of the transaction: of two that touch one bucket, the second sees what the first wrote.
    Raises the loader's data_version there, which makes answers out of date that were given before.
    """
    # A join of its own would lock the loader's row, too.
    state = LoaderState.objects.select_for_update(no_key=True, of=("self",)).get(
        loader__loader_code=loader_code
    )
    LoaderState.objects.filter(pk=state.pk).update(data_version=F("data_version") + 1)
    _recompute(loader_code, Window(floor(window.start), ceil(window.end)))


def rebuild_inner(*, loader_code: str, window: Window) -> None:
    """Compute the buckets anew that lie within the window as a whole. For a run, whose window no
    other transaction writes in: it needs no lock yet, and `rebuild_edges` does the rest."""
    start, end = ceil(window.start), floor(window.end)
    if start < end:
        _recompute(loader_code, Window(start, end))


def rebuild_edges(*, loader_code: str, window: Window) -> None:
    """Compute the buckets anew that reach beyond the window, which are two at most. The caller
    holds the loader's state row."""
    for start in {
        floor(instant) for instant in (window.start, window.end) if floor(instant) != instant
    }:
        _recompute(loader_code, Window(start, start + WIDTH))


def floor(instant: datetime) -> datetime:
    """The beginning of the bucket that the instant (aware UTC) lies in."""
    return instant - (instant - _EPOCH) % WIDTH


def ceil(instant: datetime) -> datetime:
    """The first beginning of a bucket at or after the instant (aware UTC)."""
    return instant + (_EPOCH - instant) % WIDTH


def signals_within(loader_code: str, window: Window) -> int:
    """How many signals stand in the buckets that the window touches: no less than in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(signals), 0)::bigint FROM signals_rollup "
            "WHERE loader_code = %s AND bucket_start >= %s AND bucket_start < %s",
            [loader_code, floor(window.start), window.end],
        )
        return int(cursor.fetchone()[0])


def _recompute(loader_code: str, buckets: Window) -> None:
    """The buckets of the window, whose bounds are theirs; a part at a time, whose totals find room
    in the memory that a statement may take."""
    with connection.cursor() as cursor:
        # The planner knows nothing of rows that this transaction wrote: it takes them for few, and
        # would sort a million of them on disk to group them.
        cursor.execute("SET LOCAL enable_sort = off")
        start = buckets.start
        while start < buckets.end:
            end = min(start + _PART, buckets.end)
            cursor.execute(_REBUILD, {"code": loader_code, "start": start, "end": end})
            start = end
        cursor.execute("SET LOCAL enable_sort TO DEFAULT")
