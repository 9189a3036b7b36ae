"""SIGTERM while every slot is taken: short runs finish, long ones are cancelled and released."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from execution.models import LoaderExecutionLock, LoadHistory, Replica
from loaders.models import Loader, LoaderState
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import descendants_of, is_running, replica, wait_until
from tests.support.scenes import START, Scene, add_orders, order_sql

SLOTS = {"LOADERPORTAL_THREAD_POOL_SIZE": "10", "LOADERPORTAL_DRAIN_SECONDS": "6"}
SHORT, LONG = 3, 600
"""Seconds that the source takes over a run."""


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """Five loaders whose run takes seconds and five whose run takes minutes, of one window each."""
    scene = Scene(postgres_source)
    Replica.objects.all().delete()
    add_orders(postgres_source, (START + timedelta(minutes=5), "north", "web", 1.0))
    for kind, seconds in (("short", SHORT), ("long", LONG)):
        postgres_source.execute(
            f"CREATE FUNCTION {kind}_pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
            f"$$ SELECT pg_sleep({seconds}) IS NOT NULL $$"
        )
        postgres_source.execute(
            f"CREATE VIEW {kind}_orders AS SELECT o.* FROM orders o, "
            f"(SELECT {kind}_pause() AS done) p WHERE p.done"
        )
        for n in range(5):
            scene.add_loader(
                f"{kind.upper()}_{n}",
                loader_sql=order_sql("POSTGRESQL").replace("FROM orders", f"FROM {kind}_orders"),
                max_query_period_seconds=86_400,
            )
    Loader.objects.filter(pk=scene.loader.pk).update(enabled=False)
    return scene


def claimed() -> int:
    return LoadHistory.objects.filter(status="RUNNING", claimed_at__isnull=False).count()


def statuses(kind: str) -> list[str]:
    runs = LoadHistory.objects.filter(loader__loader_code__startswith=kind).order_by("start_time")
    return list(runs.values_list("status", flat=True))


def watermarks() -> int:
    """Loaders that have loaded all they have."""
    return LoaderState.objects.filter(last_load_timestamp=START + timedelta(days=1)).count()


def test_a_drain_ends_every_run_one_way_or_the_other_and_nothing_is_lost(
    scene: Scene, committed_db: PortalDatabase, tmp_path: Path
) -> None:
    log = tmp_path / "replica.log"
    with replica(committed_db, log, **SLOTS) as process:
        wait_until(lambda: claimed() == 10, seconds=60, what="all slots are taken")
        below = descendants_of(process.pid)
        assert process.stop(seconds=60) == 0
    assert not any(map(is_running, below))
    assert not Replica.objects.exists()
    assert statuses("SHORT") == ["SUCCESS"] * 5
    assert statuses("LONG") == ["CANCELLED"] * 5
    assert not LoaderExecutionLock.objects.active().exists()
    assert scene.server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE %s AND state = 'active' "
        "AND pid <> pg_backend_pid()",
        ["%long_orders%"],
    ) == [(0,)]
    scene.server.execute(
        "CREATE OR REPLACE FUNCTION long_pause() RETURNS boolean LANGUAGE sql AS $$SELECT true$$"
    )
    LoaderState.objects.filter(loader__loader_code__startswith="LONG").update(next_due_at=START)
    with replica(committed_db, log, **SLOTS) as process:
        wait_until(lambda: watermarks() == 10, seconds=60, what="the long ones are loaded")
        assert process.stop() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT loader_code) FROM signals_history")
        assert cursor.fetchone() == (10, 10)
