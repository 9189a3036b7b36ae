"""Loaded stretches and the signals that stand in them, each pair as of one instant (spec 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.window import Window
from execution.coverage import CoverageState
from execution.models import LOADING, CoverageInterval, RunStatus
from loaders.rules import EARLIEST, LATEST

_BATCH = 200

_COUNTED = """
SELECT c.id, c.range_from, c.range_to, c.rec_count, (
    SELECT count(*) FROM signals_history s WHERE s.loader_code = c.loader_code
    AND s.load_time_stamp >= c.range_from AND s.load_time_stamp < c.range_to
)
FROM coverage c
WHERE c.loader_code = %s AND c.state = %s AND c.range_from > %s AND c.range_from < %s
AND c.range_to > %s ORDER BY c.range_from LIMIT %s
"""


@dataclass(frozen=True)
class Counted:
    """A loaded stretch, what coverage says of its signals (None: not known), and how many stand."""

    id: UUID
    window: Window
    told: int | None
    signals: int

    def store(self) -> bool:
        """Let coverage say what stands. False if a run or a person has changed the stretch since:
        they replace its row."""
        rows = CoverageInterval.objects.filter(pk=self.id)
        return rows.update(rec_count=self.signals) == 1


def miscounted(loader_code: str, start: datetime | None, end: datetime | None) -> Iterator[Counted]:
    """Loaded stretches that touch the range (aware UTC) and whose count is another or not known.
    Row and signals are read by one statement, so a commit changes both or none."""
    first, last = start or EARLIEST, end or LATEST
    at = EARLIEST
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED, [loader_code, CoverageState.LOADED, at, last, first, _BATCH])
            rows = cursor.fetchall()
        for key, begins, ends, told, signals in rows:
            if told != signals:
                yield Counted(key, Window(begins, ends), told, signals)
        if len(rows) < _BATCH:
            return
        at = rows[-1][1]


# All loaders at once, by one statement and so as of one instant. Since `since`, runs of a loader
# left `rows`: what they loaded less what they purged, but for what the first of them purged of a
# run before it, the grain that it read again. From that run's window on, so many must stand.
_ADDED_UP = """
WITH ran AS (
    SELECT loader_code, min(query_from_time) AS first,
           sum(records_loaded - records_purged) AS left_standing
    FROM load_history
    WHERE start_time > %(since)s AND query_from_time >= %(since)s AND status = ANY(%(loaded)s)
      AND trigger = ANY(%(loading)s)
    GROUP BY loader_code
), expected AS (
    SELECT ran.loader_code, ran.first, ran.left_standing + (
        SELECT h.records_purged FROM load_history h
        WHERE h.loader_code = ran.loader_code AND h.query_from_time = ran.first
          AND h.status = ANY(%(loaded)s) AND h.trigger = ANY(%(loading)s)
        ORDER BY h.end_time LIMIT 1
    ) AS signals
    FROM ran
), standing AS (
    SELECT s.loader_code, count(*) AS signals
    FROM signals_history s JOIN ran ON ran.loader_code = s.loader_code
    WHERE s.load_time_stamp >= ran.first AND s.load_time_stamp >= %(since)s
    GROUP BY s.loader_code
)
SELECT e.loader_code FROM expected e LEFT JOIN standing s USING (loader_code)
WHERE coalesce(s.signals, 0) <> e.signals ORDER BY random()
"""


def loaders_miscounted(since: datetime) -> list[str]:
    """Loaders whose signals after `since` (aware UTC) are not as many as their executions since
    then left, in no order. Cheap, and for all loaders at once: it does not say where, and may name
    one too many, where a window of a reload lies across `since`; `verify_coverage` tells."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ADDED_UP,
            {
                "since": since,
                "loaded": [RunStatus.SUCCESS, RunStatus.PARTIAL],
                "loading": LOADING,
            },
        )
        return [code for (code,) in cursor.fetchall()]
