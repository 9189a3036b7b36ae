"""Everything the portal ever wrote to its database, read by SQL of the tests' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from psycopg import sql

from tests.portal_database import PortalDatabase
from tests.support.leaks import Text
from tests.support.replica import descendants_of

_KEPT = "kept_row"
_KEEP = """
CREATE TABLE public.kept_row (place text NOT NULL, content jsonb NOT NULL);
CREATE FUNCTION public.keep_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.kept_row VALUES (TG_TABLE_NAME, to_jsonb(NEW));
    RETURN NULL;
END $$;
"""
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""


def keep_every_row(database: PortalDatabase) -> None:
    """From now on also keep what is changed or deleted again: a message to the workers lives for
    milliseconds, and was in the database all the same."""
    with database.server.admin_connection(database.name) as connection:
        tables = connection.execute(_TABLES).fetchall()
        connection.execute(_KEEP)
        for schema, table in tables:
            connection.execute(
                sql.SQL(
                    "CREATE TRIGGER zz_keep_row AFTER INSERT OR UPDATE ON {} "
                    "FOR EACH ROW EXECUTE FUNCTION public.keep_row()"
                ).format(sql.Identifier(schema, table))
            )


def stored(database: PortalDatabase) -> list[Text]:
    """All rows of all tables of the database, one text a column of a table."""
    by_place: dict[str, list[str]] = {}
    with database.server.admin_connection(database.name) as connection:
        for schema, table in connection.execute(_TABLES).fetchall():
            name = sql.Identifier(schema, table)
            for place, row in connection.execute(_rows_of(name, table)):
                for column, value in row.items():
                    by_place.setdefault(f"{place}.{column}", []).append(_plain(value))
    return [Text(f"table {place}", "\n".join(values)) for place, values in by_place.items()]


def _rows_of(name: sql.Identifier, table: str) -> sql.Composed:
    if table == _KEPT:
        return sql.SQL("SELECT place, content FROM {}").format(name)
    return sql.SQL("SELECT {}, to_jsonb(t) FROM {} t").format(sql.Literal(table), name)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def arguments_of(*pids: int) -> list[Text]:
    """What a process list shows of processes and all below them."""
    found = []
    for pid in [pid for top in pids for pid in (top, *descendants_of(top))]:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append(Text("process list", words.replace(b"\0", b" ").decode("utf-8", "replace")))
    return found
