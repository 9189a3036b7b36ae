"""When maintenance jobs are due, and which workers are killed: decisions without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.ids import uuid7
from execution.clusters import ids_of, mark_of
from execution.maintenance import Cron, Every, register, registered
from execution.maintenance.registry import _jobs
from execution.maintenance.schedule import RETRY_PAUSE, Course, due_at
from execution.unresponsive import Held, Verdict, verdict_on

SEEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=15)
HALF_HOURLY = Every(30 * MINUTE)
NIGHTLY = Cron("0 2 * * *")


def test_an_interval_is_due_at_once_and_then_from_start_to_start() -> None:
    assert due_at(HALF_HOURLY, Course(SEEN), replica_started_at=None) == SEEN
    ran = Course(SEEN, last_started_at=SEEN + HOUR, last_finished_at=SEEN + 2 * HOUR)
    assert due_at(HALF_HOURLY, ran, replica_started_at=None) == SEEN + HOUR + 30 * MINUTE


def test_a_cron_expression_is_due_at_its_next_instant_in_utc() -> None:
    night = datetime(2026, 3, 2, 2, tzinfo=UTC)
    assert due_at(NIGHTLY, Course(SEEN), replica_started_at=None) == night
    riyadh = SEEN.astimezone(timezone(timedelta(hours=3)))
    assert NIGHTLY.after(riyadh) == night
    on_time = Course(SEEN, last_started_at=night)
    assert due_at(NIGHTLY, on_time, replica_started_at=None) == night + timedelta(days=1)


def test_nights_that_were_missed_count_as_one() -> None:
    ran = Course(SEEN, last_started_at=SEEN)
    assert due_at(NIGHTLY, ran, replica_started_at=None) == datetime(2026, 3, 2, 2, tzinfo=UTC)


def test_what_is_no_cron_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="not a cron expression"):
        Cron("every night")


def test_a_job_that_a_worker_is_at_is_due_when_its_lease_runs_out() -> None:
    held = Course(SEEN, last_started_at=SEEN, lease_until=SEEN + MINUTE, has_failed=True)
    for schedule in (HALF_HOURLY, NIGHTLY):
        assert due_at(schedule, held, replica_started_at=SEEN + HOUR) == SEEN + MINUTE


@pytest.mark.parametrize(
    ("schedule", "pause"),
    [(NIGHTLY, RETRY_PAUSE), (HALF_HOURLY, RETRY_PAUSE), (Every(MINUTE), MINUTE)],
)
def test_a_job_that_failed_is_tried_again_soon_but_no_sooner_than_it_likes(
    schedule: Cron | Every, pause: timedelta
) -> None:
    failed = Course(SEEN, last_started_at=SEEN, last_finished_at=SEEN, has_failed=True)
    assert due_at(schedule, failed, replica_started_at=None) == SEEN + pause


def test_a_job_of_the_start_is_due_once_after_each_start() -> None:
    daily = Every(timedelta(days=1))
    ran = Course(SEEN, last_started_at=SEEN)
    assert due_at(daily, ran, replica_started_at=SEEN + HOUR) == SEEN + HOUR
    again = Course(SEEN, last_started_at=SEEN + HOUR)
    after = due_at(daily, again, replica_started_at=SEEN + HOUR)
    assert after == SEEN + HOUR + timedelta(days=1)


def test_two_jobs_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(registered()))
    with pytest.raises(ValueError, match=name):
        register(name, NIGHTLY, lambda: 0)
    monkeypatch.delitem(_jobs, name)
    register(name, NIGHTLY, lambda: 0)
    assert registered()[name].schedule == NIGHTLY


def held(
    *,
    lease: timedelta = MINUTE,
    timeout: timedelta = HOUR,
    released_at: datetime | None = None,
    asked_for: timedelta | None = None,
) -> Held:
    """A run that was claimed at SEEN."""
    return Held(SEEN, SEEN + lease, timeout, released_at=released_at, asked_for=asked_for)


@pytest.mark.parametrize(
    ("run", "late", "verdict"),
    [
        (held(), MINUTE + GRACE, Verdict.LEASE_EXPIRED),
        (held(lease=2 * HOUR), HOUR + GRACE, Verdict.TIMED_OUT),
        (held(released_at=SEEN), GRACE, Verdict.RUN_ENDED),
    ],
)
def test_a_worker_is_killed_when_the_grace_has_passed_and_not_before(
    run: Held, late: timedelta, verdict: Verdict
) -> None:
    assert verdict_on(run, SEEN + late, GRACE) is None
    assert verdict_on(run, SEEN + late + timedelta(microseconds=1), GRACE) is verdict


def test_a_worker_that_was_asked_to_stop_has_the_grace_from_when_that_was_seen() -> None:
    assert verdict_on(held(asked_for=GRACE), SEEN, GRACE) is None
    assert verdict_on(held(asked_for=2 * GRACE), SEEN, GRACE) is Verdict.CANCELLED


def test_what_ended_already_is_not_ended_for_another_reason() -> None:
    run = held(released_at=SEEN + 2 * HOUR, asked_for=HOUR)
    assert verdict_on(run, SEEN + 2 * HOUR, GRACE) is None


def test_a_runs_mark_fits_a_process_name_and_leads_back_to_its_lock() -> None:
    lock_id, other = uuid7(), uuid7()
    assert len(mark_of(lock_id)) == 15
    least, greatest = ids_of(mark_of(lock_id))
    assert least <= lock_id <= greatest
    assert not least <= other <= greatest or mark_of(other) == mark_of(lock_id)
