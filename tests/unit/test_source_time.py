"""How a source tells time: zones, formats and stamps (spec 5)."""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.window import Window
from loaders.source_time import (
    SourceZone,
    StampError,
    TimeFormat,
    parse_stamp,
    precision,
    render,
    resolve_format,
)

BERLIN = SourceZone.named("Europe/Berlin")
RIYADH = SourceZone.named("Asia/Riyadh")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
INSTANTS = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


@settings(deadline=None)
@given(instant=INSTANTS, hours=st.sampled_from([-3, -3.0, Decimal(-3)]))
def test_an_offset_of_minus_three_is_riyadh(instant: datetime, hours: Decimal | float) -> None:
    shifted = SourceZone.offset(hours)
    assert shifted.to_local(instant) == RIYADH.to_local(instant)
    assert shifted.to_utc(RIYADH.to_local(instant)) == instant


def test_an_offset_is_what_is_subtracted_from_utc() -> None:
    west = SourceZone.offset(Decimal("3.5"))
    assert west.to_local(utc("2026-01-31 10:00")) == local("2026-01-31 06:30")


def test_zones_are_equal_by_name() -> None:
    assert SourceZone.named("Asia/Riyadh") == RIYADH
    assert SourceZone.offset(0) == SourceZone.named("UTC")
    assert SourceZone.offset(-3) != SourceZone.offset(3)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "Asia", "../../etc/passwd", "localtime", "right/UTC", "A\0B", "é"]
)
def test_an_unknown_zone_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="not a name of the IANA time zone database"):
        SourceZone.named(name)


@pytest.mark.parametrize("hours", [24, -24, float("nan"), float("inf"), 1 / 3, Decimal("0.001")])
def test_an_offset_that_is_no_clock_is_refused(hours: Decimal | float) -> None:
    with pytest.raises(ValueError, match="whole number of minutes"):
        SourceZone.offset(hours)


def test_an_ambiguous_time_is_the_first_of_the_two() -> None:
    assert BERLIN.to_utc(local("2025-10-26 02:30")) == utc("2025-10-26 00:30")
    assert BERLIN.to_utc(local("2025-10-26 02:30").replace(fold=1)) == utc("2025-10-26 00:30")


@pytest.mark.parametrize("clock", ["02:00", "02:00:00.000001", "02:17", "02:59:59.999999", "03:00"])
def test_a_time_that_never_was_is_the_instant_of_the_jump(clock: str) -> None:
    assert BERLIN.to_utc(local(f"2025-03-30 {clock}")) == utc("2025-03-30 01:00")


def test_a_day_that_never_was_is_the_instant_of_the_jump() -> None:
    apia = SourceZone.named("Pacific/Apia")
    assert apia.to_utc(local("2011-12-30 12:00")) == utc("2011-12-30 10:00")


def test_the_repeated_hour_is_found_from_everywhere_in_it_and_nowhere_else() -> None:
    found = {
        minute: BERLIN.repeated_hour(utc("2025-10-26 01:00") + timedelta(minutes=minute))
        for minute in range(-180, 181)
    }
    inside = {minute: repeated for minute, repeated in found.items() if repeated}
    assert list(inside) == list(range(-60, 60))
    assert set(inside.values()) == {Window(utc("2025-10-26 00:00"), utc("2025-10-26 02:00"))}


def test_a_half_hour_repeat_is_seen_too() -> None:
    lord_howe = SourceZone.named("Australia/Lord_Howe")
    repeated = lord_howe.repeated_hour(utc("2025-04-05 15:10"))
    assert repeated is not None
    assert repeated.duration == timedelta(hours=1)
    assert (repeated.start, repeated.end) == (utc("2025-04-05 14:30"), utc("2025-04-05 15:30"))


@settings(deadline=None)
@given(instant=INSTANTS, name=st.sampled_from(ZONES))
def test_local_time_leads_back_except_in_the_second_pass(instant: datetime, name: str) -> None:
    zone = SourceZone.named(name)
    back = zone.to_utc(zone.to_local(instant))
    assert back <= instant
    assert back == instant or zone.repeated_hour(instant)


def test_naive_and_aware_times_are_not_mixed_up() -> None:
    with pytest.raises(ValueError, match="aware"):
        BERLIN.to_local(local("2026-01-01 00:00"))
    with pytest.raises(ValueError, match="naive"):
        BERLIN.to_utc(utc("2026-01-01 00:00"))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("where ts >= Str_To_Date(:fromTime, '%Y-%m-%d %H:%i')", TimeFormat.MYSQL_DATETIME),
        ("where unix_timestamp(ts) >= str_to_date(:fromTime)", TimeFormat.MYSQL_DATETIME),
        ("where ts >= FROM_UNIXTIME(:fromTime)", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where Unix_Timestamp(ts) >= :fromTime", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where extract(EPOCH from ts) >= :fromTime", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where date_part('epoch', ts) >= :fromTime", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where event_epoch >= :fromTime", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where to_timestamp(extract(epoch from ts)) > x", TimeFormat.UNIX_EPOCH_SECONDS),
        ("where depochs >= :fromTime", TimeFormat.ISO_8601),
        ("where ts >= TIMESTAMP ':fromTime'", TimeFormat.ISO_8601),
        ("where ts >= cast(:fromTime as timestamp)", TimeFormat.ISO_8601),
        ("where ts >= :fromTime", TimeFormat.ISO_8601),
    ],
)
def test_auto_follows_the_words_of_the_sql(sql: str, expected: TimeFormat) -> None:
    assert resolve_format(TimeFormat.AUTO, sql) is expected


@pytest.mark.parametrize("fmt", [fmt for fmt in TimeFormat if fmt is not TimeFormat.AUTO])
def test_a_chosen_format_is_not_argued_with(fmt: TimeFormat) -> None:
    assert resolve_format(fmt, "str_to_date epoch timestamp") is fmt


def test_precision_is_what_the_format_can_write() -> None:
    assert precision(TimeFormat.MYSQL_DATETIME) == timedelta(minutes=1)
    assert precision(TimeFormat.ISO_8601) == timedelta(seconds=1)
    assert precision(TimeFormat.UNIX_EPOCH_SECONDS) == timedelta(seconds=1)
    assert precision(TimeFormat.UNIX_EPOCH_MILLIS) == timedelta(milliseconds=1)


def test_auto_has_no_precision_and_writes_nothing() -> None:
    with pytest.raises(ValueError, match="AUTO"):
        precision(TimeFormat.AUTO)
    with pytest.raises(ValueError, match="AUTO"):
        render(utc("2026-01-31 10:00"), TimeFormat.AUTO, RIYADH)


@pytest.mark.parametrize(
    ("fmt", "expected"),
    [
        (TimeFormat.ISO_8601, "2026-01-31T10:00:00Z"),
        (TimeFormat.MYSQL_DATETIME, "2026-01-31 13:00"),
        (TimeFormat.UNIX_EPOCH_SECONDS, 1769853600),
        (TimeFormat.UNIX_EPOCH_MILLIS, 1769853600000),
    ],
)
def test_a_bound_is_written_as_the_format_says(fmt: TimeFormat, expected: str | int) -> None:
    assert render(utc("2026-01-31 10:00"), fmt, RIYADH) == expected


@pytest.mark.parametrize(
    ("instant", "fmt"),
    [
        ("2026-01-31 10:00:30", TimeFormat.MYSQL_DATETIME),
        ("2026-01-31 10:00:00.5", TimeFormat.ISO_8601),
        ("2026-01-31 10:00:00.5", TimeFormat.UNIX_EPOCH_SECONDS),
        ("2026-01-31 10:00:00.0005", TimeFormat.UNIX_EPOCH_MILLIS),
        ("2025-10-26 01:30", TimeFormat.MYSQL_DATETIME),  # 02:30 again, would be read as 00:30
    ],
)
def test_a_bound_the_source_would_misread_is_refused(instant: str, fmt: TimeFormat) -> None:
    with pytest.raises(ValueError, match="exactly"):
        render(utc(instant), fmt, BERLIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-01-01 10:00:00+00", "2013-01-01 10:00:00"),
        ("2013-01-01 10:00:00", "2013-01-01 07:00:00"),
        ("2013-01-01 10:00:00.123456", "2013-01-01 07:00:00.123456"),
        ("2013-01-01 10:00:00.5+05:30", "2013-01-01 04:30:00.5"),
        ("2013-01-01 10:00:00-0330", "2013-01-01 13:30:00"),
        ("1880-01-01 00:00:00+00:53:28", "1879-12-31 23:06:32"),
        ("2013-01-01T10:00:00Z", "2013-01-01 10:00:00"),
        ("2013-01-01T10:00:00.123Z", "2013-01-01 10:00:00.123"),
        ("2013-01-01T10:00:00", "2013-01-01 07:00:00"),
        ("2026-01-31 10:00", "2026-01-31 07:00:00"),
        ("2026-01-31", "2026-01-30 21:00:00"),
        ("1357034400", "2013-01-01 10:00:00"),
        ("1357034400.250000", "2013-01-01 10:00:00.25"),
        ("-86400", "1969-12-31 00:00:00"),
        ("-0.5", "1969-12-31 23:59:59.5"),
    ],
)
def test_a_returned_stamp_becomes_utc(text: str, expected: str) -> None:
    stamp = parse_stamp(text, TimeFormat.ISO_8601, RIYADH)
    assert stamp == utc(expected)
    assert stamp.tzinfo is UTC


def test_numbers_are_milliseconds_when_the_format_says_so() -> None:
    fmt = TimeFormat.UNIX_EPOCH_MILLIS
    assert parse_stamp("1357034400250", fmt, RIYADH) == utc("2013-01-01 10:00:00.25")
    assert parse_stamp("1357034400250.75", fmt, RIYADH) == utc("2013-01-01 10:00:00.25075")


@pytest.mark.parametrize(
    "text",
    [
        "0044-03-15 00:00:00 BC",
        "infinity",
        "-infinity",
        "0000-00-00 00:00:00",
        "10000-01-01 00:00:00",
        "9999-12-31 23:59:59-08",
        "0001-01-01",
        "2013-02-30",
        "2013-01-01 24:00:00",
        "2013-01-01 10:00:60",
        "2013-01-01 10:00:00+25",
        "2013-1-1",
        "2013-01-01 ",
        "2013-01-01\n",
        "2013-W01-1",
        "\uff12013-01-01",
        "999999999999999",
        "1e9",
        "NaN",
        "",
        "10 o'clock",
    ],
)
def test_other_texts_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(StampError) as caught:
        parse_stamp(text, TimeFormat.ISO_8601, RIYADH)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    if text.strip():
        told = "".join(traceback.format_exception_only(caught.value))
        assert text not in told


@settings(deadline=None)
@given(text=st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9:+\-T .Z]*", fullmatch=True))
def test_any_text_is_an_instant_or_a_stamp_error(text: str) -> None:
    with suppress(StampError):
        assert parse_stamp(text, TimeFormat.AUTO, BERLIN).tzinfo is UTC


@settings(deadline=None)
@given(
    minute=st.integers(0, 70_000_000),
    fmt=st.sampled_from([fmt for fmt in TimeFormat if fmt is not TimeFormat.AUTO]),
    name=st.sampled_from(ZONES),
)
def test_what_is_written_reads_back_as_the_same_instant(
    minute: int, fmt: TimeFormat, name: str
) -> None:
    zone = SourceZone.named(name)
    instant = datetime.fromtimestamp(minute * 60, UTC)
    repeated = zone.repeated_hour(instant)
    if repeated is None or repeated.start == instant:
        assert parse_stamp(str(render(instant, fmt, zone)), fmt, zone) == instant
