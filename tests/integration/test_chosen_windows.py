"""Runs over windows that somebody chose, beside the live ones (spec 6.1)."""

from __future__ import annotations

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection

from core.window import Window
from execution import engine
from execution.exceptions import (
    LoaderAtCapacityError,
    WindowBeyondWatermarkError,
    WindowOffGrainError,
)
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from execution.services import dispatch_window
from execution.windows import NotDue
from loaders.exceptions import LoaderNotApprovedError
from loaders.models import Loader, LoaderState
from loaders.policies import PurgeStrategy
from tests.servers import SourceServer
from tests.support.replica import wait_until
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of
from tests.support.waiting import somebody_waits

FIRST = Window(START, START + 2 * HOUR)
LOADED = START + 12 * HOUR
"""The watermark: live runs go on from here, and chosen windows end here."""


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source, max_parallel_executions=2)
    add_orders(postgres_source, (START + timedelta(minutes=5), "north", "web", 1.0))
    scene.run()
    LoaderState.objects.update(last_load_timestamp=LOADED)
    return scene


def chosen(scene: Scene, window: Window = FIRST, **values: Any) -> LoadHistory:
    outcome = dispatch_window(
        loader_id=scene.loader.pk,
        window=window,
        **{
            "trigger": Trigger.BACKFILL,
            "purge_strategy": PurgeStrategy.PURGE_AND_RELOAD,
            **values,
        },
    )
    assert not isinstance(outcome, NotDue)
    return outcome


def test_it_loads_its_window_and_moves_nothing_else(scene: Scene) -> None:
    before = LoaderState.objects.values().get()
    history = scene.execute(chosen(scene))
    assert (history.status, history.records_purged, history.records_loaded) == (
        RunStatus.SUCCESS,
        1,
        1,
    )
    after = LoaderState.objects.values().get()
    assert after == {**before, "data_version": before["data_version"] + 1}


def test_its_failure_is_not_the_loaders(scene: Scene) -> None:
    before = LoaderState.objects.values().get()
    history = chosen(scene, purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE)
    assert scene.execute(history).error_code == "DUPLICATE_DATA"
    assert LoaderState.objects.values().get() == before


def test_its_failure_beside_a_live_commit_leaves_coverage_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure waits for the live run's rows of coverage, which are others afterwards."""
    LoaderState.objects.update(last_load_timestamp=START + 6 * HOUR)
    failing = chosen(scene, purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE)
    live = scene.dispatch()
    committing, go_on = Event(), Event()
    module = sys.modules["execution.services.commit"]
    release = module.release_after_load

    def wait_at_the_end(lock_id: Any) -> None:
        committing.set()
        assert go_on.wait(20)
        release(lock_id)

    monkeypatch.setattr(module, "release_after_load", wait_at_the_end)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(execute, live)
        assert committing.wait(20)
        second = pool.submit(execute, failing)
        wait_until(somebody_waits, seconds=20, what="the failure waits for the commit")
        go_on.set()
        assert (first.result(), second.result()) == ("SUCCESS", "FAILED")
    stretches = CoverageInterval.objects.order_by("range_from")
    bounds = [(row.range_from, row.range_to) for row in stretches]
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(bounds)), bounds


def execute(history: LoadHistory) -> str:
    """Execute on a connection of this thread's own."""
    try:
        engine.run(lock_id_of(history))
        history.refresh_from_db()
        return history.status
    finally:
        connection.close()


def test_no_two_runs_over_one_stretch_of_time(scene: Scene) -> None:
    chosen(scene)
    with pytest.raises(LoaderAtCapacityError, match="part of this window"):
        chosen(scene, Window(START + HOUR, START + 3 * HOUR))
    live = scene.dispatch()
    assert scene.execute(live).status == RunStatus.SUCCESS


def test_a_live_run_waits_for_a_chosen_one_over_its_window(scene: Scene) -> None:
    chosen(scene)
    LoaderState.objects.update(last_load_timestamp=START + HOUR)
    with pytest.raises(LoaderAtCapacityError, match="part of this window"):
        scene.dispatch()


def test_a_loader_runs_as_often_as_it_may_at_once(scene: Scene) -> None:
    scene.dispatch()
    chosen(scene)
    with pytest.raises(LoaderAtCapacityError, match="running already"):
        chosen(scene, Window(START + 4 * HOUR, START + 5 * HOUR))


@pytest.mark.parametrize("bound", ["start", "end"])
def test_a_window_off_the_grain_is_refused(scene: Scene, bound: str) -> None:
    odd = {"start": FIRST.start, "end": FIRST.end, bound: START + timedelta(minutes=61)}
    with pytest.raises(WindowOffGrainError):
        chosen(scene, Window(odd["start"], odd["end"]))


def test_a_window_that_live_runs_have_yet_to_load_is_refused(scene: Scene) -> None:
    with pytest.raises(WindowBeyondWatermarkError):
        chosen(scene, Window(LOADED - HOUR, LOADED + HOUR))
    LoaderState.objects.update(last_load_timestamp=None)
    with pytest.raises(WindowBeyondWatermarkError):
        chosen(scene)


def test_it_needs_an_approved_definition_like_any_run(scene: Scene) -> None:
    Loader.objects.update(approval_status="DRAFT", approved_version=None)
    with pytest.raises(LoaderNotApprovedError):
        chosen(scene)
