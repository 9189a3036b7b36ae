"""What the rows of a result show about it, looked at as they pass. Pure.

Cells are text bytes as sources print them. No more is kept than the first rows, the distinct
stamps, and sixteen bytes a row to notice a repeated key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from math import gcd

from loaders.source_time import SourceZone
from loaders.trial_report import NO_VALUES, Column
from signals.models import SEGMENT_COUNT
from signals.rows import Row

_CELL_LENGTH = 200
_KEY = slice(0, 1 + SEGMENT_COUNT)
_KINDS = (
    ("integer", re.compile(rb"[+-]?[0-9]+")),
    ("decimal", re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")),
    ("timestamp", re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.+Z-]*)?")),
)
DECIMAL, TEXT = "decimal", "text"
_NUMBERS = frozenset({"integer", DECIMAL})

_DAY_SECONDS = 86400

_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock of the source


class Observer:
    """Takes a result's rows batch by batch; `sample_size` of them are kept to be shown."""

    def __init__(self, columns: Sequence[str], *, sample_size: int) -> None:
        self.rows = 0
        self.bytes = 0
        self.stamps: Counter[bytes] = Counter()
        self.repeats_a_key = False
        self.sample: list[tuple[str | None, ...]] = []
        self._names = tuple(columns)
        self._kinds = [NO_VALUES] * len(self._names)
        self._nulls = [0] * len(self._names)
        self._keys: set[bytes] = set()
        self._sample_size = sample_size

    def take(self, rows: Sequence[Row]) -> None:
        """Look at further rows."""
        self.rows += len(rows)
        for row in rows[: self._sample_size - len(self.sample)]:
            self.sample.append(tuple(map(_shown, row)))
        for row in rows:
            self.bytes += sum(len(cell) for cell in row if cell is not None)
            self.stamps[row[0] or b""] += 1
            self._note_key(row[_KEY])
        for position in range(len(self._names)):
            self._look_at(position, [row[position] for row in rows if position < len(row)])

    @property
    def columns(self) -> tuple[Column, ...]:
        """Each column with the narrowest kind that all its values have."""
        return tuple(map(Column, self._names, self._kinds, self._nulls))

    def _note_key(self, key: Row) -> None:
        digest = blake2b(digest_size=16)
        for cell in key:
            digest.update(b"%d:" % len(cell or b""))
            digest.update(cell or b"")
        before = len(self._keys)
        self._keys.add(digest.digest())
        self.repeats_a_key = self.repeats_a_key or len(self._keys) == before

    def _look_at(self, position: int, cells: list[bytes | None]) -> None:
        present = {cell for cell in cells if cell is not None}
        self._nulls[position] += cells.count(None)
        for cell in present:
            if self._kinds[position] == TEXT:
                return
            self._kinds[position] = _common(self._kinds[position], _kind_of(cell))


def _kind_of(cell: bytes) -> str:
    return next((name for name, pattern in _KINDS if pattern.fullmatch(cell)), TEXT)


def _common(one: str, other: str) -> str:
    if one == other or NO_VALUES in {one, other}:
        return other if one == NO_VALUES else one
    return DECIMAL if {one, other} == _NUMBERS else TEXT


def _shown(cell: bytes | None) -> str | None:
    if cell is None:
        return None
    text = cell.decode(errors="replace")
    return text if len(text) <= _CELL_LENGTH else text[: _CELL_LENGTH - 1] + "…"


def differing_columns(before: Iterable[Column], now: Iterable[Column]) -> list[str]:
    """What changed from one result's columns to another's, a few words each. Whole and decimal
    numbers are one kind here, since sources print the same type as either; so is what is empty."""
    earlier = {column.name.upper(): column for column in before}
    present = {column.name.upper(): column for column in now}
    changes = [f"{name} is gone" for name in earlier if name not in present]
    changes += [f"{name} is new" for name in present if name not in earlier]
    for name in earlier.keys() & present.keys():
        old, new = earlier[name].kind, present[name].kind
        if NO_VALUES not in {old, new} and old != new and {old, new} != _NUMBERS:
            changes.append(f"{name} was {old} and is {new}")
    return sorted(changes)


def inferred_grain(stamps: Iterable[datetime], zone: SourceZone) -> int | None:
    """The longest step, in seconds, that divides a day and that all stamps (aware UTC) stand on,
    counted on the source's wall clock; None without a stamp, or where they stand on no whole
    second. Any divisor counts: statements group by two or by twenty minutes too."""
    common = _DAY_SECONDS
    is_empty = True
    for stamp in stamps:
        offset = zone.to_local(stamp) - _LOCAL_EPOCH
        if offset.microseconds:
            return None
        common = gcd(common, offset.days * _DAY_SECONDS + offset.seconds)
        is_empty = False
    return None if is_empty else common
