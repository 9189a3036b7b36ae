"""From a source's result row to a line for COPY, with every check (spec 6, "Broken rows").

Cells arrive as undecoded UTF-8 text, None for NULL. A stamp is parsed once per distinct text, and
numbers go through as the very digits that the source sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
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
_NULL = b"\\N"
_STAMP_CACHE_LIMIT = 100_000

Row = tuple[bytes | None, ...]


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
    """Encodes the rows of one run. Counts records and remembers the span of their stamps."""

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
        self._loader_code = loader_code.encode()
        self._history_id = str(load_history_id).encode()
        self._window = window
        self._width = len(COLUMNS) + has_value_count
        self._parse = parse
        self._registry = registry
        self._stamps: dict[bytes, bytes] = {}
        self.least: datetime | None = None
        self.greatest: datetime | None = None
        self.rows = 0

    def encode(self, rows: list[Row]) -> bytes:
        """COPY lines for the rows. Raises RowRejectedError naming column and kind."""
        return b"".join(map(self._line, rows))

    def _line(self, row: Row) -> bytes:
        if len(row) != self._width:
            raise ColumnsChangedError("A row has another number of columns than the result.")
        stamp = row[0]
        if stamp is None:
            raise RowRejectedError("LOAD_TIME_STAMP is NULL in a row.")
        code = self._registry.code_of(row[1:_FIRST_VALUE])
        rec_count = _count(row[_FIRST_VALUE], "REC_COUNT")
        total, average, greatest, least = (
            _number(cell, name) for cell, name in zip(row[12:16], COLUMNS[12:16], strict=True)
        )
        value_count = _count(row[16], VALUE_COUNT) if len(row) > 16 else rec_count
        self.rows += 1
        fields = (
            self._loader_code,
            self._stamps.get(stamp) or self._stamp(stamp),
            code,
            rec_count,
            value_count,
            total,
            average,
            greatest,
            least,
            self._history_id,
        )
        return b"\t".join(fields) + b"\n"

    def _stamp(self, raw: bytes) -> bytes:
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
        if len(self._stamps) >= _STAMP_CACHE_LIMIT:
            self._stamps.clear()
        encoded = self._stamps[raw] = instant.isoformat(sep=" ").encode()
        return encoded


def _number(cell: bytes | None, name: str) -> bytes:
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


def _count(cell: bytes | None, name: str) -> bytes:
    """A whole number's digits, or COPY's NULL. MySQL's SUM of counts comes with zero decimals."""
    if cell is None or cell.isdigit():
        return _NULL if cell is None else cell
    digits = _number(cell, name)
    value = float(digits)
    if value < 0 or value != int(value):
        raise RowRejectedError(f"{name} is not a whole number of records in a row.")
    return b"%d" % int(value)
