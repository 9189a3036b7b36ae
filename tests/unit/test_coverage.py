"""The coverage map (spec 9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.window import Window
from execution.coverage import (
    CoverageState,
    Interval,
    Outcome,
    complete,
    expire,
    give_up,
    overwrite,
    record,
    waive,
    withdraw,
)

S = CoverageState
RUN, OTHER = UUID(int=1), UUID(int=2)
ORIGIN = datetime(2026, 1, 31, tzinfo=UTC)


def at(minute: int) -> datetime:
    return ORIGIN + timedelta(minutes=minute)


def span(start: int, end: int) -> Window:
    return Window(at(start), at(end))


def stretch(start: int, end: int, state: CoverageState, count: int | None = 0) -> Interval:
    return Interval(span(start, end), state, OTHER, count)


def told(intervals: list[Interval]) -> list[tuple[int, int, str, int | None]]:
    """Intervals as (start minute, end minute, state, count)."""
    minute = timedelta(minutes=1)
    return [
        (
            (i.window.start - ORIGIN) // minute,
            (i.window.end - ORIGIN) // minute,
            i.state.value,
            i.rec_count,
        )
        for i in intervals
    ]


def after(outcome: Outcome, *existing: Interval, **more: int) -> list[tuple[object, ...]]:
    """What stands after a run over the minutes 10 to 20."""
    cleared = bool(more.pop("cleared", False))
    return [
        *told(record(existing, span(10, 20), outcome, load_history_id=RUN, cleared=cleared, **more))
    ]


@pytest.mark.parametrize("state", CoverageState)
def test_rows_make_any_state_loaded(state: CoverageState) -> None:
    assert after(Outcome.ROWS, stretch(10, 20, state), rec_count=7) == [(10, 20, "LOADED", 7)]


@pytest.mark.parametrize("state", [None, S.MISSING, S.PENDING, S.FAILED])
def test_a_first_answer_without_rows_is_unverified(state: CoverageState | None) -> None:
    existing = [] if state is None else [stretch(10, 20, state)]
    assert after(Outcome.NO_ROWS, *existing) == [(10, 20, "UNVERIFIED", 0)]


@pytest.mark.parametrize("state", [S.UNVERIFIED, S.EMPTY])
def test_a_second_answer_without_rows_is_empty(state: CoverageState) -> None:
    assert after(Outcome.NO_ROWS, stretch(10, 20, state)) == [(10, 20, "EMPTY", 0)]


@pytest.mark.parametrize("state", [None, S.MISSING, S.FAILED, S.UNVERIFIED, S.EMPTY, S.WAIVED])
def test_a_backfill_without_rows_makes_it_empty_at_once(state: CoverageState | None) -> None:
    existing = [] if state is None else [stretch(10, 20, state)]
    assert after(Outcome.NO_ROWS_CONFIRMED, *existing) == [(10, 20, "EMPTY", 0)]


def test_one_empty_answer_does_not_reopen_a_waived_gap() -> None:
    assert after(Outcome.NO_ROWS, stretch(10, 20, S.WAIVED)) == [(10, 20, "WAIVED", 0)]


@pytest.mark.parametrize("outcome", [Outcome.NO_ROWS, Outcome.NO_ROWS_CONFIRMED, Outcome.FAILURE])
def test_of_an_expired_stretch_only_rows_tell_something_new(outcome: Outcome) -> None:
    assert after(outcome, stretch(10, 20, S.EXPIRED)) == [(10, 20, "EXPIRED", 0)]


@pytest.mark.parametrize("state", [S.LOADED, S.EMPTY, S.UNVERIFIED, S.WAIVED])
def test_failure_never_downgrades_what_was_answered(state: CoverageState) -> None:
    kept = stretch(10, 20, state, 5 if state is S.LOADED else 0)
    assert after(Outcome.FAILURE, kept, purged=3, cleared=True) == told([kept])


def test_failure_fills_only_what_was_never_answered() -> None:
    assert after(Outcome.FAILURE, stretch(5, 15, S.LOADED, 9), stretch(18, 25, S.MISSING)) == [
        (5, 15, "LOADED", 9),
        (15, 20, "FAILED", 0),
        (20, 25, "MISSING", 0),
    ]


def test_a_run_without_rows_that_cleared_its_window_makes_it_empty() -> None:
    assert after(Outcome.NO_ROWS, stretch(10, 20, S.LOADED, 9), purged=9, cleared=True) == [
        (10, 20, "EMPTY", 0)
    ]


def test_a_run_without_rows_that_removed_none_leaves_it_loaded() -> None:
    assert after(Outcome.NO_ROWS, stretch(10, 25, S.LOADED, 9)) == [(10, 25, "LOADED", 9)]


def test_a_reread_that_removed_some_rows_takes_them_off_the_count() -> None:
    assert after(Outcome.NO_ROWS, stretch(5, 15, S.LOADED, 9), purged=2) == [
        (5, 15, "LOADED", 7),
        (15, 20, "UNVERIFIED", 0),
    ]


def test_rereading_the_last_grain_keeps_one_interval_and_an_exact_count() -> None:
    assert after(Outcome.ROWS, stretch(0, 12, S.LOADED, 100), rec_count=30, purged=4) == [
        (0, 20, "LOADED", 126)
    ]


def test_a_reload_between_two_loaded_stretches_joins_them() -> None:
    existing = stretch(0, 12, S.LOADED, 100), stretch(12, 18, S.FAILED), stretch(18, 30, S.LOADED)
    assert after(Outcome.ROWS, *existing, rec_count=5, purged=1) == [(0, 30, "LOADED", 104)]


def test_neighbours_in_the_same_state_are_merged_and_name_the_new_run() -> None:
    existing = stretch(0, 10, S.LOADED, 3), stretch(20, 30, S.LOADED, 4)
    (merged,) = record(existing, span(10, 20), Outcome.ROWS, load_history_id=RUN, rec_count=5)
    assert merged == Interval(span(0, 30), S.LOADED, RUN, 12)


def test_a_remnant_on_one_side_keeps_an_exact_count() -> None:
    assert after(
        Outcome.NO_ROWS_CONFIRMED, stretch(0, 15, S.LOADED, 9), purged=2, cleared=True
    ) == [(0, 10, "LOADED", 7), (10, 20, "EMPTY", 0)]


def test_counts_of_two_remnants_are_not_made_up() -> None:
    assert after(Outcome.NO_ROWS, stretch(0, 30, S.LOADED, 9), purged=2, cleared=True) == [
        (0, 10, "LOADED", None),
        (10, 20, "EMPTY", 0),
        (20, 30, "LOADED", None),
    ]


def test_counts_that_contradict_each_other_become_unknown() -> None:
    assert after(Outcome.ROWS, stretch(0, 12, S.LOADED, 2), rec_count=1, purged=50) == [
        (0, 20, "LOADED", None)
    ]


def test_waiving_closes_gaps_and_nothing_else() -> None:
    existing = stretch(0, 4, S.LOADED, 3), stretch(4, 8, S.FAILED), stretch(10, 14, S.EMPTY)
    assert told(waive(existing, span(2, 20))) == [
        (0, 4, "LOADED", 3),
        (4, 10, "WAIVED", 0),
        (10, 14, "EMPTY", 0),
        (14, 20, "WAIVED", 0),
    ]


def test_expiry_takes_rows_and_gaps_and_keeps_the_count_of_the_rest() -> None:
    existing = stretch(0, 30, S.LOADED, 9), stretch(30, 40, S.FAILED)
    assert told(expire(existing, span(0, 10), purged=4)) == [
        (0, 10, "EXPIRED", 0),
        (10, 30, "LOADED", 5),
        (30, 40, "FAILED", 0),
    ]


def test_a_withdrawn_waiver_leaves_a_hole_where_nothing_was_loaded_since() -> None:
    existing = stretch(0, 8, S.WAIVED), stretch(8, 12, S.LOADED, 3), stretch(12, 20, S.WAIVED)
    assert told(withdraw(existing, span(4, 16))) == [
        (0, 4, "WAIVED", 0),
        (8, 12, "LOADED", 3),
        (16, 20, "WAIVED", 0),
    ]


def test_giving_up_expires_gaps_and_keeps_what_was_loaded() -> None:
    existing = stretch(0, 8, S.LOADED, 4), stretch(8, 10, S.FAILED), stretch(14, 16, S.WAIVED)
    assert told(give_up(existing, span(0, 20))) == [
        (0, 8, "LOADED", 4),
        (8, 14, "EXPIRED", 0),
        (14, 16, "WAIVED", 0),
        (16, 20, "EXPIRED", 0),
    ]


def test_overwriting_replaces_what_stands_in_the_window_and_nothing_else() -> None:
    existing = stretch(0, 8, S.LOADED, 4), stretch(8, 12, S.FAILED)
    parts = [stretch(6, 7, S.EMPTY), stretch(7, 9, S.MISSING)]
    assert told(overwrite(existing, span(6, 10), parts)) == [
        (0, 6, "LOADED", None),
        (6, 7, "EMPTY", 0),
        (10, 12, "FAILED", 0),
    ]
    with pytest.raises(ValueError, match="inside"):
        overwrite(existing, span(6, 10), [stretch(5, 7, S.EMPTY)])


def test_holes_are_missing_below_the_watermark_and_pending_after_it() -> None:
    existing = [stretch(10, 20, S.LOADED, 9), stretch(45, 50, S.FAILED)]
    assert told(complete(existing, at(0), at(30), at(60))) == [
        (0, 10, "MISSING", 0),
        (10, 20, "LOADED", 9),
        (20, 30, "MISSING", 0),
        (30, 45, "PENDING", 0),
        (45, 50, "FAILED", 0),
        (50, 60, "PENDING", 0),
    ]


def test_without_a_watermark_all_holes_are_pending() -> None:
    assert told(complete([], at(0), None, at(60))) == [(0, 60, "PENDING", 0)]
    assert complete([], at(0), None, at(0)) == []


def test_a_clipped_stretch_does_not_claim_the_count_of_the_whole() -> None:
    assert told(complete([stretch(0, 60, S.LOADED, 9)], at(10), None, at(20))) == [
        (10, 20, "LOADED", None)
    ]


def test_overlapping_intervals_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        record(
            [stretch(0, 12, S.LOADED), stretch(11, 20, S.EMPTY)],
            span(10, 20),
            Outcome.ROWS,
            load_history_id=RUN,
        )


@dataclass
class Ledger:
    """A loader's target by the minute, and its coverage kept as the commit will keep it."""

    rows: dict[int, int] = field(default_factory=dict)
    states: dict[int, CoverageState] = field(default_factory=dict)
    stored: list[Interval] = field(default_factory=list)

    def replace(self, window: Window, answer: list[Interval]) -> None:
        """Swap what touches the window for the answer, as a query for it would select."""
        self.stored = [i for i in self.stored if not touches(i, window)] + answer

    def touching(self, window: Window) -> list[Interval]:
        return [i for i in self.stored if touches(i, window)]

    def run(self, start: int, end: int, outcome: Outcome, written: int, *, purge: bool) -> None:
        """One run; its rows all bear the window's first minute."""
        purged, count = 0, written if outcome is Outcome.ROWS else 0
        if outcome is not Outcome.FAILURE:
            if purge:
                purged = sum(self.rows.pop(minute, 0) for minute in range(start, end))
            self.rows[start] = self.rows.get(start, 0) + count
        window = span(start, end)
        answer = record(
            self.touching(window),
            window,
            outcome,
            load_history_id=RUN,
            rec_count=count,
            purged=purged,
            cleared=purge,
        )
        self.replace(window, answer)
        for minute in range(start, end):
            self.states[minute] = expected(self.states.get(minute), outcome, purge)


def touches(interval: Interval, window: Window) -> bool:
    return interval.window.start <= window.end and window.start <= interval.window.end


def expected(before: CoverageState | None, outcome: Outcome, purge: bool) -> CoverageState:  # noqa: FBT001
    """The rule of spec 9 for one minute, told without intervals."""
    if outcome is Outcome.ROWS:
        return S.LOADED
    if outcome is Outcome.FAILURE:
        return before or S.FAILED
    if before is S.LOADED:
        return S.EMPTY if purge else S.LOADED
    if outcome is Outcome.NO_ROWS and before in {None, S.FAILED}:
        return S.UNVERIFIED
    return S.EMPTY


RUNS = st.tuples(
    st.integers(0, 39), st.integers(1, 12), st.sampled_from(Outcome), st.integers(1, 9),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(runs=st.lists(RUNS, max_size=15), watermark=st.none() | st.integers(-5, 65))
def test_any_sequence_of_runs_keeps_a_partition_that_tells_the_truth(
    runs: list[tuple[int, int, Outcome, int, bool]], watermark: int | None
) -> None:
    ledger = Ledger()
    for start, length, outcome, written, purge in runs:
        ledger.run(start, start + length, outcome, written, purge=purge)
    stored = sorted(ledger.stored, key=lambda interval: interval.window)
    for left, right in pairwise(stored):
        assert left.window.end <= right.window.start
        assert left.window.end < right.window.start or left.state is not right.state, "not merged"
    mark = None if watermark is None else at(watermark)
    whole = complete(stored, at(0), mark, at(60))
    assert (whole[0].window.start, whole[-1].window.end) == (at(0), at(60))
    assert all(left.window.end == right.window.start for left, right in pairwise(whole))
    for start, end, state, count in told(whole):
        for minute in range(start, end):
            hole = S.PENDING if mark is None or at(minute) >= mark else S.MISSING
            assert ledger.states.get(minute, hole).value == state
        truth = sum(ledger.rows.get(minute, 0) for minute in range(start, end))
        assert count is None or count == truth, "a count that is told is exact"


@settings(deadline=None)
@given(runs=st.lists(RUNS.filter(lambda run: run[2] is not Outcome.NO_ROWS), max_size=15))
def test_counts_stay_known_while_nothing_loaded_is_cut_in_two(
    runs: list[tuple[int, int, Outcome, int, bool]],
) -> None:
    ledger = Ledger()
    for start, length, outcome, written, _ in runs:
        if outcome is not Outcome.NO_ROWS_CONFIRMED:
            ledger.run(start, start + length, outcome, written, purge=True)
    assert None not in {interval.rec_count for interval in ledger.stored}
