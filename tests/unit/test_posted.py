"""What may be posted as a signal, and which time a post speaks for (spec 8)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.camel_case import camelize
from core.window import Window
from execution.api_external import SignalForm
from execution.posting import watermark_after_post, windows_of
from loaders.exceptions import ValidationFailedError
from loaders.grain import Grain
from loaders.policies import WatermarkPolicy
from loaders.source_time import SourceZone
from signals.posted import FIELDS, MOST_SIGNALS, MOST_TOLD, Calendar, PostedSignals, read_signals
from signals.segments import segment_code
from tests.support.external import FIRST, signal

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MINUTES = Grain(60, SourceZone.offset(0))
NOW = START + 30 * 24 * HOUR
CALENDAR = Calendar(MINUTES, START, START + 24 * HOUR, NOW)


def read(*signals: Any, calendar: Calendar = CALENDAR) -> PostedSignals:
    return read_signals(signals, calendar)


def faults(*signals: Any, calendar: Calendar = CALENDAR) -> list[dict[str, Any]]:
    with pytest.raises(ValidationFailedError) as caught:
        read(*signals, calendar=calendar)
    found: list[dict[str, Any]] = caught.value.details["errors"]["signals"]
    return found


def test_times_are_epoch_seconds_or_text_with_an_offset() -> None:
    times = [FIRST, "2026-01-01T00:01:00Z", "2026-01-01 03:02:00+03:00", "2026-01-01T00:03+00:00"]
    posted = read(*(signal(0, loadTimeStamp=time) for time in times))
    assert [s.load_time_stamp for s in posted.signals] == [START + n * MINUTE for n in range(4)]


def test_segments_are_filled_up_and_named_as_those_of_runs_are() -> None:
    posted = read(signal(0, "web", None, "عمان"), signal(1), signal(2, segments=None))
    named = segment_code([b"web", None, "عمان".encode(), *[None] * 7])
    nothing = segment_code([None] * 10)
    assert [s.segment_code for s in posted.signals] == [named, nothing, nothing]
    assert posted.combinations == {
        named: ("web", "", "عمان", *[""] * 7),
        nothing: ("",) * 10,
    }


def test_values_may_be_null_or_left_out_and_value_count_is_rec_count_then() -> None:
    bare = {"loadTimeStamp": FIRST, "segments": ["a"]}
    nulls = signal(1, recCount=4.0, sumVal=None, avgVal=None, maxVal=7, minVal=None)
    first, second, third = read(bare, nulls, signal(2, recCount=5, valueCount=2)).signals
    assert (first.rec_count, first.value_count, first.sum_val) == (None, None, None)
    assert (second.rec_count, second.value_count, second.max_val) == (4, 4, 7.0)
    assert (third.rec_count, third.value_count) == (5, 2)


@pytest.mark.parametrize(
    "faulty",
    [
        {"loadTimeStamp": None},
        {"loadTimeStamp": True},
        {"loadTimeStamp": "yesterday"},
        {"loadTimeStamp": "2026-01-01T00:00:00"},
        {"loadTimeStamp": "2026-01-01"},
        {"loadTimeStamp": float(FIRST)},
        {"loadTimeStamp": FIRST * 1000},
        {"loadTimeStamp": 10**30},
        {"loadTimeStamp": FIRST + 1},
        {"loadTimeStamp": FIRST - 60},
        {"loadTimeStamp": FIRST + 86_400},
        {"segments": ["a"] * 11},
        {"segments": "a"},
        {"segments": {"1": "a"}},
        {"segments": [1]},
        {"segments": [["a"]]},
        {"segments": ["a\0b"]},
        {"segments": ["\ud800"]},
        {"recCount": -1},
        {"recCount": 1.5},
        {"recCount": "3"},
        {"recCount": True},
        {"recCount": 2**63},
        {"recCount": float("nan")},
        {"valueCount": float("inf")},
        {"sumVal": "4.5"},
        {"avgVal": float("nan")},
        {"maxVal": json.loads("1e999")},
        {"minVal": -(10**400)},
        {"minVal": False},
        {"sumval": 1},
    ],
)
def test_what_is_no_signal_is_told_by_index_and_field(faulty: dict[str, Any]) -> None:
    (fault,) = faults(signal(5), signal(7, **faulty), signal(9))
    assert (fault["index"], fault["field"]) == (1, *faulty)
    assert fault["message"].endswith(".")


@pytest.mark.parametrize("item", [None, 1, "a", [], [1]])
def test_what_is_no_object_is_told_too(item: Any) -> None:
    assert [fault["index"] for fault in faults(signal(0), item)] == [1]


def test_a_time_ahead_of_the_clock_is_refused_wherever_the_loader_ends() -> None:
    calendar = Calendar(MINUTES, None, None, START)
    assert "future" in faults(signal(1), calendar=calendar)[0]["message"]
    assert len(read(signal(0), signal(-(10**6)), calendar=calendar).signals) == 2


def test_the_same_time_and_segments_twice_are_refused_naming_the_first() -> None:
    (fault,) = faults(signal(0), signal(1, "a"), signal(1, "a", None, ""))
    assert (fault["index"], "Signal 1 " in fault["message"]) == (2, True)


def test_faults_are_counted_and_only_the_first_are_told() -> None:
    with pytest.raises(ValidationFailedError) as caught:
        read(*(signal(n, sumVal="x") for n in range(500)), signal(500))
    details = caught.value.details
    assert details["error_count"] == 500
    assert [one["index"] for one in details["errors"]["signals"]] == list(range(MOST_TOLD))


class NeverLookedAt(dict[str, Any]):
    """A signal that fails the test when it is looked at."""

    def get(self, *_: Any) -> Any:
        raise AssertionError("a signal was looked at")

    keys = get


def test_the_form_in_the_apis_document_has_the_members_that_are_read() -> None:
    assert {camelize(str(name)) for name in SignalForm().fields} == FIELDS


def test_none_and_too_many_are_refused_by_their_number() -> None:
    for signals in ([], [NeverLookedAt()] * (MOST_SIGNALS + 1)):
        with pytest.raises(ValidationFailedError, match="signal"):
            read_signals(signals, CALENDAR)


def test_signals_come_in_order_of_time_and_code() -> None:
    posted = read(signal(2, "b"), signal(1, "b"), signal(1, "a"))
    keys = [(s.load_time_stamp, s.segment_code) for s in posted.signals]
    assert keys == sorted(keys)


def test_a_post_speaks_for_the_time_from_its_first_grain_to_its_last() -> None:
    stamps = [START, START + MINUTE, START + MINUTE, START + 5 * HOUR]
    assert windows_of(stamps, MINUTES, HOUR) == [(Window(START, stamps[-1] + MINUTE), 4)]


def test_a_silence_longer_than_any_window_divides_a_post() -> None:
    stamps = [START, START + 25 * HOUR, START + 50 * HOUR + MINUTE]
    assert windows_of(stamps, MINUTES, HOUR) == [
        (Window(START, stamps[1] + MINUTE), 2),
        (Window(stamps[2], stamps[2] + MINUTE), 1),
    ]
    assert len(windows_of(stamps, MINUTES, 26 * HOUR)) == 1


def test_the_watermark_follows_the_last_signal_and_never_goes_back() -> None:
    stamp, end = START, START + MINUTE
    greatest, window_end = WatermarkPolicy.MAX_TIMESTAMP, WatermarkPolicy.WINDOW_END
    assert watermark_after_post(greatest, None, stamp, end) == stamp
    assert watermark_after_post(window_end, None, stamp, end) == end
    assert watermark_after_post(greatest, stamp + HOUR, stamp, end) == stamp + HOUR
    assert watermark_after_post(greatest, stamp - HOUR, stamp, end) == stamp
