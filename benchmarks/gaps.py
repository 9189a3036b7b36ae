"""A scan for gaps over many loaders, and the reading of one loader's coverage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, Size
from benchmarks.stage import Stage
from benchmarks.time_line import Line, make
from execution.models import CoverageInterval
from execution.services import read_coverage
from loaders.models import Loader
from tests.servers import SourceServer

SCAN_SECONDS = 60
SCAN_MEGABYTES = 300
READING_MILLISECONDS = 50
"""Limits: a scan of 5,000 loaders, and a loader's coverage."""

_OF_LOADERS = 5_000
_SHORTEST_LIMIT = 15.0
"""What a scan takes for the loaders that it looks into does not shrink with the others."""

_GAPS, _ROBBED = 40, 25
_ROOT = Path(__file__).resolve().parent.parent


def benchmark(stage: Stage, sources: Sequence[SourceServer], size: Size) -> Iterator[Figure]:
    """Scans where all is well, where gaps are and where signals are gone; then the reading."""
    line = make(stage, loaders=size.loaders, days=7)
    for name, spoil in (("all is well", None), ("gaps", make_gaps), ("signals gone", rob)):
        if spoil is not None:
            spoil(stage, line)
        said = scan(stage)
        details = {name: float(said[name]) for name in ("loaders", "gaps", "jobs", "lost")}
        details["runs"] = line.loaders * line.windows
        most = limit_of(line.loaders)
        yield Figure(f"scan, {name}", said["seconds"], "s", at_most=most, details=details)
        yield Figure(f"scan, {name}, memory", said["megabytes"], "MB", at_most=SCAN_MEGABYTES)
    yield Figure(
        "coverage of a year in pieces",
        reading_milliseconds(Loader.objects.get(loader_code="LINE_1")),
        "ms",
        at_most=READING_MILLISECONDS,
    )


def limit_of(loaders: int) -> float:
    """How long a scan over so many loaders may take, in seconds."""
    return max(SCAN_SECONDS * loaders / _OF_LOADERS, _SHORTEST_LIMIT)


def scan(stage: Stage) -> dict[str, Any]:
    """What a scan took in a process of its own, and what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scan_process"],
        cwd=_ROOT,
        env={
            **os.environ,
            "DATABASE_URL": stage.database.url(),
            "DJANGO_SETTINGS_MODULE": "loaderportal.settings",
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**said, "megabytes": said["peak"] * 1024 / 1_000_000}


def make_gaps(stage: Stage, line: Line) -> None:
    """A missing hour in each of some loaders: its run was forgotten, signals and all."""
    first, last = line.hour(2), line.hour(3)
    codes = [f"LINE_{number}" for number in range(_GAPS)]
    with stage.database.server.admin_connection(stage.database.name) as connection:
        connection.execute(
            "UPDATE loader.coverage SET range_to = %s WHERE loader_code = ANY(%s)", [first, codes]
        )
        connection.execute(
            "INSERT INTO loader.coverage (id, loader_code, range_from, range_to, state) "
            "SELECT gen_random_uuid(), code, %s, %s, 'LOADED' FROM unnest(%s::text[]) AS code",
            [last, line.first + line.windows * timedelta(minutes=5), codes],
        )


def rob(stage: Stage, line: Line) -> None:
    """Delete an hour's signals of some further loaders."""
    codes = [f"LINE_{number}" for number in range(_GAPS, _GAPS + _ROBBED)]
    with stage.database.server.admin_connection(stage.database.name) as connection:
        connection.execute(
            "DELETE FROM signals.signals_history WHERE loader_code = ANY(%s) "
            "AND load_time_stamp >= %s AND load_time_stamp < %s",
            [codes, line.hour(4), line.hour(5)],
        )


def reading_milliseconds(loader: Loader) -> float:
    """The best of twenty readings of a year that is in pieces of half an hour."""
    CoverageInterval.objects.filter(loader=loader).delete()
    half, last = timedelta(minutes=30), loader.state.last_load_timestamp
    assert last is not None
    states = ("LOADED", "FAILED", "LOADED", "EMPTY")
    CoverageInterval.objects.bulk_create(
        (
            CoverageInterval(
                loader=loader,
                range_from=last - (number + 1) * half,
                range_to=last - number * half,
                state=states[number % 4],
            )
            for number in range(365 * 48)
        ),
        batch_size=5000,
    )
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        assert read_coverage(loader) is not None
        taken.append((time.perf_counter() - started) * 1000)
    return min(taken)
