"""Maintenance jobs: each runs once over all replicas, and comes again when its worker is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.db import connection
from django_q.exceptions import TimeoutException

from core.clock import ClockTimestamp, database_now
from core.errors import TransientError
from core.ids import uuid7
from execution import tasks
from execution.hints import MAINTENANCE_CLUSTER, hint_maintenance
from execution.maintenance import Cron, Every, register
from execution.maintenance.jobs import OUTPUTS, PARTITIONS, RELEASED_LOCKS, REQUESTS, STALE_LOCKS
from execution.maintenance.registry import registered
from execution.maintenance.runner import due_jobs, give_back, run_next
from execution.models import MaintenanceJob
from execution.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures("committed_db")

MINUTE = timedelta(minutes=1)


class WithoutNameError(TransientError):
    """One of the product's errors."""

    code = "PLANTED"


@pytest.fixture
def no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A register without the portal's own jobs."""
    import_path = "execution.maintenance.registry._jobs"
    monkeypatch.setattr(import_path, {})


def run_all() -> int:
    """Run jobs until none is due."""
    ran = 0
    while run_next():
        ran += 1
    return ran


def lose(name: str) -> None:
    """Let the lease of a job's worker run out."""
    MaintenanceJob.objects.filter(pk=name).update(lease_until=ClockTimestamp() - MINUTE)


def test_the_portals_own_jobs_are_registered_and_all_run_at_the_first_chance() -> None:
    jobs = registered()
    assert {STALE_LOCKS, RELEASED_LOCKS, PARTITIONS, REQUESTS, OUTPUTS} <= set(jobs)
    assert jobs[RELEASED_LOCKS].schedule == Cron(portal_settings.LOCK_CLEANUP_CRON)
    assert jobs[STALE_LOCKS].schedule == Every(30 * MINUTE)
    assert run_all() == len([job for job in jobs.values() if isinstance(job.schedule, Every)])
    assert not MaintenanceJob.objects.exclude(last_error="").exists()
    assert MaintenanceJob.objects.get(pk=PARTITIONS).last_count == 4
    MaintenanceJob.objects.update(first_seen_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert [job.name for _, job, _ in due_jobs()] == [RELEASED_LOCKS]


@pytest.mark.usefixtures("no_jobs")
def test_of_many_workers_at_once_one_runs_the_job() -> None:
    ran: list[int] = []

    def count() -> int:
        ran.append(1)
        return len(ran)

    register("count", Every(MINUTE), count)
    due_jobs()
    barrier = threading.Barrier(8)

    def work(_: int) -> bool:
        barrier.wait(30)
        try:
            return run_next()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    assert (sum(results), ran) == (1, [1])


@pytest.mark.usefixtures("no_jobs")
def test_the_second_replica_that_saw_the_same_job_due_does_not_get_it() -> None:
    register("count", Every(MINUTE), lambda: 1)
    ((_, _, seen),) = due_jobs()
    lease = timedelta(seconds=30)
    take = MaintenanceJob.objects.take
    first = uuid7()
    assert take(seen, run_id=first, holder="r1", lease=lease)
    assert not take(seen, run_id=uuid7(), holder="r2", lease=lease)
    MaintenanceJob.objects.finish(first, error="", count=1)
    assert not take(seen, run_id=uuid7(), holder="r2", lease=lease)
    assert MaintenanceJob.objects.get().holder == "r1"


@pytest.mark.usefixtures("no_jobs")
def test_a_job_whose_worker_was_killed_comes_again_and_the_late_one_changes_nothing() -> None:
    register("count", Every(timedelta(days=1)), lambda: 7)
    ((_, _, seen),) = due_jobs()
    lost = uuid7()
    MaintenanceJob.objects.take(seen, run_id=lost, holder="r1", lease=MINUTE)
    assert not run_next()
    lose("count")
    assert run_next()
    assert not MaintenanceJob.objects.finish(lost, error="late", count=0)
    assert not MaintenanceJob.objects.renew(lost, MINUTE)
    row = MaintenanceJob.objects.get()
    assert (row.last_error, row.last_count, row.lease_until) == ("", 7, None)
    assert row.holder == portal_settings.REPLICA_NAME


@pytest.mark.usefixtures("no_jobs")
def test_a_failing_job_says_why_without_data_and_stops_no_other() -> None:
    def break_down() -> int:
        raise ValueError("planted data")

    def refuse() -> int:
        raise WithoutNameError("The table is locked.")

    register("a", Every(MINUTE), break_down)
    register("b", Every(MINUTE), refuse)
    register("c", Every(MINUTE), lambda: 3)
    assert run_all() == 3
    rows = MaintenanceJob.objects.in_bulk()
    assert rows["a"].last_error.startswith("ValueError in test_maintenance.py, line ")
    assert rows["b"].last_error == "PLANTED"
    assert (rows["c"].last_error, rows["c"].last_count) == ("", 3)


@pytest.mark.usefixtures("no_jobs")
def test_a_broken_database_session_of_one_job_does_not_reach_the_next() -> None:
    def lose_session() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    register("a", Every(MINUTE), lose_session)
    register("b", Every(MINUTE), lambda: 1)
    assert run_all() == 2
    rows = MaintenanceJob.objects.in_bulk()
    assert rows["a"].last_error.startswith("OperationalError in ")
    assert rows["b"].last_count == 1


@pytest.mark.usefixtures("no_jobs")
def test_a_job_that_recovers_loses_its_error() -> None:
    outcomes = iter([WithoutNameError("Not yet."), None])

    def act() -> int:
        error = next(outcomes)
        if error is not None:
            raise error
        return 1

    register("a", Every(timedelta(days=1)), act)
    assert run_all() == 1
    past = ClockTimestamp() - timedelta(minutes=6)
    MaintenanceJob.objects.update(last_finished_at=past)
    assert run_all() == 1
    assert MaintenanceJob.objects.get().last_error == ""


@pytest.mark.usefixtures("no_jobs")
def test_a_job_that_takes_too_long_is_recorded_and_ends_its_worker() -> None:
    def overrun() -> int:
        raise TimeoutException("limit")

    register("a", Every(MINUTE), overrun)
    with pytest.raises(TimeoutException):
        run_next()
    assert MaintenanceJob.objects.get().last_error.startswith("JOB_TIMEOUT")


@pytest.mark.usefixtures("no_jobs")
def test_a_lease_is_renewed_while_its_job_goes_on(settings: Any) -> None:
    settings.LEASE = timedelta(seconds=1.2)
    seen: list[bool] = []

    def go_on() -> int:
        first = MaintenanceJob.objects.get().lease_until
        assert first is not None
        deadline = database_now() + MINUTE
        while database_now() < first < deadline:
            pass
        seen.append(MaintenanceJob.objects.held_by(portal_settings.REPLICA_NAME).exists())
        return 1

    register("a", Every(MINUTE), go_on)
    assert run_next()
    assert seen == [True]


@pytest.mark.usefixtures("no_jobs")
def test_what_a_dead_replica_was_at_is_due_at_once() -> None:
    register("a", Every(timedelta(days=1)), lambda: 1)
    ((_, _, seen),) = due_jobs()
    MaintenanceJob.objects.take(seen, run_id=uuid7(), holder="r1", lease=MINUTE)
    assert due_jobs() == []
    assert give_back("another") == 0
    assert give_back("r1") == 1
    assert [job.name for _, job, _ in due_jobs()] == ["a"]


@pytest.mark.usefixtures("no_jobs")
def test_a_new_start_of_this_replica_makes_its_start_jobs_due() -> None:
    register("at start", Every(timedelta(days=1)), lambda: 1, at_start=True)
    register("daily", Every(timedelta(days=1)), lambda: 1)
    assert run_all() == 2
    assert due_jobs() == []
    Supervisor()._take_over()
    assert [job.name for _, job, _ in due_jobs()] == ["at start"]
    assert run_all() == 1


@pytest.mark.usefixtures("no_jobs")
def test_one_message_runs_one_job_and_asks_for_the_next() -> None:
    register("a", Every(MINUTE), lambda: 1)
    register("b", Every(MINUTE), lambda: 1)
    hint_maintenance()
    hint_maintenance()
    assert waiting() == 1
    forget()
    tasks.maintain()
    assert (MaintenanceJob.objects.exclude(last_count=None).count(), waiting()) == (1, 1)
    forget()
    tasks.maintain()
    forget()
    tasks.maintain()
    assert (MaintenanceJob.objects.exclude(last_count=None).count(), waiting()) == (2, 0)


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_q_ormq WHERE key = %s", [MAINTENANCE_CLUSTER])
        return int(cursor.fetchone()[0])


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_q_ormq")


class StandInCluster:
    """Notes that it was told to end."""

    def __init__(self, running_for: float = 60.0) -> None:
        self.running_for = running_for
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1


@pytest.mark.usefixtures("no_jobs")
@pytest.mark.parametrize(
    ("overdue", "jobs_held", "killed"),
    [(60, 0, 1), (60, 1, 0), (10, 0, 0)],
)
def test_a_maintenance_cluster_that_hangs_is_started_anew(
    overdue: int, jobs_held: int, killed: int
) -> None:
    register("late", Every(MINUTE), lambda: 1)
    due_jobs()
    MaintenanceJob.objects.update(first_seen_at=ClockTimestamp() - timedelta(seconds=overdue))
    if jobs_held:
        MaintenanceJob.objects.create(
            name="long", holder=portal_settings.REPLICA_NAME, lease_until=database_now() + MINUTE
        )
    supervisor, cluster = Supervisor(), StandInCluster()
    supervisor._clusters[MAINTENANCE_CLUSTER] = cluster  # type: ignore[assignment]
    supervisor._watch_maintenance(due_jobs()[0][0])
    assert cluster.killed == killed
    supervisor._watch_maintenance(None)
    assert cluster.killed == killed
