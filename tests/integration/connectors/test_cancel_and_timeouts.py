"""A query ends when it is cancelled, takes too long, falls silent or loses its connection."""

from __future__ import annotations

import threading
import time

import pytest

from core.errors import TerminalError, TransientError
from loaders.connectors.errors import (
    SourceCancelledError,
    SourceConnectionLostError,
    SourceIdleError,
    SourceTimeoutError,
)
from tests.integration.connectors.assertions import assert_leaks_nothing, cancel_while, eventually
from tests.integration.connectors.sources import Source, consume
from tests.servers.network_faults import Proxy


def test_cancel_stops_a_query_that_has_given_no_row_yet(source: Source) -> None:
    with source.connect() as connection:
        assert (
            cancel_while(source, connection, lambda: consume(connection, source.says.endless)) < 2
        )


def test_cancel_stops_a_stream_in_the_middle(source: Source) -> None:
    with source.connect() as connection:
        statement = source.says.numbers(50_000_000)
        assert cancel_while(source, connection, lambda: consume(connection, statement)) < 2


def test_cancel_reaches_a_reader_that_is_busy_elsewhere(source: Source) -> None:
    def read_slowly() -> None:
        for _ in connection.stream(source.says.numbers(50_000_000)):
            time.sleep(0.2)

    with source.connect() as connection:
        assert cancel_while(source, connection, read_slowly) < 2


def test_cancel_before_the_query_holds(source: Source) -> None:
    with source.connect() as connection:
        connection.cancel()
        connection.cancel()
        with pytest.raises(SourceCancelledError):
            connection.stream("SELECT 1 AS one")
        connection.cancel()


def test_cancel_frees_the_reader_of_a_source_that_no_longer_answers(
    source: Source, proxy: Proxy
) -> None:
    with source.connect(port=proxy.port) as connection:
        started = time.monotonic()
        threading.Timer(0.3, proxy.freeze).start()
        timer = threading.Timer(0.6, connection.cancel)
        timer.start()
        with pytest.raises(SourceCancelledError):
            consume(connection, source.says.endless)
        assert time.monotonic() - started < 0.6 + 3
        timer.join()


def test_the_source_stops_a_query_at_its_time_limit(source: Source) -> None:
    raised = pytest.raises(SourceTimeoutError)
    started = time.monotonic()
    with source.connect(statement_timeout=1) as connection, raised as caught:
        consume(connection, source.says.endless)
    assert 0.9 < time.monotonic() - started < 4
    assert isinstance(caught.value, TransientError)
    assert_leaks_nothing(caught.value, "SELECT")
    assert eventually(lambda: not source.running())


def test_a_query_cancelled_at_the_source_is_not_tried_again(postgres: Source) -> None:
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    reader = (postgres.server.reader,)
    timer = threading.Timer(0.5, postgres.server.execute, (cancel, reader))
    timer.start()
    with postgres.connect() as connection, pytest.raises(SourceCancelledError) as caught:
        consume(connection, postgres.says.endless)
    timer.join()
    assert isinstance(caught.value, TerminalError)
    assert "somebody at the source" in caught.value.message


def test_a_source_that_sends_nothing_fails_and_its_query_is_stopped(source: Source) -> None:
    raised = pytest.raises(SourceIdleError)
    started = time.monotonic()
    with source.connect(idle_read_timeout_seconds=1) as connection, raised as caught:
        consume(connection, source.says.endless)
    assert 0.9 < time.monotonic() - started < 5
    assert isinstance(caught.value, TransientError)
    assert eventually(lambda: not source.running())


def test_a_stream_that_falls_silent_in_the_middle_fails(source: Source, proxy: Proxy) -> None:
    with source.connect(port=proxy.port, idle_read_timeout_seconds=1) as connection:
        stream = connection.stream(source.says.numbers(50_000_000))
        next(stream)
        proxy.freeze()
        started = time.monotonic()
        with pytest.raises(SourceIdleError):
            list(stream)
        assert time.monotonic() - started < 5


def test_a_slow_reader_is_not_taken_for_a_silent_source(source: Source) -> None:
    with source.connect(idle_read_timeout_seconds=1) as connection:
        stream = connection.stream(source.says.numbers(100_000))
        count = len(next(stream))
        time.sleep(2.5)
        assert count + sum(len(batch) for batch in stream) == 100_000


def test_a_connection_cut_in_mid_stream_is_lost(source: Source, proxy: Proxy) -> None:
    with source.connect(port=proxy.port) as connection:
        stream = connection.stream(source.says.numbers(50_000_000))
        next(stream)
        proxy.cut()
        with pytest.raises(SourceConnectionLostError) as caught:
            list(stream)
        assert isinstance(caught.value, TransientError)
        assert list(stream) == []
        assert not connection.usable
    assert eventually(lambda: not source.running())


def test_a_session_that_an_administrator_ends_is_lost(source: Source) -> None:
    with source.connect() as connection:
        timer = threading.Timer(0.5, source.end_sessions)
        timer.start()
        with pytest.raises(SourceConnectionLostError):
            consume(connection, source.says.endless)
        timer.join()


def test_an_idle_session_that_died_shows_at_the_next_use(source: Source) -> None:
    with source.connect() as connection:
        source.end_sessions()
        with pytest.raises(SourceConnectionLostError):
            connection.server_clock()
        assert not connection.usable
