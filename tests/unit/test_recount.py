"""Counting records by grain, and what differs from what is loaded."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.window import Window
from execution.recount import counting
from execution.recount.counting import (
    Difference,
    GrainCounter,
    by_grain,
    differences,
    stretches,
)
from loaders.grain import Grain
from loaders.source_time import SourceZone, TimeFormat, parse_stamp
from signals.exceptions import RowRejectedError

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZONE = SourceZone.named("UTC")
HOURLY = Grain(3600, ZONE)
DAY = Window(START, START + 24 * HOUR)


def counter() -> GrainCounter:
    """For a day of an hourly loader."""
    return GrainCounter(DAY, HOURLY, lambda text: parse_stamp(text, TimeFormat.ISO_8601, ZONE))


def row(at: bytes | None, count: bytes | None) -> tuple[bytes | None, ...]:
    """A result's row."""
    return (at, *[None] * 10, count, None, None, None, None)


def test_records_are_summed_by_grain() -> None:
    counts = counter()
    counts.take([row(b"2026-01-01 00:05:00", b"2"), row(b"2026-01-01 00:59:59", b"3.0000")])
    counts.take([row(b"2026-01-01T01:00:00Z", b"4"), row(b"2026-01-01 00:05:00", None)])
    assert counts.by_grain == {START: 5, START + HOUR: 4}
    assert counts.rows == 4


def test_counts_beyond_the_precision_of_a_float_are_exact() -> None:
    counts = counter()
    counts.take([row(b"2026-01-01", b"9007199254740993"), row(b"2026-01-01", b"1.000")])
    assert counts.by_grain == {START: 9007199254740994}


def test_millions_of_stamps_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_REMEMBERED", 10)
    counts = GrainCounter(DAY, HOURLY, lambda _: START)
    counts.take([row(b"%d" % n, b"1") for n in range(1000)])
    assert counts.by_grain == {START: 1000}
    assert len(counts._known) <= 10


@pytest.mark.parametrize(
    ("at", "count", "words"),
    [
        (None, b"1", "NULL"),
        (b"soon", b"1", "not a time"),
        (b"2026-01-02 00:00:00", b"1", "outside"),
        (b"2026-01-01", b"many", "not a number"),
        (b"2026-01-01", b"1.5", "whole number"),
        (b"2026-01-01", b"-1", "whole number"),
        (b"2026-01-01", b"inf", "finite number"),
    ],
)
def test_rows_that_no_run_would_accept_are_refused(
    at: bytes | None, count: bytes, words: str
) -> None:
    with pytest.raises(RowRejectedError, match=words):
        counter().take([row(at, count)])


grains = st.dictionaries(
    st.integers(0, 30).map(lambda n: START + n * HOUR), st.integers(0, 5), max_size=20
)


@given(grains, grains)
def test_the_differences_are_those_grains_that_differ(
    loaded: dict[datetime, int], found: dict[datetime, int]
) -> None:
    differing = differences(loaded, found)
    corrected = Counter(loaded)
    for one in differing:
        assert one.loaded != one.found
        corrected[one.at] = one.found
    assert +corrected == +Counter(found)
    assert differing == sorted(differing, key=lambda one: one.at)


@given(grains, grains)
def test_what_is_loaded_again_is_just_the_grains_that_differ(
    loaded: dict[datetime, int], found: dict[datetime, int]
) -> None:
    differing = differences(loaded, found)
    windows = stretches(differing, HOURLY)
    covered = {
        at for at in (START + n * HOUR for n in range(40)) for w in windows if w.contains(at)
    }
    assert covered == {one.at for one in differing}
    assert all(one.end < other.start for one, other in pairwise(windows))


def test_stamps_within_a_grain_count_for_it() -> None:
    stamps = {START: 1, START + timedelta(minutes=30): 2, START + HOUR: 3}
    assert by_grain(stamps.items(), HOURLY) == {START: 3, START + HOUR: 3}
    assert differences({START: 3}, {START: 3, START + HOUR: 0}) == []
    assert stretches([Difference(START, 1, 2)], HOURLY) == [Window(START, START + HOUR)]
