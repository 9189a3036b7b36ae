"""The catalogue of a PostgreSQL source, read from `pg_catalog`: information_schema knows no
materialized views, which reports are often made of."""

from __future__ import annotations

from loaders.connectors.base import SourceConnection, text_rows
from loaders.connectors.catalogue import Catalogue, catalogue_of

# Partitions are left out: their table stands for them.
_COLUMNS = """
SELECT coalesce(current_schema(), ''), n.nspname, c.relname, a.attname,
       format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY n.nspname IS DISTINCT FROM current_schema(), n.nspname, c.relname, a.attnum
LIMIT {limit}
"""


def read_catalogue(connection: SourceConnection, *, most: int) -> Catalogue:
    """See `SourceConnection.catalogue`."""
    rows = text_rows(connection.stream(_COLUMNS.format(limit=most + 1)))
    return catalogue_of(rows, most=most)
