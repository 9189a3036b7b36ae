"""Buckets of a day in the explorer: whole days of the loader's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.browser import Visit
from tests.support.explored import Shop
from tests.support.explorer_page import drawn, explorer

DAY_START = """async ([zone, second]) => {
  const days = await import("/static/console/explorer/days.js");
  return days.dayStart(second, zone);
}"""

DAYS = {
    "no change": ("Asia/Riyadh", "2026-01-10T10:38+03:00", "2026-01-10T00:00+03:00", 24),
    "half an hour": ("Asia/Kolkata", "2026-01-10T00:10+05:30", "2026-01-10T00:00+05:30", 24),
    "a day of 23 hours": ("Europe/Berlin", "2026-03-29T10:38+02:00", "2026-03-29T00:00+01:00", 23),
    "the day after it": ("Europe/Berlin", "2026-03-30T10:38+02:00", "2026-03-30T00:00+02:00", 24),
    "a day of 25 hours": ("Europe/Berlin", "2026-10-25T10:38+01:00", "2026-10-25T00:00+02:00", 25),
    "its second 2:30": ("Europe/Berlin", "2026-10-25T02:30+01:00", "2026-10-25T00:00+02:00", 25),
    "far west": ("America/Los_Angeles", "2026-11-01T23:59-08:00", "2026-11-01T00:00-07:00", 25),
    "half an hour's change": (
        "Australia/Lord_Howe",
        "2026-04-05T12:00+10:30",
        "2026-04-05T00:00+11:00",
        24.5,
    ),
    "no midnight": ("Africa/Cairo", "2026-04-24T10:38+03:00", "2026-04-24T01:00+03:00", 23),
    "two midnights": ("America/Havana", "2026-11-01T10:38-05:00", "2026-11-01T00:00-04:00", 25),
    "after 23:00 twice": ("Africa/Cairo", "2026-10-30T00:30+02:00", "2026-10-30T00:00+02:00", 24),
    "a day left out": (
        "Pacific/Apia",
        "2011-12-31T05:00+14:00",
        "2011-12-31T00:00+14:00",
        24,
    ),
}
"""A zone, an instant, the start of its day, and that day's hours."""


def seconds(*instants: datetime) -> list[int]:
    return [int(instant.timestamp()) for instant in instants]


def test_a_day_starts_at_its_first_second_in_the_loaders_zone(visit: Visit, shop: Shop) -> None:
    viewer = visit(shop.people.viewer)
    viewer.open("/admin/explorer/")

    def start_of(second: int, zone: dict[str, Any]) -> int:
        found: int = viewer.page.evaluate(DAY_START, [zone, second])
        return found

    for what, (name, *texts, hours) in DAYS.items():
        within, start = map(datetime.fromisoformat, texts)
        assert within.astimezone(ZoneInfo(name)).isoformat("T", "minutes") == texts[0], what
        end = start + timedelta(hours=hours)
        zone: dict[str, Any] = {"timeZone": name, "utcOffsetSeconds": None}
        inside = seconds(within, start, end - timedelta(seconds=1))
        assert {start_of(second, zone) for second in inside} == set(seconds(start)), what
        before, after = seconds(start - timedelta(seconds=1), end)
        assert start_of(before, zone) < int(start.timestamp()), what
        assert start_of(after, zone) == after, what

    for ahead in (0, 19_800, -34_200, 50_400):
        zone = {"timeZone": None, "utcOffsetSeconds": ahead}
        found = start_of(1_000_000, zone)
        assert (found + ahead) % 86_400 == 0
        assert 0 <= 1_000_000 - found < 86_400
    assert start_of(100_000, {"timeZone": "No/Such", "utcOffsetSeconds": None}) == 86_400


@pytest.mark.parametrize(
    "zone", [{"time_zone": "Asia/Kolkata"}, {"offset_hours": Decimal("-5.5")}, {"of_source": True}]
)
def test_the_first_bucket_of_a_day_is_whole_and_drawn(
    visit: Visit, shop: Shop, zone: dict[str, Any]
) -> None:
    if zone.pop("of_source", False):
        shop.source.time_zone = "Asia/Kolkata"
        shop.source.save()
    shop.add_loader("DAILY_SUMS", 3600, **zone)
    midnight = datetime(2026, 1, 9, 18, 30, tzinfo=UTC)
    code = shop.add_channel("all", "DAILY_SUMS")
    shop.add_signals(code, "1", start=midnight, number=72, loader_code="DAILY_SUMS")
    viewer = visit(shop.people.viewer)
    day = "?loader=DAILY_SUMS&aggregation=sum&bucket=1d&zone=utc&table=1"
    explorer(viewer, f"{day}&from=2026-01-10T10:38:00Z&to=2026-01-12T18:30:00Z")
    assert drawn(viewer) == (3, 0)
    rows = viewer.page.locator("#explorer-table tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        [f"2026-01-{number:02} 18:30", "All segments together", "24"] for number in (11, 10, 9)
    ]
    explorer(viewer, f"{day}&from=2026-01-10T10:38:00Z&to=2026-01-10T11:38:00Z")
    rows = viewer.page.locator("#explorer-table tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["2026-01-09 18:30"]
