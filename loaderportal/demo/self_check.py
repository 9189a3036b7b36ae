"""The demo checks itself: the source's own totals against those of the signals."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import psycopg

from loaderportal.demo.definitions import FLIGHTS_LOADER

TOLERANCE = 1e-6
"""Relative: sums of doubles depend on their order."""


@dataclass(frozen=True)
class Pair:
    """One figure, computed on both sides."""

    source: float
    signals: float

    @property
    def agrees(self) -> bool:
        """Whether the two are the same but for rounding."""
        return math.isclose(self.source, self.signals, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


@dataclass(frozen=True)
class Totals:
    """What was found. `signals` and `runs` are counts of rows on the portal's side."""

    source_rows: int
    signals: int
    runs: int
    rec_count: Pair
    sum_val: Pair

    @property
    def agree(self) -> bool:
        """Whether the signals stand for all of the source and nothing else."""
        return self.rec_count.agrees and self.sum_val.agrees

    def as_json(self) -> dict[str, object]:
        """Values for the JSON line of `--once`."""
        return asdict(self)


def compare(source: psycopg.Connection, portal: psycopg.Connection) -> Totals:
    """Ask both sides by queries that share nothing with the loader's."""
    flights = source.execute("SELECT count(*), sum(dep_delay)::float8 FROM flights").fetchone()
    signals = portal.execute(
        "SELECT count(*), coalesce(sum(rec_count), 0)::bigint, coalesce(sum(sum_val), 0) "
        "FROM signals.signals_history WHERE loader_code = %s",
        [FLIGHTS_LOADER],
    ).fetchone()
    runs = portal.execute(
        "SELECT count(*) FROM loader.load_history WHERE loader_code = %s AND status = 'SUCCESS'",
        [FLIGHTS_LOADER],
    ).fetchone()
    assert flights is not None
    assert signals is not None
    assert runs is not None
    return Totals(
        source_rows=flights[0],
        signals=signals[0],
        runs=runs[0],
        rec_count=Pair(flights[0], signals[1]),
        sum_val=Pair(flights[1], signals[2]),
    )


def difference(totals: Totals) -> str:
    """One sentence on totals that do not agree."""
    return (
        f"The check failed: the source has {totals.rec_count.source} flights with delays of "
        f"{totals.sum_val.source:.0f} minutes, the signals stand for {totals.rec_count.signals} "
        f"and {totals.sum_val.signals:.0f}."
    )
