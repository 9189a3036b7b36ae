"""Who starts, pauses, resumes, cancels, retries and approves backfills, and who loses the race."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection

from accounts.roles import SYSTEM, PermissionDeniedError
from audit.models import AuditEvent
from backfill.exceptions import (
    BackfillJobExistsError,
    BackfillJobNotCancellableError,
    BackfillJobNotPendingError,
    BackfillTransitionError,
)
from backfill.models import BackfillJob, BackfillRun
from backfill.scheduling import serve
from backfill.services import (
    approve,
    cancel,
    execute,
    expire_requests,
    pause,
    reject,
    resume,
    retry,
)
from backfill.states import JobMode, JobStatus, PauseReason
from core.errors import PortalError
from execution.cycle_work import LiveLeft
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus
from loaders.exceptions import SelfApprovalError, ValidationFailedError
from loaders.policies import PurgeStrategy
from loaders.services import enable
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.backfills import (
    backfill_scene,
    cycle,
    execute_all,
    fresh,
    set_aside,
    stamps,
    submitted,
    windows_of,
    work_off,
)
from tests.support.commands import manage
from tests.support.people import person
from tests.support.replica import wait_until
from tests.support.scenes import HOUR, START, Role, Scene
from tests.support.waiting import somebody_waits

ONE_WINDOW: dict[str, Any] = {"to_time": START + 6 * HOUR}


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer, settings: Any) -> Scene:
    settings.BACKFILL_APPROVAL = timedelta(hours=24)
    return backfill_scene(postgres_source)


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """What became of acts that begin at the same moment, each on a connection of its own."""
    start = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> str:
        try:
            start.wait(20)
            act()
        except PortalError as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(one, acts))


def test_of_ten_equal_submits_at_once_one_makes_a_job(scene: Scene) -> None:
    outcomes = at_once(*[lambda: submitted(scene)] * 10)
    assert outcomes == [BackfillJobExistsError.code] * 9 + ["done"]
    assert BackfillJob.objects.count() == 1


def test_two_cycles_at_once_hand_out_each_window_once(scene: Scene) -> None:
    submitted(scene)
    assert at_once(*[lambda: serve(LiveLeft())] * 3) == ["done"] * 3
    assert LoaderExecutionLock.objects.active().count() == 1
    assert BackfillRun.objects.count() == 1


def test_a_paused_job_hands_out_nothing_and_goes_on_where_it_was(scene: Scene) -> None:
    job = submitted(scene, to_time=START + 12 * HOUR)
    cycle(scene)
    pause(user=scene.people.operator, job=job)
    assert [h.status for h in execute_all()] == [RunStatus.SUCCESS]
    cycle(scene)
    assert not LoaderExecutionLock.objects.active().exists()
    assert (fresh(job).status, fresh(job).percent_done) == (JobStatus.PAUSED, 50.0)
    with pytest.raises(BackfillTransitionError, match="Only a pending or running"):
        pause(user=scene.people.operator, job=job)
    resume(user=scene.people.operator, job=job)
    assert work_off(scene, job).status == JobStatus.SUCCESS
    assert windows_of(job, "SUCCESS") == [(0, 6), (6, 12)]


def test_pause_against_dispatch_ends_one_way_or_the_other(scene: Scene) -> None:
    job = submitted(scene)
    outcomes = at_once(
        lambda: serve(LiveLeft()), lambda: pause(user=scene.people.operator, job=job)
    )
    assert outcomes == ["done", "done"]
    assert fresh(job).status == JobStatus.PAUSED
    handed_out = LoaderExecutionLock.objects.active().count()
    assert BackfillRun.objects.count() == handed_out
    assert serve(LiveLeft()) == []


def test_a_job_that_somebody_is_about_to_pause_hands_out_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted(scene)
    pausing, go_on = Event(), Event()
    module = sys.modules["backfill.services.controlling"]
    pause_for = module.pause_for

    def wait_before_the_commit(*args: Any, **values: Any) -> None:
        pause_for(*args, **values)
        pausing.set()
        assert go_on.wait(20)

    monkeypatch.setattr(module, "pause_for", wait_before_the_commit)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            in_own_connection, lambda: pause(user=scene.people.operator, job=fresh(job))
        )
        assert pausing.wait(20)
        assert serve(LiveLeft()) == []
        go_on.set()
        asked.result(20)
    assert fresh(job).status == JobStatus.PAUSED
    assert not BackfillRun.objects.exists()


def test_cancel_stops_what_runs_and_keeps_what_is_loaded(scene: Scene) -> None:
    job = submitted(scene, to_time=START + 12 * HOUR)
    cycle(scene)
    execute_all()
    cycle(scene)
    cancelled = cancel(user=scene.people.operator, job=job)
    assert (cancelled.status, cancelled.error_code) == (JobStatus.CANCELLED, "BACKFILL_CANCELLED")
    assert [h.status for h in execute_all()] == [RunStatus.CANCELLED]
    cycle(scene)
    assert stamps(scene.loader) == list(range(6))
    assert windows_of(job, "CANCELLED") == [(6, 12)]
    assert (fresh(job).windows_done, fresh(job).windows_left) == (1, 1)
    for act in (cancel, pause, resume):
        with pytest.raises(PortalError):
            act(user=scene.people.operator, job=job)


def test_the_query_at_the_source_stops_with_its_job(scene: Scene) -> None:
    scene.server.execute("ALTER TABLE orders RENAME TO all_orders")
    scene.server.execute(
        "CREATE VIEW orders AS SELECT o.* FROM all_orders o, "
        "(SELECT pg_sleep(60) IS NOT NULL AS done) p WHERE p.done"
    )
    job = submitted(scene, **ONE_WINDOW)
    cycle(scene)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(in_own_connection, execute_all)
        wait_until(lambda: is_asked(scene), seconds=20, what="the source is asked")
        cancel(user=scene.people.operator, job=job)
        assert [h.status for h in running.result(20)] == [RunStatus.CANCELLED]
    wait_until(lambda: not is_asked(scene), seconds=5, what="the query ends")
    assert stamps(scene.loader) == []


def is_asked(scene: Scene) -> bool:
    found = scene.server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE %s AND state = 'active' "
        "AND pid <> pg_backend_pid()",
        ["%orders%"],
    )
    return bool(found[0][0])


def in_own_connection(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connection.close()


def test_a_cancel_that_meets_the_commit_of_the_last_window_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit has released its lock, though nobody sees that yet: the cancel waits for it."""
    job = submitted(scene, **ONE_WINDOW)
    cycle(scene)
    committing, go_on = Event(), Event()
    module = sys.modules["execution.services.commit"]
    release = module.release_after_load

    def wait_after_the_end(lock_id: Any) -> None:
        release(lock_id)
        committing.set()
        assert go_on.wait(20)

    monkeypatch.setattr(module, "release_after_load", wait_after_the_end)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(in_own_connection, execute_all)
        assert committing.wait(20)
        asked = pool.submit(
            in_own_connection, lambda: cancel(user=scene.people.operator, job=fresh(job))
        )
        wait_until(somebody_waits, seconds=20, what="the cancel waits for the commit")
        go_on.set()
        assert [h.status for h in running.result(20)] == [RunStatus.SUCCESS]
        with pytest.raises(BackfillJobNotCancellableError, match="succeeded"):
            asked.result(20)
    cycle(scene)
    assert fresh(job).status == JobStatus.SUCCESS
    assert stamps(scene.loader) == list(range(6))


def test_execute_asks_for_now_and_only_a_pending_job_can_be_executed(scene: Scene) -> None:
    other = scene.add_loader("ANOTHER_LOADER", end_at=None)
    set_aside(other)
    scene.source.max_connections = 1
    scene.source.save()
    first, second = submitted(scene, priority=1), submitted(scene, other, priority=9)
    execute(user=scene.people.operator, job=second)
    cycle(scene)
    assert [fresh(j).status for j in (first, second)] == [JobStatus.PENDING, JobStatus.RUNNING]
    with pytest.raises(BackfillJobNotPendingError):
        execute(user=scene.people.operator, job=second)


def test_a_retry_is_a_new_job_with_the_old_values(scene: Scene) -> None:
    values: dict[str, Any] = {
        **ONE_WINDOW,
        "mode": JobMode.ONLY_NOT_LOADED,
        "purge_strategy": PurgeStrategy.SKIP_DUPLICATES,
        "priority": 2,
        "reason": "Once more.",
    }
    job = submitted(scene, **values)
    with pytest.raises(BackfillTransitionError, match="failed or was cancelled"):
        retry(user=scene.people.operator, job=job)
    cancel(user=scene.people.operator, job=job)
    again = retry(user=scene.people.admin, job=fresh(job))
    assert (again.retry_of_id, again.status) == (job.pk, JobStatus.PENDING)
    same = ("from_time", "to_time", "mode", "purge_strategy", "priority", "reason")
    assert [getattr(again, name) for name in same] == [getattr(job, name) for name in same]
    assert fresh(job).status == JobStatus.CANCELLED


def large(scene: Scene) -> BackfillJob:
    job = submitted(scene, to_time=START + 25 * HOUR)
    assert job.status == JobStatus.PENDING_APPROVAL
    return job


def test_a_large_job_waits_for_a_second_person(scene: Scene) -> None:
    people = scene.people
    job = large(scene)
    cycle(scene)
    assert not LoadHistory.objects.exists()
    with pytest.raises(PermissionDeniedError):
        approve(user=people.operator, job=job)
    with pytest.raises(PermissionDeniedError):
        approve(user=SYSTEM, job=job)
    outcomes = at_once(*[lambda: approve(user=people.approver, job=fresh(job))] * 2)
    assert outcomes == ["INVALID_TRANSITION", "done"]
    assert AuditEvent.objects.filter(action="backfill.approve").count() == 1
    cycle(scene)
    assert (fresh(job).status, fresh(job).decided_by) == (JobStatus.RUNNING, people.approver)


def test_nobody_approves_what_they_asked_for(scene: Scene) -> None:
    both = person(Role.OPERATOR, "both")
    both.groups.add(*scene.people.approver.groups.all())
    scene.people.operator = both
    with pytest.raises(SelfApprovalError):
        approve(user=both, job=large(scene))


def test_a_rejection_says_why(scene: Scene) -> None:
    job = large(scene)
    with pytest.raises(ValidationFailedError, match="Say why"):
        reject(user=scene.people.approver, job=job, comment=" ")
    rejected = reject(user=scene.people.approver, job=job, comment="Not in the busy season.")
    assert (rejected.status, rejected.error_code) == (JobStatus.CANCELLED, "BACKFILL_REJECTED")
    assert rejected.comment == "Not in the busy season."
    with pytest.raises(BackfillTransitionError, match="nothing to decide"):
        approve(user=scene.people.admin, job=job)


def test_a_request_that_nobody_remembers_expires(scene: Scene) -> None:
    job = large(scene)
    assert expire_requests() == 0
    BackfillJob.objects.update(approval_asked_at=START)
    assert expire_requests() == 1
    assert (fresh(job).status, fresh(job).error_code) == (
        JobStatus.CANCELLED,
        "BACKFILL_REQUEST_EXPIRED",
    )


def test_approve_against_cancel_ends_one_way_or_the_other(scene: Scene) -> None:
    job = large(scene)
    outcomes = at_once(
        lambda: approve(user=scene.people.approver, job=fresh(job)),
        lambda: cancel(user=scene.people.operator, job=fresh(job)),
    )
    assert outcomes in (["done", "done"], ["INVALID_TRANSITION", "done"])
    assert fresh(job).status == JobStatus.CANCELLED


def test_disabling_with_cancel_stops_what_runs_and_pauses_its_jobs(scene: Scene) -> None:
    operator = Client(scene.people.operator)
    job = submitted(scene, to_time=START + 12 * HOUR)
    cycle(scene)
    assert operator.post("loaders/ORDERS_HOURLY/disable", {"cancelRuns": "often"})[0] == 422
    status, answer = operator.post("loaders/ORDERS_HOURLY/disable", {"cancelRuns": True})
    assert (status, answer["enabled"]) == (200, False)
    assert [h.error_code for h in execute_all()] == ["CANCELLED"]
    cycle(scene)
    assert fresh(job).pause_reason == PauseReason.LOADER_DISABLED
    assert manage("loader", "disable", "ORDERS_HOURLY", "--cancel").out.endswith("to stop: 0.\n")
    enable(user=scene.people.operator, loader=scene.loader)
    set_aside(scene.loader)
    assert work_off(scene, job).status == JobStatus.SUCCESS
    assert stamps(scene.loader) == list(range(12))
