"""What happens between the steps of a run: cancels, edits, faults of the portal's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from core.clock import ClockTimestamp
from execution import engine, scheduler
from execution.models import (
    CoverageInterval,
    LoaderExecutionLock,
    LoadHistory,
    Replica,
    RunStatus,
    SchedulerLease,
    Trigger,
)
from execution.retry import FailureKind
from execution.services import (
    dispatch,
    reap_expired,
    reaping,
    record_failure,
    request_cancel,
    take,
)
from execution.services.failure import Failure
from execution.supervisor import ReplicaNameTakenError, Supervisor
from loaders.connectors.postgresql import PostgresqlConnection
from loaders.models import LoaderState
from loaders.services import approve, submit, update_loader
from signals import writer
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of
from tests.support.target import signals


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0))
    return scene


def by_somebody_else(statement: str) -> None:
    """A statement in a session of its own."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(statement)
    other.close()


def outcome_of(history: LoadHistory) -> tuple[str, str]:
    history.refresh_from_db()
    return history.status, history.error_code


def test_a_run_cancelled_while_it_was_queued_never_asks_the_source(scene: Scene) -> None:
    history = scene.dispatch()
    request_cancel(user=scene.people.operator, execution=history)
    engine.run(lock_id_of(history))
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")
    assert signals() == []


def test_a_cancel_before_anybody_claimed_is_a_cancel_and_no_failure(scene: Scene) -> None:
    history = scene.dispatch()
    request_cancel(user=scene.people.operator, execution=history)
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    assert reap_expired() == 1
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")
    assert LoaderState.objects.get().consecutive_failures == 0


def test_a_cancel_after_the_last_row_still_keeps_the_run_from_committing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer.write

    def write_then_cancel(**arguments: Any) -> Any:
        written = real(**arguments)
        by_somebody_else("UPDATE loader_execution_lock SET cancel_requested = true")
        return written

    monkeypatch.setattr(engine, "write", write_then_cancel)
    history = scene.run()
    assert outcome_of(history) == (RunStatus.CANCELLED, "CANCELLED")
    assert signals() == []


def test_a_loader_approved_anew_after_dispatch_does_not_run_the_old_window(scene: Scene) -> None:
    history = scene.dispatch()
    people = scene.people
    update_loader(user=people.operator, loader=scene.loader, values={"grain_seconds": None})
    submit(user=people.operator, loader=scene.loader)
    approve(user=people.approver, loader=scene.loader)
    engine.run(lock_id_of(history))
    assert outcome_of(history) == (RunStatus.CANCELLED, "LOADER_NOT_APPROVED")
    assert signals() == []


def test_a_watermark_moved_between_dispatch_and_claim_wins(scene: Scene) -> None:
    history = scene.dispatch()
    LoaderState.objects.update(last_load_timestamp=START - HOUR)
    engine.run(lock_id_of(history))
    assert outcome_of(history) == (RunStatus.CANCELLED, "WATERMARK_MOVED")
    assert LoaderState.objects.get().last_load_timestamp == START - HOUR


def test_a_database_error_of_a_second_worker_leaves_the_first_ones_run_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_id = lock_id_of(scene.dispatch())
    assert take(lock_id) is not None

    def fail(_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(engine, "take", fail)
    engine.run(lock_id)
    assert LoaderExecutionLock.objects.active().filter(pk=lock_id).exists()


def test_a_failure_that_can_not_be_recorded_is_left_to_the_lease(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("gone")

    scene.server.execute("DROP TABLE orders")
    history = scene.dispatch()
    monkeypatch.setattr(engine, "record_failure", fail)
    engine.run(lock_id_of(history))
    assert LoaderExecutionLock.objects.active().count() == 1
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    LoaderExecutionLock.objects.update(backend_pid=None)
    assert reap_expired() == 1


def test_a_run_that_has_ended_is_not_ended_again_as_failed(scene: Scene) -> None:
    history = scene.dispatch()
    LoadHistory.objects.update(status=RunStatus.SUCCESS)
    failure = Failure(code="X", message="x", kind=FailureKind.TERMINAL)
    assert record_failure(lock_id_of(history), failure) is False
    assert outcome_of(history) == (RunStatus.SUCCESS, "")
    assert LoaderState.objects.get().consecutive_failures == 0


@pytest.mark.parametrize(
    ("clock", "outcome"),
    [
        (START + 30 * timedelta(minutes=1), (RunStatus.CANCELLED, "SOURCE_CLOCK_BEHIND")),
        (START + 2 * HOUR, (RunStatus.SUCCESS, "")),
    ],
)
def test_a_source_whose_clock_is_behind_is_asked_for_what_is_closed_there(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    clock: datetime,
    outcome: tuple[str, str],
) -> None:
    monkeypatch.setattr(PostgresqlConnection, "server_clock", lambda _: clock)
    history = scene.run()
    assert outcome_of(history) == outcome
    if outcome[0] == RunStatus.SUCCESS:
        assert history.query_to_time == START + HOUR
        assert CoverageInterval.objects.get().range_to == START + HOUR
    else:
        assert LoaderState.objects.get().consecutive_failures == 0


def test_the_runs_transaction_may_wait_on_the_source_for_as_long_as_it_takes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer.write
    seen: list[str] = []

    def look_then_write(**arguments: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            seen.append(cursor.fetchone()[0])
        return real(**arguments)

    monkeypatch.setattr(engine, "write", look_then_write)
    scene.run()
    assert seen == ["0"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("2min",)


def test_the_slots_of_a_draining_replica_do_not_count(scene: Scene) -> None:
    Replica.objects.update(draining=True)
    with pytest.raises(Exception, match="No worker has a free slot"):
        dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE)


def test_a_defect_with_one_loader_does_not_stop_the_cycle(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = scene.add_loader("A_BROKEN_LOADER")
    real = dispatch

    def overflow(*, loader_id: Any, **arguments: Any) -> Any:
        if loader_id == broken.pk:
            raise OverflowError
        return real(loader_id=loader_id, **arguments)

    monkeypatch.setattr(scheduler, "dispatch", overflow)
    report = scheduler.cycle()
    assert report is not None
    assert (report.refused, report.dispatched) == (["A_BROKEN_LOADER"], ["ORDERS_HOURLY"])


def test_a_loader_whose_state_row_is_held_does_not_stop_the_cycle(scene: Scene) -> None:
    scene.add_loader("A_LOCKED_LOADER")
    other = connection.copy()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT 1 FROM loader_state s JOIN loader l ON l.id = s.loader_id "
            "WHERE l.loader_code = 'A_LOCKED_LOADER' FOR UPDATE OF s"
        )
    report = scheduler.cycle()
    other.close()
    assert report is not None
    assert (report.refused, report.dispatched) == (["A_LOCKED_LOADER"], ["ORDERS_HOURLY"])


def test_a_lock_that_can_not_be_reaped_keeps_no_loader_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = scene.dispatch()
    other = scene.add_loader("ANOTHER_LOADER")
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))

    def fail(*_: Any, **__: Any) -> bool:
        raise ValueError("coverage intervals don't overlap")

    monkeypatch.setattr(reaping, "record_failure", fail)
    report = scheduler.cycle()
    assert report is not None
    assert report.dispatched == [other.loader_code]
    assert outcome_of(stuck)[0] == RunStatus.RUNNING


def test_a_cycle_that_breaks_off_does_not_pass_for_a_whole_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(scheduler, "_dispatch_due", fail)
    with pytest.raises(OperationalError):
        scheduler.cycle()
    assert SchedulerLease.objects.get().last_cycle_at is None


def test_each_scheduled_run_has_a_correlation_id_of_its_own(scene: Scene) -> None:
    scene.add_loader("ANOTHER_LOADER")
    scheduler.cycle()
    ids = set(LoadHistory.objects.values_list("correlation_id", flat=True))
    assert len(ids) == 2


def test_a_second_replica_of_the_same_name_does_not_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.beat()
    monkeypatch.setattr("execution.supervisor.time.sleep", lambda _: scene.beat())
    with pytest.raises(ReplicaNameTakenError, match="test-replica"):
        Supervisor()._take_over()


def test_a_replica_takes_its_name_over_from_a_dead_one(scene: Scene) -> None:
    Replica.objects.update(heartbeat_at=START, slots=3)
    Supervisor()._take_over()
    assert Replica.objects.live().get().slots != 3
