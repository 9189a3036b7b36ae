"""The grid on which windows start and end (spec 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.grain import Grain
from loaders.source_time import SourceZone

ZONES = [
    SourceZone.named(name)
    for name in (
        "Asia/Riyadh",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Pacific/Apia",
        "UTC",
    )
] + [SourceZone.offset(hours) for hours in (-3, Decimal("-5.75"), Decimal("9.5"))]
SECONDS = [60, 300, 900, 3600, 5400, 7200, 21600, 86400, None]
MICROSECOND = timedelta(microseconds=1)
# Both changes of a year in each zone that has them, to the hour; days around them are searched.
CHANGES = [
    "2025-03-30T01", "2025-10-26T01", "2025-03-09T07", "2025-11-02T06", "2025-10-04T15",
    "2025-04-05T15", "2025-04-24T22", "2025-10-30T21", "2018-11-04T03", "2018-02-18T02",
    "2010-03-14T03", "2010-11-07T02", "2011-12-30T10",
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def near_changes() -> st.SearchStrategy[datetime]:
    return st.builds(
        lambda change, away: utc(change) + away,
        st.sampled_from(CHANGES),
        st.timedeltas(-timedelta(days=2), timedelta(days=2)),
    )


def anywhere() -> st.SearchStrategy[datetime]:
    return st.integers(0, 4_000_000_000_000).map(
        lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)
    )


GRAINS = st.builds(Grain, st.sampled_from(SECONDS), st.sampled_from(ZONES))
INSTANTS = near_changes() | anywhere()


@settings(max_examples=600, deadline=None)
@given(grain=GRAINS, instant=INSTANTS)
def test_every_instant_lies_in_exactly_one_grain(grain: Grain, instant: datetime) -> None:
    start, end = grain.floor(instant), grain.following(instant)
    assert start <= instant < end
    assert grain.following(start) == end
    assert grain.floor(end) == end
    assert grain.floor(end - MICROSECOND) == start == grain.floor(start)
    assert grain.is_boundary(instant) == (instant == start)
    assert grain.ceil(instant) == (instant if instant == start else end)


@settings(max_examples=600, deadline=None)
@given(grain=GRAINS, instant=INSTANTS)
def test_no_boundary_lies_inside_a_repeated_hour(grain: Grain, instant: datetime) -> None:
    for boundary in (grain.floor(instant), grain.following(instant)):
        repeated = grain.zone.repeated_hour(boundary)
        assert repeated is None or repeated.start == boundary


@settings(max_examples=600, deadline=None)
@given(grain=GRAINS, instant=INSTANTS)
def test_the_stamp_of_a_group_falls_into_the_window_of_its_rows(
    grain: Grain, instant: datetime
) -> None:
    wall = grain.zone.to_local(instant)
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001
    group = epoch + (wall - epoch) // grain.step * grain.step
    assert grain.floor(instant) <= grain.zone.to_utc(group) < grain.following(instant)


def test_hours_of_a_half_hour_zone_start_at_half_past_utc() -> None:
    hours = Grain(3600, SourceZone.named("Asia/Kolkata"))
    assert hours.floor(utc("2026-01-31T10:10")) == utc("2026-01-31T09:30")
    assert hours.following(utc("2026-01-31T09:30")) == utc("2026-01-31T10:30")


def test_one_window_spans_the_repeated_hour() -> None:
    minutes = Grain(60, SourceZone.named("Europe/Berlin"))
    assert minutes.following(utc("2025-10-25T23:59")) == utc("2025-10-26T00:00")
    assert minutes.following(utc("2025-10-26T00:00")) == utc("2025-10-26T02:00")
    assert minutes.floor(utc("2025-10-26T01:30")) == utc("2025-10-26T00:00")


def test_days_are_as_long_as_the_clock_makes_them() -> None:
    days = Grain(None, SourceZone.named("Europe/Berlin"))
    spring, autumn = utc("2025-03-29T23:00"), utc("2025-10-25T22:00")
    assert days.following(spring) - spring == timedelta(hours=23)
    assert days.following(autumn) - autumn == timedelta(hours=25)


def test_a_day_without_midnight_starts_at_the_jump() -> None:
    days = Grain(None, SourceZone.named("America/Sao_Paulo"))
    jump = utc("2018-11-04T03:00")
    assert days.is_boundary(jump)
    assert days.zone.to_local(jump).hour == 1
    assert days.following(jump) - jump == timedelta(hours=23)


def test_a_day_that_was_skipped_leaves_no_grain() -> None:
    days = Grain(None, SourceZone.named("Pacific/Apia"))
    assert days.following(utc("2011-12-29T10:00")) == utc("2011-12-30T10:00")
    assert days.following(utc("2011-12-30T10:00")) == utc("2011-12-31T10:00")


def test_a_midnight_inside_the_repeated_hour_joins_two_days() -> None:
    days = Grain(None, SourceZone.named("America/St_Johns"))  # 00:01 became 23:01 the day before
    saturday = utc("2010-11-06T02:30")
    assert days.following(saturday) - saturday == timedelta(hours=49)


def test_a_grain_fits_a_format_it_is_a_multiple_of() -> None:
    zone = SourceZone.named("UTC")
    assert Grain(None, zone).is_multiple_of(timedelta(minutes=1))
    assert Grain(120, zone).is_multiple_of(timedelta(minutes=1))
    assert not Grain(90, zone).is_multiple_of(timedelta(minutes=1))


@pytest.mark.parametrize("seconds", [0, -60])
def test_a_grain_is_positive(seconds: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Grain(seconds, SourceZone.named("UTC"))
