"""Cells come back as they are stored, the clock is right, and literals mean themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loaders.connectors.errors import SourceDataError
from loaders.connectors.mysql_modes import plain_modes
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import MARKER, assert_leaks_nothing
from tests.integration.connectors.sources import Source, consume

HARD_TEXTS = [
    "plain",
    "",
    None,
    "مرحبا بالعالم",
    "emoji 🙂",
    "tab\there",
    "line\nbreak\r\n",
    "back\\slash",
    "\\N",
    "\\",
    "ends with \\",
    "\\\\n \\t \\.",
    "\b\f\v\x7f",
    "'quotes\" `and` %s %d %% :x",
]


def test_texts_come_back_exactly(source: Source) -> None:
    source.server.execute("CREATE TABLE texts (n int, words varchar(100))")
    for number, text in enumerate(HARD_TEXTS):
        source.server.execute("INSERT INTO texts VALUES (%s, %s)", (number, text))
    rows = source.rows("SELECT n, words FROM texts ORDER BY n")
    expected = [None if text is None else text.encode() for text in HARD_TEXTS]
    assert [row[1] for row in rows] == expected
    assert [row[0] for row in rows] == [str(n).encode() for n in range(len(HARD_TEXTS))]


def test_one_escaped_text_does_not_change_its_neighbours(source: Source) -> None:
    source.server.execute("CREATE TABLE pairs (a varchar(10), b varchar(10), c varchar(10))")
    insert = "INSERT INTO pairs VALUES (%s, %s, %s)"
    for row in (("a\tb", None, "N"), (None, None, None), ("", "\\N", None)):
        source.server.execute(insert, row)
    rows = source.rows("SELECT a, b, c FROM pairs")
    assert sorted(rows, key=repr) == sorted(
        [(b"a\tb", None, b"N"), (None, None, None), (b"", b"\\N", None)], key=repr
    )


def test_numbers_and_times_come_back_the_same_from_every_kind(source: Source) -> None:
    stamp = "timestamp" if source.kind is DatabaseType.POSTGRESQL else "datetime"
    source.server.execute(
        "CREATE TABLE facts (amount decimal(30, 6), big bigint, ratio double precision, day date,"
        f" at {stamp}(0), precise {stamp}(6), nothing decimal(10, 2))"
    )
    insert = "INSERT INTO facts VALUES (%s, %s, %s, %s, %s, %s, NULL)"
    values = ("-123456789012345678901234.500000", -(2**63), 0.1, "9999-12-31")
    times = ("2026-01-31 10:00:00", "2026-01-31 10:00:00.123456")
    source.server.execute(insert, (*values, *times))
    assert source.rows("SELECT * FROM facts") == [
        (
            b"-123456789012345678901234.500000",
            b"-9223372036854775808",
            b"0.1",
            b"9999-12-31",
            b"2026-01-31 10:00:00",
            b"2026-01-31 10:00:00.123456",
            None,
        )
    ]


def test_a_date_that_only_mysql_knows_is_text_like_any_other(mariadb: Source) -> None:
    mariadb.server.execute("CREATE TABLE zero (at datetime)")
    mariadb.server.execute("INSERT INTO zero VALUES ('0000-00-00 00:00:00')")
    assert mariadb.rows("SELECT at FROM zero") == [(b"0000-00-00 00:00:00",)]


def test_a_timestamp_that_only_postgresql_knows_is_text_like_any_other(postgres: Source) -> None:
    assert postgres.rows("SELECT 'infinity'::timestamptz AS at") == [(b"infinity",)]


def test_stored_instants_are_told_in_utc(source: Source) -> None:
    if source.kind is DatabaseType.POSTGRESQL:
        name = source.server.db_name
        source.server.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'Asia/Riyadh'")
        statement = "SELECT to_char(to_timestamp(0), 'HH24:MI') AS at"
    else:
        statement = "SELECT date_format(from_unixtime(0), '%H:%i') AS at"
    assert source.rows(statement) == [(b"00:00",)]


def test_a_percent_sign_has_no_meaning(source: Source) -> None:
    assert source.rows("SELECT '100%' AS a, '%s %(x)s %%' AS b, 7 % 4 AS c") == [
        (b"100%", b"%s %(x)s %%", b"3")
    ]


def test_bytes_that_are_not_text_are_refused_by_column_name(mariadb: Source) -> None:
    statement = f"SELECT 1 AS fine, x'{MARKER.encode().hex()}ff' AS broken"
    with mariadb.connect() as connection, pytest.raises(SourceDataError) as caught:
        consume(connection, statement)
    assert "broken" in caught.value.message
    assert_leaks_nothing(caught.value, MARKER)


def test_bytes_split_over_two_cells_are_not_taken_for_a_character(mariadb: Source) -> None:
    with mariadb.connect() as connection, pytest.raises(SourceDataError):
        consume(connection, "SELECT x'd8' AS a, x'a7' AS b")


def test_broken_text_of_a_database_without_encoding_is_refused(postgres: Source) -> None:
    name = f"{postgres.server.db_name}_ascii"
    postgres.server.execute(
        f'CREATE DATABASE "{name}" ENCODING SQL_ASCII TEMPLATE template0'
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        broken = "SELECT convert_from('\\xff'::bytea, 'SQL_ASCII') AS broken"
        with postgres.connect(db_name=name) as connection, pytest.raises(SourceDataError):
            consume(connection, broken)
    finally:
        postgres.server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_clock_is_aware_utc_and_right(source: Source) -> None:
    with source.connect() as connection:
        clock = connection.server_clock()
    assert clock.utcoffset() == timedelta(0)
    assert abs(clock - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize("value", [*filter(None, HARD_TEXTS), "'; DROP TABLE x; --", "\\' OR 1=1"])
def test_a_quoted_text_means_itself(source: Source, value: str) -> None:
    with source.connect() as connection:
        batches = list(connection.stream(f"SELECT {connection.quote(value)} AS v"))
    assert batches == [[(value.encode(),)]]


def test_quoting_heeds_a_source_without_backslash_escapes(mariadb: Source) -> None:
    value = "\\' OR '1'='1"
    with mariadb.connect() as connection:
        session: Any = connection
        session._driver.query(b"SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
        batches = list(connection.stream(f"SELECT {connection.quote(value)} AS v"))
    assert batches == [[(value.encode(),)]]


def test_a_setting_of_the_database_does_not_move_the_ends_of_strings(postgres: Source) -> None:
    postgres.server.execute(
        f"ALTER DATABASE {postgres.server.db_name} SET standard_conforming_strings = off"
    )
    assert postgres.rows(r"SELECT '\' || 'x' AS v") == [(rb"\x",)]


def test_sql_modes_that_move_the_ends_of_strings_are_left_out() -> None:
    modes = "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE,NO_BACKSLASH_ESCAPES"
    assert plain_modes(f"STRICT_TRANS_TABLES,{modes}") == "STRICT_TRANS_TABLES,REAL_AS_FLOAT"
    assert plain_modes("") == ""


def test_a_number_is_its_own_literal(source: Source) -> None:
    with source.connect() as connection:
        assert connection.quote(-1767225600) == "-1767225600"
