"""Loaded stretches and the signals that stand in them, each pair as of one instant (spec 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.window import Window
from execution.coverage import CoverageState
from execution.models import CoverageInterval
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
