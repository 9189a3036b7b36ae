"""Which backfill is next, whose turn it is, and what a loader's change means (spec 3, 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.attempts import MOST_FAULTS_OF_PORTAL, Tries, pause_after
from backfill.models import BackfillJob
from backfill.order import Candidate, LoaderStands, Move, follow_loader, in_order
from backfill.pace import Loaded, Sample, estimate, pace_of
from backfill.states import JobStatus, PauseReason
from backfill.turns import PATIENCE, Turns, goes_before_live
from execution.retry import FailureKind

NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOBODY = UUID(int=0)

candidates = st.builds(
    Candidate,
    id=st.uuids(),
    loader_id=st.just(NOBODY),
    source_id=st.just(NOBODY),
    db_code=st.just("SHOP"),
    priority=st.integers(1, 9),
    asked_now_at=st.none() | st.integers(0, 5).map(lambda n: NOW + n * MINUTE),
    waiting_since=st.none(),
)


@given(st.lists(candidates, unique_by=lambda c: c.id))
def test_jobs_have_one_order_asked_for_then_priority_then_age(jobs: list[Candidate]) -> None:
    ordered = in_order(jobs)
    assert sorted(ordered, key=lambda c: c.id) == sorted(jobs, key=lambda c: c.id)
    assert in_order(reversed(jobs)) == ordered
    for one, other in pairwise(ordered):
        if one.asked_now_at != other.asked_now_at:
            assert one.asked_now_at is not None
            assert other.asked_now_at is None or one.asked_now_at > other.asked_now_at
        else:
            assert (one.priority, one.id) < (other.priority, other.id)


@given(st.lists(st.booleans(), min_size=80, max_size=80))
def test_with_one_slot_nobody_starves(due: list[bool]) -> None:
    """One slot, one run a minute; live runs are due in some minutes, or in all of them."""
    order = one_slot(due)
    for minute, served in enumerate(order):
        if due[minute] and served == "backfill":  # it went before a live run
            assert order[minute - 1] == "live"
    longest = PATIENCE // MINUTE + 1
    assert all("backfill" in order[n : n + longest + 1] for n in range(len(order) - longest))


def test_with_one_slot_and_live_runs_always_due_a_backfill_gets_every_second_turn() -> None:
    order = one_slot([True] * 80)
    waited = PATIENCE // MINUTE
    assert order[:waited] == ["live"] * waited
    assert order[waited:] == (["backfill", "live"] * 80)[: 80 - waited]


def one_slot(due: list[bool]) -> list[str]:
    """Who gets the slot, minute by minute, as the scheduler's cycle gives it."""
    waiting_since: datetime | None = None
    last: dict[str, datetime | None] = {"live": None, "backfill": None}
    order = []
    for minute, is_due in enumerate(due):
        now = NOW + minute * MINUTE
        turns = Turns(last["live"], last["backfill"])
        first = goes_before_live(
            waiting_since, now, at_source=turns, anywhere=turns, is_live_due_at_source=is_due
        )
        served = "live" if is_due and not first else "backfill"
        if served == "live":
            waiting_since = waiting_since or now
        elif not is_due:
            waiting_since = None
        last[served] = now
        order.append(served)
    return order


def test_a_backfill_does_not_go_first_before_its_time_or_twice_in_a_row() -> None:
    after_live, after_backfill = Turns(NOW, NOW - MINUTE), Turns(NOW - MINUTE, NOW)

    def goes(waited: timedelta | None, source: Turns, anywhere: Turns, *, due: bool) -> bool:
        since = None if waited is None else NOW - waited
        return goes_before_live(
            since, NOW, at_source=source, anywhere=anywhere, is_live_due_at_source=due
        )

    assert not goes(None, after_live, after_live, due=True)
    assert not goes(PATIENCE - MINUTE, after_live, after_live, due=True)
    assert goes(PATIENCE, after_live, after_backfill, due=True)
    assert not goes(PATIENCE, after_backfill, after_live, due=True)
    assert goes(PATIENCE, after_backfill, after_live, due=False)
    assert goes(PATIENCE, Turns(None, None), Turns(None, None), due=True)


FIT = LoaderStands(is_archived=False, is_enabled=True, is_pinned=True)
DISABLED = LoaderStands(is_archived=False, is_enabled=False, is_pinned=True)
CHANGED = LoaderStands(is_archived=False, is_enabled=True, is_pinned=False)
ARCHIVED = LoaderStands(is_archived=True, is_enabled=False, is_pinned=True)


@pytest.mark.parametrize(
    ("status", "reason", "loader", "move"),
    [
        (JobStatus.PENDING, None, FIT, Move.STAY),
        (JobStatus.PENDING, None, DISABLED, Move.PAUSE_DISABLED),
        (JobStatus.RUNNING, None, DISABLED, Move.PAUSE_DISABLED),
        (JobStatus.PENDING_APPROVAL, None, DISABLED, Move.STAY),
        (JobStatus.RUNNING, None, CHANGED, Move.PAUSE_NEW_VERSION),
        (JobStatus.PENDING_APPROVAL, None, CHANGED, Move.PAUSE_NEW_VERSION),
        (JobStatus.PAUSED, PauseReason.LOADER_DISABLED, DISABLED, Move.STAY),
        (JobStatus.PAUSED, PauseReason.LOADER_DISABLED, FIT, Move.RESUME),
        (JobStatus.PAUSED, PauseReason.LOADER_DISABLED, CHANGED, Move.PAUSE_NEW_VERSION),
        (JobStatus.PAUSED, PauseReason.OPERATOR, FIT, Move.STAY),
        (JobStatus.PAUSED, PauseReason.NEW_VERSION, FIT, Move.STAY),
        (JobStatus.PAUSED, PauseReason.OPERATOR, ARCHIVED, Move.CANCEL),
        (JobStatus.FAILED, None, ARCHIVED, Move.STAY),
    ],
)
def test_a_job_follows_its_loader(
    status: JobStatus, reason: PauseReason | None, loader: LoaderStands, move: Move
) -> None:
    assert follow_loader(status, reason, loader) is move


def test_jobs_that_have_ended_stay_so_and_every_other_can_be_cancelled() -> None:
    assert not JobStatus.ended() & BackfillJob.TRANSITIONS.keys()
    for status in JobStatus.active():
        assert JobStatus.CANCELLED in BackfillJob.TRANSITIONS[status]


def pause(kind: FailureKind, tries: Tries) -> timedelta | None:
    return pause_after(kind, tries, max_attempts=3, jitter=0)


def test_what_may_pass_is_tried_again_with_growing_pauses_up_to_the_attempts() -> None:
    waits = [pause(FailureKind.TRANSIENT, Tries(transient=n)) for n in (1, 2, 3)]
    assert waits == [timedelta(seconds=10), timedelta(seconds=20), None]
    assert pause(FailureKind.TERMINAL, Tries()) is None
    assert pause(FailureKind.OF_DEFINITION, Tries()) is None


def test_a_lost_worker_costs_no_attempt_but_not_for_ever() -> None:
    waits = [pause(FailureKind.OF_PORTAL, Tries(of_portal=n)) for n in (1, 2, 3)]
    assert waits == [timedelta(), timedelta(seconds=10), timedelta(seconds=20)]
    assert pause(FailureKind.OF_PORTAL, Tries(of_portal=MOST_FAULTS_OF_PORTAL)) is None
    assert pause(FailureKind.CALLED_OFF, Tries(called_off=30)) == timedelta(minutes=15)


def test_the_pace_counts_the_time_between_the_windows() -> None:
    runs = [
        Loaded(NOW + n * MINUTE, NOW + n * MINUTE + timedelta(seconds=10), 3600, 100)
        for n in range(3)
    ]
    found = pace_of(runs)
    assert found is not None
    assert found.seconds_per_second == pytest.approx(3 * 3600 / 130)
    assert found.rows_per_second == pytest.approx(300 / 130)
    assert found.left(36_000) == timedelta(seconds=round(36_000 * 130 / 10_800))
    assert pace_of([]) is None


def test_an_estimate_goes_by_runs_over_like_windows_else_by_rows() -> None:
    def of(*samples: Sample) -> tuple[int | None, int | None]:
        found = estimate(samples, windows=10, seconds=36_000, at_once=2, of_connections=4)
        return found.seconds, found.rows

    assert of() == (None, None)
    assert of(Sample(3600, 4, 50), Sample(3000, 4, 50), Sample(60, 9, 1)) == (20, 550)
    assert of(Sample(60, 1, 10)) == (300, 6000)
    assert of(Sample(60, 1, 0)) == (5, 0)
