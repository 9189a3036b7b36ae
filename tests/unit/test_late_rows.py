"""A source whose rows commit late and out of order, on a clock of its own: nothing within the
lateness is ever missed, and what comes later is found by the re-count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backfill.late.plan import Pass, next_recount
from core.window import Window
from execution.recount.counting import differences, stretches
from execution.watermark import advance, reread_until
from execution.windows import TimePlan, plan_next
from loaders.grain import Grain
from loaders.policies import WatermarkPolicy
from loaders.source_time import SourceZone

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATENESS, AGE = 5 * MINUTE, 60 * MINUTE
LASTS = 3 * 60 * 60
"""Seconds over which rows come."""

GRAIN = Grain(60, SourceZone.named("UTC"))
PLAN = TimePlan(
    grain=GRAIN,
    max_query_period=20 * MINUTE,
    lateness=LATENESS,
    start_at=START,
    end_at=None,
    default_lookback=timedelta(days=1),
)


@dataclass(frozen=True)
class Record:
    """One row of the source: when it happened, and when its transaction committed."""

    number: int
    at: datetime
    committed: datetime


def records(moments: list[tuple[int, int]]) -> list[Record]:
    """Of (seconds after the start, seconds of delay)."""
    return [
        Record(n, START + at * SECOND, START + (at + delay) * SECOND)
        for n, (at, delay) in enumerate(moments)
    ]


class World:
    """The source's rows, and what the portal has loaded of them."""

    def __init__(self, rows: list[Record], policy: WatermarkPolicy) -> None:
        self.rows = rows
        self.policy = policy
        self.loaded: set[Record] = set()
        self.watermark: datetime | None = None

    def visible(self, window: Window, now: datetime) -> set[Record]:
        """What the source answers at this moment."""
        return {row for row in self.rows if window.contains(row.at) and row.committed <= now}

    def run(self, now: datetime) -> None:
        """One live run, if one is due."""
        window = plan_next(PLAN, self.watermark, now)
        if not isinstance(window, Window):
            return
        found = self.visible(window, now)
        until = reread_until(window, self.watermark)
        standing = {row for row in self.loaded if window.contains(row.at)}
        assert all(until is not None and row.at <= until for row in standing), "a duplicate"
        self.loaded = (self.loaded - standing) | found
        greatest = max((row.at for row in found), default=None)
        self.watermark = advance(self.policy, window, greatest, self.watermark)

    def recount(self, window: Window, now: datetime) -> list[Window]:
        """What must be loaded again of the window; it is, by a backfill."""
        loaded = Counter(GRAIN.floor(row.at) for row in self.loaded if window.contains(row.at))
        found = Counter(GRAIN.floor(row.at) for row in self.visible(window, now))
        again = stretches(differences(loaded, found), GRAIN)
        for stretch in again:
            stand = {row for row in self.loaded if stretch.contains(row.at)}
            self.loaded = (self.loaded - stand) | self.visible(stretch, now)
        return again


@given(
    moments=st.lists(
        st.tuples(
            st.integers(0, LASTS),
            st.one_of(
                st.just(int(LATENESS.total_seconds())),
                st.integers(0, int(LATENESS.total_seconds())),
                st.integers(0, int(AGE.total_seconds())),
            ),
        ),
        max_size=60,
    ),
    polls=st.lists(st.integers(10, 2000), min_size=30, max_size=60),
    policy=st.sampled_from(list(WatermarkPolicy)),
)
def test_nothing_within_the_lateness_is_missed_and_the_re_count_finds_the_rest(
    moments: list[tuple[int, int]], polls: list[int], policy: WatermarkPolicy
) -> None:
    world = World(records(moments), policy)
    now, counted_until = START + MINUTE, START
    for seconds in [*polls, *[600] * 60]:
        now += seconds * SECOND
        world.run(now)
        assert world.watermark is None or world.watermark <= now - LATENESS
        passed = [row for row in world.rows if world.watermark and row.at < world.watermark]
        in_time = {row for row in passed if row.committed - row.at <= LATENESS}
        assert in_time <= world.loaded

        course = Pass(AGE, counted_until, world.watermark or START)
        window = next_recount(course, PLAN, now)
        if window is not None:
            world.recount(window, now)
            counted_until = window.end
            seen = [row for row in world.rows if row.at < counted_until]
            assert {row for row in seen if row.committed - row.at <= AGE} <= world.loaded
    settled = {row for row in world.rows if row.at < counted_until}
    assert settled <= world.loaded
    assert counted_until > START + LASTS * SECOND
