"""A source tells the tables and columns that the account may read, and no others."""

from __future__ import annotations

from loaders.connectors.catalogue import Catalogue
from loaders.dialects import DatabaseType
from tests.integration.connectors.sources import Source


def catalogue(source: Source, most: int = 1000) -> Catalogue:
    with source.connect() as connection:
        found = connection.catalogue(most=most)
        assert connection.usable
    return found


def test_tables_and_views_come_with_their_columns_in_order(source: Source) -> None:
    source.server.execute("CREATE TABLE orders (at date, amount decimal(12,2), region varchar(20))")
    source.server.execute("CREATE VIEW regions AS SELECT DISTINCT region FROM orders")
    found = catalogue(source)
    tables = {table.name: table for table in found.tables if table.schema == found.default_schema}
    assert [column.name for column in tables["orders"].columns] == ["at", "amount", "region"]
    assert tables["orders"].columns[1].type in {"numeric(12,2)", "decimal(12,2)"}
    assert [column.name for column in tables["regions"].columns] == ["region"]
    assert not found.is_cut
    own = {"information_schema", "mysql", "performance_schema", "sys", "pg_catalog"}
    assert not own & {table.schema for table in found.tables}


def test_the_number_of_columns_is_limited(source: Source) -> None:
    source.server.execute("CREATE TABLE a_first (a int, b int)")
    source.server.execute("CREATE TABLE b_second (a int, b int)")
    found = catalogue(source, most=3)
    assert [table.name for table in found.tables] == ["a_first"]
    assert found.is_cut


def test_postgresql_tells_materialized_views_and_only_what_may_be_read(source: Source) -> None:
    if source.kind is not DatabaseType.POSTGRESQL:
        source.server.execute("CREATE TABLE plain (a int)")
        assert "plain" in {table.name for table in catalogue(source).tables}
        return
    source.server.execute("CREATE TABLE secret (a int)")
    source.server.execute(f"REVOKE ALL ON secret FROM {source.server.reader}")
    source.server.execute("CREATE TABLE sales (at date, n int) PARTITION BY RANGE (at)")
    source.server.execute(
        "CREATE TABLE sales_2026 PARTITION OF sales "
        "FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    )
    source.server.execute("CREATE MATERIALIZED VIEW daily AS SELECT 1 AS n")
    names = {table.name for table in catalogue(source).tables}
    assert {"sales", "daily"} <= names
    assert not names & {"secret", "sales_2026"}
