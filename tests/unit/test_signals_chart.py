"""The small chart on a loader's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.window import Window
from loaderportal.signals_chart import draw

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = Window(START, START + timedelta(days=7))


def test_bars_stand_at_their_hours_in_proportion_to_the_greatest() -> None:
    chart = draw(WEEK, [(START, 50), (START + timedelta(hours=30), 200)])
    assert [(bar.place, bar.height) for bar in chart.bars] == [(0, 25.0), (30, 100.0)]
    assert (chart.width, chart.most) == (168, 200)
    assert chart.bars[1].title == "2026-01-02 06:00 UTC: 200"


def test_a_small_count_is_still_seen_and_none_is_not() -> None:
    chart = draw(WEEK, [(START, 1), (START + timedelta(hours=1), 0), (START, 1_000_000)])
    assert [bar.height for bar in chart.bars] == [1.0, 0.0, 100.0]


def test_nothing_makes_an_empty_chart() -> None:
    assert draw(WEEK, []).bars == []
