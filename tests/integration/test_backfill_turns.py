"""Live runs go first, backfills do not starve: over loaders, sources and one slot."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from backfill.models import BackfillJob
from backfill.scheduling import serve
from backfill.states import JobStatus, Wait
from core.clock import ClockTimestamp, database_now
from execution.cycle_work import LiveLeft
from execution.models import LoaderExecutionLock, Replica
from loaders.models import Loader, LoaderState, SourceDatabase
from tests.servers import SourceServer
from tests.support.backfills import (
    backfill_scene,
    cycle,
    execute_all,
    fresh,
    last_triggers,
    set_aside,
    submitted,
)
from tests.support.scenes import START, Scene

LONG_AGO = timedelta(minutes=16)


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    """One slot, a loader to backfill, and another one that is always due."""
    scene = backfill_scene(postgres_source)
    scene.add_loader("ALWAYS_DUE", max_query_period_seconds=3600, end_at=None)
    Replica.objects.update(slots=1)
    return scene


def be_due() -> None:
    """The live loader has something to load at once."""
    LoaderState.objects.filter(loader__loader_code="ALWAYS_DUE").update(next_due_at=START)


def turn(scene: Scene) -> None:
    be_due()
    cycle(scene)
    execute_all()


def test_with_one_slot_live_runs_go_first_and_a_backfill_takes_what_they_leave(
    scene: Scene,
) -> None:
    job = submitted(scene)
    for _ in range(2):
        turn(scene)
    assert last_triggers(5) == ["live", "live"]
    waiting = fresh(job)
    assert (waiting.status, waiting.waits_for) == (JobStatus.PENDING, Wait.CAPACITY)
    assert waiting.waiting_since is not None
    LoaderState.objects.update(next_due_at=None)
    cycle(scene)
    execute_all()
    assert last_triggers(1) == ["backfill"]
    assert (fresh(job).waits_for, fresh(job).waiting_since) == ("", None)


def test_with_one_slot_a_backfill_that_waited_gets_every_second_turn(scene: Scene) -> None:
    job = submitted(scene)
    turn(scene)
    BackfillJob.objects.update(waiting_since=F("waiting_since") - LONG_AGO)
    for _ in range(5):
        turn(scene)
    assert last_triggers(6) == ["live", "backfill", "live", "backfill", "live", "backfill"]
    assert fresh(job).windows_done >= 2


def test_with_one_slot_taken_nobody_gets_a_second_one(scene: Scene) -> None:
    submitted(scene)
    BackfillJob.objects.update(waiting_since=database_now() - LONG_AGO)
    be_due()
    for _ in range(3):
        cycle(scene)
    assert LoaderExecutionLock.objects.active().count() == 1


def test_a_backfill_waits_for_the_live_run_of_its_own_loader(scene: Scene) -> None:
    Replica.objects.update(slots=10)
    LoaderState.objects.update(next_due_at=None)
    job = submitted(scene)
    LoaderState.objects.filter(loader=scene.loader).update(next_due_at=START)
    cycle(scene)
    assert last_triggers(2) == ["live"]
    execute_all()
    LoaderState.objects.filter(loader=scene.loader).update(next_due_at=None)
    cycle(scene)
    assert last_triggers(1) == ["backfill"]
    assert fresh(job).status == JobStatus.RUNNING


def test_at_a_source_with_one_connection_live_runs_go_first_too(scene: Scene) -> None:
    Replica.objects.update(slots=10)
    SourceDatabase.objects.update(max_connections=1)
    submitted(scene)
    turn(scene)
    turn(scene)
    assert last_triggers(3) == ["live", "live"]
    BackfillJob.objects.update(waiting_since=ClockTimestamp() - LONG_AGO)
    for _ in range(3):
        turn(scene)
    assert last_triggers(4) == ["live", "backfill", "live", "backfill"]


def test_a_place_that_came_free_within_a_cycle_is_the_waiting_live_runs(scene: Scene) -> None:
    """Of its source for one that found none there, any for those who were not even tried."""
    job = submitted(scene)
    waiting = Loader.objects.get(loader_code="ALWAYS_DUE").pk
    for left in (LiveLeft(waiting={waiting}), LiveLeft(is_full=True)):
        assert serve(left) == []
        assert fresh(job).waiting_since is not None
        BackfillJob.objects.update(waiting_since=None)
    assert serve(LiveLeft()) == [str(job.pk)]


def test_backfills_of_a_loader_leave_its_live_run_a_place(
    committed_db: None, postgres_source: SourceServer
) -> None:
    scene = backfill_scene(postgres_source, max_parallel_executions=3)
    job = submitted(scene)
    cycle(scene)
    assert LoaderExecutionLock.objects.active().count() == 2
    LoaderState.objects.update(next_due_at=START)
    cycle(scene)
    assert last_triggers(3) == ["backfill", "backfill", "live"]
    execute_all()
    assert fresh(job).status == JobStatus.RUNNING


def test_jobs_start_by_priority_and_then_by_age(scene: Scene) -> None:
    LoaderState.objects.update(next_due_at=None)
    loaders = [scene.add_loader(f"LOADER_{n}", end_at=None) for n in range(3)]
    for loader in loaders:
        set_aside(loader)
    LoaderState.objects.update(next_due_at=None)
    jobs = [
        submitted(scene, loader, priority=priority)
        for loader, priority in zip(loaders, (5, 5, 1), strict=True)
    ]
    order = []
    for _ in jobs:
        cycle(scene)
        (running,) = LoaderExecutionLock.objects.active()
        order.append(str(running.loader_id))
        execute_all()
        BackfillJob.objects.filter(loader=running.loader).update(retry_at=database_now() + LONG_AGO)
    assert order == ["LOADER_2", "LOADER_0", "LOADER_1"]
