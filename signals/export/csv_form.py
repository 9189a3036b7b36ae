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

from signals.export.rows import COLUMNS, Batch, Names

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def write_csv(loader_code: str, batches: Iterable[Batch]) -> Generator[bytes]:
    """The file, piece by piece: its header, then a piece a batch."""
    yield f"{_cells(COLUMNS)}\r\n".encode()
    for batch in batches:
        yield _lines(loader_code, batch).encode()


def guarded(text: str | None) -> str | None:
    """The text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text


def iso(stamp: datetime) -> str:
    """A UTC time, `2026-01-31T10:00:00Z`; with microseconds where there are any."""
    return stamp.replace(tzinfo=None).isoformat() + "Z"


def _lines(loader_code: str, batch: Batch) -> str:
    """What comes again and again, times and segments, is written once a batch."""
    times: dict[datetime, str] = {}
    texts: dict[str, str] = {}
    lines = []
    for stamp, code, *values, run in batch.rows:
        if stamp not in times:
            times[stamp] = iso(stamp)
        if code not in texts:
            texts[code] = _texts(batch.names[code])
        numbers = ",".join(["" if value is None else repr(value) for value in values])
        lines.append(f"{loader_code},{times[stamp]},{code},{texts[code]},{numbers},{run}\r\n")
    return "".join(lines)


def _texts(names: Names) -> str:
    return _cells(map(guarded, names))


def _cells(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")
