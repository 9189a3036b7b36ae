"""Dispatch, claim and reaping: the losing side of every race."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django_q.models import OrmQ

from audit.models import LoaderEvent
from core.clock import ClockTimestamp, database_now
from execution import engine, scheduler
from execution.exceptions import LoaderAtCapacityError, PortalAtCapacityError
from execution.models import (
    LoaderExecutionLock,
    LoadHistory,
    Replica,
    RunStatus,
    SchedulerLease,
    Trigger,
)
from execution.retry import FailureKind
from execution.services import dispatch, reap_expired, record_failure, release_replica, take
from execution.services.failure import Failure
from execution.services.reaping import hint_unclaimed_again
from execution.services.release import release
from execution.windows import NotDue, NotDueReason
from loaders.exceptions import (
    DefinitionTamperedError,
    EnvironmentMismatchError,
    LoaderDisabledError,
    LoaderNotApprovedError,
)
from loaders.models import LoaderState
from loaders.services import disable, enable, update_loader
from signals import writer
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.portal import portal_environment
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return Scene(postgres_source)


def dispatch_in_parallel(database: PortalDatabase, loader_codes: list[str]) -> list[str]:
    """Dispatch each of the loaders from a process of its own, all at once; what became of each."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.support.dispatch_once", *loader_codes],
        cwd=ROOT,
        env=portal_environment(database),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return sorted(said.stdout.split())


def test_of_five_dispatchers_at_once_one_gets_the_loader(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    outcomes = dispatch_in_parallel(committed_db, ["ORDERS_HOURLY"] * 5)
    assert outcomes == ["LOADER_AT_CAPACITY"] * 4 + ["dispatched"]
    assert LoaderExecutionLock.objects.active().count() == 1
    assert LoadHistory.objects.count() == 1
    assert OrmQ.objects.filter(key="exec").count() == 1


def test_the_slots_of_live_replicas_are_never_exceeded(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    codes = [f"LOADER_{n}" for n in range(5)]
    for code in codes:
        scene.add_loader(code)
    Replica.objects.update(slots=2)
    outcomes = dispatch_in_parallel(committed_db, codes)
    assert outcomes == ["LOADER_AT_CAPACITY"] * 3 + ["dispatched"] * 2
    assert LoaderExecutionLock.objects.active().count() == 2


def test_the_cap_of_the_source_holds_over_loaders(scene: Scene) -> None:
    other = scene.add_loader("ANOTHER_LOADER")
    scene.source.max_connections = 1
    scene.source.save()
    scene.dispatch()
    with pytest.raises(LoaderAtCapacityError, match="SHOP serves 1 runs already"):
        dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE)


def test_the_global_cap_stops_the_dispatcher(scene: Scene, settings: Any) -> None:
    other = scene.add_loader("ANOTHER_LOADER")
    settings.MAX_ACTIVE_LOCKS = 1
    scene.dispatch()
    with pytest.raises(PortalAtCapacityError):
        dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE)


def test_without_a_live_replica_nothing_is_dispatched(scene: Scene) -> None:
    Replica.objects.update(heartbeat_at=START)
    with pytest.raises(PortalAtCapacityError, match="No worker has a free slot"):
        scene.dispatch()
    assert not LoadHistory.objects.exists()


def test_a_second_live_run_of_a_loader_is_impossible_in_the_database(scene: Scene) -> None:
    history = scene.dispatch()
    lock = LoaderExecutionLock.objects.get()
    second = LoadHistory.objects.get(pk=history.pk)
    second.pk = None
    second._state.adding = True
    second.save()
    lock.pk = None
    lock._state.adding = True
    lock.load_history = second
    with pytest.raises(IntegrityError), transaction.atomic():
        lock.save()


def test_only_what_a_second_person_approved_is_dispatched(scene: Scene, settings: Any) -> None:
    operator, loader = scene.people.operator, scene.loader
    disable(user=operator, loader=loader)
    with pytest.raises(LoaderDisabledError):
        scene.dispatch()
    enable(user=operator, loader=loader)
    update_loader(user=operator, loader=loader, values={"lateness_seconds": 120})
    with pytest.raises(LoaderNotApprovedError):
        scene.dispatch()


def test_a_source_of_another_environment_is_not_read(scene: Scene, settings: Any) -> None:
    settings.DEPLOYMENT_ENVIRONMENT = "production"
    with pytest.raises(EnvironmentMismatchError):
        scene.dispatch()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE loader SET lateness_seconds = 0",
        "UPDATE source_databases SET ip = 'elsewhere'",
        "UPDATE loader_version SET decided_by_id = submitted_by_id + 0, decision = 'APPROVED', "
        "submitted_by_id = decided_by_id",
        "UPDATE loader_version SET digest = 'hs1:00000000:0'",
        "UPDATE loader_version SET approval_seal = ''",
    ],
)
def test_a_row_altered_behind_the_portals_back_is_refused(scene: Scene, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(DefinitionTamperedError):
        scene.dispatch()


def test_a_pending_version_flipped_to_approved_by_sql_does_not_run(scene: Scene) -> None:
    from loaders.services import submit

    update_loader(user=scene.people.operator, loader=scene.loader, values={"lateness_seconds": 120})
    version = submit(user=scene.people.operator, loader=scene.loader)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loader_version SET decision = 'APPROVED', decided_by_id = %s, "
            "approval_seal = (SELECT approval_seal FROM loader_version WHERE number = 1) "
            "WHERE id = %s",
            [scene.people.approver.pk, version.pk],
        )
        cursor.execute(
            "UPDATE loader SET approval_status = 'APPROVED', approved_version_id = %s",
            [version.pk],
        )
    with pytest.raises(DefinitionTamperedError):
        scene.dispatch()


def test_a_watermark_in_the_future_holds_the_loader(scene: Scene) -> None:
    future = database_now() + timedelta(days=1)
    LoaderState.objects.update(last_load_timestamp=future)
    outcome = dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE)
    assert outcome == NotDue(NotDueReason.WATERMARK_IN_FUTURE)
    state = LoaderState.objects.get()
    assert state.next_due_at is not None
    assert state.next_due_at > future


# --- claim --------------------------------------------------------------------------------------


def test_of_two_workers_one_claims_the_window(scene: Scene) -> None:
    lock_id = lock_id_of(scene.dispatch())
    assert take(lock_id) is not None
    assert take(lock_id) is None
    lock = LoaderExecutionLock.objects.get()
    assert lock.replica_name == "test-replica"
    assert lock.backend_pid is not None


def test_a_released_window_is_not_claimed(scene: Scene) -> None:
    lock_id = lock_id_of(scene.dispatch())
    assert release(lock_id) is True
    assert take(lock_id) is None


def test_release_twice_is_harmless(scene: Scene) -> None:
    lock_id = lock_id_of(scene.dispatch())
    assert release(lock_id) is True
    assert release(lock_id) is False


def test_a_failure_is_recorded_once(scene: Scene) -> None:
    history = scene.dispatch()
    failure = Failure(code="X", message="x", kind=FailureKind.TERMINAL)
    assert record_failure(lock_id_of(history), failure) is True
    assert record_failure(lock_id_of(history), failure) is False
    assert LoaderState.objects.get().consecutive_failures == 1
    assert LoaderEvent.objects.filter(kind="RUN_FAILED").count() == 1


# --- reaping ------------------------------------------------------------------------------------


def expire() -> None:
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))


def test_a_window_that_nobody_claimed_is_hinted_again_then_released(scene: Scene) -> None:
    history = scene.dispatch()
    OrmQ.objects.all().delete()
    assert hint_unclaimed_again() == 0
    LoaderExecutionLock.objects.update(hinted_at=ClockTimestamp() - timedelta(seconds=16))
    assert hint_unclaimed_again() == 1
    assert hint_unclaimed_again() == 0
    assert OrmQ.objects.filter(key="exec").count() == 1
    expire()
    assert reap_expired() == 1
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "NOT_CLAIMED")


def test_a_live_run_is_not_reaped(scene: Scene) -> None:
    take(lock_id_of(scene.dispatch()))
    assert reap_expired() == 0


def test_a_frozen_run_is_ended_with_its_database_session_and_its_successor_loads_the_window(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    """The frozen run stands in mid-COPY with its rows uncommitted: while its session lives, the
    successor would wait on the unique key."""
    add_orders(scene.server, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    frozen = threading.Event()
    thread = threading.Thread(target=_run_and_freeze, args=(history, frozen))
    thread.start()
    assert frozen.wait(10)
    expire()
    assert reap_expired() == 1
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "LEASE_EXPIRED")
    thread.join(10)
    LoaderState.objects.update(next_due_at=database_now())
    successor = scene.run()
    assert successor.status == RunStatus.SUCCESS, successor.error_message
    history.refresh_from_db()
    assert history.error_code == "LEASE_EXPIRED"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(load_history_id::text) FROM signals_history")
        assert cursor.fetchone() == (1, str(successor.pk))


def _run_and_freeze(history: LoadHistory, frozen: threading.Event) -> None:
    """Run, and hang after the rows are written; a frozen process records no failure either."""
    patch = pytest.MonkeyPatch()
    written = writer.write

    def write_then_hang(**arguments: Any) -> Any:
        outcome = written(**arguments)
        frozen.set()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return outcome

    patch.setattr(engine, "write", write_then_hang)
    patch.setattr(engine, "record_failure", lambda *_: None)
    try:
        engine.run(lock_id_of(history))
    finally:
        patch.undo()
        connection.close()


def test_a_later_session_with_the_same_pid_is_left_alone(scene: Scene) -> None:
    take(lock_id_of(scene.dispatch()))
    LoaderExecutionLock.objects.update(backend_start=START)
    expire()
    assert reap_expired() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_a_dead_replicas_runs_are_released_and_those_of_others_stay(scene: Scene) -> None:
    other = scene.add_loader("ANOTHER_LOADER")
    take(lock_id_of(scene.dispatch()))
    take(lock_id_of(scene.dispatch(other)))
    LoaderExecutionLock.objects.update(backend_pid=None)
    LoaderExecutionLock.objects.filter(loader=other).update(replica_name="elsewhere")
    assert release_replica("test-replica") == 1
    assert LoaderExecutionLock.objects.active().get().replica_name == "elsewhere"


# --- scheduler ----------------------------------------------------------------------------------


def test_a_cycle_dispatches_what_is_due_and_nothing_else(scene: Scene) -> None:
    scene.add_loader("DISABLED_LOADER", enabled=False)
    later = scene.add_loader("LATER_LOADER")
    LoaderState.objects.filter(pk=later.pk).update(next_due_at=database_now() + HOUR)
    report = scheduler.cycle()
    assert report is not None
    assert report.dispatched == ["ORDERS_HOURLY"]


def test_idle_loaders_go_before_failed_ones_and_the_longest_overdue_first(scene: Scene) -> None:
    for code, status, hours in (
        ("FAILED_LONG_AGO", "FAILED", 9),
        ("IDLE_RECENT", "IDLE", 1),
        ("IDLE_LONG_AGO", "IDLE", 5),
    ):
        loader = scene.add_loader(code)
        LoaderState.objects.filter(pk=loader.pk).update(
            load_status=status, next_due_at=database_now() - hours * HOUR
        )
    report = scheduler.cycle()
    assert report is not None
    assert report.dispatched == ["IDLE_LONG_AGO", "IDLE_RECENT", "ORDERS_HOURLY", "FAILED_LONG_AGO"]


def test_one_loaders_fault_never_stops_the_cycle(scene: Scene) -> None:
    broken = scene.add_loader("A_BROKEN_LOADER")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loader SET loader_sql = 'not encrypted' WHERE loader_code = 'A_BROKEN_LOADER'"
        )
    report = scheduler.cycle()
    assert report is not None
    assert (report.refused, report.dispatched) == (["A_BROKEN_LOADER"], ["ORDERS_HOURLY"])
    state = LoaderState.objects.get(pk=broken.pk)
    assert (state.load_status, state.consecutive_failures) == ("FAILED", 1)
    assert state.next_due_at is not None
    assert state.next_due_at > database_now()


def test_one_replica_at_a_time_runs_the_cycle(scene: Scene) -> None:
    SchedulerLease.objects.update(
        holder="elsewhere", lease_until=ClockTimestamp() + timedelta(seconds=30)
    )
    assert scheduler.cycle() is None
    SchedulerLease.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    assert scheduler.cycle() is not None


def test_a_loader_that_has_ended_is_never_due_again(scene: Scene) -> None:
    LoaderState.objects.update(last_load_timestamp=START + 24 * HOUR)
    report = scheduler.cycle()
    assert report is not None
    assert report.dispatched == []
    assert LoaderState.objects.get().next_due_at is None
