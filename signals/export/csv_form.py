"""Signals as CSV: RFC 4180, UTF-8, a header, ISO times in UTC.

A spreadsheet takes a cell that begins with = + - or @ for a formula, which may send data elsewhere.
Text that begins so gets an apostrophe in front, and so does text that begins with an apostrophe:
who takes one leading apostrophe away has the text as it was. Numbers are left alone; Parquet files
have all text as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable
from datetime import datetime
from typing import Any

from signals.export.rows import COLUMNS, SEGMENTS, Row

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_FIRST_TEXT = COLUMNS.index("description")
_END_OF_TEXT = COLUMNS.index(SEGMENTS[-1]) + 1


def write_csv(batches: Iterable[list[Row]]) -> Generator[bytes]:
    """The file, piece by piece: its header, then a piece a batch."""
    yield _piece([COLUMNS])
    for batch in batches:
        yield _piece(map(_cells, batch))


def guarded(text: str | None) -> str | None:
    """The text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text


def iso(stamp: datetime) -> str:
    """A UTC time, `2026-01-31T10:00:00Z`; with microseconds where there are any."""
    return stamp.replace(tzinfo=None).isoformat() + "Z"


def _cells(row: Row) -> list[Any]:
    texts = map(guarded, row[_FIRST_TEXT:_END_OF_TEXT])
    return [row[0], iso(row[1]), row[2], *texts, *row[_END_OF_TEXT:]]


def _piece(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
