"""Which window a loader reads next (spec 5), with the watermark, over simulated sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.window import Window
from execution.watermark import advance, reread_until
from execution.windows import (
    NotDue,
    NotDueReason,
    TimePlan,
    is_still_behind,
    plan_next,
    shrink,
    split,
    tile,
)
from loaders.grain import Grain
from loaders.policies import WatermarkPolicy
from loaders.source_time import SourceZone

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
UTC_ZONE = SourceZone.named("UTC")
ZONES = [
    UTC_ZONE,
    *map(SourceZone.named, ("Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")),
]
PLAN = TimePlan(
    grain=Grain(60, UTC_ZONE),
    max_query_period=HOUR,
    lateness=MINUTE,
    start_at=None,
    end_at=None,
    default_lookback=timedelta(hours=24),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = utc("2026-01-31T10:00:42")


def due(plan: TimePlan, watermark: datetime | None, now: datetime = NOW) -> Window:
    planned = plan_next(plan, watermark, now)
    assert isinstance(planned, Window)
    return planned


def test_a_window_runs_from_the_watermark_to_closed_time() -> None:
    planned = due(PLAN, utc("2026-01-31T09:30:20"))
    assert planned == Window(utc("2026-01-31T09:30"), utc("2026-01-31T09:59"))
    assert not is_still_behind(PLAN, planned, planned.end, NOW)


def test_a_loader_far_behind_reads_one_period_and_is_still_behind() -> None:
    planned = due(PLAN, utc("2026-01-30T00:00"))
    assert planned == Window(utc("2026-01-30T00:00"), utc("2026-01-30T01:00"))
    assert is_still_behind(PLAN, planned, planned.end, NOW)


def test_a_window_that_just_fits_is_not_behind() -> None:
    fits = due(PLAN, utc("2026-01-31T08:59"))
    assert not is_still_behind(PLAN, fits, fits.end, NOW)
    cut = due(PLAN, utc("2026-01-31T08:58"))
    assert is_still_behind(PLAN, cut, cut.end, NOW)


def test_a_watermark_short_of_end_at_is_brought_there_at_once() -> None:
    plan = replace(PLAN, end_at=utc("2026-01-31T09:40"))
    last = due(plan, utc("2026-01-31T09:30"))
    assert last.end == plan.end_at
    assert is_still_behind(plan, last, utc("2026-01-31T09:35"), NOW)
    assert not is_still_behind(plan, last, last.end, NOW)


def test_a_first_run_starts_at_start_at_else_at_the_lookback() -> None:
    assert due(PLAN, None).start == utc("2026-01-30T10:00")
    plan = replace(PLAN, start_at=utc("2025-12-31T23:59:59"))
    assert due(plan, None).start == utc("2025-12-31T23:59")


def test_the_watermark_wins_over_start_at() -> None:
    plan = replace(PLAN, start_at=utc("2025-01-01"))
    assert due(plan, utc("2026-01-31T09:00")).start == utc("2026-01-31T09:00")


@pytest.mark.parametrize("watermark", ["2026-01-31T09:59", "2026-01-31T10:00:42"])
def test_without_a_closed_grain_nothing_is_due(watermark: str) -> None:
    assert plan_next(PLAN, utc(watermark), NOW) == NotDue(NotDueReason.NOTHING_CLOSED)


def test_a_start_in_the_future_waits_for_it() -> None:
    plan = replace(PLAN, start_at=utc("2026-02-01"))
    assert plan_next(plan, None, NOW) == NotDue(NotDueReason.NOTHING_CLOSED)


def test_a_watermark_in_the_future_holds_the_loader() -> None:
    held = plan_next(PLAN, NOW + timedelta(microseconds=1), NOW)
    assert held == NotDue(NotDueReason.WATERMARK_IN_FUTURE)


def test_a_grain_longer_than_the_period_is_read_whole() -> None:
    plan = replace(PLAN, grain=Grain(None, UTC_ZONE))
    planned = due(plan, utc("2026-01-28T00:00"))
    assert planned == Window(utc("2026-01-28"), utc("2026-01-29"))
    assert plan_next(plan, utc("2026-01-31"), NOW) == NotDue(NotDueReason.NOTHING_CLOSED)


def test_the_repeated_hour_is_one_window_however_short_the_period() -> None:
    plan = replace(
        PLAN, grain=Grain(60, SourceZone.named("Europe/Berlin")), max_query_period=5 * MINUTE
    )
    planned = due(plan, utc("2025-10-26T00:00"))
    assert planned == Window(utc("2025-10-26T00:00"), utc("2025-10-26T02:00"))


def test_the_last_window_holds_the_whole_grain_of_end_at() -> None:
    plan = replace(PLAN, end_at=utc("2026-01-31T09:40:10"))
    planned = due(plan, utc("2026-01-31T09:30"))
    assert planned == Window(utc("2026-01-31T09:30"), utc("2026-01-31T09:41"))
    assert plan_next(plan, utc("2026-01-31T09:41"), NOW) == NotDue(NotDueReason.ENDED)


def test_end_at_never_reaches_into_open_time() -> None:
    plan = replace(PLAN, end_at=utc("2026-01-31T09:59:30"))
    assert due(plan, utc("2026-01-31T09:30")).end == utc("2026-01-31T09:59")
    last = plan_next(plan, utc("2026-01-31T09:59"), NOW)
    assert last == NotDue(NotDueReason.NOTHING_CLOSED)


def test_a_source_whose_clock_is_behind_shortens_the_window() -> None:
    window = Window(utc("2026-01-31T09:30"), utc("2026-01-31T09:59"))
    assert shrink(window, PLAN, NOW) == window
    assert shrink(window, PLAN, NOW + HOUR) == window
    assert shrink(window, PLAN, NOW - 10 * MINUTE) == Window(window.start, utc("2026-01-31T09:49"))
    assert shrink(window, PLAN, NOW - 29 * MINUTE) is None


def test_one_grain_is_not_split() -> None:
    grain = Window(utc("2026-01-31T09:30"), utc("2026-01-31T09:31"))
    assert split(grain, PLAN.grain) == (grain, None)


@pytest.mark.parametrize(
    "broken",
    [
        {"max_query_period": timedelta(0)},
        {"default_lookback": -HOUR},
        {"lateness": timedelta(seconds=-1)},
    ],
)
def test_a_plan_that_can_not_work_is_refused(broken: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match=r"positive|negative"):
        replace(PLAN, **broken)  # type: ignore[arg-type]


GRAINS = st.builds(Grain, st.sampled_from([60, 300, 3600, 7200, None]), st.sampled_from(ZONES))
PERIODS = st.sampled_from([MINUTE, 7 * MINUTE, 90 * MINUTE, 6 * HOUR, timedelta(days=3)])
STARTS = st.builds(
    lambda day, away: utc(day) + away,
    st.sampled_from(["2025-03-29", "2025-10-25", "2025-04-05", "2025-10-04", "2026-01-30"]),
    st.timedeltas(timedelta(0), timedelta(hours=30)),
)
PLANS = st.builds(
    TimePlan,
    grain=GRAINS,
    max_query_period=PERIODS,
    lateness=st.sampled_from([timedelta(seconds=1), MINUTE, 40 * MINUTE]),
    start_at=STARTS,
    end_at=st.none(),
    default_lookback=st.just(timedelta(hours=24)),
)


def on_grain(plan: TimePlan, length: timedelta) -> Window:
    assert plan.start_at is not None
    return Window(plan.grain.floor(plan.start_at), plan.grain.ceil(plan.start_at + length))


@settings(max_examples=120, deadline=None)
@given(plan=PLANS, length=st.timedeltas(MINUTE, timedelta(hours=40)))
def test_halving_down_to_grains_leaves_no_instant_out(plan: TimePlan, length: timedelta) -> None:
    rest: Window | None = on_grain(plan, length)
    assert rest is not None
    edge, end = rest.start, rest.end
    while rest is not None:
        first, rest = split(rest, plan.grain)
        assert first.start == edge
        assert plan.grain.is_boundary(first.end)
        assert rest is None or (rest.start == first.end and rest.end == end)
        edge = first.end
    assert edge == end


@settings(max_examples=120, deadline=None)
@given(plan=PLANS, length=st.timedeltas(MINUTE, timedelta(hours=40)))
def test_tiles_cover_a_stretch_once_and_keep_to_the_period(
    plan: TimePlan, length: timedelta
) -> None:
    assert plan.start_at is not None
    stretch = on_grain(plan, length)
    edge = stretch.start
    for number, window in enumerate(tile(Window(plan.start_at, plan.start_at + length), plan)):
        if number > 300:
            return
        assert window.start == edge
        assert plan.grain.is_boundary(window.end)
        assert window.duration <= plan.max_query_period or split(window, plan.grain)[1] is None
        edge = window.end
    assert edge == stretch.end


class SimulatedRuns:
    """A loader on a source: runs what is due and keeps what it wrote, as the engine will."""

    def __init__(self, plan: TimePlan, policy: WatermarkPolicy, rows: list[datetime]) -> None:
        self.plan, self.policy, self.rows = plan, policy, rows
        self.watermark: datetime | None = None
        self.windows: list[tuple[datetime | None, Window]] = []
        self.target: list[datetime] = []

    def run_if_due(self, now: datetime, source_now: datetime) -> NotDue | None:
        """One live run under FAIL_ON_DUPLICATE; the watermark always moves."""
        planned = plan_next(self.plan, self.watermark, now)
        if isinstance(planned, NotDue):
            return planned
        window = shrink(planned, self.plan, source_now)
        if window is None:
            return NotDue(NotDueReason.NOTHING_CLOSED)
        read = [row for row in self.rows if window.contains(row)]
        again = reread_until(window, self.watermark)
        if again is not None:
            self.target = [row for row in self.target if not window.start <= row <= again]
        assert not any(window.contains(row) for row in self.target), "duplicate data"
        self.target += read
        moved = advance(self.policy, window, max(read, default=None), self.watermark)
        assert self.watermark is None or moved > self.watermark, "the loader stands still"
        self.windows.append((self.watermark, window))
        self.watermark = moved
        return None


@st.composite
def simulations(draw: st.DrawFn) -> tuple[SimulatedRuns, list[timedelta]]:
    plan = draw(PLANS.filter(lambda plan: plan.max_query_period >= 7 * MINUTE))
    assert plan.start_at is not None
    aligned = draw(st.booleans())
    rows = set()
    for minutes in draw(st.lists(st.floats(0, 36 * 60), max_size=25)):
        row = plan.start_at + timedelta(minutes=minutes)
        rows.add(plan.grain.floor(row) if aligned else row)
    policy = draw(st.sampled_from(WatermarkPolicy))
    ticks = draw(st.lists(st.timedeltas(timedelta(0), timedelta(hours=8)), max_size=12))
    return SimulatedRuns(plan, policy, sorted(rows)), ticks


@settings(max_examples=150, deadline=None)
@given(simulation=simulations(), skew=st.timedeltas(-5 * MINUTE, 5 * MINUTE))
def test_planning_and_advancing_loads_all_closed_time_exactly_once(
    simulation: tuple[SimulatedRuns, list[timedelta]], skew: timedelta
) -> None:
    runs, ticks = simulation
    assert runs.plan.start_at is not None
    now = runs.plan.start_at
    for tick in ticks:
        now += tick
        while runs.run_if_due(now, now + skew) is None:
            pass
        closed = runs.plan.closed_until(min(now, now + skew))
        first = runs.plan.grain.floor(runs.plan.start_at)
        if closed > first:
            assert runs.watermark == closed
            assert runs.windows[0][1].start == first
            assert sorted(runs.target) == [row for row in runs.rows if first <= row < closed]
    for (_, before), (watermark, after) in pairwise(runs.windows):
        assert watermark is not None
        assert after.start <= before.end, "an instant was left out"
        assert after.start == runs.plan.grain.floor(watermark)
        if runs.policy is WatermarkPolicy.WINDOW_END:
            assert not before.overlaps(after)


@settings(max_examples=60, deadline=None)
@given(
    simulation=simulations(),
    moved=st.timedeltas(timedelta(0), timedelta(hours=5)),
)
def test_a_watermark_an_operator_put_off_the_grain_does_not_hold_the_loader(
    simulation: tuple[SimulatedRuns, list[timedelta]], moved: timedelta
) -> None:
    runs, _ = simulation
    assert runs.plan.start_at is not None
    runs.watermark = runs.plan.start_at + moved
    now = runs.watermark + timedelta(hours=30)
    while runs.run_if_due(now, now) is None:
        pass
    assert runs.watermark == runs.plan.closed_until(now)


@settings(max_examples=60, deadline=None)
@given(plan=PLANS, life=st.timedeltas(MINUTE, timedelta(hours=20)))
def test_a_loader_with_an_end_reads_up_to_it_and_stops(plan: TimePlan, life: timedelta) -> None:
    assert plan.start_at is not None
    end = plan.start_at + life
    ended = replace(plan, end_at=end, max_query_period=6 * HOUR)
    runs = SimulatedRuns(ended, WatermarkPolicy.MAX_TIMESTAMP, [plan.start_at])
    now = end + timedelta(days=3)
    while (answer := runs.run_if_due(now, now)) is None:
        pass
    assert answer.reason is NotDueReason.ENDED
    assert runs.windows[-1][1].end == plan.grain.ceil(end)
