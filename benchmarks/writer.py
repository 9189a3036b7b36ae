"""The writer against its floor (spec 6): a run with every check, and a bare COPY of its rows.

The run is a worker's whole way from claim to released lock: extract, check, resolve segments,
encode, write, commit. The floor copies the same rows, as lines prepared beforehand, into the
same empty partitioned table through the same driver, and commits.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import psycopg

from benchmarks.readings import Readings, many, one
from benchmarks.report import Figure, Size
from benchmarks.stage import Stage
from signals.models import COLUMNS
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer

AT_LEAST = 0.5
"""Limit of the ratio."""

ROUNDS = 5
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """Seconds of a floor and of a run of the same rows, taken in turns."""

    rows: int
    floors: Sequence[float]
    runs: Sequence[float]

    @property
    def floor_seconds(self) -> float:
        """The floor's median."""
        return statistics.median(self.floors)

    @property
    def run_seconds(self) -> float:
        """The run's median."""
        return statistics.median(self.runs)

    @property
    def ratio(self) -> float:
        """The run's speed as a share of the floor's: 1 is a run as fast as the bare COPY."""
        return self.floor_seconds / self.run_seconds

    @property
    def best_ratio(self) -> float:
        """The same of the fastest of each, which a busy machine disturbs least."""
        return min(self.floors) / min(self.runs)


def benchmark(stage: Stage, sources: Sequence[SourceServer], size: Size) -> Iterator[Figure]:
    """Speed of a run as a share of the floor's, from each source, by the number of combinations."""
    for source in sources:
        for readings in (many(size.rows), one(size.rows)):
            measured = measure(stage, source, readings)
            yield Figure(
                name=f"writer, {source.db_type}, combinations: {readings.combinations}",
                value=measured.ratio,
                unit="of the floor",
                at_least=AT_LEAST,
                details={
                    "rows": measured.rows,
                    "floor_seconds": measured.floor_seconds,
                    "run_seconds": measured.run_seconds,
                    "rows_per_second": measured.rows / measured.run_seconds,
                },
            )


def measure(stage: Stage, source: SourceServer, readings: Readings) -> Measured:
    """Floor and run over the readings, alternating; each starts with an empty table."""
    loader = stage.add(source, readings)
    floors, runs = [], []
    with tempfile.TemporaryFile() as lines:
        stage.empty()
        stage.run(loader)
        _keep_lines(stage.database, lines)
        for _ in range(ROUNDS):
            stage.empty()
            floors.append(_timed(lambda: _copy(stage.database, lines)))
            stage.empty()
            history, seconds = stage.timed_run(loader)
            assert history.records_loaded == readings.rows
            runs.append(seconds)
    return Measured(readings.rows, floors, runs)


def _keep_lines(database: PortalDatabase, lines: IO[bytes]) -> None:
    with (
        psycopg.connect(database.url()) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT {COLUMNS} FROM signals.signals_history) TO STDOUT") as copy,
    ):
        for block in copy:
            lines.write(block)


def _copy(database: PortalDatabase, lines: IO[bytes]) -> None:
    lines.seek(0)
    with (
        psycopg.connect(database.url()) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY signals.signals_history ({COLUMNS}) FROM STDIN") as copy,
    ):
        while block := lines.read(_CHUNK_BYTES):
            copy.write(block)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
