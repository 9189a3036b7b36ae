"""The short form of `make bench`: a writer near its floor, and a worker that stays small."""

from __future__ import annotations

import os

import pytest

from benchmarks import gaps, memory, signals, time_line, writer
from benchmarks.readings import many, one
from benchmarks.stage import Stage
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer

FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
LARGE = 1_000_000 if FULL else 100_000
RUNS = 2_000 if FULL else 50


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """The same test on both kinds of source."""
    found: SourceServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def stage(committed_db: PortalDatabase, source: SourceServer) -> Stage:
    """A portal with the source."""
    return Stage(committed_db, source)


def test_a_run_is_no_slower_than_four_bare_copies_of_its_rows(
    stage: Stage, source: SourceServer
) -> None:
    """The limit of `make bench` is two. Tests share the processors with other tests."""
    measured = writer.measure(stage, source, many(60_000))
    assert measured.best_ratio >= 0.25, measured


def test_a_large_load_stays_within_the_memory_of_a_worker(
    stage: Stage, source: SourceServer
) -> None:
    taken = memory.measure(stage, stage.add(source, one(LARGE)), runs=1)
    assert taken.rows == LARGE
    assert taken.before < taken.peak < memory.PEAK_MEGABYTES, taken


def test_many_runs_in_one_worker_leave_it_as_it_was(stage: Stage, source: SourceServer) -> None:
    taken = memory.measure(stage, stage.add(source, many(100)), runs=RUNS)
    assert taken.growth < memory.GROWTH_MEGABYTES / (1 if FULL else 4), taken


def test_a_scan_for_gaps_over_a_hundred_loaders_is_quick_and_small(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    """The limits of `make bench` are for 5,000 loaders; a hundred are read in a fiftieth of it."""
    stage = Stage(committed_db, postgres_source)
    line = time_line.make(stage, loaders=5_000 if FULL else 100, days=7 if FULL else 0.5)
    gaps.make_gaps(stage, line)
    gaps.rob(stage, line)
    said = gaps.scan(stage)
    assert (said["gaps"], said["lost"]) == (65, 25)
    assert said["seconds"] < gaps.SCAN_SECONDS / (1 if FULL else 3), said
    assert said["megabytes"] < gaps.SCAN_MEGABYTES, said


def test_a_query_of_many_signals_is_quick(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    """Limits of `make bench` are for a million raw signals."""
    stage = Stage(committed_db, postgres_source)
    signals.make(stage, 2_000_000 if FULL else 60_000)
    raw = signals.ask(stage, signals.FIRST, limit="10000")
    assert raw.answer["reduced"]
    assert 9_000 <= len(raw.answer["dataPoints"]) <= 10_000
    assert raw.cold < signals.COLD_SECONDS
    year = signals.ask(stage, signals.YEAR, aggregation="avg", bucket="1h")
    assert year.cold * 1e3 < 5 * signals.YEAR_MILLISECONDS
    assert max(raw.cached, year.cached) * 1e3 < 5 * signals.CACHED_MILLISECONDS
