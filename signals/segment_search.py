"""Finding combinations of segments that a loader has brought, by words of their texts (spec 8).

The search goes over `loader_segment`, which holds some thousand rows where `signals_history` holds
millions. Of the signals only a bounded number is looked at, and only to put first what the range
has most of: nothing is left out by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.window import Window
from signals.models import SEGMENT_COUNT

MOST_SEGMENTS = 200
MOST_WORDS = 8
SAMPLE = 20_000
"""Newest signals of the range that are counted."""

_SEGMENTS = ", ".join(f"c.segment_{n}" for n in range(1, SEGMENT_COUNT + 1))
_TEXT = f"lower(concat_ws(' ', d.description, {_SEGMENTS}))"
_FOUND = (
    f"SELECT c.segment_code, coalesce(d.description, ''), {_SEGMENTS} "
    "FROM loader_segment l JOIN segment_combination c USING (segment_code) "
    "LEFT JOIN segments_dictionary d USING (segment_code)"
)
_FREQUENT = (
    "SELECT segment_code FROM ("
    "SELECT segment_code FROM signals_history WHERE loader_code = %s "
    "AND load_time_stamp >= %s AND load_time_stamp < %s "
    "ORDER BY load_time_stamp DESC, segment_code DESC LIMIT %s"
    ") newest GROUP BY segment_code ORDER BY count(*) DESC, segment_code LIMIT %s"
)
# Down the primary key, and no further than the sample: where PostgreSQL knows little of a new
# partition, it would rather read the whole range and sort it.
_ALONG_THE_KEY = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
)


@dataclass(frozen=True)
class SegmentSearch:
    """What is looked for: every word in a text or the description, whatever its case; only these
    codes, where given. A range puts first what most of its newest signals are of."""

    loader_code: str
    words: tuple[str, ...] = ()
    window: Window | None = None
    codes: tuple[UUID, ...] = ()
    limit: int = 50


@dataclass(frozen=True)
class FoundSegment:
    """A combination, and what the dictionary calls it (empty where it says nothing)."""

    segment_code: UUID
    description: str
    segments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The texts that are not empty as one, in the order of their positions."""
        return " / ".join(filter(None, self.segments))


def words_of(text: str) -> tuple[str, ...]:
    """The words of what somebody typed; more than `MOST_WORDS` narrow nothing further."""
    return tuple(text.split()[:MOST_WORDS])


def find_segments(search: SegmentSearch) -> tuple[Sequence[FoundSegment], bool]:
    """The first of the combinations in the order of their texts, and whether there are more."""
    first = [] if search.window is None else _frequent(search.loader_code, search.window)
    where, conditions = _conditions(search)
    statement = (
        f"{_FOUND} WHERE {where} "
        f"ORDER BY array_position(%s::uuid[], c.segment_code), {_SEGMENTS} LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*conditions, first, search.limit + 1])
        rows = cursor.fetchall()
    found = [FoundSegment(code, description, tuple(texts)) for code, description, *texts in rows]
    return found[: search.limit], len(found) > search.limit


def _frequent(loader_code: str, window: Window) -> list[UUID]:
    """What most of the newest signals of the range are of, the most frequent first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ALONG_THE_KEY)
        cursor.execute(_FREQUENT, [loader_code, window.start, window.end, SAMPLE, MOST_SEGMENTS])
        return [code for (code,) in cursor.fetchall()]


def _conditions(search: SegmentSearch) -> tuple[str, list[Any]]:
    where = ["l.loader_code = %s"]
    conditions: list[Any] = [search.loader_code]
    if search.codes:
        where.append("l.segment_code = ANY(%s)")
        conditions.append(list(search.codes))
    for word in search.words:
        where.append(f"strpos({_TEXT}, lower(%s)) > 0")
        conditions.append(word)
    return " AND ".join(where), conditions
