"""A session writes nothing and reads only what its account may read."""

from __future__ import annotations

import pytest

from loaders.connectors.errors import SourceError, SourcePermissionError, SourceReadOnlyError
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import assert_leaks_nothing
from tests.integration.connectors.sources import Source, consume


def test_the_session_refuses_to_write_whatever_the_account_may(source: Source) -> None:
    source.server.execute("CREATE TABLE target (n int)")
    source.server.execute("INSERT INTO target VALUES (1)")
    if source.kind is DatabaseType.MYSQL:
        source.server.execute("CREATE TABLE old_engine (n int) ENGINE = MyISAM")
    for statement, expected in source.says.writes:
        with source.connect_writer() as connection, pytest.raises(SourceError) as caught:
            consume(connection, statement)
        assert type(caught.value) is expected, statement
        assert_leaks_nothing(caught.value, "target", "stolen")
    assert source.server.execute("SELECT n FROM target") == [(1,)]
    if source.kind is DatabaseType.MYSQL:
        assert source.server.execute("SELECT count(*) FROM old_engine") == [(0,)]


def test_the_session_stays_read_only_when_a_query_tampers_with_it(postgres: Source) -> None:
    postgres.server.execute("CREATE TABLE target (n int)")
    postgres.server.execute(
        "CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS"
        " 'INSERT INTO target VALUES (2) RETURNING n'"
    )
    settings = ("default_transaction_read_only", "off"), ("statement_timeout", "0")
    with postgres.connect_writer() as connection:
        for name, value in settings:
            consume(connection, f"SELECT set_config('{name}', '{value}', false) AS done")
        limit = list(connection.stream("SELECT current_setting('statement_timeout') AS v"))
        assert limit == [[(b"1min",)]]
        with pytest.raises(SourceReadOnlyError):
            consume(connection, "SELECT sneak() AS n")
    assert postgres.server.execute("SELECT count(*) FROM target") == [(0,)]


def test_a_missing_privilege_is_told_apart(source: Source) -> None:
    source.server.execute("CREATE TABLE secret (n int)")
    if source.kind is DatabaseType.POSTGRESQL:
        source.server.execute(f'REVOKE ALL ON secret FROM "{source.server.reader}"')
        table = "secret"
    else:
        table = "mysql.global_priv"
    with source.connect() as connection, pytest.raises(SourcePermissionError) as caught:
        consume(connection, f"SELECT * FROM {table}")
    assert_leaks_nothing(caught.value, table)
