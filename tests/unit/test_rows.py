"""Rows on their way into COPY: what passes as it is, and what is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.window import Window
from loaders.connectors.postgresql_copy import parse_copy
from loaders.source_time import SourceZone, TimeFormat, parse_stamp
from signals import rows as rows_module
from signals import segments as segments_module
from signals.exceptions import ColumnsChangedError, RowRejectedError
from signals.rows import COLUMNS, Row, RowEncoder, StampEncoder, check_columns
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
        registry=CombinationRegistry("L"),
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


def test_a_large_count_with_decimals_keeps_every_digit() -> None:
    line = encoder().encode([row(b"2026-01-01", b"9007199254740993.0000", *[None] * 4)])
    assert line.split(b"\t")[3] == b"9007199254740993"


def test_rows_of_one_batch_keep_their_order_and_their_nulls() -> None:
    batch = [
        row(b"2026-01-01 00:00:0%d" % n, b"%d" % n, b"%d.5" % n if n % 2 else None, *[None] * 3)
        for n in range(10)
    ]
    lines = [line.split(b"\t") for line in encoder().encode(batch).splitlines()]
    assert [line[1] for line in lines] == [b"2026-01-01 00:00:0%d+00:00" % n for n in range(10)]
    assert [line[3] for line in lines] == [b"%d" % n for n in range(10)]
    assert [line[5] for line in lines[:3]] == [rb"\N", b"1.5", rb"\N"]


@pytest.mark.parametrize(
    ("broken", "column"),
    [
        (row(None), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01 01:00:00"), "LOAD_TIME_STAMP"),
        (row(b"2025-12-31 23:59:59"), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01 00:60:00"), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01 00:00:00\n2026-01-01 00:00:00"), "LOAD_TIME_STAMP"),
        (row(b"2026-01-01 00:00:00", b"", *[None] * 4), "REC_COUNT"),
        (row(b"2026-01-01 00:00:00", b"1\n2", *[None] * 4), "REC_COUNT"),
        (row(b"2026-01-01 00:00:00", b"1", b"1\n2", *[None] * 3), "SUM_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", b"", *[None] * 3), "SUM_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", rb"\N", *[None] * 3), "SUM_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", None, b"1.2.3", None, None), "AVG_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", None, b"1" * 400, None, None), "AVG_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", None, None, b"1e999", None), "MAX_VAL"),
        (row(b"2026-01-01 00:00:00", b"1", None, None, None, b"-nan"), "MIN_VAL"),
        ((b"2026-01-01 00:00:00", b"\xff", *NONE, *[None] * 5), "SEGMENT_1"),
    ],
)
@pytest.mark.parametrize("place", [0, 500, 999])
def test_one_broken_row_among_a_thousand_good_ones_is_found(
    broken: Row, column: str, place: int
) -> None:
    batch = [row(b"2026-01-01 00:%02d:%02d" % divmod(n, 60)) for n in range(1000)]
    batch[place] = broken
    with pytest.raises(RowRejectedError, match=column):
        encoder().encode(batch)


def test_a_row_of_another_width_among_good_ones_is_refused() -> None:
    with pytest.raises(ColumnsChangedError):
        encoder().encode([row(), row()[:-1], row()])


@pytest.mark.parametrize(
    "numbers",
    [
        [b"1", b"-1", b"+1", b"1.", b".5", b"1e5", b"1E-5", b" 7 ", b"-0"],
        [b"1.7976931348623157e+308", b"2.2250738585072014e-308", b"5e-324"],
        [b"0." + b"0" * 250 + b"1", b"1" * 250],
    ],
)
def test_every_form_of_a_number_reaches_the_database_by_its_own_digits(
    numbers: list[bytes],
) -> None:
    batch = [row(b"2026-01-01", b"1", number, *[None] * 3) for number in numbers]
    found = [line.split(b"\t")[5] for line in encoder().encode(batch).splitlines()]
    assert found == [number.strip() for number in numbers]


# Zones with offsets of whole and broken hours, and changes by an hour and by half an hour.
ZONES = [
    SourceZone.offset(0),
    SourceZone.offset(-3),
    SourceZone.offset(20),
    *map(
        SourceZone.named,
        ("Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"),
    ),
]
YEAR = Window(START, START + timedelta(days=366))
# Hours in which one of these zones changes its offset, and one in which none does.
HOURS = [
    "2026-03-29 02:00",
    "2026-10-25 02:00",
    "2026-03-08 02:00",
    "2026-11-01 01:00",
    "2026-10-04 02:00",
    "2026-04-05 01:00",
    "2026-07-01 12:00",
]
stamps = st.builds(
    lambda hour, seconds: datetime.fromisoformat(hour) + timedelta(seconds=seconds),
    st.sampled_from(HOURS),
    st.integers(-3600, 7199),
)


@given(st.sampled_from(ZONES), st.lists(stamps, min_size=1), st.sampled_from(["", "Z", "+00"]))
def test_stamps_read_together_are_the_instants_they_are_alone(
    zone: SourceZone, times: list[datetime], suffix: str
) -> None:
    parse = partial(parse_stamp, fmt=TimeFormat.ISO_8601, zone=zone)
    encode = StampEncoder(YEAR, parse)
    column: list[bytes | None] = [f"{time}{suffix}".encode() for time in times]
    expected = [parse(f"{time}{suffix}") for time in times]
    assert [datetime.fromisoformat(text.decode()) for text in encode.encode(column)] == expected
    assert (encode.least, encode.greatest) == (min(expected), max(expected))


@pytest.mark.parametrize("written", ["{0}T{1}Z", "{0} {1}", "{0} {1}+00", "{0} {1}.25", "{0}"])
def test_each_way_to_write_a_stamp_is_read_in_batches_too(written: str) -> None:
    column: list[bytes | None] = [
        written.format(f"2026-01-0{1 + n // 60}", f"00:00:{n % 60:02}").encode() for n in range(100)
    ]
    parse = partial(parse_stamp, fmt=TimeFormat.ISO_8601, zone=ZONES[0])
    found = StampEncoder(YEAR, parse).encode(column)
    assert [datetime.fromisoformat(text.decode()) for text in found] == [
        parse(cell.decode()) for cell in column if cell is not None
    ]


def test_more_stamps_and_combinations_than_are_remembered_make_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = [
        [(b"2026-01-01 00:%02d:%02d" % divmod(n, 60), b"s%d" % n, *NONE, *[None] * 5)]
        for n in [*range(40), *range(40)]
    ]
    expected = [encoder().encode(batch) for batch in batches]
    monkeypatch.setattr(rows_module, "_STAMP_CACHE_LIMIT", 7)
    monkeypatch.setattr(rows_module, "_HOUR_CACHE_LIMIT", 0)
    monkeypatch.setattr(segments_module, "CACHE_LIMIT", 7)
    forgetful = encoder()
    assert [forgetful.encode(batch) for batch in batches] == expected


cells = st.tuples(*[st.none() | st.binary(max_size=4)] * 10)


@given(cells, cells)
def test_two_combinations_share_a_code_only_if_they_are_equal(
    one: tuple[bytes | None, ...], other: tuple[bytes | None, ...]
) -> None:
    same = [cell or b"" for cell in one] == [cell or b"" for cell in other]
    assert (segment_code(one) == segment_code(other)) == same
    assert segment_code(one).version == 8


ESCAPES = {b"\\": rb"\\", b"\b": rb"\b", b"\f": rb"\f", b"\n": rb"\n", b"\t": rb"\t", b"\v": rb"\v"}


def copied(cell: bytes | None) -> bytes:
    """The cell as PostgreSQL writes it in COPY's text format."""
    if cell is None:
        return rb"\N"
    for character, escape in ESCAPES.items():
        cell = cell.replace(character, escape)
    return cell


plain_cells = st.sampled_from([b"", b"N", b"1.5", "ع".encode()])
escaped_cells = st.sampled_from([b"\\", b"\\N", b"\\\\N", b"\n", b"a\tb", b"\\n", b"\b\f\v"])


@given(
    st.integers(1, 17),
    st.sampled_from(
        [plain_cells, plain_cells | st.none(), plain_cells | escaped_cells | st.none()]
    ),
    st.integers(0, 30),
    st.data(),
)
def test_what_postgresql_copies_out_is_read_as_it_was(
    width: int, cells: st.SearchStrategy[bytes | None], count: int, data: st.DataObject
) -> None:
    table = [data.draw(st.tuples(*[cells] * width)) for _ in range(count)]
    text = b"".join(b"\t".join(map(copied, line)) + b"\n" for line in table)
    assert parse_copy(text, ("c",) * width) == table


def test_a_few_nulls_among_many_cells_are_found() -> None:
    table = [(b"N", None if n % 50 == 0 else b"x", *[b"1"] * 15) for n in range(200)]
    text = b"".join(b"\t".join(map(copied, line)) + b"\n" for line in table)
    assert parse_copy(text, ("c",) * 17) == table
