"""Points of a signals query as arrays of numpy (spec 8).

The database gathers each column into one value, and a binary COPY brings it as a whole: a million
numbers of fixed width, which numpy reads at once. Fetched as rows, each of them costs the driver
and the server a message; gathered into an array of SQL, each brings its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection
from psycopg.abc import Buffer

VALUE_NAMES = ("rec_count", "value_count", "sum_val", "avg_val", "max_val", "min_val")
COUNT_NAMES = VALUE_NAMES[:2]

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.intp]

NO_SEGMENT = "'00000000-0000-0000-0000-000000000000'::uuid"
NO_VALUE = "'NaN'::double precision"
_NO_COUNT = -(2**63)
_NO_COUNT_SQL = f"({_NO_COUNT})::bigint"
_SECOND = 1_000_000
_EPOCH_OF_POSTGRESQL = 946_684_800 * _SECOND

_SIGNATURE_BYTES = 19


class Kind(Enum):
    """What a column holds, by the function that writes one of it and how numpy reads that."""

    STAMP = ("timestamptz_send", ">i8")
    COUNT = ("int8send", ">i8")
    VALUE = ("float8send", ">f8")
    SEGMENT = ("uuid_send", ">u8")

    @classmethod
    def of(cls, name: str) -> Kind:
        """That of a column of VALUE_NAMES."""
        return cls.COUNT if name in COUNT_NAMES else cls.VALUE

    def gathered(self, column: str) -> str:
        """The expression of SQL for all of a column, which holds no null."""
        return f"string_agg({self.value[0]}({column}), '')"

    def read(self, gathered: memoryview | None) -> npt.NDArray[Any]:
        """The numbers in the machine's own byte order, apart from the message; none for NULL.
        A segment is two of them."""
        found = np.frombuffer(gathered or b"", self.value[1])
        return found.astype(found.dtype.newbyteorder("="))


@dataclass(frozen=True)
class Points:
    """Points in the order they came in. `stamps` are microseconds since 1970; `segments` are
    numbers of `codes`; a value that is null, or too large to be told, is NaN, a count that is null
    the least number there is."""

    stamps: Whole
    segments: Numbers
    codes: Sequence[UUID]
    values: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.stamps)

    def numbers(self, name: str) -> Floats:
        """A column as numbers to compare and draw; NaN where there is none."""
        column = self.values[name]
        if name in COUNT_NAMES:
            return np.where(column == _NO_COUNT, np.nan, column)
        return column

    def take(self, chosen: Numbers) -> Points:
        """Only the points with these numbers."""
        return Points(
            self.stamps[chosen],
            self.segments[chosen],
            self.codes,
            {name: column[chosen] for name, column in self.values.items()},
        )

    def rows(self, *, with_segments: bool) -> Iterator[tuple[Any, ...]]:
        """The points for an answer: epoch second, segment code (if asked for), values; None where
        there is none."""
        columns: list[list[Any]] = [_seconds(self.stamps)]
        if with_segments:
            codes = [str(code) for code in self.codes]
            columns.append([codes[number] for number in self.segments.tolist()])
        for name, column in self.values.items():
            missing = column == _NO_COUNT if name in COUNT_NAMES else ~np.isfinite(column)
            plain = column.tolist()
            for number in np.flatnonzero(missing).tolist():
                plain[number] = None
            columns.append(plain)
        return zip(*columns, strict=True)


def fetch_points(
    stamp: str, segment: str, values: Sequence[str], rest: str, parameters: Sequence[Any]
) -> Points:
    """The points of `SELECT stamp, segment, values... rest`, expressions of SQL whose parameters
    come in this order. `rest` says the order, and sees to it that there are not too many."""
    columns = [f"{stamp} AS stamp", f"{segment} AS segment"]
    gathered = [Kind.STAMP.gathered("stamp"), Kind.SEGMENT.gathered("segment")]
    for name, how in zip(VALUE_NAMES, values, strict=True):
        columns.append(f"{how} AS {name}")
        gathered.append(Kind.of(name).gathered(f"coalesce({name}, {_none(name)})"))
    ((stamps, codes, *found),) = fetch_gathered(
        f"SELECT {', '.join(gathered)} FROM (SELECT {', '.join(columns)} {rest}) AS point",
        parameters,
    )
    segments, names = segments_of(codes)
    return Points(
        stamps_of(stamps),
        segments,
        names,
        {name: Kind.of(name).read(column) for name, column in zip(VALUE_NAMES, found, strict=True)},
    )


def fetch_gathered(statement: str, parameters: Sequence[Any]) -> Iterator[list[memoryview | None]]:
    """The fields of each row as the server sends them, None for NULL; of a statement with few rows,
    each of which is a message."""
    with connection.wrap_database_errors, connection.cursor() as cursor:
        text = cursor.mogrify(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", parameters)
        with cursor.copy(text) as copy:
            yield from _rows(copy)


def _rows(copy: Iterable[Buffer]) -> Iterator[list[memoryview | None]]:
    at = _SIGNATURE_BYTES
    for row in copy:
        fields = list(_fields(memoryview(row), at))
        at = 0
        if fields:
            yield fields


def stamps_of(gathered: memoryview | None) -> Whole:
    """Timestamps as microseconds since 1970."""
    stamps: Whole = Kind.STAMP.read(gathered) + _EPOCH_OF_POSTGRESQL
    return stamps


def segments_of(gathered: memoryview | None) -> tuple[Numbers, list[UUID]]:
    """For each of the segment codes which one it is, and the codes."""
    found = Kind.SEGMENT.read(gathered).reshape(-1, 2)
    high, low = found.T
    # Half a code tells codes apart in a fraction of the time; it need not, so that is looked at.
    _, at, numbers = np.unique(high, return_index=True, return_inverse=True)
    if (low[at][numbers] == low).all():
        return numbers, [_code(high[n], low[n]) for n in at]
    codes, numbers = np.unique(found, axis=0, return_inverse=True)
    return numbers, [_code(*code) for code in codes]


def _fields(row: memoryview, at: int) -> Iterator[memoryview | None]:
    """The fields of a row that begins there; the end of the rows has none."""
    (count,) = struct.unpack_from("!h", row, at)
    at += 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        yield None if length < 0 else row[at : at + length]
        at += max(length, 0)


def _none(name: str) -> str:
    return _NO_COUNT_SQL if name in COUNT_NAMES else NO_VALUE


def _code(high: np.uint64, low: np.uint64) -> UUID:
    return UUID(int=(int(high) << 64) | int(low))


def _seconds(stamps: Whole) -> list[Any]:
    """Epoch seconds, with a fraction only where there is one."""
    if not (stamps % _SECOND).any():
        seconds: list[Any] = (stamps // _SECOND).tolist()
        return seconds
    return [stamp / _SECOND if stamp % _SECOND else stamp // _SECOND for stamp in stamps.tolist()]
