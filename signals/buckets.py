"""Totals of signals by buckets of time, from rollups where they serve (spec 8).

A rollup serves quarters of an hour over all segments that lie in the range as a whole, as long as
buckets begin and end where they do. The rest comes from the signals: shorter buckets, segments,
the ends of a range, and days of a zone whose offset is no multiple of a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.window import Window
from loaders.definition import source_zone
from loaders.models import Loader
from loaders.source_time import SourceZone
from signals.points import NO_SEGMENT, Points, fetch_points
from signals.rollups import LARGEST_SUM, WIDTH, ceil, count, floor

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_BOUNDED = f"CASE WHEN abs(sum_val) > {LARGEST_SUM} THEN 'Infinity' ELSE sum_val END"
_COUNTED = "CASE WHEN sum_val IS NOT NULL THEN value_count END"
_SIGNALS = f"""
SELECT load_time_stamp AS at, segment_code, rec_count, {_COUNTED} AS value_count,
       {_BOUNDED} AS sum_val, CASE WHEN value_count IS NOT NULL THEN {_BOUNDED} END AS counted_sum,
       max_val, min_val
FROM signals_history
WHERE loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s
"""
_ROLLUPS = f"""
SELECT bucket_start AS at, {NO_SEGMENT} AS segment_code, rec_count, value_count, sum_val,
       counted_sum, max_val, min_val
FROM signals_rollup WHERE loader_code = %s AND bucket_start >= %s AND bucket_start < %s
"""
_VALUES = (
    count("sum(rec_count)"),
    count("sum(value_count)"),
    "sum(sum_val)",
    "sum(counted_sum) / nullif(sum(value_count), 0)::double precision",
    "max(max_val)",
    "min(min_val)",
)


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
            "1d": _DAY,
        }[self.value]


@dataclass(frozen=True)
class Buckets:
    """What to total up: a loader's signals of a range, of some segments or (none) of all, into
    buckets of one width, by segment or not."""

    loader: Loader
    window: Window
    bucket: Bucket
    segments: Sequence[UUID]
    by_segment: bool

    def fetch(self) -> Points:
        """The buckets that hold signals, in order of time and segment."""
        parts, parameters = [], []
        for table, stretch in self._parts():
            parts.append(table)
            parameters += [self.loader.loader_code, stretch.start, stretch.end]
            if self.segments:
                parts[-1] += " AND segment_code = ANY(%s)"
                parameters.append(list(self.segments))
        begin, begin_parameters = self._begin()
        segment = "segment_code" if self.by_segment else NO_SEGMENT
        return fetch_points(
            "bucket",
            "part_segment",
            _VALUES,
            f"FROM (SELECT *, {begin} AS bucket, {segment} AS part_segment "
            f"FROM ({' UNION ALL '.join(parts)}) AS part) AS whole "
            "GROUP BY bucket, part_segment ORDER BY bucket, part_segment",
            [*begin_parameters, *parameters],
        )

    @property
    def raw_windows(self) -> list[Window]:
        """The stretches whose signals are read one by one."""
        return [stretch for table, stretch in self._parts() if table == _SIGNALS]

    def _parts(self) -> list[tuple[str, Window]]:
        start, end = ceil(self.window.start), floor(self.window.end)
        if self.segments or start >= end or not self._rollups_serve():
            return [(_SIGNALS, self.window)]
        stretches = [
            (_SIGNALS, self.window.start, start),
            (_ROLLUPS, start, end),
            (_SIGNALS, end, self.window.end),
        ]
        return [(table, Window(since, until)) for table, since, until in stretches if since < until]

    def _rollups_serve(self) -> bool:
        if self.bucket is not Bucket.DAY:
            return self.bucket.width >= WIDTH
        return has_whole_quarters(day_zone(self.loader).rules, self.window)

    def _begin(self) -> tuple[str, list[Any]]:
        """The expression for the beginning of the bucket that `at` lies in."""
        if self.bucket is Bucket.DAY:
            return "date_trunc('day', at, %s)", [zone_name(self.loader)]
        return "date_bin(%s, at, TIMESTAMPTZ 'epoch')", [self.bucket.width]


def zone_name(loader: Loader) -> str:
    """PostgreSQL's name of the zone of the loader's days. In that of an offset, west of UTC is
    positive."""
    zone = day_zone(loader)
    offset = zone.rules.utcoffset(None)
    if offset is None:
        return zone.name
    minutes = -offset // _MINUTE
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def day_zone(loader: Loader) -> SourceZone:
    """The zone that the loader's days are of: its own, else its source's, else UTC."""
    source = loader.source_database
    return source_zone(loader.time_zone, loader.offset_hours, source.time_zone if source else "")


def has_whole_quarters(zone: tzinfo, window: Window) -> bool:
    """Whether the zone is whole quarters of an hour away from UTC all through the window; local
    mean times of the past are not."""
    at = window.start
    while at < window.end:
        if at.astimezone(zone).utcoffset() % WIDTH:  # type: ignore[operator] # never None here
            return False
        at += _DAY
    return True
