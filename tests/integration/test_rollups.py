"""Rollups say what the signals say, whatever committed last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from core.window import Window
from execution.models import RunStatus
from loaders.models import LoaderState
from loaders.policies import PurgeStrategy
from signals.models import OutputVersion
from signals.rollups import TOTALS, rebuild, rebuild_edges, rebuild_inner
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.outputs import change_the_source, loaded_scene, reload, restore
from tests.support.replica import wait_until
from tests.support.rollups import rolled_up, summed
from tests.support.scenes import HOUR, START, Scene, add_orders, order_sql
from tests.support.signal_rows import insert, make_external, put, some_signals
from tests.support.waiting import somebody_waits

MINUTE = timedelta(minutes=1)
FIVE_MINUTES = order_sql("POSTGRESQL").replace(
    "date_trunc('hour', at)", "date_bin('5 minutes', at, '2000-01-01T00:00:00Z')"
)
CODE = "SENSORS"


def test_runs_whose_windows_cut_quarters_of_an_hour_roll_them_up_as_a_whole(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene = Scene(
        postgres_source,
        loader_sql=FIVE_MINUTES,
        grain_seconds=300,
        max_query_period_seconds=35 * 60,
    )
    for n in range(60):
        amount = None if n % 3 == 0 else n / 7
        add_orders(postgres_source, (START + n * 2 * MINUTE, "r", f"c{n % 2}", amount))
    for _ in range(3):
        assert scene.run().status == RunStatus.SUCCESS
        assert rolled_up() == summed()
    assert len(rolled_up()) == 7
    add_orders(postgres_source, (START + 21 * MINUTE, "r", "new", 1e6))
    window = Window(START + 10 * MINUTE, START + 40 * MINUTE)
    assert reload(scene, window=window, purge_strategy=PurgeStrategy.SKIP_DUPLICATES).purge_strategy
    assert rolled_up() == summed()
    postgres_source.execute("DELETE FROM orders WHERE channel = 'c0'")
    reload(scene, window=window)
    assert rolled_up() == summed()
    stood = rolled_up()
    failed = reload(scene, window=window, purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE)
    assert (failed.status, rolled_up()) == (RunStatus.FAILED, stood)


def test_reloads_and_restores_roll_up_what_they_bring_and_take(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene = loaded_scene(postgres_source)
    first = rolled_up()
    assert first == summed()
    change_the_source(scene)
    reload(scene)
    second = rolled_up()
    assert second == summed() != first
    restore(scene, OutputVersion.objects.get())
    assert rolled_up() == summed() == first


def test_a_loader_without_signals_in_a_window_has_no_rollup_there(db: None) -> None:
    make_external(CODE)
    put(CODE, some_signals(START, 100, MINUTE))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM signals.signals_history WHERE load_time_stamp >= %s", [START + HOUR]
        )
    version = LoaderState.objects.get().data_version
    rebuild(loader_code=CODE, window=Window(START + HOUR, START + 2 * HOUR))
    assert len(rolled_up()) == 4
    assert rolled_up() == summed()
    assert LoaderState.objects.get().data_version == version + 1


def test_what_a_run_rolls_up_before_its_commit_and_in_it_is_the_whole(db: None) -> None:
    make_external(CODE)
    insert(CODE, some_signals(START, 100, MINUTE))
    for window in (
        Window(START + 5 * MINUTE, START + 80 * MINUTE),
        Window(START, START + 5 * MINUTE),
        Window(START + 80 * MINUTE, START + 100 * MINUTE),
    ):
        rebuild_inner(loader_code=CODE, window=window)
        rebuild_edges(loader_code=CODE, window=window)
    assert rolled_up() == summed()


def _by_rebuild(window: Window) -> None:
    rebuild(loader_code=CODE, window=window)


def _as_a_run_does(window: Window) -> None:
    rebuild_inner(loader_code=CODE, window=window)
    LoaderState.objects.select_for_update(no_key=True).get(loader__loader_code=CODE)
    rebuild_edges(loader_code=CODE, window=window)


@pytest.mark.parametrize("roll_up", [_by_rebuild, _as_a_run_does])
def test_of_two_commits_into_one_quarter_of_an_hour_none_is_lost(
    committed_db: PortalDatabase, roll_up: Callable[[Window], None]
) -> None:
    make_external(CODE)
    put(CODE, some_signals(START + 5 * HOUR, 10, MINUTE))
    has_rolled_up, may_commit = threading.Event(), threading.Event()

    def commit(start: int, count: int, *, waits: bool) -> None:
        try:
            with transaction.atomic():
                insert(CODE, some_signals(START + start * MINUTE, count, MINUTE))
                roll_up(Window(START + start * MINUTE, START + (start + count) * MINUTE))
                has_rolled_up.set()
                if waits:
                    assert may_commit.wait(10)
        finally:
            connection.close()

    first = threading.Thread(target=commit, args=[0, 7], kwargs={"waits": True})
    second = threading.Thread(target=commit, args=[7, 40], kwargs={"waits": False})
    first.start()
    assert has_rolled_up.wait(10)
    second.start()
    wait_until(somebody_waits, seconds=10, what="the second waits for the first")
    may_commit.set()
    first.join()
    second.join()
    assert rolled_up() == summed()
    assert sum(row[2] for row in rolled_up()) == 57


def test_the_key_of_rollups_carries_every_total(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('signals.signals_rollup_pkey'::regclass)")
        ((definition,),) = cursor.fetchall()
    carried = definition.partition("INCLUDE (")[2].rstrip(")").split(", ")
    assert set(carried) == set(TOTALS)
