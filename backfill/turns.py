"""Whose turn it is where live runs and backfills want the same place (spec 9). Pure.

Live runs go first. A backfill that has waited for `PATIENCE` gets every second turn, until it finds
a place that no live run wants. All backfills that compete share those turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True)
class Turns:
    """When a live run and a backfill last got a place; None is not of late."""

    live: datetime | None
    backfill: datetime | None

    @property
    def is_backfills(self) -> bool:
        """Whether the last turn was a live run's."""
        return self.backfill is None or (self.live is not None and self.live > self.backfill)


def goes_before_live(
    waiting_since: datetime | None,
    now: datetime,
    *,
    at_source: Turns,
    anywhere: Turns,
    is_live_due_at_source: bool,
) -> bool:
    """Whether a backfill is served before the live runs that are due.

    What counts is the last turn at its source, where a live loader is due too. Otherwise only
    the portal's slots can be what it waits for, and the last turn anywhere counts.
    """
    if waiting_since is None or now - waiting_since < PATIENCE:
        return False
    return at_source.is_backfills if is_live_due_at_source else anywhere.is_backfills
