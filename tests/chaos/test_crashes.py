"""kill -9 of every kind of process while a loader catches up: each window is loaded exactly once.

The checker is SQL of its own over source and target; it knows nothing of the portal's code.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from execution.models import LoaderExecutionLock, LoadHistory, Replica
from loaders.models import LoaderState
from tests.chaos.witness import PollWitness
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import (
    ReplicaProcess,
    descendants_of,
    is_running,
    replica,
    wait_until,
)
from tests.support.scenes import START, Scene

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
HOURS = 24 * (10 if IS_FULL else 5)
LONGEST_POLL_GAP = 30.0
SPEED = 0.05
"""Seconds that the source takes over each window."""
SLOWED = 2.5
"""The same while a victim that runs loaders is killed, so that the kill meets a run under way."""


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """Days of orders to load in windows of four hours, from a source that takes its time."""
    scene = Scene(
        postgres_source,
        max_query_period_seconds=4 * 3600,
        min_interval_seconds=1,
        end_at=START + timedelta(hours=HOURS),
    )
    Replica.objects.all().delete()
    postgres_source.execute("ALTER TABLE orders RENAME TO all_orders")
    postgres_source.execute(
        "INSERT INTO all_orders SELECT %s::timestamptz + n * interval '10 minutes', "
        "'region ' || n %% 7, 'channel ' || n %% 3, n FROM generate_series(0, %s) n",
        [START, HOURS * 6 - 1],
    )
    take(postgres_source, SPEED)
    postgres_source.execute(
        "CREATE VIEW orders AS SELECT o.* FROM all_orders o, (SELECT pause() AS done) p "
        "WHERE p.done"
    )
    return scene


def take(source: SourceServer, seconds: float) -> None:
    """Let the source take so long over each window from now on."""
    source.execute(
        "CREATE OR REPLACE FUNCTION pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
        f"$$ SELECT pg_sleep({seconds}) IS NOT NULL $$"
    )


def is_read_slowly(source: SourceServer) -> bool:
    """A run began its query after the source was slowed down."""
    return bool(
        source.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
            "AND clock_timestamp() - query_start > interval '0.5 s'"
        )
    )


def has_finished() -> bool:
    return LoaderState.objects.filter(last_load_timestamp=START + timedelta(hours=HOURS)).exists()


def progress() -> float:
    stamp = LoaderState.objects.get().last_load_timestamp
    return 0.0 if stamp is None else (stamp - START) / timedelta(hours=HOURS)


def check(source: SourceServer) -> None:
    """Source and target row by row, and no lock, run or double left."""
    expected = source.execute(
        "SELECT date_trunc('hour', at), region, channel, count(*), sum(amount) "
        "FROM all_orders GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.load_time_stamp, c.segment_1, c.segment_2, s.rec_count, s.sum_val "
            "FROM signals.signals_history s JOIN signals.segment_combination c "
            "USING (segment_code) ORDER BY 1, 2, 3"
        )
        assert cursor.fetchall() == expected
        cursor.execute("SELECT count(*) FROM loader_execution_lock WHERE NOT released")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM load_history WHERE status = 'RUNNING'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT range_to - range_from, state FROM coverage")
        assert cursor.fetchall() == [(timedelta(hours=HOURS), "LOADED")]


def _is_past(before: float) -> bool:
    return progress() > before


def _busy_worker(process: ReplicaProcess) -> int | None:
    lock = LoaderExecutionLock.objects.active().filter(worker_pid__isnull=False).first()
    return lock.worker_pid if lock else None


def _idle_worker(process: ReplicaProcess) -> int | None:
    """The one that waits for work inside the queue's lock."""
    workers = process.parts("exec")[:2]
    busy = _busy_worker(process)
    return next((pid for pid in workers if pid != busy), None) if busy in workers else None


def _part(process: ReplicaProcess, cluster: str, position: int) -> int | None:
    parts = process.parts(cluster)
    return parts[position] if parts else None


VICTIMS: dict[str, Callable[[ReplicaProcess], int | None]] = {
    "a busy exec worker": _busy_worker,
    "an idle exec worker": _idle_worker,
    "the exec sentinel": lambda r: r.sentinel("exec"),
    "the exec monitor": lambda r: _part(r, "exec", -2),
    "the exec pusher": lambda r: _part(r, "exec", -1),
    "the exec cluster": lambda r: r.cluster("exec"),
    "the poll worker": lambda r: _part(r, "poll", 0),
    "the poll cluster": lambda r: r.cluster("poll"),
}


SHORT = ["an idle exec worker", "the exec cluster"]
"""The others are killed by the chaos suite, and all of them one by one in the full form."""

IN_MID_RUN = {"a busy exec worker", "the exec cluster"}
"""Victims whose death must cost a run."""


def kill_when_there(process: ReplicaProcess, name: str) -> None:
    """kill -9 the victim as soon as there is one."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        pid = VICTIMS[name](process)
        if pid is not None and is_running(pid):
            process.kill(pid)
            return
        time.sleep(0.02)
    raise AssertionError(f"never there: {name}")


def test_no_window_is_lost_or_doubled_whatever_single_process_is_killed(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path
) -> None:
    order = list(VICTIMS if IS_FULL else SHORT)
    random.Random(1).shuffle(order)
    with (
        replica(committed_db, tmp_path / "replica.log") as process,
        PollWitness(partial(committed_db.server.admin_connection, committed_db.name)) as witness,
    ):
        for name in order:
            before = progress()
            wait_until(partial(_is_past, before), seconds=60, what=f"progress, then {name}")
            assert not has_finished(), f"the catch-up ended before {name} could be killed"
            if name in IN_MID_RUN:
                take(scene.server, SLOWED)
                wait_until(partial(is_read_slowly, scene.server), seconds=20, what="a slow run")
            kill_when_there(process, name)
            take(scene.server, SPEED)
        wait_until(has_finished, seconds=120, what="the catch-up ends")
        wait_until(
            lambda: not LoaderExecutionLock.objects.active().exists(), seconds=30, what="no lock"
        )
        below = descendants_of(process.pid)
        assert process.stop() == 0
    assert not any(map(is_running, below))
    failed = LoadHistory.objects.filter(status="FAILED")
    assert failed.count() >= len(IN_MID_RUN.intersection(order))
    assert witness.samples > 0
    assert witness.longest_gap < LONGEST_POLL_GAP
    check(scene.server)


def test_a_new_start_goes_on_after_kill_9_of_the_whole_replica(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path
) -> None:
    with replica(committed_db, tmp_path / "replica.log") as process:
        wait_until(lambda: progress() > 0.1, seconds=60, what="the catch-up begins")
        below = descendants_of(process.pid)
        process.kill()
        wait_until(lambda: not any(map(is_running, below)), seconds=5, what="no orphan is left")
        assert not has_finished()
    with replica(committed_db, tmp_path / "replica.log") as process:
        wait_until(has_finished, seconds=120, what="the catch-up ends")
        assert process.stop() == 0
    check(scene.server)
