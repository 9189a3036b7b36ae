"""How soon the portal is well again after kill -9, measured.

The short form runs with the pace of tests, the long one (`make chaos`, `make test-full`) also
with the defaults that users have.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from core.clock import ClockTimestamp
from execution.models import LoaderExecutionLock, LoadHistory, Replica, SchedulerLease
from loaders.models import LoaderState
from tests.chaos.witness import PollWitness
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import ReplicaProcess, replica, wait_until
from tests.support.scenes import START, Scene, add_orders

IS_LONG = (
    "LOADERPORTAL_CHAOS_DURATION" in os.environ or os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
)
DEFAULT_LEASE, DEFAULT_POLL = 60, 10
PACES = [(6, 1), *([(DEFAULT_LEASE, DEFAULT_POLL)] if IS_LONG else [])]
"""Seconds of lease and between polls."""

Kill = Callable[[ReplicaProcess, PortalDatabase], None]

LONGEST_RECOVERY = 90.0
LONGEST_POLL_GAP = 30.0


def say(line: str) -> None:
    """A line of the report (`make chaos` shows it)."""
    sys.stdout.write(f"{line}\n")


def settings_of(lease: int, poll: int) -> dict[str, str]:
    return {
        "LOADERPORTAL_LEASE_SECONDS": str(lease),
        "LOADERPORTAL_POLL_SECONDS": str(poll),
        "LOADERPORTAL_DRAIN_SECONDS": "1",
    }


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """A loader with one window, from a source that is too slow to answer before `answer_now`."""
    scene = Scene(postgres_source, min_interval_seconds=1, end_at=START + timedelta(hours=6))
    Replica.objects.all().delete()
    add_orders(postgres_source, (START, "north", "web", 5))
    postgres_source.execute("ALTER TABLE orders RENAME TO all_orders")
    take_seconds(postgres_source, 600)
    postgres_source.execute(
        "CREATE VIEW orders AS SELECT o.* FROM all_orders o, (SELECT pause() AS done) p "
        "WHERE p.done"
    )
    return scene


def take_seconds(source: SourceServer, seconds: int) -> None:
    """Let the source take so long over each window from now on."""
    source.execute(
        "CREATE OR REPLACE FUNCTION pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
        f"$$ SELECT pg_sleep({seconds}) IS NOT NULL $$"
    )


def worker_in_mid_run() -> int | None:
    """The worker whose transaction has been open for a while."""
    lock = LoaderExecutionLock.objects.active().filter(worker_pid__isnull=False).first()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND xact_start < now() - interval '.5s'",
            [lock.backend_pid if lock else None],
        )
        return lock.worker_pid if lock and cursor.fetchone() else None


def last_cycle() -> datetime | None:
    return SchedulerLease.objects.get().last_cycle_at


@pytest.mark.parametrize(("lease", "poll"), PACES)
def test_the_window_of_a_killed_worker_is_loaded_by_another_in_time(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path, lease: int, poll: int
) -> None:
    with replica(committed_db, tmp_path / "log", **settings_of(lease, poll)) as process:
        wait_until(lambda: worker_in_mid_run() is not None, seconds=60, what="a run is under way")
        victim = worker_in_mid_run()
        process.kill(victim)
        killed_at = time.monotonic()
        take_seconds(scene.server, 0)
        wait_until(
            lambda: LoadHistory.objects.filter(status="SUCCESS").exists(),
            seconds=LONGEST_RECOVERY + 30,
            what="the window is loaded",
        )
        took = time.monotonic() - killed_at
        assert process.stop() == 0
    say(f"recovery {took:.1f} s: lease {lease} s, a poll every {poll} s")
    attempts = LoadHistory.objects.order_by("start_time").values_list("error_code", flat=True)
    assert list(attempts) == ["LEASE_EXPIRED", ""]
    allowed = LONGEST_RECOVERY - (DEFAULT_LEASE - lease) - (DEFAULT_POLL - poll)
    assert took < allowed, f"{took:.1f} s with a lease of {lease} s"


def kill_in_mid_cycle(process: ReplicaProcess, database: PortalDatabase) -> None:
    """The scheduler's worker dies in the middle of a cycle, whose lease it leaves behind."""
    wait_until(lambda: worker_in_mid_run() is not None, seconds=60, what="a run is under way")
    LoaderState.objects.update(next_due_at=ClockTimestamp())
    with database.server.admin_connection(database.name) as session, session.transaction():
        session.execute("SELECT 1 FROM loader.loader_state FOR UPDATE")
        wait_until(lambda: is_waiting(session), seconds=30, what="a cycle waits for the loader")
        process.kill(process.parts("poll")[0])


def is_waiting(session: psycopg.Connection) -> bool:
    """Whether a session of the database waits for a lock of another one."""
    found = session.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock'"
    )
    return found.fetchone() is not None


def part(position: int) -> Kill:
    return lambda process, _: process.kill(process.parts("poll")[position])


KILLS: dict[str, Kill] = {
    "worker in mid-cycle": kill_in_mid_cycle,
    "worker": part(0),
    "monitor": part(-2),
    "pusher": part(-1),
    "sentinel": lambda process, _: process.kill(process.sentinel("poll")),
    "cluster": lambda process, _: process.kill(process.cluster("poll")),
}
"""kill -9 of what the scheduler's cycles need. `test_crashes` kills everything at a quick pace."""

CASES = [
    ("worker in mid-cycle", PACES[0]),
    *((name, pace) for pace in PACES[1:] for name in KILLS),
]


@pytest.mark.parametrize(("name", "pace"), CASES)
def test_the_scheduler_goes_on_soon_whatever_process_is_killed(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path, name: str, pace: tuple[int, int]
) -> None:
    def connect() -> psycopg.Connection:
        return committed_db.server.admin_connection(committed_db.name)

    with replica(committed_db, tmp_path / "log", **settings_of(*pace)) as process:
        wait_until(lambda: last_cycle() is not None, seconds=60, what="the first cycle")
        wait_until(process.is_complete, seconds=60, what="the replica is complete")
        with PollWitness(connect) as witness:
            KILLS[name](process, committed_db)
            before = last_cycle()
            wait_until(lambda: last_cycle() != before, seconds=90, what="a cycle after the kill")
        assert process.stop() == 0
    say(f"poll gap {witness.longest_gap:.1f} s: {name}, a poll every {pace[1]} s")
    assert witness.samples > 0
    assert witness.longest_gap < LONGEST_POLL_GAP
