"""Workers that are frozen in the middle of a run lose it, die, and give their slots back.

The checker is SQL of its own over source and target; it knows nothing of the portal's code.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from core.clock import ClockTimestamp
from execution.models import LoaderExecutionLock, LoadHistory, MaintenanceJob, Replica
from execution.services import request_cancel
from loaders.models import LoaderState, LoadStatus
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import is_running, replica, wait_until
from tests.support.scenes import START, Scene
from tests.support.target import signals

HOURS = 12
CODES = ("ORDERS_HOURLY", "ORDERS_AGAIN")


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """Two loaders, one window each, from a source that answers after a minute."""
    end = START + timedelta(hours=HOURS)
    values = {"max_query_period_seconds": HOURS * 3600, "min_interval_seconds": 1, "end_at": end}
    scene = Scene(postgres_source, **values)
    scene.add_loader(CODES[1], **values)
    Replica.objects.all().delete()
    postgres_source.execute("ALTER TABLE orders RENAME TO all_orders")
    postgres_source.execute(
        "INSERT INTO all_orders SELECT %s::timestamptz + n * interval '10 minutes', "
        "'region ' || n %% 7, 'channel ' || n %% 3, n FROM generate_series(0, %s) n",
        [START, HOURS * 6 - 1],
    )
    take_seconds(postgres_source, 60)
    return scene


def take_seconds(source: SourceServer, seconds: int) -> None:
    """Let the source take so long over each window from now on."""
    source.execute(
        "CREATE OR REPLACE FUNCTION pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
        f"$$ SELECT pg_sleep({seconds}) IS NOT NULL $$"
    )
    source.execute(
        "CREATE OR REPLACE VIEW orders AS SELECT o.* FROM all_orders o, "
        "(SELECT pause() AS done) p WHERE p.done"
    )


def lock_of(code: str) -> LoaderExecutionLock | None:
    return LoaderExecutionLock.objects.filter(
        loader__loader_code=code, worker_pid__isnull=False
    ).last()


def is_under_way(code: str) -> bool:
    """Whether a run of the loader is in the middle of its transaction."""
    lock = lock_of(code)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND xact_start < now() - interval '.5s'",
            [lock.backend_pid if lock else None],
        )
        return cursor.fetchone() is not None


def have_finished() -> bool:
    end = START + timedelta(hours=HOURS)
    return LoaderState.objects.filter(last_load_timestamp=end).count() == len(CODES)


def rows_of(source: SourceServer) -> list[tuple[object, ...]]:
    return source.execute(
        "SELECT date_trunc('hour', at), region, channel, count(*), count(amount), sum(amount) "
        "FROM all_orders GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )


def freeze(code: str) -> int:
    """SIGSTOP for the worker that is at the loader's run; its process id."""
    lock = lock_of(code)
    assert lock is not None
    assert lock.worker_pid is not None
    os.kill(lock.worker_pid, signal.SIGSTOP)
    return lock.worker_pid


def gone(*pids: int) -> Callable[[], bool]:
    return lambda: not any(map(is_running, pids))


def test_frozen_workers_are_killed_and_their_slots_and_windows_come_back(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path
) -> None:
    with replica(committed_db, tmp_path / "replica.log") as process:
        for code in CODES:
            wait_until(partial(is_under_way, code), seconds=60, what=f"{code} runs")
        exec_cluster = process.cluster("exec")
        first, second = [freeze(code) for code in CODES]
        asked = LoadHistory.objects.get(loader__loader_code=CODES[1])
        request_cancel(user=scene.people.operator, execution=asked)
        take_seconds(scene.server, 0)
        wait_until(gone(first, second), seconds=60, what="the frozen workers are killed")
        LoaderState.objects.filter(load_status=LoadStatus.FAILED).update(
            next_due_at=ClockTimestamp()  # the pause after a failure is not what is tested
        )
        wait_until(have_finished, seconds=60, what="both loaders load in the slots that came back")
        assert process.cluster("exec") == exec_cluster
        assert process.stop() == 0
    outcomes = dict.fromkeys(CODES, "")
    for history in LoadHistory.objects.order_by("-start_time"):
        outcomes[str(history.loader_id)] = history.error_code
    assert outcomes == {CODES[0]: "LEASE_EXPIRED", CODES[1]: "CANCELLED"}
    for code in CODES:
        assert signals(code) == rows_of(scene.server)
    assert not LoaderExecutionLock.objects.active().exists()
    check_upkeep()


def check_upkeep() -> None:
    """The third cluster was there, and did what was due."""
    done = MaintenanceJob.objects.filter(last_finished_at__isnull=False, last_error="")
    assert {"stale locks", "partitions ahead"} <= set(done.values_list("name", flat=True))
    assert not MaintenanceJob.objects.filter(lease_until__isnull=False).exists()
