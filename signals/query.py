"""The query of signals: raw points, or totals by bucket, at most `limit` of them (spec 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from core.camel_case import camelize
from core.window import Window
from loaders.models import Loader
from signals.buckets import Bucket, Buckets
from signals.exceptions import QueryInvalidError, QueryTimeoutError
from signals.points import VALUE_NAMES, Points
from signals.ranges import check_segments
from signals.raw import RawSignals
from signals.reduction import ReducedBy, reduce_points
from signals.rollups import signals_within

MOST_POINTS = 100_000
DEFAULT_LIMIT = 10_000
LONGEST_RANGE = timedelta(days=20 * 366)

MOST_REDUCED = 2_000_000
"""Raw signals that are reduced at once: they take some 100 MB of the web server's memory."""

MOST_TOTALLED = 20_000_000
"""Signals that are read one by one for buckets: they take some seconds of one processor."""

LONGEST_SECONDS = 20
"""Of the database, for one statement."""

VALUES = {camelize(name): name for name in VALUE_NAMES}
"""Columns of a point by their name in an answer."""


class Aggregation(StrEnum):
    """How points are made of signals."""

    RAW = "raw"
    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"

    @property
    def drawn(self) -> str:
        """The column that a reduction draws, unless another is asked for."""
        return "avg_val" if self is Aggregation.RAW else f"{self}_val"


@dataclass(frozen=True)
class SignalsQuery:
    """One question. `value` is the column that a reduction draws. Raises QueryInvalidError when it
    can't be answered in bounded size."""

    loader: Loader
    window: Window
    aggregation: Aggregation = Aggregation.RAW
    bucket: Bucket | None = None
    segments: tuple[UUID, ...] = ()
    by_segment: bool = False
    limit: int = DEFAULT_LIMIT
    value: str = ""

    def __post_init__(self) -> None:
        if self.window.duration > LONGEST_RANGE:
            raise QueryInvalidError("The range is longer than 20 years: ask for less.")
        if not 1 <= self.limit <= MOST_POINTS:
            raise QueryInvalidError(f"limit must lie between 1 and {MOST_POINTS}.")
        check_segments(self.segments)
        if self.by_segment and not self.segments:
            raise QueryInvalidError("groupBy=segment needs the segmentCodes that it is meant for.")
        if self.aggregation is Aggregation.RAW and self.bucket is not None:
            raise QueryInvalidError("Raw signals have no buckets: leave out bucket, or aggregate.")
        if self.aggregation is not Aggregation.RAW and self.bucket is None:
            raise QueryInvalidError("Say by bucket (1m, 5m, 15m, 1h, 1d) how to aggregate.")
        lines = len(self.segments) if self.by_segment else 1
        if self.bucket and self.window.duration / self.bucket.width * lines > MOST_POINTS:
            raise QueryInvalidError(
                f"That makes more than {MOST_POINTS} points: ask for a wider bucket or less time."
            )

    @property
    def drawn(self) -> str:
        """The column that a reduction draws."""
        return self.value or self.aggregation.drawn

    @property
    def names_segments(self) -> bool:
        """Whether each point is one of a segment."""
        return self.by_segment or self.aggregation is Aggregation.RAW


@dataclass(frozen=True)
class Answer:
    """At most `limit` points in order of time and segment, and how many there were before.
    `reduced_by` is None where all of them are there."""

    points: Points
    before: int
    reduced_by: ReducedBy | None


def run_query(query: SignalsQuery) -> Answer:
    """What the signals say now. Raises QueryInvalidError for more than can be looked at, and
    QueryTimeoutError."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")
            return _raw(query) if query.bucket is None else _bucketed(query, query.bucket)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise QueryTimeoutError(
            f"The signals could not be read within {LONGEST_SECONDS} s. Ask for less time."
        ) from None


def _raw(query: SignalsQuery) -> Answer:
    """The rollups tell beforehand how many signals of all segments there are, give or take the ends
    of the range."""
    signals = RawSignals(query.loader.loader_code, query.window, query.segments)
    standing = signals_within(query.loader.loader_code, query.window)
    if query.segments and query.limit < standing <= MOST_TOTALLED:
        standing = signals.count(MOST_REDUCED)
    if standing > MOST_REDUCED:
        raise _too_many(standing)
    if standing > query.limit:
        return Answer(*signals.reduced(query.drawn, query.limit))
    points = signals.all()
    return Answer(points, len(points), None)


def _bucketed(query: SignalsQuery, bucket: Bucket) -> Answer:
    buckets = Buckets(query.loader, query.window, bucket, query.segments, query.by_segment)
    standing = sum(
        signals_within(query.loader.loader_code, window) for window in buckets.raw_windows
    )
    if standing > MOST_TOTALLED:
        raise _too_many(standing)
    points = buckets.fetch()
    if len(points) <= query.limit:
        return Answer(points, len(points), None)
    by, chosen = reduce_points(points, query.drawn, query.limit)
    return Answer(points.take(chosen), len(points), by)


def _too_many(standing: int) -> QueryInvalidError:
    return QueryInvalidError(
        f"About {standing:,} signals stand in the range, too many to be looked at one by one. Ask "
        "for less time, or for totals of all segments in buckets of 15m or more."
    )
