"""Where a live run leaves the watermark (spec 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.window import Window
from execution.watermark import advance, reread_until
from loaders.policies import WatermarkPolicy

MAX, END = WatermarkPolicy.MAX_TIMESTAMP, WatermarkPolicy.WINDOW_END
START = datetime(2026, 1, 31, 10, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=5))


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_max_timestamp_goes_to_the_greatest_stamp() -> None:
    assert advance(MAX, WINDOW, after(130), START) == after(130)
    assert advance(MAX, WINDOW, after(130), None) == after(130)


def test_a_quiet_window_is_left_by_its_end() -> None:
    assert advance(MAX, WINDOW, None, START) == WINDOW.end


def test_rows_at_the_start_alone_do_not_hold_the_watermark() -> None:
    assert advance(MAX, WINDOW, START, START) == WINDOW.end
    assert advance(MAX, WINDOW, START, None) == WINDOW.end


def test_a_watermark_off_the_grain_does_not_find_its_own_row_for_ever() -> None:
    assert advance(MAX, WINDOW, after(30), after(30)) == WINDOW.end
    assert advance(MAX, WINDOW, after(20), after(30)) == WINDOW.end
    assert advance(MAX, WINDOW, after(31), after(30)) == after(31)


def test_window_end_goes_to_the_end_whatever_came() -> None:
    assert advance(END, WINDOW, after(130), START) == WINDOW.end
    assert advance(END, WINDOW, None, None) == WINDOW.end


@pytest.mark.parametrize("stamp", [after(-1), after(300)])
def test_a_stamp_outside_the_window_moves_nothing(stamp: datetime) -> None:
    with pytest.raises(ValueError, match="lies in its window"):
        advance(MAX, WINDOW, stamp, START)


STAMPS = st.none() | st.floats(0, 299).map(after)
MARKS = st.none() | st.floats(-1000, 1000).map(after)


@settings(deadline=None)
@given(policy=st.sampled_from(WatermarkPolicy), greatest=STAMPS, mark=MARKS)
def test_the_watermark_never_goes_back_and_passes_no_end(
    policy: WatermarkPolicy, greatest: datetime | None, mark: datetime | None
) -> None:
    moved = advance(policy, WINDOW, greatest, mark)
    assert moved > WINDOW.start
    assert moved <= max(WINDOW.end, mark or WINDOW.end)
    if mark is not None:
        assert moved >= mark
        assert moved > mark or mark >= WINDOW.end


def test_a_live_run_replaces_up_to_and_with_the_watermark() -> None:
    assert reread_until(WINDOW, START) == START
    assert reread_until(WINDOW, after(30)) == after(30)


@pytest.mark.parametrize("mark", [None, after(-1), after(300), after(9000)])
def test_nothing_is_read_again_on_a_first_run_or_by_a_backfill(
    mark: datetime | None,
) -> None:
    assert reread_until(WINDOW, mark) is None
