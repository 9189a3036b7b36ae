"""Rows stream in batches and bounded memory, one statement after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from loaders.connectors.errors import SourceConnectionLostError
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import eventually
from tests.integration.connectors.sources import Source, consume

REPOSITORY = Path(__file__).resolve().parents[3]
MEASURE = """
import json, resource, sys
from loaders.connectors import connector_for
from loaders.connectors.base import SourceProfile, TlsMode
from loaders.dialects import DatabaseType
order = json.load(sys.stdin)
profile = order["profile"]
kind = profile["db_type"] = DatabaseType(profile["db_type"])
profile["tls_mode"] = TlsMode(profile["tls_mode"])
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with connector_for(kind).connect(SourceProfile(**profile), order["password"],
        statement_timeout_seconds=120, application_name="test") as connection:
    connection.server_clock()
    before, count = peak(), 0
    for batch in connection.stream(order["statement"]):
        count += len(batch)
print(json.dumps({"count": count, "grown_kib": peak() - before}))
"""


def test_columns_are_known_before_the_first_row(source: Source) -> None:
    with source.connect() as connection:
        stream = connection.stream(
            'SELECT 1 AS load_time_stamp, NULL AS segment_1, 2 AS "ب"'
            if source.kind is DatabaseType.POSTGRESQL
            else "SELECT 1 AS load_time_stamp, NULL AS segment_1, 2 AS `ب`"
        )
        assert stream.columns == ("load_time_stamp", "segment_1", "ب")
        assert list(stream) == [[(b"1", None, b"2")]]
        assert list(stream) == []


def test_no_rows_are_no_batch(source: Source) -> None:
    with source.connect() as connection:
        stream = connection.stream("SELECT 1 AS one FROM (SELECT 1 AS n) q WHERE n = 2")
        assert stream.columns == ("one",)
        assert list(stream) == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20])
def test_batches_have_the_size_that_was_asked_for(source: Source, count: int) -> None:
    with source.connect() as connection:
        sizes = [len(b) for b in connection.stream(source.says.numbers(count), batch_rows=10)]
    assert sum(sizes) == count
    assert all(size == 10 for size in sizes[:-1])
    assert 0 < sizes[-1] <= 10


def test_wide_rows_make_small_batches(source: Source) -> None:
    numbers = source.says.numbers(3000)
    with source.connect() as connection:
        wide = connection.stream(f"SELECT n, repeat('y', 50000) AS w FROM ({numbers}) q")
        sizes = [len(batch) for batch in wide]
    assert sum(sizes) == 3000
    assert max(sizes) <= 500


def test_a_closing_semicolon_or_comment_does_no_harm(source: Source) -> None:
    assert source.rows(" SELECT 1 AS one ;\n ") == [(b"1",)]
    assert source.rows("SELECT 1 AS one -- the last line") == [(b"1",)]


def test_a_million_rows_stream_in_bounded_memory(source: Source) -> None:
    order = {
        "profile": asdict(source.profile),
        "password": source.server.reader_password,
        "statement": source.says.numbers(1_000_000),
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["count"] == 1_000_000
    assert measured["grown_kib"] < 100 * 1024


def test_a_session_serves_one_statement_after_the_other(source: Source) -> None:
    with source.connect() as connection:
        assert consume(connection, source.says.numbers(7)) == 7
        assert connection.usable
        assert consume(connection, source.says.numbers(6000)) == 6000


def test_an_idle_session_holds_no_transaction(source: Source) -> None:
    source.server.execute("CREATE TABLE held (n int)")
    with source.connect() as connection:
        consume(connection, "SELECT n FROM held")
        connection.server_clock()
        reader = (source.server.reader,)
        assert eventually(lambda: not source.server.execute(source.says.open_transactions, reader))


def test_a_second_stream_waits_for_the_first(source: Source) -> None:
    with source.connect() as connection:
        connection.stream(source.says.numbers(100_000))
        assert not connection.usable
        with pytest.raises(RuntimeError, match="another stream"):
            connection.stream("SELECT 1 AS one")


def test_a_stream_left_in_the_middle_stops_the_query(source: Source) -> None:
    with source.connect() as connection:
        started = time.monotonic()
        with connection.stream(source.says.numbers(50_000_000)) as stream:
            next(stream)
        assert time.monotonic() - started < 20
        assert not connection.usable
        assert eventually(lambda: not source.running())


def test_a_session_closed_in_the_middle_stops_the_query(source: Source) -> None:
    connection = source.connect()
    next(connection.stream(source.says.numbers(50_000_000)))
    connection.close()
    connection.close()
    assert eventually(lambda: not source.running())
    with pytest.raises(SourceConnectionLostError):
        connection.server_clock()
