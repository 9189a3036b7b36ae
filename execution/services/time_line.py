"""Where a loader's time line begins and ends, and on which grains it is cut (spec 5, 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min

from core.window import Window
from execution.models import CoverageInterval
from loaders.definition import source_zone
from loaders.grain import Grain
from loaders.models import Loader, LoaderState


@dataclass(frozen=True)
class TimeLine:
    """From a loader's first window to its last or to now, aware UTC. `settled_until` is the
    watermark on a grain: below it, what is not known is a gap. None without a watermark."""

    whole: Window
    watermark: datetime | None
    settled_until: datetime | None

    def cut(self, start: datetime | None, end: datetime | None) -> Window | None:
        """The part of the line between two instants, each of which may be left open."""
        first = max(start or self.whole.start, self.whole.start)
        last = min(end or self.whole.end, self.whole.end)
        return Window(first, last) if first < last else None


def grain_of(loader: Loader) -> Grain:
    """The grain of the loader as it is defined now."""
    source = loader.source_database
    zone = source_zone(loader.time_zone, loader.offset_hours, source.time_zone if source else "")
    return Grain(loader.grain_seconds, zone)


def time_line_of(loader: Loader, state: LoaderState, now: datetime) -> TimeLine | None:
    """The loader's time line; None for one that never had a window."""
    known = CoverageInterval.objects.filter(loader_id=loader.loader_code).aggregate(
        first=Min("range_from"), last=Max("range_to")
    )
    if known["first"] is None:
        return None
    first = min(known["first"], loader.start_at or known["first"])
    until = max(known["last"], min(now, loader.end_at or now))
    watermark = state.last_load_timestamp
    settled = None if watermark is None else grain_of(loader).floor(watermark)
    return TimeLine(Window(first, until), watermark, settled)
