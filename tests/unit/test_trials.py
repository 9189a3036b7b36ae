"""Pure parts of trials: what rows show, which window is read, whether a grain cuts groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.window import Window
from execution.exceptions import TrialWindowError
from execution.trials.findings import Observed, of_result
from execution.trials.grain_check import GrainVerdict, suspicion, verdict_of
from execution.trials.observation import (
    Observer,
    differing_columns,
    inferred_grain,
)
from execution.trials.windows import check_window, widest_window, window_between
from execution.windows import TimePlan
from loaders.grain import Grain
from loaders.source_time import SourceZone
from loaders.trial_report import Column, Finding, Severity, SourceFacts, TrialReport

DAY_STEPS = (1, 5, 60, 120, 180, 300, 480, 1200, 1800, 3600, 7200, 10800, 28800, 43200, 86400)
UTC_ZONE = SourceZone.named("UTC")
KOLKATA = SourceZone.named("Asia/Kolkata")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)


def observed(*columns: list[bytes | None]) -> Observer:
    """An observer that took rows of these columns."""
    observer = Observer([f"C{n}" for n in range(len(columns))], sample_size=2)
    observer.take(list(zip(*columns, strict=True)))
    return observer


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([b"1", b"-20", None], "integer"),
        ([b"1", b"2.5"], "decimal"),
        ([b"1e3", b".5", b"5."], "decimal"),
        ([b"2026-01-01 00:00:00+00", b"2026-01-01"], "timestamp"),
        ([b"2026-01-01", b"1"], "text"),
        ([b"", b"1"], "text"),
        ([None, None], "empty"),
    ],
)
def test_a_column_has_the_narrowest_kind_of_all_its_values(
    cells: list[bytes | None], kind: str
) -> None:
    (column,) = observed(cells).columns
    assert column == Column("C0", kind, cells.count(None))


def test_a_kind_is_kept_over_batches() -> None:
    observer = observed([b"1"])
    observer.take([(b"x",), (b"2",)])
    assert observer.columns[0].kind == "text"


def test_the_sample_is_short_and_readable() -> None:
    observer = observed([b"x" * 500, None, b"third"])
    assert observer.rows == 3
    assert [len(cell or "") for (cell,) in observer.sample] == [200, 0]


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", None]), st.sampled_from([b"x", b""]))))
def test_a_repeated_key_is_noticed_and_no_other(keys: list[tuple[bytes | None, bytes]]) -> None:
    observer = Observer(["AT", *(f"S{n}" for n in range(10)), "REC_COUNT"], sample_size=0)
    for n, (at, segment) in enumerate(keys):
        observer.take([(at, segment, *[None] * 9, b"%d" % n)])
    distinct = {(at or b"", segment) for at, segment in keys}
    assert observer.repeats_a_key == (len(distinct) < len(keys))


@given(
    st.sampled_from(DAY_STEPS),
    st.lists(st.integers(0, 10**6), min_size=1),
    st.sampled_from([UTC_ZONE, KOLKATA]),
)
def test_the_inferred_grain_fits_all_stamps_and_is_no_smaller_than_theirs(
    step: int, indexes: list[int], zone: SourceZone
) -> None:
    local = datetime(1970, 1, 1)  # noqa: DTZ001
    stamps = [zone.to_utc(local + timedelta(seconds=step * index)) for index in indexes]
    found = inferred_grain(stamps, zone)
    assert found is not None
    assert found >= step
    for stamp in stamps:
        assert (zone.to_local(stamp) - local) % timedelta(seconds=found) == timedelta()


def test_no_grain_is_inferred_from_nothing_or_from_fractions() -> None:
    assert inferred_grain([], UTC_ZONE) is None
    assert inferred_grain([START + timedelta(microseconds=5)], UTC_ZONE) is None


@given(
    st.sampled_from([60, 90, 300, 3600, 5400, None]),
    st.sampled_from(DAY_STEPS),
    st.sampled_from([UTC_ZONE, KOLKATA]),
)
def test_a_grain_is_suspected_exactly_where_it_would_cut_groups(
    seconds: int | None, group: int, zone: SourceZone
) -> None:
    """The source groups by `group` seconds of its wall clock and has a row each second."""
    grain = Grain(seconds, zone)
    first = grain.floor(START + timedelta(hours=7))
    window = Window(first, grain.ceil(first + 2 * DAY))
    local = datetime(1970, 1, 1)  # noqa: DTZ001
    width = timedelta(seconds=group)

    def stamp_of(at: datetime) -> datetime:
        since = zone.to_local(at) - local
        return zone.to_utc(local + since - since % width)

    stamps = {stamp_of(window.start + n * timedelta(minutes=17)): 1 for n in range(1, 150)}
    stamps = {at: n for at, n in stamps.items() if window.contains(at)}
    found = suspicion(stamps, group, grain, window)

    length = 86400 if seconds is None else seconds
    assert (found is None) == (length % group == 0)
    if found is not None:
        assert grain.is_boundary(found.probe.start)
        assert grain.is_boundary(found.probe.end)
        answered = [stamp_of(found.probe.start), stamp_of(found.probe.end - timedelta(seconds=1))]
        assert verdict_of(found, answered) is GrainVerdict.CUT
        assert verdict_of(found, [found.probe.start]) is GrainVerdict.FITS


@given(
    seconds=st.sampled_from([60, 3600, 86400, None]),
    period=st.integers(1, 100_000),
    lateness=st.integers(0, 7200),
    start_at=st.none() | instants,
    end_after=st.none() | st.integers(1, 10**7),
    watermark=st.none() | instants,
    now=instants,
)
def test_the_widest_window_is_closed_on_the_grain_and_as_long_as_a_run_reads(
    *,
    seconds: int | None,
    period: int,
    lateness: int,
    start_at: datetime | None,
    end_after: int | None,
    watermark: datetime | None,
    now: datetime,
) -> None:
    end_at = None
    if start_at is not None and end_after is not None:
        end_at = start_at + timedelta(seconds=end_after)
    plan = TimePlan(
        grain=Grain(seconds, KOLKATA),
        max_query_period=timedelta(seconds=period),
        lateness=timedelta(seconds=lateness),
        start_at=start_at,
        end_at=end_at,
        default_lookback=DAY,
    )
    window = widest_window(plan, watermark, now)
    assert plan.grain.is_boundary(window.start)
    assert plan.grain.is_boundary(window.end)
    assert window.end <= plan.closed_until(now)
    assert window.end <= plan.longest_from(window.start)
    check_window(window, plan, now)


def test_a_loader_reads_first_from_its_start_and_later_from_its_watermark() -> None:
    plan = TimePlan(
        grain=Grain(3600, UTC_ZONE),
        max_query_period=timedelta(hours=6),
        lateness=timedelta(),
        start_at=START,
        end_at=None,
        default_lookback=DAY,
    )
    now = START + 100 * DAY
    assert widest_window(plan, None, now) == Window(START, START + timedelta(hours=6))
    caught_up = now - timedelta(hours=1)
    assert widest_window(plan, caught_up, now) == Window(now - timedelta(hours=6), now)
    just_begun = START + timedelta(hours=1)
    assert widest_window(plan, just_begun, just_begun + timedelta(hours=1)) == Window(
        START, START + timedelta(hours=2)
    )


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(START + timedelta(minutes=1), START + timedelta(hours=1)), "grain"),
        (Window(START, START + timedelta(hours=7)), "longer than the longest"),
        (Window(START + 2 * DAY, START + 2 * DAY + timedelta(hours=1)), "not closed yet"),
    ],
)
def test_a_window_that_no_run_could_read_is_refused(window: Window, words: str) -> None:
    plan = TimePlan(
        grain=Grain(3600, UTC_ZONE),
        max_query_period=timedelta(hours=6),
        lateness=timedelta(),
        start_at=None,
        end_at=None,
        default_lookback=DAY,
    )
    with pytest.raises(TrialWindowError, match=words):
        check_window(window, plan, START + DAY)


def test_columns_differ_by_name_and_kind_but_not_by_how_a_number_is_printed() -> None:
    before = [Column("A", "integer", 0), Column("B", "text", 0), Column("C", "empty", 3)]
    now = [Column("a", "decimal", 0), Column("B", "integer", 0), Column("C", "text", 0)]
    assert differing_columns(before, [*now, Column("D", "text", 0)]) == [
        "B was text and is integer",
        "D is new",
    ]
    assert differing_columns(before, now[:2]) == ["B was text and is integer", "C is gone"]


def test_a_slow_statement_and_a_full_result_are_told() -> None:
    seen = Observed(rows=100_000, is_cut=True, row_limit=100_000, took=timedelta(seconds=40))
    found = of_result(
        seen, grain=Grain(60, UTC_ZONE), row_cap=1000, min_interval=timedelta(seconds=60)
    )
    assert {(f.severity, f.code) for f in found} == {
        (Severity.WARNING, "SLOW_QUERY"),
        (Severity.WARNING, "OVER_ROW_LIMIT"),
        (Severity.NOTE, "RESULT_CUT"),
    }


def test_a_report_comes_back_as_it_was_and_can_be_shown_without_data() -> None:
    report = TrialReport(
        definition="d",
        window_from="f",
        window_to="t",
        at="a",
        source=SourceFacts(
            "PostgreSQL 18",
            tls=True,
            clock_skew_seconds=0.1,
            can_write=False,
            privileges=("may read all",),
        ),
        explain="Seq Scan on secrets",
        columns=(Column("A", "text", 1),),
        sample=(("x", None),),
        source_error="relation secrets",
        findings=(Finding(Severity.ERROR, "X", "Y."),),
    )
    assert TrialReport.from_json(report.to_json()) == report
    bare = report.without_data().to_json()
    assert "secrets" not in bare
    assert '"x"' not in bare
    assert "may read all" not in bare
    assert "Y." in bare


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), START),
        (START, datetime(9999, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_window_at_the_ends_of_the_calendar_is_refused(start: datetime, end: datetime) -> None:
    """No zone's wall clock could tell it."""
    with pytest.raises(TrialWindowError, match="between the years"):
        window_between(start, end)
