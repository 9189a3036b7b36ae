"""Memory of a worker: its peak in one large run, and its growth over many small ones.

A worker is a process of its own, as in production: nothing that a benchmark or a test holds
counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.readings import many, one
from benchmarks.report import Figure, Size
from benchmarks.stage import Stage
from loaders.models import Loader
from tests.servers import SourceServer

PEAK_MEGABYTES = 200
GROWTH_MEGABYTES = 20
"""Limits for a worker: at its peak, and over 2,000 runs."""

SMALL_ROWS = 100
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Memory:
    """Megabytes of a worker process (1 MB is 1,000,000 bytes)."""

    runs: int
    rows: int
    before: float
    peak: float
    growth: float
    """From a tenth of the runs to all of them."""


def benchmark(stage: Stage, sources: Sequence[SourceServer], size: Size) -> Iterator[Figure]:
    """Peak of one large run from each source, and growth over many runs."""
    for source in sources:
        for readings in (many(size.rows), one(size.rows)):
            large = measure(stage, stage.add(source, readings), runs=1)
            yield Figure(
                name=f"memory, {source.db_type}, combinations: {readings.combinations}",
                value=large.peak,
                unit="MB at most",
                at_most=PEAK_MEGABYTES,
                details={"rows": large.rows, "before_first_run": large.before},
            )
        stage.empty()
        small = measure(stage, stage.add(source, many(SMALL_ROWS)), runs=size.runs)
        yield Figure(
            name=f"memory, {source.db_type}, growth",
            value=small.growth,
            unit="MB more",
            at_most=GROWTH_MEGABYTES,
            details={"runs": small.runs, "rows": small.rows, "peak": small.peak},
        )


def measure(stage: Stage, loader: Loader, *, runs: int) -> Memory:
    """What so many runs of the loader's one window take in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_process", loader.loader_code, str(runs)],
        cwd=_ROOT,
        env={
            **os.environ,
            "DATABASE_URL": stage.database.url(),
            "DJANGO_SETTINGS_MODULE": "loaderportal.settings",
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    return Memory(
        runs=runs,
        rows=said["rows"],
        before=_megabytes(said["before"]),
        peak=_megabytes(said["peak"]),
        growth=_megabytes(said["after"] - said.get("warm", said["before"])),
    )


def _megabytes(kibibytes: int) -> float:
    return kibibytes * 1024 / 1_000_000
