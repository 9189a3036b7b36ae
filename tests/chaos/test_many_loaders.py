"""Many loaders, some of which hang, fail or have a source that is down: the others are on time.

The short form has sixty loaders for less than half a minute; LOADERPORTAL_TEST_FULL=1 a thousand
for five minutes. Lag is how long after its due time a run was dispatched.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from core.clock import database_now
from execution.models import LoadHistory, Replica
from loaders.models import LoaderState, SourceDatabase
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import replica, wait_until
from tests.support.scenes import Scene, make_loader, make_source, order_sql

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
LOADERS = 1000 if IS_FULL else 60
SECONDS = 300 if IS_FULL else 20
INTERVAL = 120 if IS_FULL else 8
"""Seconds between the runs of a loader: about eight runs a second."""
HANGING, FAILING, DOWN = 5, 10, 10
POLL = 10
"""The scheduler's own step in a default installation; here it polls every second."""

STREAM = {
    "grain_seconds": 1,
    "lateness_seconds": 1,
    "watermark_policy": "WINDOW_END",
    "min_interval_seconds": INTERVAL,
    "max_query_period_seconds": 3600,
    "end_at": None,
}


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source)
    Replica.objects.all().delete()
    SourceDatabase.objects.update(max_connections=50)
    postgres_source.execute(
        "CREATE FUNCTION hang() RETURNS boolean LANGUAGE sql VOLATILE AS "
        "$$ SELECT pg_sleep(3600) IS NOT NULL $$"
    )
    postgres_source.execute("CREATE VIEW hanging AS SELECT * FROM orders WHERE hang()")
    postgres_source.execute("INSERT INTO orders VALUES (now(), 'north', 'web', 1)")
    down = make_source(postgres_source, scene.people, db_code="DOWN", port=1, host="127.0.0.1")
    start = database_now().replace(microsecond=0) - timedelta(seconds=INTERVAL)
    values = {**STREAM, "start_at": start}
    good = order_sql("POSTGRESQL").replace("'hour'", "'second'")
    hang = good.replace("FROM orders", "FROM hanging").replace(
        "at >= :fromTime", "at >= :fromTime::timestamptz - interval '1 day'"
    )
    fail = good.replace("FROM orders", "FROM nowhere")
    for n in range(LOADERS):
        if n < HANGING:
            scene.add_loader(f"HANGING_{n}", **{**values, "loader_sql": hang})
        elif n < HANGING + FAILING:
            scene.add_loader(f"FAILING_{n}", **{**values, "loader_sql": fail})
        elif n < HANGING + FAILING + DOWN:
            make_loader(scene.people, down, f"DOWN_{n}", **{**values, "loader_sql": good})
        else:
            scene.add_loader(f"GOOD_{n}", **{**values, "loader_sql": good})
    _spread_over_the_interval()
    return scene


def _spread_over_the_interval() -> None:
    """As in a portal that has run for a while, not all loaders are due at once."""
    now = database_now()
    for n, state in enumerate(LoaderState.objects.order_by("loader__loader_code")):
        due = now + timedelta(seconds=5 + INTERVAL * n / LOADERS)
        LoaderState.objects.filter(pk=state.pk).update(next_due_at=due)


def lags() -> list[float]:
    """Seconds by which each scheduled run of a good loader was later than its interval after the
    one before, sorted; by SQL over the history."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM start_time - before) - %s FROM (SELECT start_time, "
            "lag(start_time) OVER (PARTITION BY loader_code ORDER BY start_time) AS before "
            "FROM load_history WHERE loader_code LIKE 'GOOD%%') runs WHERE before IS NOT NULL "
            "ORDER BY 1",
            [INTERVAL],
        )
        return [float(lag) for (lag,) in cursor.fetchall()]


def count(code: str, **conditions: object) -> int:
    return LoadHistory.objects.filter(loader__loader_code__startswith=code, **conditions).count()


def test_loaders_that_hang_or_fail_make_no_other_late(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path
) -> None:
    slots = {"LOADERPORTAL_THREAD_POOL_SIZE": "10", "LOADERPORTAL_DRAIN_SECONDS": "1"}
    with replica(committed_db, tmp_path / "replica.log", **slots) as process:
        wait_until(lambda: count("GOOD") > 0, seconds=60, what="the first run")
        time.sleep(SECONDS)
        assert process.stop() == 0
    late = lags()
    good = LOADERS - HANGING - FAILING - DOWN
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(f"{len(late)} runs of {good} loaders: lag p50 {p50:.1f} s, p99 {p99:.1f} s")  # noqa: T201
    assert len(late) >= good * (SECONDS / INTERVAL - 1.5)
    assert p99 < POLL
    assert not LoadHistory.objects.filter(
        loader__loader_code__startswith="GOOD", status="FAILED"
    ).exists()
    # Cancelled by the drain, or given up before when the source had been silent for a minute.
    ended = count("HANGING", status="CANCELLED") + count("HANGING", error_code="SOURCE_IDLE")
    assert ended == count("HANGING") >= HANGING
    assert count("FAILING", error_code="SOURCE_SQL_FAILED") == FAILING == count("FAILING")
    assert 0 < count("DOWN", error_code="SOURCE_UNREACHABLE") < 2 * DOWN
