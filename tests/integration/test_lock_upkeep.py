"""Stale locks end, released ones are deleted, and nothing that lives is hurt by either."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from structlog.testing import capture_logs

from core.clock import ClockTimestamp
from execution import engine
from execution.exceptions import RunCancelledError
from execution.maintenance import locks as upkeep
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus
from execution.services import commit, reaping, record_failure, take
from execution.services.failure import Failure
from execution.services.release import release
from signals import writer
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import wait_until
from tests.support.scenes import START, Scene, add_orders, lock_id_of
from tests.support.target import signals

DAY = timedelta(days=1)


@pytest.fixture
def scene(
    committed_db: PortalDatabase, postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0))
    monkeypatch.setattr(upkeep, "GRACE_SECONDS", 0.3)
    return scene


def in_thread(function: Callable[[], Any]) -> Future[Any]:
    """Start it in a thread with a database session of its own."""

    def work() -> Any:
        try:
            return function()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    started = pool.submit(work)
    pool.shutdown(wait=False)
    return started


def age(history: LoadHistory, by: timedelta = timedelta(hours=4)) -> None:
    """Let the lock have been acquired long ago; its lease is kept up."""
    LoaderExecutionLock.objects.filter(load_history=history).update(
        acquired_at=ClockTimestamp() - by
    )


def outcome_of(history: LoadHistory) -> tuple[str, str]:
    history.refresh_from_db()
    return history.status, history.error_code


def count(query: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return int(cursor.fetchone()[0])


def sessions_of(lock: LoaderExecutionLock) -> int:
    return count(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s",
        lock.backend_pid,
        lock.backend_start,
    )


@contextmanager
def hung_worker(history: LoadHistory) -> Iterator[LoaderExecutionLock]:
    """A worker that took the window, holds the loader's rows, and answers to nothing."""
    holds, over = threading.Event(), threading.Event()

    def hang() -> None:
        assert take(lock_id_of(history)) is not None
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM loader_state FOR UPDATE")
                holds.set()
                over.wait(60)
        except DatabaseError:
            connection.close()

    worker = in_thread(hang)
    assert holds.wait(30)
    try:
        yield LoaderExecutionLock.objects.get(load_history=history)
    finally:
        over.set()
        worker.result(30)


def test_a_stale_run_that_does_not_stop_is_ended_with_its_session_and_says_so(
    scene: Scene,
) -> None:
    history = scene.dispatch()
    with hung_worker(history) as lock:
        age(history)
        assert upkeep.end_stale_locks() == 1
        assert sessions_of(lock) == 0
    assert outcome_of(history) == (RunStatus.FAILED, "STALE_LOCK")
    assert "more than 3 hours" in history.error_message
    assert not LoaderExecutionLock.objects.active().exists()
    assert scene.run().status == RunStatus.SUCCESS
    assert len(signals()) == 1


def test_a_stale_run_that_answers_is_cancelled_without_waiting_for_the_grace(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRACE_SECONDS", 60.0)
    extracting = threading.Event()
    real = writer.write

    def write_slowly(**arguments: Any) -> Any:
        with connection.cursor() as cursor:
            extracting.set()
            cursor.execute("SELECT pg_sleep(30)")
        return real(**arguments)

    monkeypatch.setattr(engine, "write", write_slowly)
    history = scene.dispatch()
    run = in_thread(lambda: engine.run(lock_id_of(history)))
    assert extracting.wait(30)
    age(history)
    assert upkeep.end_stale_locks() == 1
    run.result(30)
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")


def test_a_lock_that_is_not_stale_is_left_alone(scene: Scene) -> None:
    history = scene.dispatch()
    age(history, timedelta(hours=2, minutes=59))
    assert upkeep.end_stale_locks() == 0
    assert not LoaderExecutionLock.objects.get().cancel_requested
    assert outcome_of(history)[0] == RunStatus.RUNNING


def test_a_stale_run_that_is_about_to_commit_wins_cleanly(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, may_commit = threading.Event(), threading.Event()
    real = commit

    def commit_then_wait(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        released.set()
        assert may_commit.wait(30)

    monkeypatch.setattr(engine, "commit", commit_then_wait)
    history = scene.dispatch()
    age(history)
    run = in_thread(lambda: engine.run(lock_id_of(history)))
    assert released.wait(30)
    upkeep_ends = in_thread(upkeep.end_stale_locks)
    wait_until(
        lambda: count("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0,
        seconds=10,
        what="the upkeep waits for the run's commit",
    )
    may_commit.set()
    upkeep_ends.result(30)
    run.result(30)
    assert outcome_of(history) == (RunStatus.SUCCESS, "")
    assert len(signals()) == 1


def test_a_stale_run_that_comes_to_its_fence_too_late_leaves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commit

    def lose_then_commit(*arguments: Any, **named: Any) -> None:
        in_thread(reaping.ask_stale_to_stop).result(30)
        real(*arguments, **named)

    monkeypatch.setattr(engine, "commit", lose_then_commit)
    history = scene.dispatch()
    age(history)
    engine.run(lock_id_of(history))
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")
    assert signals() == []


def test_a_stale_run_that_ends_by_itself_while_it_is_being_ended_is_recorded_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = scene.dispatch()
    age(history)

    def stops_just_now(lock: LoaderExecutionLock) -> None:
        assert record_failure(lock.pk, Failure.of(RunCancelledError("The run was cancelled.")))

    monkeypatch.setattr(reaping, "end_backend", stops_just_now)
    upkeep.end_stale_locks()
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")
    assert count("SELECT count(*) FROM loader_event WHERE kind <> 'DEFINITION_DECIDED'") == 1


def test_releasing_twice_is_harmless_and_warns(scene: Scene) -> None:
    lock_id = lock_id_of(scene.dispatch())
    with capture_logs() as logs:
        assert release(lock_id)
        first = LoaderExecutionLock.objects.get().released_at
        assert not release(lock_id)
    assert LoaderExecutionLock.objects.get().released_at == first
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("lock.already_released", "warning")
    ]


def test_the_session_of_a_released_lock_is_not_ended(scene: Scene) -> None:
    history = scene.dispatch()
    with hung_worker(history) as lock:
        release(lock.pk)
        reaping.end_backend(lock)
        assert sessions_of(lock) == 1


def test_old_released_locks_are_deleted_in_batches_and_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 1)
    histories = [scene.run() for _ in range(3)]
    active = scene.dispatch()
    old = [lock_id_of(history) for history in histories[:2]]
    everything = LoaderExecutionLock.objects.all()
    everything.filter(pk__in=old).update(released_at=ClockTimestamp() - 8 * DAY)
    everything.exclude(pk__in=old).update(released_at=ClockTimestamp() - 6 * DAY)
    everything.filter(load_history=active).update(released_at=ClockTimestamp() - 8 * DAY)
    assert upkeep.delete_released_locks() == 2
    left = set(LoaderExecutionLock.objects.values_list("load_history", flat=True))
    assert left == {histories[2].pk, active.pk}
    assert LoadHistory.objects.count() == 4
    assert upkeep.delete_released_locks() == 0
