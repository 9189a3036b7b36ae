"""A simulated source gives the same rows for ever, understands what it says it does, and obeys."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TerminalError
from core.window import Window
from loaders.connectors import connection_test, connector_for
from loaders.connectors.base import Row, SourceConnection, SourceProfile
from loaders.connectors.errors import (
    SourceAuthError,
    SourceCancelledError,
    SourceConnectionLostError,
    SourceIdleError,
    SourceSqlError,
    SourceTimeoutError,
    SourceUnreachableError,
)
from loaders.connectors.privileges import PrivilegeReport
from loaders.connectors.simulated import SimulatedConnector
from loaders.connectors.simulated_sql import TABLE
from loaders.dialects import DatabaseType
from loaders.placeholders import bind
from loaders.source_time import SourceZone, TimeFormat, parse_stamp, render
from loaders.sql_guard import validate
from signals.rows import RowEncoder, check_columns
from signals.segments import CombinationRegistry

REPOSITORY = Path(__file__).resolve().parents[2]
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRAIN = timedelta(minutes=5)
UTC_ZONE = SourceZone.named("UTC")
LOADER = """
SELECT date_trunc('minute', at) AS LOAD_TIME_STAMP, channel AS SEGMENT_1, region AS SEGMENT_2,
       CASE WHEN result <> 'ok' THEN 'bad' ELSE result END AS SEGMENT_3, NULL AS SEGMENT_4,
       NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7, NULL AS SEGMENT_8,
       NULL AS SEGMENT_9, NULL AS SEGMENT_10,
       COUNT(*) AS REC_COUNT, SUM(amount) AS SUM_VAL, AVG(amount) AS AVG_VAL,
       MAX(amount) AS MAX_VAL, MIN(amount) AS MIN_VAL, COUNT(amount) AS VALUE_COUNT
FROM simulated_events WHERE at >= :fromTime AND at < :toTime GROUP BY 1, 2, 3, 4
"""
WINDOW = "at >= '2026-01-01T00:00:00Z' AND at < '2026-01-01T01:00:00Z'"


def profile(db_name: str = "payments", **changes: Any) -> SourceProfile:
    base = SourceProfile("SIM", DatabaseType.SIMULATED, "nowhere", 1, db_name, "nobody")
    return replace(base, **changes)


def connect(
    db_name: str = "payments",
    *,
    timeout: float = 60,
    now: Callable[[], datetime] | None = None,
    **changes: Any,
) -> SourceConnection:
    connector = SimulatedConnector(now) if now else connector_for(DatabaseType.SIMULATED)
    return connector.connect(
        profile(db_name, **changes),
        "",
        statement_timeout_seconds=timeout,
        application_name="test",
    )


def rows(statement: str, db_name: str = "payments", **options: Any) -> list[Row]:
    with connect(db_name, **options) as connection:
        return [row for batch in connection.stream(statement) for row in batch]


def loaded(window: Window, db_name: str, fmt: TimeFormat = TimeFormat.ISO_8601) -> list[Row]:
    """A run's walk without the portal: bind, stream, and every check on the rows."""
    sql = LOADER
    if fmt is TimeFormat.UNIX_EPOCH_SECONDS:
        sql = sql.replace(":fromTime", "to_timestamp(:fromTime)")
        sql = sql.replace(":toTime", "to_timestamp(:toTime)")
    with connect(db_name) as connection:
        from_literal, to_literal = (
            connection.quote(render(instant, fmt, UTC_ZONE))
            for instant in (window.start, window.end)
        )
        grammar = DatabaseType.SIMULATED.grammar
        statement = bind(sql, grammar, from_literal=from_literal, to_literal=to_literal)
        with connection.stream(statement, batch_rows=100) as stream:
            encoder = RowEncoder(
                loader_code="SIMULATED",
                load_history_id=UUID(int=0),
                window=window,
                has_value_count=check_columns(stream.columns),
                parse=partial(parse_stamp, fmt=fmt, zone=UTC_ZONE),
                registry=CombinationRegistry("SIMULATED"),
            )
            found = [row for batch in stream for row in batch]
        encoder.encode(found)
    return found


def test_the_statement_of_the_docs_is_accepted_and_answered() -> None:
    text = (REPOSITORY / "docs" / "sources.md").read_text()
    (sql,) = (block for block in re.findall(r"```sql\n(.*?)```", text, re.S) if TABLE in block)
    grammar = DatabaseType.SIMULATED.grammar
    assert validate(sql, grammar).errors == ()
    start, end = "'2026-01-01T00:00:00Z'", "'2026-01-01T01:00:00Z'"
    assert rows(bind(sql, grammar, from_literal=start, to_literal=end))


def test_the_guard_accepts_the_statement_of_these_tests() -> None:
    assert validate(LOADER, DatabaseType.SIMULATED.grammar).errors == ()


@given(
    start=st.integers(0, 5000),
    cuts=st.sets(st.integers(1, 47), max_size=8),
    rate=st.sampled_from(["0.013", "0.1", "0.7", "3"]),
    fmt=st.sampled_from([TimeFormat.ISO_8601, TimeFormat.UNIX_EPOCH_SECONDS]),
)
@settings(max_examples=10, deadline=None)
def test_the_rows_are_the_same_however_the_range_is_cut_into_windows(
    start: int, cuts: set[int], rate: str, fmt: TimeFormat
) -> None:
    first = START + start * GRAIN
    edges = [first + number * GRAIN for number in sorted({0, 48, *cuts})]
    db_name = f"payments?rate={rate}"
    whole = loaded(Window(edges[0], edges[-1]), db_name)
    parts = [row for a, b in pairwise(edges) for row in loaded(Window(a, b), db_name, fmt)]
    assert Counter(parts) == Counter(whole)


def test_sums_are_exact_whatever_they_are_grouped_by() -> None:
    def total(grouping: str) -> Decimal:
        statement = f"SELECT sum(amount) AS s FROM simulated_events WHERE {WINDOW} {grouping}"
        return sum((Decimal((row[0] or b"0").decode()) for row in rows(statement)), Decimal(0))

    assert total("") == total("GROUP BY channel, region") == total("GROUP BY at")


def test_the_data_of_a_name_never_change() -> None:
    """Figures people have seen in a training must be the same in the next."""
    statement = f"SELECT count(*) AS n, sum(amount) AS s, max(at) AS t, min(channel) AS c FROM \
        simulated_events WHERE {WINDOW}"
    assert rows(statement) == rows(statement) == [FIRST_HOUR]
    assert rows(statement, "orders") != rows(statement)


FIRST_HOUR = (b"1806", b"1450609.5", b"2026-01-01 00:59:59.000000+00", b"app")


def test_days_have_their_busy_and_quiet_hours() -> None:
    statement = "SELECT date_trunc('hour', at) AS h, count(*) AS n FROM simulated_events \
        WHERE at >= '2026-01-01' AND at < '2026-01-02' GROUP BY h ORDER BY n"
    by_hour = [(row[0] or b"")[11:13] for row in rows(statement)]
    assert set(by_hour[:3]) <= {b"02", b"03", b"04", b"05"}
    assert set(by_hour[-3:]) <= {b"14", b"15", b"16", b"17"}


def test_rows_of_the_future_do_not_exist_yet() -> None:
    statement = f"SELECT max(at) AS t FROM simulated_events WHERE {WINDOW}"
    with connect(now=lambda: START + HOUR / 2) as connection:
        ((row,),) = connection.stream(statement)
    assert (row[0] or b"") <= b"2026-01-01 00:30:00.000000+00"


def test_late_rows_come_later_and_are_all_there_in_the_end() -> None:
    statement = f"SELECT count(*) AS n FROM simulated_events WHERE {WINDOW}"

    def count(now: datetime, db_name: str) -> int:
        with connect(db_name, now=lambda: now) as connection:
            ((row,),) = connection.stream(statement)
        return int(row[0] or 0)

    late = "payments?late=0.2&late_seconds=900"
    punctual = count(START + HOUR, "payments")
    assert count(START + HOUR, late) < punctual
    assert count(START + HOUR + timedelta(seconds=900), late) == punctual


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT count(*) FROM simulated_events",
        f"SELECT count(*) FROM orders WHERE {WINDOW}",
        f"SELECT pg_sleep(9) FROM simulated_events WHERE {WINDOW}",
        f"SELECT upper(channel) FROM simulated_events WHERE {WINDOW}",
        f"SELECT nothing FROM simulated_events WHERE {WINDOW}",
        f"SELECT channel, count(*) FROM simulated_events WHERE {WINDOW}",
        f"SELECT channel, region, count(*) FROM simulated_events WHERE {WINDOW} GROUP BY 1",
        f"SELECT channel FROM simulated_events WHERE {WINDOW} GROUP BY 9",
        f"SELECT channel AS region FROM simulated_events WHERE {WINDOW}",
        f"SELECT count(*) FROM simulated_events WHERE {WINDOW} OR region = 'north'",
        f"SELECT count(*) FROM simulated_events WHERE {WINDOW} AND at > '2026-01-01'",
        f"SELECT count(*) FROM simulated_events a, simulated_events b WHERE {WINDOW}",
        f"SELECT DISTINCT ON (channel) channel FROM simulated_events WHERE {WINDOW}",
        f"SELECT date_trunc('week', at) FROM simulated_events WHERE {WINDOW}",
        f"SELECT date_trunc('day', at, 'Asia/Riyadh') FROM simulated_events WHERE {WINDOW}",
        f"SELECT (SELECT 1) FROM simulated_events WHERE {WINDOW}",
        f"SELECT count(*) FROM simulated_events WHERE {WINDOW} UNION SELECT 2",
        f"WITH x AS (DELETE FROM y) SELECT count(*) FROM simulated_events WHERE {WINDOW}",
        f"SELECT count(*) FROM simulated_events WHERE {WINDOW}; DROP TABLE simulated_events",
        "SELECT count(*) FROM simulated_events WHERE at >= '2026-01-01' AND at < '2026-01-09'",
        "SELECT count(*) FROM simulated_events WHERE at >= 'soon' AND at < 'later'",
        "SELECT count(*) FROM simulated_events WHERE at >= '2026-01-01' AND "
        "at < '2026-01-02T10:00:00Z'::date",
        "SELECT (((",
    ],
)
def test_what_it_does_not_understand_is_refused_with_a_reason(statement: str) -> None:
    with connect() as connection, pytest.raises(SourceSqlError) as caught:
        connection.stream(statement)
    assert caught.value.message.startswith("A simulated source ")
    assert caught.value.__context__ is None
    assert not connection.usable


@pytest.mark.parametrize(
    "db_name",
    [
        "",
        "two words",
        "payments?rate=0",
        "payments?rate=1e9",
        "payments?speed=1",
        "payments?fail=2",
    ],
)
def test_a_wrong_option_is_refused_when_connecting(db_name: str) -> None:
    with pytest.raises(SourceAuthError) as caught:
        connect(db_name)
    assert isinstance(caught.value, TerminalError)
    assert caught.value.__context__ is None


def test_too_many_events_are_refused() -> None:
    statement = (
        "SELECT count(*) FROM simulated_events WHERE at >= '2026-01-01' AND at < '2026-01-08'"
    )
    with connect("payments?rate=50") as connection, pytest.raises(SourceSqlError):
        connection.stream(statement)


def test_failures_come_as_asked_for() -> None:
    with pytest.raises(SourceUnreachableError):
        connect("payments?fail=1")
    statement = f"SELECT count(*) AS n FROM simulated_events WHERE {WINDOW}"
    with connect("payments?timeout=1") as connection, pytest.raises(SourceTimeoutError):
        connection.stream(statement)


def test_a_slow_source_meets_the_limits_of_its_session() -> None:
    statement = f"SELECT count(*) AS n FROM simulated_events WHERE {WINDOW}"
    slow = "payments?delay_ms=300"
    started = time.monotonic()
    assert rows(statement, slow)
    assert time.monotonic() - started > 0.3
    with connect(slow, timeout=0.1) as connection, pytest.raises(SourceTimeoutError):
        connection.stream(statement)
    limited = connect(slow, idle_read_timeout_seconds=0.1)
    with limited as connection, pytest.raises(SourceIdleError):
        connection.stream(statement)


def test_the_time_limit_holds_while_events_are_made() -> None:
    statement = "SELECT count(*) AS n FROM simulated_events WHERE at >= '2026-01-01' AND \
        at < '2026-01-08'"
    started = time.monotonic()
    with connect(timeout=0.2) as connection, pytest.raises(SourceTimeoutError):
        connection.stream(statement)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("db_name", ["payments?delay_ms=60000", "payments?rate=1.5"])
def test_cancel_stops_the_wait_and_the_work(db_name: str) -> None:
    statement = "SELECT count(*) AS n FROM simulated_events WHERE at >= '2026-01-01' AND \
        at < '2026-01-08'"
    with connect(db_name) as connection:
        timer = threading.Timer(0.2, connection.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(SourceCancelledError):
            connection.stream(statement)
        assert time.monotonic() - started < 2
        timer.join()
        assert not connection.usable


def test_cancel_stops_a_stream_in_the_middle() -> None:
    with connect() as connection:
        stream = connection.stream(
            f"SELECT at, channel FROM simulated_events WHERE {WINDOW}", batch_rows=10
        )
        assert len(next(stream)) == 10
        connection.cancel()
        with pytest.raises(SourceCancelledError):
            next(stream)


def test_a_session_serves_one_statement_after_the_other_and_none_when_closed() -> None:
    statement = f"SELECT count(*) AS n FROM simulated_events WHERE {WINDOW}"
    with connect() as connection:
        assert list(connection.stream(statement)) == list(connection.stream(statement))
        connection.stream(statement)
        assert not connection.usable
        with pytest.raises(RuntimeError, match="another stream"):
            connection.stream(statement)
    with pytest.raises(SourceConnectionLostError):
        connection.server_clock()


def test_a_statement_is_explained_without_being_run() -> None:
    with connect() as connection:
        assert "3600 events" in connection.explain(
            f"SELECT count(*) FROM simulated_events WHERE {WINDOW}"
        )
        with pytest.raises(SourceSqlError):
            connection.explain("DROP TABLE x")


def test_literals_are_quoted_as_postgresql_reads_them() -> None:
    with connect() as connection:
        assert connection.quote("it's") == "'it''s'"
        assert connection.quote(-5) == "-5"
        with pytest.raises(ValueError, match="NUL"):
            connection.quote("\0")


def test_a_connection_test_passes_and_tells_a_wrong_clock() -> None:
    report = connection_test.test_connection(profile("payments?skew_seconds=60"), "any")
    assert report.ok
    assert report.tls is None
    assert report.privileges == PrivilegeReport(can_write=False)
    assert report.clock_skew_seconds == pytest.approx(60, abs=1)
    (advice,) = report.advice
    assert "60 s ahead" in advice


def test_a_connection_test_tells_a_wrong_option() -> None:
    report = connection_test.test_connection(profile("payments?speed=1"), "any")
    assert not report.ok
    assert "the options are" in report.message
