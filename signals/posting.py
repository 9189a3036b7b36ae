"""Writes posted signals into the target (spec 8).

`prepare` commits what they need to stand, on a session of its own: partitions and segment
combinations are short transactions that nobody may wait for until the post commits, also where the
post is a part of a longer transaction. `replace` works inside the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from uuid import UUID

from django.db import IntegrityError, connection, connections

from core.window import Window
from signals.exceptions import PartitionBusyError
from signals.models import COLUMNS, LoaderSegment
from signals.partitions import ensure_partitions, missing_months
from signals.posted import PostedSignal, PostedSignals
from signals.segments import insert_combinations

_REMOVE = """
DELETE FROM signals_history s USING unnest(%s::timestamptz[], %s::uuid[]) AS key (stamp, code)
WHERE s.loader_code = %s AND s.load_time_stamp >= %s AND s.load_time_stamp < %s
  AND s.load_time_stamp = key.stamp AND s.segment_code = key.code
"""
_NULL = "\\N"


def prepare(loader_code: str, posted: PostedSignals, windows: Sequence[Window]) -> None:
    """Commit partitions for the windows and the segment combinations, where they are not there
    yet. Raises PartitionBusyError."""
    months = missing_months(windows)
    known = LoaderSegment.objects.filter(
        loader_code=loader_code, segment_code__in=list(posted.combinations)
    )
    codes = posted.combinations.keys() - set(known.values_list("segment_code", flat=True))
    if not months and not codes:
        return
    with closing(connections.create_connection("default")) as own:
        for month in months:
            ensure_partitions(month, own)
        if codes:
            named = {str(code): posted.combinations[code] for code in codes}
            insert_combinations(own, loader_code, named)


def replace(
    *, loader_code: str, signals: Sequence[PostedSignal], window: Window, load_history_id: UUID
) -> int:
    """Put the signals, all of the window, in the place of those of the same keys; returns how many
    of those there were. The caller holds the loader's state row, so that nobody else writes signals
    of the loader meanwhile. Raises PartitionBusyError, where retention took the month just now."""
    removed = _remove(loader_code, signals, window)
    lines = "".join(_line(loader_code, signal, load_history_id) for signal in signals)
    try:
        with (
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(f"COPY signals_history ({COLUMNS}) FROM STDIN") as copy,
        ):
            copy.write(lines.encode())
    except IntegrityError:
        raise PartitionBusyError(
            "The partition of that time was removed meanwhile. Send the signals again."
        ) from None
    return removed


def _remove(loader_code: str, signals: Sequence[PostedSignal], window: Window) -> int:
    stamps = [signal.load_time_stamp.isoformat() for signal in signals]
    codes = [str(signal.segment_code) for signal in signals]
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, [stamps, codes, loader_code, window.start, window.end])
        return int(cursor.rowcount)


def _line(loader_code: str, signal: PostedSignal, load_history_id: UUID) -> str:
    """A signal for COPY. Nothing in it needs escaping: codes, times and numbers."""
    values = (
        signal.rec_count,
        signal.value_count,
        signal.sum_val,
        signal.avg_val,
        signal.max_val,
        signal.min_val,
    )
    cells = "\t".join(_NULL if value is None else repr(value) for value in values)
    stamp = signal.load_time_stamp.isoformat()
    return f"{loader_code}\t{stamp}\t{signal.segment_code}\t{cells}\t{load_history_id}\n"
