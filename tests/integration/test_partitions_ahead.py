"""Partitions made ahead: in time, once, and beside loads that are under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from core.window import Window
from signals.partitions import ensure_partitions, ensure_partitions_ahead
from tests.portal_database import PortalDatabase

NOW = datetime(2031, 11, 30, 23, 59, tzinfo=UTC)
COLUMNS = "loader_code, load_time_stamp, segment_code, rec_count, load_history_id"
NOBODY = UUID(int=0)
AT_ONCE = 3.0
"""Seconds; far below the five after which the wait for a lock is given up."""


@pytest.fixture
def load(committed_db: PortalDatabase) -> Iterator[psycopg.Connection]:
    """The session of a load."""
    ensure_partitions_ahead(NOW, months=0)
    with psycopg.connect(committed_db.url()) as session:
        yield session


def partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'signals.signals_history'::regclass "
            "AND c.relname >= 'signals_history_y2031' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def test_this_month_and_the_three_after_it_are_made_once(load: psycopg.Connection) -> None:
    assert ensure_partitions_ahead(NOW) == 3
    assert ensure_partitions_ahead(NOW) == 0
    months = ("2031m11", "2031m12", "2032m01", "2032m02")
    assert partitions() == [f"signals_history_y{month}" for month in months]


def test_a_partition_made_beside_an_open_load_neither_deadlocks_nor_waits(
    load: psycopg.Connection,
) -> None:
    row = ("OPEN_LOAD", NOW, NOBODY, 1, NOBODY)
    with load.cursor() as cursor:
        cursor.execute("DELETE FROM signals.signals_history WHERE loader_code = 'OPEN_LOAD'")
        with cursor.copy(f"COPY signals.signals_history ({COLUMNS}) FROM STDIN") as copy:
            copy.write_row(row)
            started = time.monotonic()
            assert ensure_partitions_ahead(NOW) == 3
            assert time.monotonic() - started < AT_ONCE
            copy.write_row(("OPEN_LOAD", NOW, UUID(int=1), 1, NOBODY))
    assert load.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert ensure_partitions(Window(NOW.replace(year=2033), NOW.replace(year=2034))) == 13
    load.commit()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM signals.signals_history WHERE rec_count = 1")
        assert cursor.fetchone() == (2,)


def test_an_open_load_goes_on_into_a_partition_that_was_made_meanwhile(
    load: psycopg.Connection,
) -> None:
    load.execute("SELECT 1 FROM signals.signals_history LIMIT 1")
    ensure_partitions_ahead(NOW)
    load.execute(
        f"INSERT INTO signals.signals_history ({COLUMNS}) VALUES (%s, %s, %s, 1, %s)",
        ["OPEN_LOAD", NOW.replace(month=12), NOBODY, NOBODY],
    )
    load.commit()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM signals.signals_history")
        assert cursor.fetchall() == [("signals_history_y2031m12",)]


def test_replicas_that_make_the_same_partitions_at_once_make_each_once(
    load: psycopg.Connection,
) -> None:
    def make(_: int) -> int:
        try:
            return ensure_partitions_ahead(NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(make, range(4))) == 3
    assert len(partitions()) == 4
