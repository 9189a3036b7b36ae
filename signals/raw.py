"""Signals as they stand, or those of them that a chart needs (spec 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from core.window import Window
from signals.points import (
    NO_VALUE,
    VALUE_NAMES,
    Kind,
    Numbers,
    Points,
    fetch_gathered,
    fetch_points,
    segments_of,
    stamps_of,
)
from signals.reduction import Line, ReducedBy, reduce

_BLOCKS = 128
"""A range is split in so many to look for its extremes: grouped by the hour, it takes longer."""

_AT = "load_time_stamp, segment_code"


@dataclass(frozen=True)
class RawSignals:
    """A loader's signals of a range, of some segments or (none) of all."""

    loader_code: str
    window: Window
    segments: Sequence[UUID]

    def count(self, most: int) -> int:
        """How many there are; `most` and one for more than that."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM (SELECT 1 {self._from} LIMIT %s) AS counted",
                [*self._parameters, most + 1],
            )
            return int(cursor.fetchone()[0])

    def all(self) -> Points:
        """All of them, in order of time and segment."""
        return fetch_points(
            "load_time_stamp",
            "segment_code",
            VALUE_NAMES,
            f"{self._from} ORDER BY {_AT}",
            self._parameters,
        )

    def reduced(self, value: str, limit: int) -> tuple[Points, int, ReducedBy | None]:
        """At most `limit` of them, how many there are, and how they were chosen (None: all are
        there). One column is read of all and drawn; then whole signals are read of what stays.

        The greatest and the least of the other columns stay too, as far as they take no more than a
        third of the limit.
        """
        codes, lines = self._lines(value)
        before = sum(map(len, lines))
        if before <= limit:
            return self.all(), before, None
        others = [name for name in VALUE_NAMES if name != value]
        stamps, segments, names = self._extremes(others, limit // 3)
        # A commit between the two statements may bring a combination that no line has.
        codes += sorted(set(names).difference(codes))
        known = {code: number for number, code in enumerate(codes)}
        by, chosen = reduce(lines, limit - len(stamps))
        at = [line.stamps[some] for line, some in zip(lines, chosen, strict=True)]
        of = [np.full(len(some), number) for number, some in enumerate(chosen)]
        found = np.array([known[name] for name in names], np.intp)[segments]
        points = self._at(np.concatenate([stamps, *at]), np.concatenate([found, *of]), codes)
        return points, before, by

    @property
    def _from(self) -> str:
        several = " AND segment_code = ANY(%s)" if self.segments else ""
        return (
            "FROM signals_history WHERE loader_code = %s AND load_time_stamp >= %s "
            f"AND load_time_stamp < %s{several}"
        )

    @property
    def _parameters(self) -> list[Any]:
        several = [list(self.segments)] if self.segments else []
        return [self.loader_code, self.window.start, self.window.end, *several]

    def _lines(self, value: str) -> tuple[list[UUID], list[Line]]:
        """What is drawn of each segment."""
        codes, lines = [], []
        known = f"coalesce({value}, {NO_VALUE})"
        for code, stamps, values in fetch_gathered(
            f"SELECT segment_code, {Kind.STAMP.gathered('load_time_stamp')}, "
            f"{Kind.VALUE.gathered(known)} {self._from} GROUP BY segment_code",
            self._parameters,
        ):
            assert code is not None
            codes.append(UUID(bytes=bytes(code)))
            lines.append(Line.of(stamps_of(stamps), Kind.VALUE.read(values))[0])
        return codes, lines

    def _extremes(self, names: Sequence[str], most: int) -> tuple[Any, Numbers, list[UUID]]:
        """Where the greatest and the least of these columns stand: stamps, segments (as numbers of
        codes), codes. The range is read once, for the extremes of its blocks; then only the
        blocks that hold those of the range."""
        sides = [(name, how, order) for name in names for how, order in _SIDES][:most]
        if not sides:
            return stamps_of(None), *segments_of(None)
        block = max(self.window.duration / _BLOCKS, timedelta.resolution)
        of_block = f"{self._from} AND load_time_stamp >= since AND load_time_stamp < since + %s"
        found = " UNION ALL ".join(
            f"(SELECT {_AT} FROM (SELECT since FROM block WHERE {how}_{name} IS NOT NULL "
            f"ORDER BY {how}_{name} {order}, since LIMIT 1) AS the "
            f"CROSS JOIN LATERAL (SELECT {_AT} {of_block} "
            f"ORDER BY {name} {order} NULLS LAST, {_AT} LIMIT 1) AS one)"
            for name, how, order in sides
        )
        totals = ", ".join(f"{how}({name}) AS {how}_{name}" for name, how, _ in sides)
        ((stamps, segments),) = fetch_gathered(
            "WITH block AS MATERIALIZED (SELECT * FROM generate_series(%s, %s, %s) AS since "
            f"CROSS JOIN LATERAL (SELECT {totals} {of_block}) AS total) "
            f"SELECT {Kind.STAMP.gathered('load_time_stamp')}, "
            f"{Kind.SEGMENT.gathered('segment_code')} "
            f"FROM (SELECT DISTINCT {_AT} FROM ({found}) AS each) AS once",
            [self.window.start, self.window.end, block]
            + (1 + len(sides)) * [*self._parameters, block],
        )
        return stamps_of(stamps), *segments_of(segments)

    def _at(self, stamps: Any, segments: Numbers, codes: Sequence[UUID]) -> Points:
        """The signals of these times and segments (as numbers of codes), each by the primary key:
        the LIMIT keeps the planner from reading all signals of the range instead."""
        return fetch_points(
            "load_time_stamp",
            "segment_code",
            VALUE_NAMES,
            "FROM (SELECT DISTINCT TIMESTAMPTZ 'epoch' + at * interval '1 microsecond' AS at, "
            "(%s::uuid[])[1 + number] AS code FROM unnest(%s::bigint[], %s::int[]) "
            "AS wanted (at, number)) AS wanted CROSS JOIN LATERAL (SELECT * FROM signals_history "
            "WHERE loader_code = %s AND load_time_stamp = wanted.at "
            "AND segment_code = wanted.code "
            f"AND load_time_stamp >= %s AND load_time_stamp < %s LIMIT 1) AS one ORDER BY {_AT}",
            [
                list(codes),
                _literal(stamps),
                _literal(segments),
                self.loader_code,
                self.window.start,
                self.window.end,
            ],
        )


_SIDES = (("max", "DESC"), ("min", "ASC"))


def _literal(numbers: Any) -> str:
    """An array of PostgreSQL. Handed over as a list, each number would be looked at by itself."""
    return "{" + ",".join(map(str, numbers.tolist())) + "}"
