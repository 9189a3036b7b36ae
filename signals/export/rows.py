"""The signals of a download, batch by batch, in order of time and segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from core.window import Window
from signals.models import SEGMENT_COUNT, VALUES

BATCH = 5_000
SEGMENTS = tuple(f"segment_{n}" for n in range(1, SEGMENT_COUNT + 1))
VALUE_NAMES = tuple(VALUES.split(", "))
COLUMNS = (
    "loader_code",
    "load_time_stamp",
    "segment_code",
    "description",
    *SEGMENTS,
    *VALUE_NAMES,
    "execution_id",
)
"""Of a file, in its order. The times are UTC; `execution_id` is the execution that loaded it."""

_REMEMBERED = 50_000
_CONDITION = "loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s"
_NAMED = f"""
SELECT c.segment_code::text, d.description, {", ".join(f"c.{name}" for name in SEGMENTS)}
FROM segment_combination c LEFT JOIN segments_dictionary d USING (segment_code)
WHERE c.segment_code = ANY(%s::uuid[])
"""
_NAMELESS = (None,) * (1 + SEGMENT_COUNT)

Names = tuple[str | None, ...]
"""Description and ten segments of a combination; the description is None where it has none."""


@dataclass(frozen=True)
class Batch:
    """Some signals: time (UTC), segment code, values in the order of VALUE_NAMES, execution. The
    codes are text, by which `names` has what they stand for, and more of them."""

    rows: Sequence[tuple[Any, ...]]
    names: Mapping[str, Names]


@dataclass(frozen=True)
class Selection:
    """Which signals are asked for; without `segments`, those of all."""

    loader_code: str
    window: Window
    segments: Sequence[UUID] = ()

    @property
    def condition(self) -> tuple[str, list[Any]]:
        """For a WHERE, with its parameters."""
        parameters: list[Any] = [self.loader_code, self.window.start, self.window.end]
        if not self.segments:
            return _CONDITION, parameters
        return f"{_CONDITION} AND segment_code = ANY(%s)", [*parameters, list(self.segments)]


def count_up_to(session: psycopg.Connection[Any], selection: Selection, most: int) -> int:
    """How many signals are selected; `most` and one for more than that."""
    where, parameters = selection.condition
    found = session.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM signals_history WHERE {where} LIMIT %s) AS counted",
        [*parameters, most + 1],
    ).fetchone()
    assert found is not None
    return int(found[0])


def read_batches(session: psycopg.Connection[Any], selection: Selection) -> Iterator[Batch]:
    """The signals, within the caller's transaction. Segments are looked up by batch: a join would
    make PostgreSQL sort the whole range before the first row."""
    where, parameters = selection.condition
    names = _Names(session)
    with session.cursor(name="signals_export", binary=True) as cursor:
        cursor.execute(
            f"SELECT load_time_stamp, segment_code::text, {VALUES}, load_history_id::text "
            f"FROM signals_history WHERE {where} ORDER BY load_time_stamp, segment_code",
            parameters,
        )
        while found := cursor.fetchmany(BATCH):
            yield Batch(found, names.of({row[1] for row in found}))


class _Names:
    """Description and segments by code; some of them are remembered."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session
        self._known: dict[str, Names] = {}

    def of(self, codes: set[str]) -> dict[str, Names]:
        """Those of these codes, and others."""
        if len(self._known) > _REMEMBERED:
            self._known = {}
        if new := list(codes - self._known.keys()):
            self._known |= dict.fromkeys(new, _NAMELESS)
            found = self._session.execute(_NAMED, [new])
            self._known |= {code: tuple(names) for code, *names in found}
        return self._known
