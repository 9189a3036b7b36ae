"""Rows out of the text format of PostgreSQL's COPY."""

from __future__ import annotations

import re

from loaders.connectors.base import Row, is_utf8, not_utf8

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_FEW_NULLS = 10
"""Where not even every tenth cell is NULL, it is quicker to look for NULLs than at each cell."""

_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def parse_copy(text: bytes, columns: tuple[str, ...]) -> list[Row]:
    r"""Rows of COPY's text format: `\n` ends a line, a tab a cell, `\N` is NULL.

    Raises SourceDataError where a cell is not UTF-8: only a database in SQL_ASCII gives that.
    """
    if not text:
        return []
    if not columns:  # each row of none is an empty line
        return [()] * text.count(b"\n")
    flat = text[:-1].replace(b"\n", b"\t")
    found = flat.split(b"\t")
    cells: list[bytes | None]
    # A backslash of the data is doubled: one before an N stands for NULL and is the whole cell.
    backslashes = text.count(b"\\")
    nulls = text.count(rb"\N") if backslashes else 0
    if backslashes > nulls:
        cells = [_cell(cell) for cell in found]
    elif nulls > len(found) // _FEW_NULLS:
        cells = [None if cell == rb"\N" else cell for cell in found]
    else:
        cells = [*found]
        _put_nulls(cells, flat)
    rows = list(zip(*[iter(cells)] * len(columns), strict=True))
    if not is_utf8(text):
        raise not_utf8(rows, columns)
    return rows


def _put_nulls(cells: list[bytes | None], flat: bytes) -> None:
    """Put None in place of the cells that stand for NULL, found in the text between tabs."""
    number = start = 0
    while (found := flat.find(rb"\N", start)) >= 0:
        number += flat.count(b"\t", start, found)
        cells[number] = None
        start = found + 1


def _cell(cell: bytes) -> bytes | None:
    if b"\\" not in cell:
        return cell
    if cell == rb"\N":
        return None
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), cell)
