"""Runs over windows that somebody chose, beside the live ones (spec 6.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.window import Window
from execution.exceptions import LoaderAtCapacityError, WindowOffGrainError
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services import dispatch_window
from execution.windows import NotDue
from loaders.exceptions import LoaderNotApprovedError
from loaders.models import Loader, LoaderState
from loaders.policies import PurgeStrategy
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders

FIRST = Window(START, START + 2 * HOUR)


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source, max_parallel_executions=2)
    add_orders(postgres_source, (START + timedelta(minutes=5), "north", "web", 1.0))
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
    scene.run()
    before = LoaderState.objects.get()
    history = scene.execute(chosen(scene))
    assert (history.status, history.records_purged, history.records_loaded) == (
        RunStatus.SUCCESS,
        1,
        1,
    )
    after = LoaderState.objects.get()
    assert after.data_version == before.data_version + 1
    after.data_version = before.data_version
    assert vars(after) | {"_state": None} == vars(before) | {"_state": None}


def test_its_failure_is_not_the_loaders(scene: Scene) -> None:
    scene.run()
    before = LoaderState.objects.values().get()
    history = chosen(scene, purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE)
    assert scene.execute(history).error_code == "DUPLICATE_DATA"
    assert LoaderState.objects.values().get() == before


def test_no_two_runs_over_one_stretch_of_time(scene: Scene) -> None:
    live = scene.dispatch()
    with pytest.raises(LoaderAtCapacityError, match="part of this window"):
        chosen(scene, Window(live.window.end - HOUR, live.window.end + HOUR))
    beside = chosen(scene, Window(live.window.end, live.window.end + HOUR))
    assert scene.execute(beside).status == RunStatus.SUCCESS
    assert scene.execute(live).status == RunStatus.SUCCESS


def test_a_live_run_waits_for_a_chosen_one_over_its_window(scene: Scene) -> None:
    chosen(scene)
    with pytest.raises(LoaderAtCapacityError, match="part of this window"):
        scene.dispatch()


def test_a_loader_runs_as_often_as_it_may_at_once(scene: Scene) -> None:
    scene.dispatch()
    chosen(scene, Window(START + 12 * HOUR, START + 13 * HOUR))
    with pytest.raises(LoaderAtCapacityError, match="running already"):
        chosen(scene, Window(START + 14 * HOUR, START + 15 * HOUR))


@pytest.mark.parametrize("bound", ["start", "end"])
def test_a_window_off_the_grain_is_refused(scene: Scene, bound: str) -> None:
    odd = {"start": FIRST.start, "end": FIRST.end, bound: START + timedelta(minutes=61)}
    with pytest.raises(WindowOffGrainError):
        chosen(scene, Window(odd["start"], odd["end"]))


def test_it_needs_an_approved_definition_like_any_run(scene: Scene) -> None:
    Loader.objects.update(approval_status="DRAFT", approved_version=None)
    with pytest.raises(LoaderNotApprovedError):
        chosen(scene)
