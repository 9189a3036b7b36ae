"""What a reload changed: an output version against what stands in its window now (spec 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from signals.exceptions import ComparisonTimeoutError
from signals.models import SEGMENT_COUNT, VALUES, OutputVersion

MOST_EXAMPLES = 100
LONGEST_SECONDS = 20
"""Of each of the two statements: somebody waits for the page."""

VALUE_NAMES = tuple(VALUES.split(", "))
_SEGMENTS = ", ".join(f"segment_{n}" for n in range(1, SEGMENT_COUNT + 1))
_VALUES = {
    side: ", ".join(f"{side}.{name} AS {side}_{name}" for name in VALUE_NAMES)
    for side in ("old", "new")
}
_IS_SAME = " AND ".join(f"old.{name} IS NOT DISTINCT FROM new.{name}" for name in VALUE_NAMES)
_JOINED = f"""
SELECT coalesce(old.load_time_stamp, new.load_time_stamp) AS load_time_stamp,
       coalesce(old.segment_code, new.segment_code) AS segment_code,
       CASE WHEN new.loader_code IS NULL THEN 'ONLY_BEFORE'
            WHEN old.loader_code IS NULL THEN 'ONLY_NOW'
            WHEN {_IS_SAME} THEN 'SAME' ELSE 'DIFFERING' END AS kind,
       {_VALUES["old"]}, {_VALUES["new"]}
FROM (SELECT * FROM output_row WHERE version_id = %s) old
FULL JOIN (
    SELECT * FROM signals_history
    WHERE loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s
) new ON new.load_time_stamp = old.load_time_stamp AND new.segment_code = old.segment_code
"""
_COUNTS = f"SELECT kind, count(*) FROM ({_JOINED}) joined GROUP BY kind"
_EXAMPLES = f"""
SELECT * FROM (
    SELECT * FROM ({_JOINED}) joined WHERE kind <> 'SAME'
    ORDER BY load_time_stamp, segment_code LIMIT %s
) changed
LEFT JOIN (SELECT segment_code, {_SEGMENTS} FROM segment_combination) named USING (segment_code)
ORDER BY load_time_stamp, segment_code
"""


class Kind(StrEnum):
    """How a signal of an output version stands to the present one of the same time and segments."""

    ONLY_BEFORE = "ONLY_BEFORE"
    ONLY_NOW = "ONLY_NOW"
    DIFFERING = "DIFFERING"
    SAME = "SAME"


@dataclass(frozen=True)
class Example:
    """One signal that is not the same. `before` and `now` hold the values by their column's name;
    None where the signal does not stand."""

    kind: Kind
    load_time_stamp: datetime
    segment_code: UUID
    segments: Sequence[str]
    before: dict[str, Any] | None
    now: dict[str, Any] | None


@dataclass(frozen=True)
class Comparison:
    """How many signals differ, and the first of them by time and segment code."""

    only_before: int
    only_now: int
    differing: int
    same: int
    examples: Sequence[Example]

    @property
    def is_same(self) -> bool:
        """Whether a restore would change nothing."""
        return not (self.only_before or self.only_now or self.differing)


def compare(version: OutputVersion) -> Comparison:
    """The version against what stands in its window now, in all but the execution that loaded
    it. Raises ComparisonTimeoutError."""
    try:
        with transaction.atomic():
            return _compare(version)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise ComparisonTimeoutError(
            f"The output version's {version.rows:,} signals could not be compared in time."
        ) from None


def _compare(version: OutputVersion) -> Comparison:
    window: list[Any] = [version.pk, version.loader_id, version.window_from, version.window_to]
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")
        cursor.execute(_COUNTS, window)
        counts = dict(cursor.fetchall())
    changed = sum(count for kind, count in counts.items() if kind != Kind.SAME)
    return Comparison(
        only_before=counts.get(Kind.ONLY_BEFORE, 0),
        only_now=counts.get(Kind.ONLY_NOW, 0),
        differing=counts.get(Kind.DIFFERING, 0),
        same=counts.get(Kind.SAME, 0),
        examples=_examples(window) if changed else (),
    )


def _examples(window: Sequence[Any]) -> list[Example]:
    with connection.cursor() as cursor:
        cursor.execute(_EXAMPLES, [*window, MOST_EXAMPLES])
        names = [column.name for column in cursor.description]
        return [_example(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _example(row: dict[str, Any]) -> Example:
    kind = Kind(row["kind"])
    return Example(
        kind=kind,
        load_time_stamp=row["load_time_stamp"],
        segment_code=row["segment_code"],
        segments=[row[f"segment_{n}"] or "" for n in range(1, SEGMENT_COUNT + 1)],
        before=None if kind is Kind.ONLY_NOW else _values(row, "old"),
        now=None if kind is Kind.ONLY_BEFORE else _values(row, "new"),
    )


def _values(row: dict[str, Any], side: str) -> dict[str, Any]:
    return {name: row[f"{side}_{name}"] for name in VALUE_NAMES}
