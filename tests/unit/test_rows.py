"""Rows on their way into COPY: what passes as it is, and what is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.window import Window
from loaders.source_time import SourceZone, TimeFormat, parse_stamp
from signals.exceptions import ColumnsChangedError, RowRejectedError
from signals.rows import COLUMNS, Row, RowEncoder, check_columns
from signals.segments import CombinationRegistry, segment_code

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
HISTORY = uuid.UUID(int=7)
NONE: tuple[None, ...] = (None,) * 9


def encoder(*, has_value_count: bool = False) -> RowEncoder:
    zone = SourceZone.offset(0)
    return RowEncoder(
        loader_code="L",
        load_history_id=HISTORY,
        window=WINDOW,
        has_value_count=has_value_count,
        parse=partial(parse_stamp, fmt=TimeFormat.ISO_8601, zone=zone),
        registry=CombinationRegistry(),
    )


def row(stamp: bytes | None = b"2026-01-01 00:30:00", *values: bytes | None) -> Row:
    return (stamp, b"web", *NONE, *(values or (b"3", b"4.5", b"1.5", b"2", b"1")))


def test_a_row_becomes_one_line_with_stamp_code_and_the_sources_own_digits() -> None:
    code = str(segment_code((b"web", *NONE)))
    assert encoder().encode([row()]).decode() == (
        f"L\t2026-01-01 00:30:00+00:00\t{code}\t3\t3\t4.5\t1.5\t2\t1\t{HISTORY}\n"
    )


def test_nulls_stay_null_and_value_count_is_taken_where_it_comes() -> None:
    line = encoder(has_value_count=True).encode([row(b"2026-01-01", *([None] * 5), b"0")])
    assert line.split(b"\t")[3:9] == [b"\\N", b"0", b"\\N", b"\\N", b"\\N", b"\\N"]


def test_a_count_that_mysql_sums_up_with_decimals_is_whole() -> None:
    assert encoder().encode([row(b"2026-01-01", b"12.0000", *[None] * 4)]).split(b"\t")[3] == b"12"


@pytest.mark.parametrize(
    ("broken", "column"),
    [
        (row(None), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01 01:00:00"), "LOAD_TIME_STAMP"),
        (row(b"2025-12-31 23:59:59"), "LOAD_TIME_STAMP"),
        (row(b"secret"), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01", b"secret", *[None] * 4), "REC_COUNT"),
        (row(b"2026-01-01", b"-1", *[None] * 4), "REC_COUNT"),
        (row(b"2026-01-01", b"1.5", *[None] * 4), "REC_COUNT"),
        (row(b"2026-01-01", b"1", b"NaN", *[None] * 3), "SUM_VAL"),
        (row(b"2026-01-01", b"1", None, b"Infinity", None, None), "AVG_VAL"),
        (row(b"2026-01-01", b"1", None, None, b"1_000", None), "MAX_VAL"),
        (row(b"2026-01-01", b"1", None, None, None, b"secret"), "MIN_VAL"),
        ((b"2026-01-01", b"\xff", *NONE, *[None] * 5), "SEGMENT_1"),
        ((b"2026-01-01", *NONE, b"a\0b", *[None] * 5), "SEGMENT_10"),
    ],
)
def test_a_broken_row_is_refused_by_column_and_never_quoted(broken: Row, column: str) -> None:
    with pytest.raises(RowRejectedError, match=column) as caught:
        encoder().encode([broken])
    assert "secret" not in caught.value.message


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ColumnsChangedError):
        encoder().encode([row()[:-1]])


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (COLUMNS[:-1], "Column 16 of the result must be MIN_VAL"),
        ((COLUMNS[0], COLUMNS[2], COLUMNS[1], *COLUMNS[3:]), "Column 2 .* must be SEGMENT_1"),
        ((*COLUMNS, "EXTRA"), "Column 17 of the result must be VALUE_COUNT"),
        ((*COLUMNS, "VALUE_COUNT", "EXTRA"), "18 columns"),
    ],
)
def test_changed_columns_are_named(columns: tuple[str, ...], says: str) -> None:
    with pytest.raises(ColumnsChangedError, match=says):
        check_columns(columns)


def test_column_names_match_in_any_case() -> None:
    assert check_columns(tuple(name.lower() for name in COLUMNS)) is False
    assert check_columns((*COLUMNS, "value_count")) is True


def test_the_span_and_the_counts_of_a_run_are_remembered() -> None:
    rows = encoder()
    rows.encode([row(b"2026-01-01 00:40:00"), row(b"2026-01-01 00:10:00"), row()])
    assert rows.least == START + timedelta(minutes=10)
    assert rows.greatest == START + timedelta(minutes=40)
    assert rows.rows == 3


cells = st.tuples(*[st.none() | st.binary(max_size=4)] * 10)


@given(cells, cells)
def test_two_combinations_share_a_code_only_if_they_are_equal(
    one: tuple[bytes | None, ...], other: tuple[bytes | None, ...]
) -> None:
    same = [cell or b"" for cell in one] == [cell or b"" for cell in other]
    assert (segment_code(one) == segment_code(other)) == same
    assert segment_code(one).version == 8
