"""Rows out of the text format of PostgreSQL's COPY."""

from __future__ import annotations

import re

from loaders.connectors.base import Row, is_utf8, not_utf8

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def parse_copy(text: bytes, columns: tuple[str, ...]) -> list[Row]:
    r"""Rows of COPY's text format: `\n` ends a line, a tab a cell, `\N` is NULL.

    Raises SourceDataError where a cell is not UTF-8: only a database in SQL_ASCII gives that.
    """
    lines = text.split(b"\n")
    lines.pop()
    rows: list[Row]
    if b"\\" in text:
        rows = [_row(line) for line in lines]
    else:
        rows = [tuple(line.split(b"\t")) for line in lines]
    if not is_utf8(text):
        raise not_utf8(rows, columns)
    return rows


def _row(line: bytes) -> Row:
    cells = line.split(b"\t")
    if line.count(b"\\") == line.count(rb"\N"):  # no escape but NULL
        return tuple([None if cell == rb"\N" else cell for cell in cells])
    return tuple([_cell(cell) for cell in cells])


def _cell(cell: bytes) -> bytes | None:
    if b"\\" not in cell:
        return cell
    if cell == rb"\N":
        return None
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), cell)
