"""A year of real flights, backfilled in windows and killed three times on the way: the worker, the
whole replica, the portal's database. It finishes, its totals are the source's, and no window was
loaded twice (issue 6).

The checker is SQL of its own over source and target; of the portal it knows the tables' names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from backfill.services import Wanted, approve, submit
from execution.models import Trigger
from execution.services import dispatch
from loaderportal.demo import flights
from loaderportal.demo.definitions import FLIGHTS_END, FLIGHTS_START, flights_loader
from loaderportal.demo.postgres_server import PostgresServer
from loaders.services import move_watermark
from tests.chaos.world import crash_postgres, django_at, own_postgres
from tests.portal_database import PortalDatabase, make_template, template_name
from tests.servers import SourceServer
from tests.servers.postgres import PostgresTestServer
from tests.support.people import People
from tests.support.replica import ReplicaProcess, descendants_of, is_running, replica, wait_until
from tests.support.scenes import make_loader, make_source

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
END = FLIGHTS_END if IS_FULL else FLIGHTS_START + timedelta(days=12 * 14)
WINDOW_DAYS = 7 if IS_FULL else 14
SPEED = "0.2"
"""Seconds that the source takes over each window, so that a kill meets a run under way."""

DONE = "('SUCCESS', 'PARTIAL')"


@dataclass
class Stage:
    """The portal's own server and database, which survive a crash, and the source."""

    server: PostgresServer
    database: PortalDatabase
    source: SourceServer

    def ask(self, statement: str, *parameters: Any) -> list[Any]:
        """Rows, from a session that is none of the portal's."""
        server = PostgresTestServer.from_url(self.server.url())
        with server.admin_connection(self.database.name) as session:
            return session.execute(statement, list(parameters)).fetchall()

    def loaded(self) -> int:
        """Windows that the job has loaded."""
        ((count,),) = self.ask(f"SELECT count(*) FROM loader.load_history WHERE status IN {DONE}")
        return int(count)

    def busy_worker(self) -> int | None:
        """The process that is at a window."""
        found = self.ask(
            "SELECT worker_pid FROM loader.loader_execution_lock WHERE NOT released "
            "AND worker_pid IS NOT NULL"
        )
        return int(found[0][0]) if found else None

    def has_ended(self) -> bool:
        """Whether the job has ended, one way or the other."""
        found = self.ask("SELECT 1 FROM loader.backfill_job WHERE ended_at IS NOT NULL")
        return found != []


@pytest.fixture
def stage(
    postgres_source: SourceServer, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[Stage]:
    with own_postgres(tmp_path, "control") as server:
        address = PostgresTestServer.from_url(server.url())
        make_template(address, "year")
        database = PortalDatabase(address, template_name("year"))
        with django_db_blocker.unblock(), django_at(database):
            yield Stage(server, database, postgres_source)


def fill(source: SourceServer) -> None:
    """The flights of 2013, behind a view that takes its time."""
    with source.admin_cursor() as cursor:
        flights.load(cursor.connection, lambda: None)
        cursor.execute("ALTER TABLE flights RENAME TO all_flights")
        cursor.execute(
            "CREATE FUNCTION pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
            f"$$ SELECT pg_sleep({SPEED}) IS NOT NULL $$"
        )
        cursor.execute(
            "CREATE VIEW flights AS SELECT f.* FROM all_flights f, (SELECT pause() AS done) p "
            "WHERE p.done"
        )


def ask_for_the_year(stage: Stage) -> None:
    """FLIGHTS_HOURLY as the demo has it, with nothing loaded and the watermark at its end; an
    operator submits the backfill, an approver approves it."""
    people = People()
    values = {**flights_loader(), "max_query_period_seconds": WINDOW_DAYS * 86_400}
    code = values.pop("loader_code")
    loader = make_loader(people, make_source(stage.source, people), code, **values)
    move_watermark(
        user=people.operator, loader=loader, watermark=FLIGHTS_END, reason="Load it by backfill."
    )
    dispatch(loader_id=loader.pk, trigger=Trigger.SCHEDULE)  # which finds nothing more to load
    job = submit(user=people.operator, loader=loader, wanted=Wanted(FLIGHTS_START, END))
    approve(user=people.approver, job=job)


def wait_for_a_window(stage: Stage, process: ReplicaProcess, what: str) -> int:
    """Some windows more are loaded, and a worker is at the next one; its process id."""
    before = stage.loaded()
    wait_until(lambda: stage.loaded() > before, seconds=60, what=f"progress, then {what}")
    wait_until(lambda: stage.busy_worker() is not None, seconds=60, what=what)
    assert not stage.has_ended(), f"the backfill ended before {what}"
    pid = stage.busy_worker()
    return pid or wait_for_a_window(stage, process, what)


def test_a_year_is_backfilled_through_three_kills(stage: Stage, tmp_path: Path) -> None:
    fill(stage.source)
    ask_for_the_year(stage)
    with replica(stage.database, tmp_path / "replica.log") as process:
        process.kill(wait_for_a_window(stage, process, "a kill of the worker"))
        wait_for_a_window(stage, process, "a kill of the replica")
        below = descendants_of(process.pid)
        process.kill()
        wait_until(lambda: not any(map(is_running, below)), seconds=10, what="all of it is gone")
    with replica(stage.database, tmp_path / "replica.log") as process:
        wait_for_a_window(stage, process, "a crash of the database")
        crash_postgres(stage.server, outage_seconds=1)
        wait_until(stage.has_ended, seconds=240, what="the backfill ends")
        assert process.stop() == 0
    check(stage)


def check(stage: Stage) -> None:
    """All that must be true, asked by SQL."""
    ((status, records, left, done),) = stage.ask(
        "SELECT status, records_loaded, windows_left, windows_done FROM loader.backfill_job"
    )
    ended = stage.ask("SELECT status, error_code, count(*) FROM loader.load_history GROUP BY 1, 2")
    assert (status, left) == ("SUCCESS", 0), ended
    present = stage.ask(
        "SELECT extract(epoch FROM s.load_time_stamp)::bigint, c.segment_1, c.segment_2, "
        "c.segment_3, s.rec_count, s.value_count, s.sum_val, s.max_val "
        "FROM signals.signals_history s JOIN signals.segment_combination c USING (segment_code) "
        "ORDER BY 1, 2, 3, 4"
    )
    expected = stage.source.execute(
        "SELECT extract(epoch FROM time_hour)::bigint, origin, carrier, dest, count(*), "
        "count(dep_delay), sum(dep_delay)::float8, max(dep_delay)::float8 FROM all_flights "
        "WHERE time_hour >= %s AND time_hour < %s GROUP BY time_hour, origin, carrier, dest "
        "ORDER BY 1, 2, 3, 4",
        [FLIGHTS_START, END],
    )
    assert len(present) == len(expected) == records
    assert present == expected
    assert not IS_FULL or sum(row[4] for row in present) == 336_776
    windows = stage.ask(
        "SELECT query_from_time, query_to_time, records_purged FROM loader.load_history "
        f"WHERE status IN {DONE} ORDER BY 1"
    )
    assert len(windows) == done
    assert (windows[0][0], windows[-1][1]) == (FLIGHTS_START, END)
    assert all(one[1] == other[0] for one, other in pairwise(windows))
    assert {purged for _, _, purged in windows} == {0}
    lost = [count for status_, _, count in ended if status_ == "FAILED"]
    assert sum(lost) >= 3, ended
    assert stage.ask("SELECT 1 FROM loader.loader_execution_lock WHERE NOT released") == []
    assert stage.ask("SELECT 1 FROM loader.load_history WHERE status = 'RUNNING'") == []
    ((watermark,),) = stage.ask("SELECT last_load_timestamp FROM loader.loader_state")
    assert watermark == FLIGHTS_END
