"""Reading signals: raw points, or buckets of them (spec 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from core.window import Window
from loaders.models import Loader
from signals.exceptions import QueryInvalidError

MOST_POINTS = 100_000
DEFAULT_LIMIT = 10_000
LONGEST_RANGE = timedelta(days=20 * 366)


class Aggregation(StrEnum):
    """How points are made of signals."""

    RAW = "raw"
    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


class Bucket(StrEnum):
    """Width of a bucket. A day is one of the loader's zone."""

    ONE_MINUTE = "1m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def width(self) -> timedelta:
        """Nominal width."""
        return {
            "1m": timedelta(minutes=1),
            "5m": timedelta(minutes=5),
            "15m": timedelta(minutes=15),
            "1h": timedelta(hours=1),
            "1d": timedelta(days=1),
        }[self.value]


@dataclass(frozen=True)
class SignalsQuery:
    """One question. Raises QueryInvalidError when it can't be answered in bounded size."""

    loader: Loader
    window: Window
    aggregation: Aggregation
    bucket: Bucket | None
    segment_code: UUID | None
    limit: int

    def __post_init__(self) -> None:
        if self.window.duration > LONGEST_RANGE:
            raise QueryInvalidError("The range is longer than 20 years: ask for less.")
        if not 1 <= self.limit <= MOST_POINTS:
            raise QueryInvalidError(f"limit must lie between 1 and {MOST_POINTS}.")
        if self.aggregation is Aggregation.RAW and self.bucket is not None:
            raise QueryInvalidError("Raw signals have no buckets: leave out bucket, or aggregate.")
        if self.aggregation is not Aggregation.RAW and self.bucket is None:
            raise QueryInvalidError("Say by bucket (1m, 5m, 15m, 1h, 1d) how to aggregate.")
        if self.bucket and self.window.duration / self.bucket.width > MOST_POINTS:
            raise QueryInvalidError(
                f"That makes more than {MOST_POINTS} points: ask for a wider bucket or less time."
            )


def run_query(query: SignalsQuery) -> list[dict[str, Any]]:
    """The points in order of time. Timestamps are epoch seconds."""
    if query.aggregation is Aggregation.RAW:
        return _raw(query)
    return _bucketed(query)


def _raw(query: SignalsQuery) -> list[dict[str, Any]]:
    where, parameters = _condition(query)
    rows = _fetch(
        "SELECT load_time_stamp, segment_code, rec_count, value_count, sum_val, avg_val, max_val, "
        f"min_val FROM signals_history WHERE {where} "
        "ORDER BY load_time_stamp, segment_code LIMIT %s",
        [*parameters, query.limit + 1],
    )
    if len(rows) > query.limit:
        raise QueryInvalidError(
            f"There are more than {query.limit} signals: raise limit (up to {MOST_POINTS}), ask "
            "for less time or one segmentCode, or aggregate."
        )
    names = ("rec_count", "value_count", "sum_val", "avg_val", "max_val", "min_val")
    return [
        {
            "timestamp": int(stamp.timestamp()),
            "segment_code": str(code),
            **dict(zip(names, values, strict=True)),
        }
        for stamp, code, *values in rows
    ]


def _bucketed(query: SignalsQuery) -> list[dict[str, Any]]:
    assert query.bucket is not None
    where, parameters = _condition(query)
    if query.bucket is Bucket.DAY:
        bucket = "date_trunc('day', load_time_stamp, %s)"
        bucket_parameters: list[Any] = [_zone(query.loader)]
    else:
        bucket = "date_bin(%s, load_time_stamp, TIMESTAMPTZ 'epoch')"
        bucket_parameters = [query.bucket.width]
    rows = _fetch(
        f"SELECT {bucket} AS bucket, sum(rec_count)::bigint, sum(value_count)::bigint, "
        "sum(sum_val), sum(sum_val) / nullif(sum(value_count), 0), max(max_val), min(min_val) "
        f"FROM signals_history WHERE {where} GROUP BY 1 ORDER BY 1",
        [*bucket_parameters, *parameters],
    )
    names = ("rec_count", "value_count", "sum_val", "avg_val", "max_val", "min_val")
    return [
        {"timestamp": int(stamp.timestamp()), **dict(zip(names, values, strict=True))}
        for stamp, *values in rows
    ]


def _condition(query: SignalsQuery) -> tuple[str, list[Any]]:
    where = "loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s"
    parameters: list[Any] = [query.loader.loader_code, query.window.start, query.window.end]
    if query.segment_code is not None:
        where += " AND segment_code = %s"
        parameters.append(query.segment_code)
    return where, parameters


def _zone(loader: Loader) -> str:
    """PostgreSQL's name of the loader's zone; its POSIX offsets count as ours do, west of UTC."""
    if loader.time_zone:
        return loader.time_zone
    minutes = round(float(loader.offset_hours or 0) * 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _fetch(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def epoch_window(from_epoch: int, to_epoch: int) -> Window:
    """The range between two epoch seconds. Raises QueryInvalidError for an empty one."""
    try:
        start, end = (datetime.fromtimestamp(second, UTC) for second in (from_epoch, to_epoch))
    except (OverflowError, ValueError, OSError):
        raise QueryInvalidError("fromEpoch and toEpoch are seconds since 1970.") from None
    if start >= end:
        raise QueryInvalidError("fromEpoch must be less than toEpoch.")
    return Window(start, end)
