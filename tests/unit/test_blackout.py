"""Blackout hours: how they are written, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.blackout import ends_at, parse

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "end"),
    [
        ("", "", "2026-01-31T09:00", None),
        ("08:00-10:00", "", "2026-01-31T07:59:59", None),
        ("08:00-10:00", "", "2026-01-31T08:00", "2026-01-31T10:00"),
        ("08:00-10:00", "", "2026-01-31T10:00", None),
        ("08:00-10:00", "Asia/Riyadh", "2026-01-31T05:30", "2026-01-31T07:00"),
        ("22:30-01:00", "", "2026-01-31T23:00", "2026-02-01T01:00"),
        ("22:30-01:00", "", "2026-01-31T00:30", "2026-01-31T01:00"),
        ("08:00-10:00, 09:00-11:00, 11:00-12:00", "", "2026-01-31T08:30", "2026-01-31T12:00"),
        # The repeated hour: 02:30 comes twice, and the second one ends it.
        ("01:00-02:30", "Europe/Berlin", "2026-10-25T00:15", "2026-10-25T01:30"),
        # The skipped hour: 02:30 does not exist.
        ("01:00-02:30", "Europe/Berlin", "2026-03-29T00:30", "2026-03-29T01:30"),
    ],
)
def test_a_blackout_ends_when_the_local_clock_shows_its_end(
    hours: str, zone: str, now: str, end: str | None
) -> None:
    assert ends_at(parse(hours), zone, at(now)) == (at(end) if end else None)


@pytest.mark.parametrize("text", ["8-10", "08:00", "08:00-25:00", "08:00 to 10:00", "00:00-00:00"])
def test_a_text_that_is_no_span_or_leaves_no_minute_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write times|leaves no minute"):
        parse(text)


@given(
    st.integers(0, 365 * 86_400).map(lambda second: NEW_YEAR + timedelta(seconds=second)),
    st.sampled_from(["", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
    st.integers(0, 1439),
    st.integers(1, 1438),
)
def test_an_end_lies_ahead_and_outside_of_the_blackout(
    now: datetime, zone: str, start: int, minutes: int
) -> None:
    end_minute = (start + minutes) % 1440
    spans = parse(f"{start // 60:02}:{start % 60:02}-{end_minute // 60:02}:{end_minute % 60:02}")
    end = ends_at(spans, zone, now)
    if end is not None:
        assert now < end <= now + timedelta(hours=26)
        assert ends_at(spans, zone, end) is None
