"""A source's breaker: when its loaders stop asking a source that does not serve anybody (spec 6).
Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

THRESHOLD = 3
"""Failures of the source, one after the other and of whatever loader, that open its breaker."""

SHORTEST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
PROBE = timedelta(seconds=60)
"""How long the others wait for the one run that tries whether the source serves again."""


def opens_until(failures: int, now: datetime) -> datetime | None:
    """Until when nobody asks the source after so many failures in a row; None while it is asked.

    30 s from the third failure on, doubled by each further one up to 5 min: one run then probes.
    """
    if failures < THRESHOLD:
        return None
    doublings = min(failures - THRESHOLD, 4)
    return now + min(SHORTEST_PAUSE * (1 << doublings), LONGEST_PAUSE)
