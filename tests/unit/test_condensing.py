"""Many stretches as few (spec 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.window import Window
from execution.condensing import WORST_FIRST, condense, slices, worst
from execution.coverage import CoverageState

ORIGIN = datetime(2026, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = CoverageState


def test_slices_are_a_partition_of_the_stretch() -> None:
    stretch = Window(ORIGIN, ORIGIN + timedelta(seconds=10))
    cut = slices(stretch, 7)
    assert (cut[0].start, cut[-1].end, len(cut)) == (stretch.start, stretch.end, 7)
    assert [a.end for a in cut[:-1]] == [b.start for b in cut[1:]]


def test_neighbours_of_one_state_are_one() -> None:
    cut = slices(Window(ORIGIN, ORIGIN + 3 * HOUR), 3)
    assert condense(zip(cut, [S.LOADED, S.LOADED, S.FAILED], strict=True)) == [
        (Window(ORIGIN, ORIGIN + 2 * HOUR), S.LOADED),
        (cut[2], S.FAILED),
    ]


def test_the_worst_is_what_asks_most_of_a_person() -> None:
    assert set(WORST_FIRST) == set(S)
    assert worst([S.LOADED, S.UNVERIFIED, S.FAILED, S.PENDING]) is S.FAILED
    assert worst([S.LOADED, S.WAIVED]) is S.WAIVED
    assert worst([]) is None
