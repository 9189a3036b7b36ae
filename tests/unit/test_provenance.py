"""Which run's signals should stand where, by what the runs recorded (spec 9)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from core.window import Window
from execution.provenance import Claim, LoadedRun, claims

ORIGIN = datetime(2026, 1, 31, tzinfo=UTC)


def span(start: int, end: int) -> Window:
    return Window(ORIGIN + timedelta(minutes=start), ORIGIN + timedelta(minutes=end))


def run(number: int, start: int, end: int, rows: int, purged: int = 0) -> LoadedRun:
    return LoadedRun(UUID(int=number), span(start, end), rows, purged)


def told(*runs: LoadedRun) -> set[tuple[tuple[int, ...], int | None, tuple[tuple[int, int], ...]]]:
    """Claims as (runs, rows, stretches in minutes)."""
    minute = timedelta(minutes=1)

    def minutes(window: Window) -> tuple[int, int]:
        return (window.start - ORIGIN) // minute, (window.end - ORIGIN) // minute

    return {
        (tuple(sorted(r.int for r in one.runs)), one.rows, tuple(map(minutes, one.stretches)))
        for one in claims(runs)
    }


def test_a_run_that_reads_the_last_grain_again_takes_its_rows_over() -> None:
    assert told(run(1, 0, 10, 7), run(2, 9, 20, 5, purged=2)) == {
        ((1,), 5, ((0, 9),)),
        ((2,), 5, ((9, 20),)),
    }


def test_a_reload_of_the_middle_leaves_the_rest_with_what_it_did_not_remove() -> None:
    assert told(run(1, 0, 10, 7), run(2, 4, 6, 1, purged=2)) == {
        ((1,), 5, ((0, 4), (6, 10))),
        ((2,), 1, ((4, 6),)),
    }


def test_runs_that_are_covered_whole_are_gone_with_all_they_had() -> None:
    runs = run(1, 0, 5, 7), run(2, 5, 10, 2), run(3, 10, 15, 4)
    assert told(*runs, run(4, 0, 12, 9, purged=10)) == {
        ((3,), 3, ((12, 15),)),
        ((4,), 9, ((0, 12),)),
    }


def test_two_that_are_covered_in_part_are_judged_together() -> None:
    assert told(run(1, 0, 5, 7), run(2, 5, 10, 2), run(3, 4, 6, 1, purged=3)) == {
        ((1, 2), 6, ((0, 4), (6, 10))),
        ((3,), 1, ((4, 6),)),
    }


def test_what_an_unknown_run_had_loaded_is_nobodys() -> None:
    assert told(run(1, 0, 5, 7, purged=30)) == {((1,), 7, ((0, 5),))}


def test_a_purge_that_removed_less_than_stood_leaves_a_run_beside_it_unknown() -> None:
    runs = run(1, 0, 5, 7), run(2, 5, 10, 2)
    assert told(*runs, run(3, 0, 6, 4, purged=3)) == {
        ((2,), None, ((6, 10),)),
        ((3,), 4, ((0, 6),)),
    }


RUNS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 9), st.lists(st.integers(0, 8)), st.booleans()),
    max_size=14,
)


def loaded(runs: list[tuple[int, int, list[int], bool]]) -> tuple[list[LoadedRun], Counter[UUID]]:
    """Runs over minutes, and the rows that stand after them, by run, kept row by row."""
    standing: dict[tuple[int, int], UUID] = {}
    done = []
    for number, (start, length, offsets, keeps) in enumerate(runs, 1):
        purged = 0
        if not keeps:
            gone = [key for key in standing if start <= key[0] < start + length]
            purged = len(gone)
            for key in gone:
                del standing[key]
        rows = {(start + offset % length, k) for k, offset in enumerate(offsets)} - set(standing)
        standing |= dict.fromkeys(rows, UUID(int=number))
        one = LoadedRun(UUID(int=number), span(start, start + length), len(rows), purged, keeps)
        done.append(one)
    return done, Counter(standing.values())


@settings(max_examples=300, deadline=None)
@given(RUNS)
def test_every_claim_is_true_of_rows_that_nobody_touched(
    runs: list[tuple[int, int, list[int], bool]],
) -> None:
    done, standing = loaded(runs)
    found = claims(done)
    assert [one for one in found if one.rows is None] == []
    for one in found:
        assert sum(standing[run] for run in one.runs) == one.rows
    claimed: set[UUID] = set().union(*(one.runs for one in found)) if found else set()
    assert set(standing) <= claimed, "every row that stands is somebody's"


@settings(max_examples=200, deadline=None)
@given(RUNS, st.data())
def test_a_row_that_was_deleted_is_missed_by_the_claim_of_its_run(
    runs: list[tuple[int, int, list[int], bool]], data: st.DataObject
) -> None:
    done, standing = loaded(runs)
    if not standing:
        return
    run = data.draw(st.sampled_from(sorted(standing)))
    standing[run] -= 1
    wrong = [one for one in claims(done) if sum(standing[r] for r in one.runs) != one.rows]
    assert [run in one.runs for one in wrong] == [True]


def test_ten_thousand_runs_in_a_row_take_less_than_a_second() -> None:
    chain = [run(n, n * 5, n * 5 + 10, 3, purged=1 if n else 0) for n in range(10_000)]
    found: list[Claim] = claims(chain)
    assert len(found) == 10_000
