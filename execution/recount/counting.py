"""Records a grain, counted from rows as they pass, and what differs from what is loaded. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.window import Window
from loaders.grain import Grain
from loaders.source_time import StampError
from signals.exceptions import RowRejectedError
from signals.models import SEGMENT_COUNT
from signals.rows import Row, whole_count

_REC_COUNT = 1 + SEGMENT_COUNT
_REMEMBERED = 20_000
"""Stamps whose grain is remembered: a result may have millions."""


@dataclass(frozen=True)
class Difference:
    """A grain (by its start, aware UTC) whose records at the source are not those loaded."""

    at: datetime
    loaded: int
    found: int


class GrainCounter:
    """Sums REC_COUNT by grain of a loader over the rows of a window."""

    def __init__(self, window: Window, grain: Grain, parse: Callable[[str], datetime]) -> None:
        self.rows = 0
        self.by_grain: Counter[datetime] = Counter()
        self._window = window
        self._grain = grain
        self._parse = parse
        self._known: dict[bytes, datetime] = {}

    def take(self, rows: Sequence[Row]) -> None:
        """Count further rows. Raises RowRejectedError for what a run would refuse too."""
        self.rows += len(rows)
        for row in rows:
            at = self._grain_of(row[0])
            self.by_grain[at] += _whole(row[_REC_COUNT])

    def _grain_of(self, cell: bytes | None) -> datetime:
        if cell is None:
            raise RowRejectedError("LOAD_TIME_STAMP is NULL in a row.")
        known = self._known.get(cell)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[cell] = self._grain.floor(self._instant(cell))
        return known

    def _instant(self, cell: bytes) -> datetime:
        try:
            instant = self._parse(cell.decode()).astimezone(UTC)
        except (StampError, UnicodeDecodeError):
            raise RowRejectedError("LOAD_TIME_STAMP is not a time in a row.") from None
        if not self._window.contains(instant):
            raise RowRejectedError("LOAD_TIME_STAMP lies outside the window that was asked for.")
        return instant


def _whole(cell: bytes | None) -> int:
    """Exactly as a run loads it: a number beyond 2^53 would not survive a float."""
    return 0 if cell is None else int(whole_count(cell, "REC_COUNT"))


def by_grain(counts: Iterable[tuple[datetime, int]], grain: Grain) -> dict[datetime, int]:
    """Records by stamp (aware UTC) as records by grain; quickest in the order of time."""
    found: Counter[datetime] = Counter()
    start = end = datetime.min.replace(tzinfo=UTC)
    for at, count in counts:
        if not start <= at < end:
            start = grain.floor(at)
            end = grain.following(start)
        found[start] += count
    return dict(found)


def differences(loaded: Mapping[datetime, int], found: Mapping[datetime, int]) -> list[Difference]:
    """The grains that differ, in the order of time. A grain without records may be named or not."""
    grains = sorted(loaded.keys() | found.keys())
    every = [Difference(at, loaded.get(at, 0), found.get(at, 0)) for at in grains]
    return [one for one in every if one.loaded != one.found]


def stretches(differing: Sequence[Difference], grain: Grain) -> list[Window]:
    """The windows, on the grain, that must be loaded again: neighbouring grains in one."""
    windows: list[Window] = []
    for one in differing:
        end = grain.following(one.at)
        if windows and windows[-1].end == one.at:
            windows[-1] = Window(windows[-1].start, end)
        else:
            windows.append(Window(one.at, end))
    return windows
