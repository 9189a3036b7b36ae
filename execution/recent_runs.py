"""The latest runs of many loaders at once, for lists: one statement, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from execution.models import LOADING, RunStatus

MOST = 20
"""Runs of a loader that are read."""

_LATEST = """
SELECT code, status, start_time, end_time - claimed_at
FROM unnest(%(codes)s::text[]) AS asked (code) CROSS JOIN LATERAL (
    SELECT status, start_time, claimed_at, end_time FROM load_history
    WHERE loader_code = asked.code AND status <> 'RUNNING' AND trigger = ANY(%(triggers)s)
    ORDER BY start_time DESC LIMIT %(most)s
) AS latest
ORDER BY code, start_time
"""


@dataclass(frozen=True)
class EndedRun:
    """A run that ended. `duration` is from a worker's claim on; None if none took it up."""

    status: RunStatus
    started: datetime
    duration: timedelta | None

    @property
    def failed(self) -> bool:
        """Whether it is one that somebody looks for."""
        return self.status is RunStatus.FAILED


def recent_runs(codes: Sequence[str], *, most: int = MOST) -> dict[str, list[EndedRun]]:
    """By loader code its latest `most` runs that ended, the oldest first. Trials and re-counts,
    that only look, are left out. A loader without any has an empty list."""
    found: dict[str, list[EndedRun]] = {code: [] for code in codes}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"codes": list(codes), "triggers": LOADING, "most": most})
        for code, status, started, duration in cursor.fetchall():
            found[code].append(EndedRun(RunStatus(status), started, duration))
    return found
