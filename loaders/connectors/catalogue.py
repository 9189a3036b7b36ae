"""What tables and columns an account finds at a source, for the editor to offer while one writes.

Names and types only, never data. What the account may not read is left out, and so are the server's
own schemas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class CatalogueColumn:
    """One column, and its type as the source calls it."""

    name: str
    type: str


@dataclass(frozen=True)
class CatalogueTable:
    """One table or view with its columns in their order."""

    schema: str
    name: str
    columns: tuple[CatalogueColumn, ...]


@dataclass(frozen=True)
class Catalogue:
    """The tables that a statement may name. Those of `default_schema` need no schema in front and
    come first; `is_cut` says that there are more columns than were asked for."""

    default_schema: str
    tables: tuple[CatalogueTable, ...]
    is_cut: bool = False


def catalogue_of(rows: Sequence[tuple[str, ...]], *, most: int) -> Catalogue:
    """The catalogue from rows of (default schema, schema, table, column, type), ordered by table
    and place; the last table is left out when the limit falls into it, for half a table misleads.
    """
    kept, is_cut = rows[:most], len(rows) > most
    tables = [
        CatalogueTable(
            schema, name, tuple(CatalogueColumn(column, kind) for _, _, _, column, kind in columns)
        )
        for (schema, name), columns in groupby(kept, key=lambda row: (row[1], row[2]))
    ]
    if is_cut and len(tables) > 1 and rows[most][1:3] == kept[-1][1:3]:
        tables.pop()
    return Catalogue(rows[0][0] if rows else "", tuple(tables), is_cut)
