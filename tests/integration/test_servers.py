"""The servers of a test run give every test sources of its own, with the privileges promised."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import MySQLdb
import psycopg
import pytest

from tests.servers import SourceServer


def postgres_connection(source: SourceServer, user: str, password: str) -> psycopg.Connection:
    return psycopg.connect(
        host=source.host, port=source.port, dbname=source.db_name, user=user, password=password
    )


def mariadb_connection(source: SourceServer, user: str, password: str) -> Any:
    return MySQLdb.connect(
        host=source.host, port=source.port, database=source.db_name, user=user, password=password
    )


def test_a_postgresql_reader_reads_and_cannot_write(postgres_source: SourceServer) -> None:
    source = postgres_source
    source.execute("CREATE TABLE payment (amount int)")
    source.execute_many("INSERT INTO payment VALUES (%s)", [(1,), (2,)])
    assert source.execute("SELECT amount FROM payment WHERE amount > %s", (1,)) == [(2,)]
    with postgres_connection(source, source.writer, source.writer_password) as writer:
        writer.execute("INSERT INTO payment VALUES (3)")
        writer.execute("CREATE TABLE refund AS SELECT 4 AS amount")
    with postgres_connection(source, source.reader, source.reader_password) as reader:
        reader.autocommit = True
        assert reader.execute("SELECT sum(amount) FROM payment").fetchone() == (6,)
        assert reader.execute("SELECT amount FROM refund").fetchone() == (4,)
        for statement in (
            "INSERT INTO payment VALUES (5)",
            "CREATE TABLE mine (a int)",
            "CREATE TEMPORARY TABLE mine (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_a_mariadb_reader_reads_and_cannot_write(mariadb_source: SourceServer) -> None:
    source = mariadb_source
    source.execute("CREATE TABLE payment (amount int, note varchar(20)) ENGINE=InnoDB")
    source.execute_many("INSERT INTO payment VALUES (%s, %s)", [(1, "é"), (2, "😀")])
    assert source.execute("SELECT note FROM payment WHERE amount > %s", (1,)) == [("😀",)]
    with closing(mariadb_connection(source, source.writer, source.writer_password)) as writer:
        writer.cursor().execute("INSERT INTO payment VALUES (3, '')")
        writer.commit()
    with closing(mariadb_connection(source, source.reader, source.reader_password)) as reader:
        cursor = reader.cursor()
        cursor.execute("SELECT sum(amount) FROM payment")
        assert cursor.fetchone() == (6,)
        for statement in ("INSERT INTO payment VALUES (5, '')", "CREATE TABLE mine (a int)"):
            with pytest.raises(MySQLdb.OperationalError, match="command denied"):
                cursor.execute(statement)


def test_a_transaction_left_open_does_not_keep_a_source_from_being_dropped(
    mariadb_server: Any,
) -> None:
    with mariadb_server.source() as source:
        source.execute("CREATE TABLE payment (amount int) ENGINE=InnoDB")
        left_open = mariadb_connection(source, source.reader, source.reader_password)
        left_open.cursor().execute("SELECT * FROM payment")
    with closing(mariadb_server.admin_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW DATABASES LIKE %s", (source.db_name,))
        assert cursor.fetchall() == ()
