"""The query of signals, asked at the API, beside a plain count and average of the same rows."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.core.cache import caches
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.report import Figure, Size
from benchmarks.stage import Stage
from signals.answers import CACHE
from tests.servers import SourceServer
from tests.support.signal_rows import make_external

COLD_SECONDS = 2.0
CACHED_MILLISECONDS = 200
YEAR_MILLISECONDS = 200
"""Limits: many raw signals reduced to ten thousand points, the same kept, a year of hours."""

GOALS = {"raw": 5.0, "year": 1.0}
"""Times that the plain statement takes. Printed, and no limit."""

LOADERS = 200
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = datetime(2025, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MINUTES = (END - FIRST) // _MINUTE
_ROUNDS = 5

# A wave with noise; a value in thirty is null. The first loader has a signal a minute.
_SIGNALS = """
INSERT INTO signals.signals_history (loader_code, load_time_stamp, segment_code, rec_count,
    value_count, sum_val, avg_val, max_val, min_val, load_history_id)
SELECT %(code)s || loader, %(first)s + n * %(step)s, '00000000-0000-8000-8000-000000000000',
    9, CASE WHEN n %% 30 > 0 THEN 9 ELSE 0 END, 9 * v, v, v + 3, v - 3,
    '00000000-0000-7000-8000-000000000000'
FROM generate_series(%(begin)s::int, %(until)s::int) AS loader
CROSS JOIN generate_series(0, %(count)s::int - 1) AS n,
LATERAL (SELECT CASE WHEN n %% 30 > 0
    THEN 100 * sin((n + loader) / 700.0) + 10 * random() END AS v) AS value
"""
_PLAIN = (
    "SELECT count(*), avg(avg_val) FROM signals.signals_history "
    "WHERE loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s"
)


@dataclass(frozen=True)
class Asked:
    """One question: how long it took when it was new and when it was kept, how long the plain
    statement took over the same rows, all in seconds; and what was answered."""

    cold: float
    cached: float
    plain: float
    answer: dict[str, Any]

    @property
    def ratio(self) -> float:
        """A new answer, as times of the plain statement."""
        return self.cold / self.plain


def benchmark(stage: Stage, sources: Sequence[SourceServer], size: Size) -> Iterator[Figure]:
    """Many raw signals, and a year of averages by the hour."""
    seconds = _timed(lambda: make(stage, size.signals))
    yield Figure("signals, made and rolled up", seconds, "s", details={"signals": size.signals})
    raw = ask(stage, FIRST, limit="10000")
    details = {"signals": raw.answer["pointsBefore"], "points": len(raw.answer["dataPoints"])}
    yield Figure("signals, raw, cold", raw.cold, "s", at_most=COLD_SECONDS, details=details)
    yield Figure("signals, raw, kept", raw.cached * 1e3, "ms", at_most=CACHED_MILLISECONDS)
    yield _ratio("raw", raw)
    year = ask(stage, YEAR, aggregation="avg", bucket="1h")
    points = {"points": float(len(year.answer["dataPoints"]))}
    limit = YEAR_MILLISECONDS
    yield Figure("signals, a year by the hour", year.cold * 1e3, "ms", None, limit, points)
    yield Figure("signals, a year, kept", year.cached * 1e3, "ms", at_most=CACHED_MILLISECONDS)
    yield _ratio("year", year)


def make(stage: Stage, signals: int) -> None:
    """So many signals over two years: a signal a minute of the first loader, as far as they reach,
    and the rest spread over the others; and the rollups over them, as the migration makes them."""
    first = min(_MINUTES, signals)
    each = max(1, (signals - first) // (LOADERS - 1))
    make_external(_code(0))
    with stage.database.server.admin_connection(stage.database.name) as connection:
        for month in range(24):
            at = FIRST.replace(year=FIRST.year + month // 12, month=month % 12 + 1)
            connection.execute("SELECT signals.ensure_partition(%s)", [at])
        _insert(connection, 0, 0, first, (END - FIRST) / first)
        _insert(connection, 1, LOADERS - 1, each, (END - FIRST) / each)
        connection.execute("TRUNCATE signals.signals_rollup")
        connection.execute(importlib.import_module("signals.migrations.0004_rollups").FILL)
        connection.execute("VACUUM ANALYZE")


def ask(stage: Stage, since: datetime, **parameters: str) -> Asked:
    """Ask the first loader about the time since then; medians."""
    http = APIClient(SERVER_NAME="localhost")
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(stage.scene.people.viewer)}")
    asked = {
        "loaderCode": _code(0),
        "fromEpoch": f"{since.timestamp():.0f}",
        "toEpoch": f"{END.timestamp():.0f}",
        **parameters,
    }
    answers: list[Any] = []

    def send() -> None:
        response = http.get("/api/v1/signals/query", asked)
        assert response.status_code == 200, response.content
        answers.append(response)

    cold, cached, plain = [], [], []
    with psycopg.connect(stage.database.url(), autocommit=True) as connection:
        for _ in range(_ROUNDS):
            caches[CACHE].clear()
            cold.append(_timed(send))
            cached.append(_timed(send))
            plain.append(_timed(lambda: connection.execute(_PLAIN, [_code(0), since, END])))
    median = statistics.median
    return Asked(median(cold), median(cached), median(plain), answers[-1].json())


def _ratio(name: str, asked: Asked) -> Figure:
    made_from = {"goal": GOALS[name], "plain_ms": asked.plain * 1e3}
    return Figure(f"signals, {name}, to plain", asked.ratio, "times", details=made_from)


def _insert(
    connection: psycopg.Connection, begin: int, until: int, count: int, step: timedelta
) -> None:
    values = {"code": _code(""), "first": FIRST, "begin": begin, "until": until}
    connection.execute(_SIGNALS, {**values, "count": count, "step": step})


def _code(number: int | str) -> str:
    return f"SENSORS_{number}"


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
