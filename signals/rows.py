"""From a source's result row to a line for COPY, with every check (spec 6, "Broken rows").

Cells arrive as undecoded UTF-8 text, None for NULL. Numbers go through as the very digits that the
source sent. A regular expression over a whole column costs a fraction of a look at each cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import cast
from uuid import UUID

from core.window import Window
from loaders.source_time import StampError
from signals.exceptions import ColumnsChangedError, RowRejectedError
from signals.models import SEGMENT_COUNT
from signals.segments import CombinationRegistry

SEGMENT_NAMES = tuple(f"SEGMENT_{n}" for n in range(1, SEGMENT_COUNT + 1))
COLUMNS = (
    "LOAD_TIME_STAMP",
    *SEGMENT_NAMES,
    "REC_COUNT",
    "SUM_VAL",
    "AVG_VAL",
    "MAX_VAL",
    "MIN_VAL",
)
VALUE_COUNT = "VALUE_COUNT"
_FIRST_VALUE = 1 + SEGMENT_COUNT
_SEGMENTS_OF = itemgetter(slice(1, _FIRST_VALUE))
_NULL = b"\\N"

_STAMP_CACHE_LIMIT = 20_000
_HOUR_CACHE_LIMIT = 20_000
_SECOND = timedelta(seconds=1)
_UTC_OFFSET = b"+00:00"
_LONGEST_OFFSET = timedelta(hours=15)
"""PostgreSQL reads no longer ones."""

_SHAPES = {
    (separator, zone): re.compile(
        rb"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}%b[0-9]{2}:[0-5][0-9]:[0-5][0-9]%b\n)*+"
        % (separator, re.escape(zone))
    )
    for separator in (b" ", b"T")
    for zone in (b"", b"Z", b"+00")
}
"""How sources write most stamps, by what stands before the hour and after the seconds."""

# So short that none is infinite or, unless zero, too small for a double precision number. COPY's
# NULL may stand for one.
_PLAIN_NUMBERS = re.compile(
    rb"(?:(?:-?+[0-9]{1,200}+(?:\.[0-9]{1,200}+)?+(?:[eE][-+]?+[0-9]{1,2}+)?+|\\N)\n)*+"
)

_WHOLE = re.compile(rb"([0-9]+)\.0*")

Cell = bytes | None
Row = tuple[Cell, ...]


def check_columns(columns: tuple[str, ...]) -> bool:
    """Whether the result brings VALUE_COUNT. Raises ColumnsChangedError for other columns."""
    upper = tuple(name.upper() for name in columns)
    if upper in {COLUMNS, (*COLUMNS, VALUE_COUNT)}:
        return len(upper) > len(COLUMNS)
    expected = (*COLUMNS, VALUE_COUNT)
    for position, name in enumerate(expected):
        if position >= len(upper) or upper[position] != name:
            raise ColumnsChangedError(f"Column {position + 1} of the result must be {name}.")
    raise ColumnsChangedError(f"The result has {len(upper)} columns; the last must be VALUE_COUNT.")


class RowEncoder:
    """Encodes the rows of one run. Counts records and remembers the span of their stamps.

    Works column by column: what a column usually holds is checked at once for all rows of a
    batch, and only a column that holds something else is looked at cell by cell.
    """

    def __init__(
        self,
        *,
        loader_code: str,
        load_history_id: UUID,
        window: Window,
        has_value_count: bool,
        parse: Callable[[str], datetime],
        registry: CombinationRegistry,
    ) -> None:
        self._start_of_line = f"{loader_code}\t".encode()
        self._end_of_line = f"\t{load_history_id}\n".encode()
        self._width = len(COLUMNS) + has_value_count
        self._stamps = StampEncoder(window, parse)
        self._registry = registry
        self.rows = 0

    @property
    def least(self) -> datetime | None:
        """The first LOAD_TIME_STAMP of the run so far, in UTC; None when there was no row."""
        return self._stamps.least

    @property
    def greatest(self) -> datetime | None:
        """The last LOAD_TIME_STAMP of the run so far, in UTC; None when there was no row."""
        return self._stamps.greatest

    def encode(self, rows: list[Row]) -> bytes:
        """COPY lines for the rows. Raises RowRejectedError naming column and kind."""
        if not rows:
            return b""
        if set(map(len, rows)) != {self._width}:
            raise ColumnsChangedError("A row has another number of columns than the result.")
        stamps = self._stamps.encode(_column(rows, 0))
        codes = self._registry.codes_of(list(map(_SEGMENTS_OF, rows)))
        rec_counts = _counts(_column(rows, _FIRST_VALUE), "REC_COUNT")
        values = [
            _numbers(_column(rows, position), COLUMNS[position])
            for position in range(_FIRST_VALUE + 1, len(COLUMNS))
        ]
        value_counts = rec_counts
        if self._width > len(COLUMNS):
            value_counts = _counts(_column(rows, len(COLUMNS)), VALUE_COUNT)
        self.rows += len(rows)
        lines = map(b"\t".join, zip(stamps, codes, rec_counts, value_counts, *values, strict=True))
        between = self._end_of_line + self._start_of_line
        return self._start_of_line + between.join(lines) + self._end_of_line


class StampEncoder:
    """Turns LOAD_TIME_STAMPs into UTC as COPY reads it, and checks them against the window.

    `parse` gives the instant (aware) of a stamp or raises StampError. It is asked for the first
    and the last second of an hour; when the UTC offset is the same at both, it is for the whole
    hour, because no zone changes its offset twice in one.
    """

    def __init__(self, window: Window, parse: Callable[[str], datetime]) -> None:
        self._window = window
        self._parse = parse
        self._known: dict[Cell, bytes] = {}
        self._hours: dict[bytes, bytes] = {}
        self.least: datetime | None = None
        self.greatest: datetime | None = None

    def encode(self, column: list[Cell]) -> list[bytes]:
        """The stamps of a batch. Raises RowRejectedError."""
        new = set(column).difference(self._known)
        if len(self._known) + len(new) > _STAMP_CACHE_LIMIT:
            self._known.clear()
            new = set(column)
        # Where each stamp comes once there is nothing to remember.
        all_new = len(new) == len(column)
        stamps = [stamp for stamp in (column if all_new else new) if stamp is not None]
        if len(stamps) < len(new):
            raise RowRejectedError("LOAD_TIME_STAMP is NULL in a row.")
        encoded = self._alike(stamps) or [self._one(stamp) for stamp in stamps]
        if all_new:
            return encoded
        self._known.update(zip(stamps, encoded, strict=True))
        return list(map(self._known.__getitem__, column))

    def _alike(self, stamps: list[bytes]) -> list[bytes]:
        """Many stamps that are written alike and have one UTC offset; none if they don't.

        Written alike and with one offset, they sort as their instants do: only the ends of the
        batch are compared with the window.
        """
        if not stamps:
            return []
        zone = stamps[0][19:]
        shape = _SHAPES.get((stamps[0][10:11], zone))
        if shape is None or not _each_is(shape, stamps):
            return []
        first, last = min(stamps), max(stamps)
        hours = {first[:13]} if first[:13] == last[:13] else {stamp[:13] for stamp in stamps}
        offsets = {self._offset_of(hour, zone) for hour in hours}
        offset = offsets.pop()
        if offsets or not offset:
            return []
        self._one(first)
        self._one(last)
        if zone == b"+00" and offset == _UTC_OFFSET:
            return stamps
        return [stamp[:19] + offset for stamp in stamps]

    def _offset_of(self, hour: bytes, zone: bytes) -> bytes:
        """The UTC offset of an hour (`2026-01-31 10`) as COPY reads it; empty without a single
        one."""
        known = self._hours.get(hour + zone)
        if known is None:
            if len(self._hours) >= _HOUR_CACHE_LIMIT:
                self._hours.clear()
            known = self._hours[hour + zone] = self._find_offset(hour.decode(), zone.decode())
        return known

    def _find_offset(self, hour: str, zone: str) -> bytes:
        offsets = set()
        for second in (f"{hour}:00:00", f"{hour}:59:59"):
            try:
                instant = self._parse(second + zone).astimezone(UTC)
            except StampError:
                return b""
            offsets.add(datetime.fromisoformat(second) - instant.replace(tzinfo=None))
        offset = offsets.pop()
        if offsets or abs(offset) >= _LONGEST_OFFSET or offset % _SECOND:
            return b""
        sign = "-" if offset < timedelta(0) else "+"
        return f"{sign}{abs(offset)!s:0>8}".removesuffix(":00").encode()

    def _one(self, raw: bytes) -> bytes:
        """The stamp in UTC as COPY reads it; checked against the window."""
        try:
            instant = self._parse(raw.decode()).astimezone(UTC)
        except (StampError, UnicodeDecodeError):
            raise RowRejectedError("LOAD_TIME_STAMP is not a time in a row.") from None
        if not self._window.contains(instant):
            raise RowRejectedError(
                "LOAD_TIME_STAMP lies outside the window that was asked for. Check the WHERE "
                "clause, the time format and the time zone."
            )
        self.least = min(self.least or instant, instant)
        self.greatest = max(self.greatest or instant, instant)
        return instant.isoformat(sep=" ").encode()


def _column(rows: list[Row], position: int) -> list[Cell]:
    return list(map(itemgetter(position), rows))


def _each_is(shape: re.Pattern[bytes], cells: list[bytes]) -> bool:
    """Whether each cell is of the shape, which ends with a line feed."""
    return _is_made_of(shape, b"\n".join(cells) + b"\n", len(cells))


def _is_made_of(shape: re.Pattern[bytes], text: bytes, lines: int) -> bool:
    # A cell that holds a line feed itself could look like two good ones.
    return text.count(b"\n") == lines and shape.fullmatch(text) is not None


def _numbers(column: list[Cell], name: str) -> list[bytes]:
    """The finite numbers of a column by their own digits, or COPY's NULL."""
    filled = _with_nulls(column)
    text = b"\n".join(filled) + b"\n"
    # Text that reads `\N` at the source is no NULL.
    is_plain = text.count(_NULL) == column.count(None)
    if is_plain and _is_made_of(_PLAIN_NUMBERS, text, len(column)):
        return filled
    return [_number(cell, name) for cell in column]


def _with_nulls(column: list[Cell]) -> list[bytes]:
    """The column itself where it holds no NULL, else a copy that has COPY's NULL instead."""
    if None in column:
        return [_NULL if cell is None else cell for cell in column]
    return cast("list[bytes]", column)


def _counts(column: list[Cell], name: str) -> list[bytes]:
    """The whole numbers of a column by their own digits, or COPY's NULL."""
    if None not in column and b"" not in column:
        cells = cast("list[bytes]", column)
        if b"".join(cells).isdigit():
            return cells
    return [whole_count(cell, name) for cell in column]


def _number(cell: Cell, name: str) -> bytes:
    """A finite number's own digits, or COPY's NULL."""
    if cell is None:
        return _NULL
    try:
        is_finite = math.isfinite(float(cell)) and b"_" not in cell
    except ValueError:
        raise RowRejectedError(f"{name} is not a number in a row.") from None
    if not is_finite:
        raise RowRejectedError(f"{name} is not a finite number in a row.")
    return cell.strip()


def whole_count(cell: Cell, name: str) -> bytes:
    """A whole number's digits, or COPY's NULL. MySQL's SUM of counts comes with zero decimals.
    Raises RowRejectedError."""
    if cell is None or cell.isdigit():
        return _NULL if cell is None else cell
    if whole := _WHOLE.fullmatch(cell):
        return whole[1]
    digits = _number(cell, name)
    value = float(digits)
    if value < 0 or value != int(value):
        raise RowRejectedError(f"{name} is not a whole number of records in a row.")
    return b"%d" % int(value)
