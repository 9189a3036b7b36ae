"""Followers of events beside sessions that write, number and stay open: nothing is missed, whatever
the order of commits. And what real runs tell."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit.models import LoaderEvent
from audit.outbox import Position
from tests.integration.test_events import codes, page, tell
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.scenes import START, Scene, add_orders

pytestmark = pytest.mark.usefixtures("committed_db")

INSERT = (
    "INSERT INTO loader.loader_event (id, kind, loader_code, details, correlation_id)"
    " VALUES (gen_random_uuid(), 'RUN_FINISHED', %s, '{}', 'c')"
)


@contextmanager
def other_session(database: PortalDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A second session of the application, whose statements give up after five seconds."""
    with psycopg.connect(database.url(), options="-c statement_timeout=5s") as session:
        yield session
        session.rollback()


def test_a_transaction_that_stays_open_delays_nobody_and_its_event_comes_when_it_commits(
    committed_db: PortalDatabase,
) -> None:
    with other_session(committed_db) as long_run:
        long_run.execute(INSERT, ["EARLY"])  # written first, with an older transaction id
        tell("A", "B")
        first = page()
        assert codes(first) == ["A", "B"]
        tell("C")
        second = page(first.next)
        assert codes(second) == ["C"]
        long_run.commit()
    third = page(second.next)
    assert codes(third) == ["EARLY"]
    assert codes(page(third.next)) == []
    assert codes(page()) == ["A", "B", "C", "EARLY"]


def write(url: str, writer: int, barrier: threading.Barrier) -> set[str]:
    """Events in transactions of different length, some of which roll back; what was committed."""
    chance = random.Random(writer)
    committed = set()
    with psycopg.connect(url) as session:
        barrier.wait(30)
        for number in range(30):
            told = [f"W{writer}_{number}_{part}" for part in range(chance.randint(1, 3))]
            for code in told:
                session.execute(INSERT, [code])
                session.execute("SELECT pg_sleep(%s)", [chance.random() * 0.01])
            if chance.random() < 0.2:
                session.rollback()
            else:
                session.commit()
                committed.update(told)
    return committed


def follow(barrier: threading.Barrier, done: threading.Event) -> list[LoaderEvent]:
    """All that a follower is told, by small pages, until all writers have ended."""
    seen: list[LoaderEvent] = []
    position: Position | None = None
    try:
        barrier.wait(30)
        while True:
            was_over = done.is_set() and not LoaderEvent.objects.filter(number=None).exists()
            found = page(position, limit=7)
            seen += found.events
            position = found.next
            if was_over and not found.events:
                return seen
    finally:
        connection.close()


def test_followers_miss_nothing_and_get_nothing_twice_while_many_write(
    committed_db: PortalDatabase,
) -> None:
    writers, followers, done = 4, 3, threading.Event()
    barrier = threading.Barrier(writers + followers)
    with ThreadPoolExecutor(writers + followers) as pool:
        following = [pool.submit(follow, barrier, done) for _ in range(followers)]
        writing = [pool.submit(write, committed_db.url(), n, barrier) for n in range(writers)]
        try:
            committed = set().union(*(each.result(60) for each in writing))
        finally:
            done.set()
        told = [each.result(60) for each in following]
    for seen in told:
        assert sorted(event.loader_code for event in seen) == sorted(committed)
        assert [event.number for event in seen] == list(range(1, len(committed) + 1))


def test_who_finds_another_session_numbering_does_not_wait_for_it(
    committed_db: PortalDatabase,
) -> None:
    tell("A")
    first = page()
    with other_session(committed_db) as numbering:
        numbering.execute("SELECT FROM loader.loader_event_stream FOR NO KEY UPDATE")
        tell("B")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        second = page(first.next)
        assert (codes(second), second.next) == ([], first.next)
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    assert codes(page(second.next)) == ["B"]


def test_a_run_tells_its_execution_window_and_correlation_id(postgres_source: SourceServer) -> None:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "north", "web", 1.0))
    done = scene.run()
    postgres_source.execute("DROP TABLE orders")
    failed = scene.run()
    _, found = Client(scene.people.viewer).get("events", kind="RUN_FINISHED,RUN_FAILED")
    for event, history, told in zip(
        found["results"],
        (done, failed),
        ({"recordsLoaded": 1, "recordsPurged": 0}, {"errorCode": failed.error_code}),
        strict=True,
    ):
        assert event["executionId"] == str(history.pk)
        assert event["correlationId"] == history.correlation_id
        assert event["details"] == told
        assert (event["windowFrom"], event["windowTo"]) == tuple(
            bound.strftime("%Y-%m-%dT%H:%M:%SZ")
            for bound in (history.query_from_time, history.query_to_time)
        )
