"""The half-open UTC time window that every run, purge and coverage range is made of (spec 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Window:
    """`[start, end)` in UTC. `start` is before `end`, and both are aware with offset zero."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for instant in (self.start, self.end):
            if instant.utcoffset() != timedelta(0):
                raise ValueError("a window's bounds are aware UTC instants")
        if self.start >= self.end:
            raise ValueError("a window starts before it ends")

    @property
    def duration(self) -> timedelta:
        """How much time the window spans."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies in the window; the end does not."""
        return self.start <= instant < self.end

    def overlaps(self, other: Window) -> bool:
        """Whether the two windows share an instant."""
        return self.start < other.end and other.start < self.end
