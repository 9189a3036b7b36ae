"""Errors say in our words what went wrong and quote neither SQL nor data nor passwords."""

from __future__ import annotations

import pickle
import sys

import pytest

from core.errors import TerminalError
from loaders.connectors import connector_for
from loaders.connectors.errors import DriverMissingError, SourceDataError, SourceSqlError
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import MARKER, assert_leaks_nothing
from tests.integration.connectors.sources import Source, consume


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nothing_here", "SELECT 1 FROM no_table"])
def test_wrong_sql_is_terminal_and_not_quoted(source: Source, statement: str) -> None:
    marked = f"{statement} /* {MARKER} */, {MARKER}"
    with source.connect() as connection, pytest.raises(SourceSqlError) as caught:
        consume(connection, marked)
    assert isinstance(caught.value, TerminalError)
    assert caught.value.raw
    assert_leaks_nothing(caught.value, MARKER, "no_table", "nothing_here")


def test_data_that_a_statement_cannot_compute_with_is_not_quoted(postgres: Source) -> None:
    with postgres.connect() as connection, pytest.raises(SourceDataError) as caught:
        consume(connection, f"SELECT v::int AS n FROM (SELECT '{MARKER}'::text AS v) q")
    assert MARKER in caught.value.raw
    assert_leaks_nothing(caught.value, MARKER)


def test_a_profile_and_an_error_can_be_shown(source: Source) -> None:
    with source.connect() as connection:
        assert source.server.reader_password not in repr(vars(connection))
    assert source.server.reader_password not in repr(source.profile)


def test_an_error_survives_pickling() -> None:
    error = SourceSqlError(raw="secret text", vendor_code="42601")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.raw, copy.details) == (error.message, error.raw, error.details)


def test_a_missing_driver_fails_only_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "loaders.connectors.mysql", raising=False)
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(DriverMissingError) as caught:
        connector_for(DatabaseType.MYSQL)
    assert_leaks_nothing(caught.value, "MySQLdb")
    assert connector_for(DatabaseType.POSTGRESQL)
