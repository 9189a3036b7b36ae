"""Which gaps become backfills (spec 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backfill.gaps import Fate, Found, LeftOut, LoaderGaps, Rules, plan
from core.window import Window
from execution.coverage import CoverageState

ORIGIN = datetime(2026, 1, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
S = CoverageState


def span(start: int, end: int) -> Window:
    return Window(ORIGIN + start * MINUTE, ORIGIN + end * MINUTE)


def rules(since: int = 0, shortest: int = 5, most: int = 100) -> Rules:
    return Rules(ORIGIN + since * MINUTE, shortest * MINUTE, most)


def loader(*gaps: tuple[int, int, CoverageState], **values: Any) -> LoaderGaps:
    code = values.pop("code", "A")
    return LoaderGaps(code, [(span(a, b), state) for a, b, state in gaps], **values)


def told(found: list[Found]) -> list[tuple[str, int, int, str]]:
    return [
        (f.code, (f.window.start - ORIGIN) // MINUTE, (f.window.end - ORIGIN) // MINUTE, f.fate)
        for f in found
    ]


def test_an_unbroken_stretch_is_one_gap_whatever_its_states() -> None:
    (found,) = plan([loader((10, 13, S.FAILED), (13, 20, S.MISSING))], rules())
    assert (found.window, found.states) == (span(10, 20), (S.FAILED, S.MISSING))
    assert found.fate is Fate.SUBMITTED


def test_a_gap_is_cut_to_what_the_scan_looks_back_and_to_what_the_source_has() -> None:
    gaps = (0, 20, S.MISSING), (30, 40, S.MISSING)
    assert told(plan([loader(*gaps)], rules(since=12))) == [
        ("A", 12, 20, "SUBMITTED"),
        ("A", 30, 40, "SUBMITTED"),
    ]
    keeps = loader(*gaps, keeps_since=ORIGIN + 32 * MINUTE)
    assert told(plan([keeps], rules())) == [("A", 32, 40, "SUBMITTED")]


def test_what_is_too_short_is_told_and_left() -> None:
    gaps = (0, 4, S.MISSING), (10, 15, S.FAILED)
    assert told(plan([loader(*gaps)], rules())) == [
        ("A", 10, 15, "SUBMITTED"),
        ("A", 0, 4, "TOO_SHORT"),
    ]


def test_what_a_backfill_is_over_is_not_loaded_twice() -> None:
    held = loader((0, 20, S.MISSING), (30, 40, S.MISSING), in_hand=[span(0, 12), span(25, 45)])
    assert told(plan([held], rules())) == [
        ("A", 12, 20, "SUBMITTED"),
        ("A", 0, 20, "IN_HAND"),
        ("A", 30, 40, "IN_HAND"),
    ]


def test_a_loader_that_cannot_run_gets_none() -> None:
    out = loader((0, 20, S.MISSING), left_out=LeftOut.DISABLED)
    assert told(plan([out], rules())) == [("A", 0, 20, "LOADER_LEFT_OUT")]


def test_at_most_so_many_are_made_those_not_tried_first_then_the_oldest() -> None:
    loaders = [
        loader((0, 10, S.FAILED), code="A", tried=[span(0, 10)]),
        loader((20, 30, S.FAILED), code="B"),
        loader((15, 25, S.FAILED), code="C"),
    ]
    assert told(plan(loaders, rules(most=2))) == [
        ("C", 15, 25, "SUBMITTED"),
        ("B", 20, 30, "SUBMITTED"),
        ("A", 0, 10, "LATER"),
    ]


STRETCHES = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 20)), max_size=8)


@given(
    cuts=st.lists(st.integers(0, 100), unique=True, max_size=20),
    states=st.lists(st.sampled_from([S.FAILED, S.MISSING, S.UNVERIFIED, None]), min_size=20),
    in_hand=STRETCHES,
    since=st.integers(0, 50),
    limits=st.tuples(st.none() | st.integers(0, 60), st.integers(0, 5)),
)
def test_what_is_submitted_is_gap_within_reach_long_enough_and_in_nobodys_hand(
    cuts: list[int],
    states: list[CoverageState | None],
    in_hand: list[tuple[int, int]],
    since: int,
    limits: tuple[int | None, int],
) -> None:
    keeps, most = limits
    bounds = sorted(cuts)
    gaps = [
        (a, b, state)
        for a, b, state in zip(bounds, bounds[1:], states, strict=False)
        if state is not None
    ]
    held = {minute for start, length in in_hand for minute in range(start, start + length)}
    facts = loader(
        *gaps,
        in_hand=[span(start, start + length) for start, length in in_hand],
        keeps_since=None if keeps is None else ORIGIN + keeps * MINUTE,
    )
    found = told(plan([facts], rules(since=since, most=most)))
    missing = {minute for a, b, _ in gaps for minute in range(a, b)}
    reach = max(since, keeps or 0)
    made = [(a, b) for _, a, b, fate in found if fate == Fate.SUBMITTED]
    assert len(made) <= most
    minutes = [minute for a, b in made for minute in range(a, b)]
    assert len(minutes) == len(set(minutes)), "no minute is loaded twice"
    assert set(minutes) <= missing - held
    assert all(b - a >= 5 and a >= reach for a, b in made)
    wanted = {m for _, a, b, fate in found if fate in {"SUBMITTED", "LATER"} for m in range(a, b)}
    for minute in {m for m in missing - held if m >= reach} - wanted:
        free = {m for m in missing - held if m >= reach}
        first = last = minute
        while first - 1 in free:
            first -= 1
        while last + 1 in free:
            last += 1
        assert last - first + 1 < 5, "what is left is too short"
