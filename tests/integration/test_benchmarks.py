"""The short form of `make bench`: a writer near its floor, and a worker that stays small."""

from __future__ import annotations

import os

import pytest

from benchmarks import memory, writer
from benchmarks.readings import many, one
from benchmarks.stage import Stage
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer

FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
LARGE = 1_000_000 if FULL else 200_000
RUNS = 2_000 if FULL else 100


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
    measured = writer.measure(stage, source, many(100_000))
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
