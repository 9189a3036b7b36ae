"""Backfill jobs: submitted, worked off window by window, ended one way or the other."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.roles import SYSTEM
from audit.models import AuditEvent, LoaderEvent
from backfill.exceptions import BackfillJobExistsError
from backfill.models import BackfillJob, BackfillRun
from backfill.services import Wanted, cancel, pause, resume, submit
from backfill.states import JobMode, JobStatus, PauseReason, Wait
from core.clock import database_now
from execution.exceptions import WindowBeyondWatermarkError
from execution.models import CoverageInterval, LoadHistory, RunStatus
from loaders.connectors.errors import SourceUnreachableError
from loaders.exceptions import LoaderDisabledError, ValidationFailedError
from loaders.models import LoaderState, SourceDatabase
from loaders.policies import PurgeStrategy
from loaders.services import approve, archive_loader, disable, enable, update_loader
from loaders.services import submit as submit_loader
from tests.servers import SourceServer
from tests.support.backfills import (
    backfill_scene,
    cycle,
    execute_all,
    fresh,
    stamps,
    submitted,
    windows_of,
    work_off,
)
from tests.support.scenes import HOUR, START, Scene


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    return backfill_scene(postgres_source)


def test_a_job_loads_its_range_window_by_window_and_moves_no_watermark(scene: Scene) -> None:
    before = LoaderState.objects.values("last_load_timestamp", "next_due_at").get()
    job = submitted(scene, reason="The source was repaired.")
    assert (job.status, job.windows_left) == (JobStatus.PENDING, 4)
    done = work_off(scene, job)
    assert done.status == JobStatus.SUCCESS
    assert windows_of(job, "SUCCESS") == [(0, 6), (6, 12), (12, 18), (18, 24)]
    assert stamps(scene.loader) == list(range(24))
    assert (done.windows_done, done.windows_left, done.records_loaded) == (4, 0, 24)
    assert (done.seconds_done, done.seconds_left, done.percent_done) == (86_400, 0, 100.0)
    assert LoaderState.objects.values("last_load_timestamp", "next_due_at").get() == before
    history = LoadHistory.objects.order_by("start_time").first()
    assert history is not None
    assert history.requested_by == scene.people.operator
    assert history.metadata["backfillJob"] == str(job.pk)
    event = LoaderEvent.objects.get(kind="BACKFILL_ENDED")
    assert event.details["status"] == "SUCCESS"
    told = AuditEvent.objects.filter(object_id=str(job.pk)).order_by("at")
    assert list(told.values_list("action", flat=True)) == ["backfill.submit", "backfill.succeed"]


def test_what_lies_beyond_the_watermark_is_refused_and_the_watermark_named(scene: Scene) -> None:
    with pytest.raises(WindowBeyondWatermarkError, match="watermark is at 2026-01-04 00:00:00 UTC"):
        submitted(scene, to_time=START + timedelta(days=3, hours=1))
    LoaderState.objects.update(last_load_timestamp=None)
    with pytest.raises(WindowBeyondWatermarkError, match="no watermark yet"):
        submitted(scene)


SENSELESS: list[tuple[str, dict[str, Any]]] = [
    ("from_time", {"from_time": START - HOUR}),
    ("to_time", {"to_time": START}),
    ("from_time", {"from_time": START.replace(tzinfo=None)}),
    ("priority", {"priority": 0}),
    ("reason", {"reason": "x" * 1001}),
]


def test_a_wish_that_makes_no_sense_is_refused_naming_the_field(scene: Scene) -> None:
    for field, values in SENSELESS:
        with pytest.raises(ValidationFailedError) as caught:
            submitted(scene, **values)
        assert list(caught.value.details["errors"]) == [field], values


def test_a_range_is_widened_to_grains_and_ends_at_the_watermarks_grain(scene: Scene) -> None:
    LoaderState.objects.update(last_load_timestamp=START + timedelta(hours=3, minutes=20))
    job = submitted(
        scene,
        from_time=START + timedelta(minutes=30),
        to_time=START + timedelta(hours=3, minutes=10),
    )
    assert (job.from_time, job.to_time) == (START, START + 3 * HOUR)


def test_nothing_is_asked_of_a_source_that_keeps_its_data_no_longer(scene: Scene) -> None:
    """A reload would replace what stands there by nothing."""
    SourceDatabase.objects.update(retention_days=30)
    with pytest.raises(ValidationFailedError, match=r"since .* UTC only"):
        submitted(scene)
    SourceDatabase.objects.update(retention_days=None)
    job = submitted(scene)
    SourceDatabase.objects.update(retention_days=30)
    assert work_off(scene, job).error_code == "SOURCE_DATA_EXPIRED"
    assert not LoadHistory.objects.exists()


def test_more_windows_than_one_job_may_have_are_refused(scene: Scene) -> None:
    loader = scene.add_loader("SHORT_WINDOWS", max_query_period_seconds=3600, end_at=None)
    LoaderState.objects.update(last_load_timestamp=START + timedelta(days=800))
    with pytest.raises(ValidationFailedError, match="19,200 windows, more than 10,000"):
        submitted(scene, loader, to_time=START + timedelta(days=800))


def test_of_equal_jobs_one_is_made_and_the_others_are_told_which(scene: Scene) -> None:
    job = submitted(scene)
    with pytest.raises(BackfillJobExistsError) as caught:
        submitted(scene, mode=JobMode.ONLY_NOT_LOADED)
    assert caught.value.details == {"jobId": str(job.pk)}
    submitted(scene, to_time=START + 12 * HOUR)  # overlapping is allowed
    cancel(user=scene.people.operator, job=job)
    submitted(scene)


def test_overlapping_jobs_share_no_moment_and_both_come_to_their_end(scene: Scene) -> None:
    first = submitted(scene, to_time=START + 6 * HOUR)
    second = submitted(scene, from_time=START + 3 * HOUR, to_time=START + 9 * HOUR)
    work_off(scene, first)
    work_off(scene, second)
    assert stamps(scene.loader) == list(range(9))
    assert fresh(second).records_purged == 3


def test_only_what_is_not_loaded_leaves_out_what_is(scene: Scene) -> None:
    known = [
        ("LOADED", 0, 6),
        ("EMPTY", 7, 8),
        ("UNVERIFIED", 8, 9),
        ("WAIVED", 12, 13),
        ("FAILED", 13, 14),
        ("EXPIRED", 23, 24),
    ]
    for state, start, end in known:
        CoverageInterval.objects.create(
            loader=scene.loader,
            range_from=START + start * HOUR,
            range_to=START + end * HOUR,
            state=state,
        )
    job = submitted(scene, mode=JobMode.ONLY_NOT_LOADED)
    assert job.seconds_left == 15 * 3600
    assert work_off(scene, job).status == JobStatus.SUCCESS
    assert windows_of(job, "SUCCESS") == [(6, 7), (8, 12), (13, 19), (19, 23)]
    with pytest.raises(ValidationFailedError, match="Everything in that range is loaded"):
        submitted(scene, mode=JobMode.ONLY_NOT_LOADED)


def test_a_backfills_word_that_there_are_no_rows_counts(scene: Scene) -> None:
    scene.server.execute("DELETE FROM orders")
    assert work_off(scene, submitted(scene)).status == JobStatus.SUCCESS
    assert CoverageInterval.objects.values_list("state", flat=True).get() == "EMPTY"


def test_a_window_that_was_cut_short_goes_on_where_it_was_cut(
    committed_db: None, postgres_source: SourceServer
) -> None:
    scene = backfill_scene(postgres_source, row_cap=4)
    job = submitted(scene, to_time=START + 12 * HOUR)
    done = work_off(scene, job)
    assert done.status == JobStatus.SUCCESS
    assert windows_of(job, "PARTIAL") == [(0, 3), (3, 6), (6, 9)]
    assert windows_of(job, "SUCCESS") == [(9, 12)]
    assert stamps(scene.loader) == list(range(12))
    assert (done.windows_done, done.records_loaded, done.records_purged) == (4, 12, 0)


def test_an_error_of_the_definition_fails_the_job_at_once_naming_its_window(scene: Scene) -> None:
    scene.server.execute("ALTER TABLE orders RENAME TO orders_away")
    job = submitted(scene)
    failed = work_off(scene, job)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "SOURCE_SQL_FAILED")
    assert BackfillRun.objects.filter(job=job).count() == 1
    assert failed.error_message.startswith("Window 2026-01-01 00:00 → 06:00 UTC: ")
    assert LoaderEvent.objects.get(kind="BACKFILL_ENDED").details["errorCode"] == failed.error_code


def unreachable(*_: Any) -> Any:
    raise SourceUnreachableError("The source does not answer.")


def test_what_may_pass_is_tried_again_as_often_as_the_loader_says(
    committed_db: None, postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = backfill_scene(postgres_source, max_attempts=2)
    job = submitted(scene, to_time=START + 12 * HOUR)
    with monkeypatch.context() as patch:
        patch.setattr("execution.connecting.connector_for", unreachable)
        cycle(scene)
        execute_all()
        cycle(scene)
    waiting = fresh(job)
    assert (waiting.status, waiting.waits_for) == (JobStatus.RUNNING, Wait.RETRY)
    assert waiting.retry_at is not None
    assert waiting.retry_at > database_now()
    BackfillJob.objects.update(retry_at=None)
    cycle(scene)
    assert execute_all()[0].status == RunStatus.SUCCESS
    monkeypatch.setattr("execution.connecting.connector_for", unreachable)
    failed = work_off(scene, job)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "SOURCE_UNREACHABLE")
    tried = BackfillRun.objects.filter(job=job).order_by("pk").values_list("attempt", "status")
    assert list(tried) == [(1, "FAILED"), (2, "SUCCESS"), (1, "FAILED"), (2, "FAILED")]


def test_a_disabled_loaders_jobs_pause_and_go_on_in_their_old_order(scene: Scene) -> None:
    first = submitted(scene, priority=9)
    second = submitted(scene, to_time=START + 12 * HOUR, priority=1)
    third = submitted(scene, to_time=START + 6 * HOUR)
    pause(user=scene.people.operator, job=third)
    disable(user=scene.people.operator, loader=scene.loader)
    cycle(scene)
    assert [fresh(j).pause_reason for j in (first, second, third)] == [
        PauseReason.LOADER_DISABLED,
        PauseReason.LOADER_DISABLED,
        PauseReason.OPERATOR,
    ]
    with pytest.raises(LoaderDisabledError):
        resume(user=scene.people.operator, job=fresh(first))
    enable(user=scene.people.operator, loader=scene.loader)
    LoaderState.objects.update(next_due_at=None)
    cycle(scene)
    assert fresh(second).status == JobStatus.RUNNING
    assert fresh(first).status == JobStatus.PENDING
    assert fresh(third).status == JobStatus.PAUSED


def test_a_running_job_pauses_with_its_loader_too(scene: Scene) -> None:
    job = submitted(scene, to_time=START + 12 * HOUR)
    cycle(scene)
    disable(user=scene.people.operator, loader=scene.loader)
    assert [history.error_code for history in execute_all()] == ["LOADER_DISABLED"]
    cycle(scene)
    assert fresh(job).pause_reason == PauseReason.LOADER_DISABLED
    enable(user=scene.people.operator, loader=scene.loader)
    LoaderState.objects.update(next_due_at=None)
    assert work_off(scene, job).status == JobStatus.SUCCESS
    assert stamps(scene.loader) == list(range(12))


def test_another_definition_pauses_a_job_until_somebody_resumes_it(scene: Scene) -> None:
    people = scene.people
    job = submitted(scene, to_time=START + 12 * HOUR)
    cycle(scene)
    execute_all()
    update_loader(user=people.operator, loader=scene.loader, values={"lateness_seconds": 5})
    cycle(scene)
    assert fresh(job).pause_reason == PauseReason.NEW_VERSION
    submit_loader(user=people.operator, loader=scene.loader)
    approve(user=people.approver, loader=scene.loader)
    LoaderState.objects.update(next_due_at=None)
    cycle(scene)
    assert fresh(job).status == JobStatus.PAUSED
    resumed = resume(user=people.operator, job=fresh(job))
    assert (resumed.status, resumed.version.number) == (JobStatus.PENDING, 2)
    assert work_off(scene, job).status == JobStatus.SUCCESS
    versions = LoadHistory.objects.order_by("start_time").values_list("version__number", flat=True)
    assert list(versions) == [1, 2]
    assert stamps(scene.loader) == list(range(12))


def test_an_archived_loaders_jobs_end(scene: Scene) -> None:
    job = submitted(scene)
    archive_loader(user=scene.people.admin, loader=scene.loader)
    cycle(scene)
    assert (fresh(job).status, fresh(job).error_code) == (JobStatus.CANCELLED, "LOADER_ARCHIVED")


def test_a_watermark_that_was_moved_back_ends_the_job_saying_so(scene: Scene) -> None:
    job = submitted(scene)
    cycle(scene)
    LoaderState.objects.update(last_load_timestamp=START + 6 * HOUR)
    execute_all()
    ended = work_off(scene, job)
    assert (ended.status, ended.error_code) == (JobStatus.FAILED, "WINDOW_BEYOND_WATERMARK")
    assert windows_of(job, "SUCCESS") == [(0, 6)]


def test_what_stands_there_is_treated_as_the_job_says(scene: Scene) -> None:
    end = START + 6 * HOUR
    assert work_off(scene, submitted(scene, to_time=end)).status == JobStatus.SUCCESS
    again = submitted(scene, to_time=end, purge_strategy=PurgeStrategy.FAIL_ON_DUPLICATE)
    assert work_off(scene, again).error_code == "DUPLICATE_DATA"
    kept = submitted(scene, to_time=end, purge_strategy=PurgeStrategy.SKIP_DUPLICATES)
    assert work_off(scene, kept).records_loaded == 0
    replaced = submitted(scene, to_time=end)
    assert work_off(scene, replaced).records_purged == 6
    assert stamps(scene.loader) == list(range(6))


def test_the_system_submits_for_a_scanner(scene: Scene) -> None:
    wanted = Wanted(START, START + 6 * HOUR, mode=JobMode.ONLY_NOT_LOADED)
    job = submit(user=SYSTEM, loader=scene.loader, wanted=wanted, origin="gap scan")
    assert (job.origin, job.requested_by) == ("gap scan", None)
    assert work_off(scene, job).status == JobStatus.SUCCESS


def test_a_fault_of_one_job_is_put_aside(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = submitted(scene, priority=1)
    other = scene.add_loader("ANOTHER_LOADER", end_at=None)
    LoaderState.objects.update(last_load_timestamp=START + timedelta(days=3), next_due_at=None)
    good = submitted(scene, other)
    module = sys.modules["backfill.services.dispatching"]
    real = module.tend

    def broken(job: BackfillJob) -> Any:
        if job.pk == bad.pk:
            raise RuntimeError("planted")
        return real(job)

    monkeypatch.setattr(module, "tend", broken)
    cycle(scene)
    assert fresh(good).status == JobStatus.RUNNING
    assert fresh(bad).status == JobStatus.PENDING
    assert fresh(bad).retry_at is not None


def test_partitions_are_there_before_the_first_window(scene: Scene) -> None:
    LoaderState.objects.update(last_load_timestamp=START + timedelta(days=200))
    loader = scene.loader
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('signals.signals_history_2026_03')")
        assert cursor.fetchone() == (None,)
    submitted(scene, loader, to_time=START + timedelta(days=7))
    cycle(scene)
    assert LoadHistory.objects.get().status == RunStatus.RUNNING
