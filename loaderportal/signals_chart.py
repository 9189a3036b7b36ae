"""A small chart of a loader's latest signals, drawn by the server: bars of counts by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.display import number_text
from core.errors import PortalError
from core.window import Window
from loaders.models import Loader
from signals.buckets import Bucket
from signals.query import Aggregation, SignalsQuery, run_query

_SPAN = timedelta(days=7)
_HOUR = timedelta(hours=1)
_TALLEST = 100.0


@dataclass(frozen=True)
class Bar:
    """One hour: where it stands and how tall it is (of 100), and what it says."""

    place: int
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """Bars over `window`, one an hour that has signals; `most` is what the tallest stands for."""

    window: Window
    bars: Sequence[Bar]
    most: int

    @property
    def width(self) -> int:
        """Hours that there is room for."""
        return round(self.window.duration / _HOUR)


def chart_of(loader: Loader, newest: datetime) -> Chart | None:
    """Records counted by the hour over the seven days that end with the newest signal (aware UTC);
    None where they can't be read in time."""
    last = newest.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
    window = Window(last - _SPAN, last)
    query = SignalsQuery(loader, window, aggregation=Aggregation.SUM, bucket=Bucket.HOUR)
    try:
        points = run_query(query).points
    except PortalError:
        return None
    counts = [
        (datetime.fromtimestamp(row[0], UTC), row[1]) for row in points.rows(with_segments=False)
    ]
    return draw(window, [(at, int(count)) for at, count in counts if count is not None])


def draw(window: Window, counts: Sequence[tuple[datetime, int]]) -> Chart:
    """Bars of counts by their hours. Pure."""
    most = max((count for _, count in counts), default=0)
    bars = [
        Bar(
            round((at - window.start) / _HOUR),
            max(1.0, _TALLEST * count / most) if count > 0 else 0.0,
            f"{at:%Y-%m-%d %H:%M} UTC: {number_text(count)}",
        )
        for at, count in counts
    ]
    return Chart(window, bars, most)
