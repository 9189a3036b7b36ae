"""The grid of instants on which every window of a loader starts and ends (spec 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loaders.source_time import SourceZone

_LOCAL_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Grain:
    """Boundaries every `seconds` of the source's wall clock; None is its calendar day.

    They are counted from 1970-01-01 00:00 *local* time, so that a loader that groups by the
    source's hours or days gets windows of whole groups. Where clocks change:

    - no boundary lies strictly inside local times shown twice; one window spans them;
    - a boundary the clocks jumped over lies at the jump.

    So the stamp of a group, read by `SourceZone.to_utc`, falls into the window that asked for it.
    Every instant has exactly one grain: `floor(x) <= x < following(floor(x))`. Arguments and
    results are aware UTC. ValueError when `seconds` is not positive.
    """

    seconds: int | None
    zone: SourceZone

    def __post_init__(self) -> None:
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError("a grain is a positive number of seconds")

    @property
    def step(self) -> timedelta:
        """Wall-clock time between two boundaries; real time differs where clocks change."""
        return _DAY if self.seconds is None else timedelta(seconds=self.seconds)

    def is_multiple_of(self, precision: timedelta) -> bool:
        """Whether a time format of that precision can write every boundary (spec 5)."""
        return not self.step % precision

    def floor(self, utc: datetime) -> datetime:
        """The last boundary at or before the instant."""
        boundary = self.zone.to_utc(self._local(self._index(utc)))
        repeated = self.zone.repeated_hour(boundary)
        if repeated is None or boundary == repeated.start:
            return boundary
        return self.zone.to_utc(self._local(self._index(repeated.start)))

    def following(self, utc: datetime) -> datetime:
        """The first boundary after the instant, which may be a boundary itself."""
        boundary = self.zone.to_utc(self._local(self._index(utc) + 1))
        repeated = self.zone.repeated_hour(boundary)
        if repeated is None or boundary == repeated.start:
            return boundary
        return self.ceil(repeated.end)

    def ceil(self, utc: datetime) -> datetime:
        """The first boundary at or after the instant."""
        return utc if self.is_boundary(utc) else self.following(utc)

    def is_boundary(self, utc: datetime) -> bool:
        """Whether a window may start or end at the instant."""
        return self.floor(utc) == utc

    def _index(self, utc: datetime) -> int:
        """Number of the local step the instant lies in."""
        return (self.zone.to_local(utc) - _LOCAL_EPOCH) // self.step

    def _local(self, index: int) -> datetime:
        """Naive local time at which that step starts."""
        return _LOCAL_EPOCH + index * self.step
