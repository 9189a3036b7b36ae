"""A source explains a statement without running it, and nothing can be smuggled in."""

from __future__ import annotations

import time

import pytest

from loaders.connectors.errors import (
    SourceCancelledError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
)
from tests.integration.connectors.assertions import MARKER, assert_leaks_nothing
from tests.integration.connectors.sources import Source, consume


def test_the_plan_names_the_table_that_would_be_read(source: Source) -> None:
    source.server.execute("CREATE TABLE planned (n int)")
    with source.connect() as connection:
        plan = connection.explain("SELECT count(*) AS n FROM planned WHERE n > 3;\n")
        assert "planned" in plan
        assert connection.usable
        assert consume(connection, "SELECT n FROM planned") == 0


def test_a_plan_costs_nothing_however_long_the_query_would_run(source: Source) -> None:
    started = time.monotonic()
    with source.connect() as connection:
        assert connection.explain(source.says.endless)
    assert time.monotonic() - started < 10  # the query itself would never end


def test_an_explained_statement_holds_no_transaction(source: Source) -> None:
    source.server.execute("CREATE TABLE planned (n int)")
    with source.connect() as connection:
        connection.explain("SELECT n FROM planned")
        reader = (source.server.reader,)
        assert not source.server.execute(source.says.open_transactions, reader)


@pytest.mark.parametrize(
    "statement",
    [
        "ANALYZE SELECT n FROM target",
        "(ANALYZE) SELECT n FROM target",
        "SELECT 1 AS n; DELETE FROM target",
        "EXPLAIN ANALYZE SELECT n FROM target",
        f"SELECT {MARKER} FROM target",
        "COMMIT",
    ],
)
def test_nothing_but_a_query_is_explained(source: Source, statement: str) -> None:
    source.server.execute("CREATE TABLE target (n int)")
    source.server.execute("INSERT INTO target VALUES (1)")
    with source.connect_writer() as connection, pytest.raises(SourceSqlError) as caught:
        connection.explain(statement)
    assert_leaks_nothing(caught.value, MARKER, "target")
    assert source.server.execute("SELECT n FROM target") == [(1,)]


@pytest.mark.parametrize("statement", ["DELETE FROM target", "INSERT INTO target VALUES (2)"])
def test_a_write_is_never_executed_by_explaining_it(source: Source, statement: str) -> None:
    source.server.execute("CREATE TABLE target (n int)")
    source.server.execute("INSERT INTO target VALUES (1)")
    refused = pytest.raises((SourceSqlError, SourceReadOnlyError))
    with source.connect_writer() as connection, refused:
        connection.explain(statement)
    assert source.server.execute("SELECT n FROM target") == [(1,)]


def test_a_table_that_may_not_be_read_is_not_explained(postgres: Source) -> None:
    # PostgreSQL checks privileges when it starts the plan, EXPLAIN included.
    postgres.server.execute("CREATE TABLE secret (n int)")
    postgres.server.execute(f'REVOKE ALL ON secret FROM "{postgres.server.reader}"')
    with postgres.connect() as connection, pytest.raises(SourcePermissionError):
        connection.explain("SELECT n FROM secret")


def test_nothing_is_explained_after_a_cancel(source: Source) -> None:
    with source.connect() as connection:
        connection.cancel()
        with pytest.raises(SourceCancelledError):
            connection.explain("SELECT 1 AS one")
