"""Times on pages are in the zone of the person who looks, unmistakably on both days on which its
clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.display import instant_text, time_shown, window_shown, window_text
from core.shown_zone import (
    in_shown_zone,
    is_repeated,
    known_zones,
    times_shown_in,
    zone_called,
    zone_name,
)
from tests.support.shown_times import ShownTimes

MINUTE = timedelta(minutes=1)
BERLIN = zone_called("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def text_of(shown: str) -> str:
    return " → ".join(text for _, text in ShownTimes(shown).marked)


def test_times_are_utc_where_nobody_looks() -> None:
    at = utc("2026-01-31 10:00:05")
    assert zone_name() == "UTC"
    assert time_shown(at) == (
        '<time datetime="2026-01-31T10:00:05Z" title="2026-01-31 10:00:05 UTC">'
        "2026-01-31 10:00:05</time>"
    )
    assert time_shown(None, empty="Never") == "Never"


def test_a_time_is_shown_in_the_zone_and_tells_utc_on_hover() -> None:
    label = in_shown_zone("Started")
    with times_shown_in(lambda: zone_called("Asia/Riyadh")):
        shown = time_shown(utc("2026-01-31 22:00"))
        assert text_of(shown) == "2026-02-01 01:00:00"
        assert 'title="2026-01-31 22:00:00 UTC"' in shown
        assert str(label) == "Started (Asia/Riyadh)"
    assert str(label) == "Started (UTC)"


def test_texts_stay_utc_whoever_looks() -> None:
    at = utc("2026-01-31 22:00")
    with times_shown_in(lambda: zone_called("Asia/Riyadh")):
        assert instant_text(at) == "2026-01-31 22:00:00"
        assert window_text(at, at + 5 * MINUTE) == "2026-01-31 22:00 → 22:05"


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-01-31 22:00", "2026-01-31 22:30", "2026-01-31 23:00 → 23:30"),
        ("2026-01-31 22:00", "2026-01-31 23:00", "2026-01-31 23:00 → 2026-02-01 00:00"),
        ("2026-01-31 22:00", "2026-01-31 22:00:30", "2026-01-31 23:00:00 → 23:00:30"),
        # 29 March 2026: 02:00 to 03:00 does not exist.
        ("2026-03-29 00:00", "2026-03-29 02:00", "2026-03-29 01:00 → 04:00"),
        ("2026-03-29 00:59", "2026-03-29 01:00", "2026-03-29 01:59 → 03:00"),
        # 25 October 2026: 02:00 to 03:00 comes twice.
        ("2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00 +02:00 → 02:00 +01:00"),
        ("2026-10-24 23:30", "2026-10-25 02:00", "2026-10-25 01:30 → 03:00"),
    ],
)
def test_a_window_is_shown_in_the_zone(start: str, end: str, shown: str) -> None:
    with times_shown_in(lambda: BERLIN):
        assert text_of(window_shown(utc(start), utc(end))) == shown


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_no_two_instants_of_a_day_on_which_clocks_change_look_the_same(day: str) -> None:
    first = utc(f"{day} 00:00") - timedelta(hours=3)
    with times_shown_in(lambda: BERLIN):
        shown = [text_of(time_shown(first + n * MINUTE)) for n in range(30 * 60)]
    assert len(set(shown)) == len(shown)


def test_the_zone_is_asked_for_once_and_only_when_a_time_is_shown() -> None:
    asked: list[int] = []

    def find() -> object:
        asked.append(1)
        return BERLIN

    with times_shown_in(find):  # type: ignore[arg-type] # a zone
        assert asked == []
        time_shown(utc("2026-01-31 22:00"))
        time_shown(utc("2026-01-31 22:00"))
    assert len(asked) == 1


def test_zones_are_places_and_an_unknown_one_is_utc() -> None:
    assert {"Asia/Riyadh", "Europe/Berlin", "America/New_York"} <= set(known_zones())
    assert not [name for name in known_zones() if name.startswith("Etc/")]
    for unknown in ("", "Mars/Olympus", "../../etc/passwd", "a" * 5000):
        assert zone_called(unknown) is UTC


def test_an_hour_is_repeated_where_clocks_go_back_only() -> None:
    assert is_repeated(utc("2026-10-25 00:30").astimezone(BERLIN))
    assert is_repeated(utc("2026-10-25 01:30").astimezone(BERLIN))
    assert not is_repeated(utc("2026-10-25 02:30").astimezone(BERLIN))
    assert not is_repeated(utc("2026-10-25 02:30"))
