"""Thousands of loaders with a week of runs behind them, made by SQL: executions, signals and
coverage as live runs leave them that read their last grain again (MAX_TIMESTAMP)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.stage import Stage
from loaders.models import Loader, LoaderState
from tests.support.scenes import make_loader

STEP = timedelta(minutes=5)
_REAL = 45
"""Loaders whose definitions are approved and so can be backfilled; the others are their copies."""

_TEMPLATES = {
    "loader": "LINE_0",
    "columns": "SELECT string_agg(quote_ident(column_name), ', ') FROM "
    "information_schema.columns WHERE table_schema = 'loader' AND table_name = %s "
    "AND column_name <> ALL(%s)",
}

# Execution k of loader n reads grains k - 1 and k, replaces the signal of the first and adds one.
_RUNS = """
INSERT INTO loader.load_history (id, loader_code, version_id, trigger, status, attempt,
    purge_strategy, source_db_code, replica_name, start_time, claimed_at, end_time,
    query_from_time, query_to_time, records_read, records_loaded, records_skipped,
    records_purged, bytes_written, error_code, error_message, correlation_id, metadata)
SELECT lpad(to_hex(k * 100000 + n), 32, '0')::uuid, 'LINE_' || n, %(version)s, 'SCHEDULE',
    'SUCCESS', 1, 'FAIL_ON_DUPLICATE', 'SHOP', 'replica-1', t.ended, t.ended, t.ended,
    greatest(t.at - %(step)s, %(first)s), t.at + %(step)s, 2, least(k + 1, 2), 0, least(k, 1),
    400, '', '', 'correlation', '{"phases": {"connect": 11, "purge": 2, "load": 7}}'
FROM generate_series(%(begin)s::bigint, %(end)s::bigint) AS k
CROSS JOIN generate_series(0, %(loaders)s::bigint - 1) AS n,
LATERAL (SELECT %(first)s + k * %(step)s AS at,
                %(first)s + (k + 2) * %(step)s + n * interval '1 millisecond' AS ended) AS t
"""
_SIGNALS = """
INSERT INTO signals.signals_history (loader_code, load_time_stamp, segment_code, rec_count,
    value_count, sum_val, avg_val, max_val, min_val, load_history_id)
SELECT 'LINE_' || n, %(first)s + k * %(step)s, '00000000-0000-8000-8000-000000000000',
    k, k, k, k, k, k, lpad(to_hex(least(k + 1, %(last)s) * 100000 + n), 32, '0')::uuid
FROM generate_series(%(begin)s::bigint, %(end)s::bigint) AS k
CROSS JOIN generate_series(0, %(loaders)s::bigint - 1) AS n
"""
_COVERAGE = """
INSERT INTO loader.coverage (id, loader_code, range_from, range_to, state, rec_count,
    load_history_id)
SELECT gen_random_uuid(), 'LINE_' || n, %(first)s, %(first)s + %(windows)s * %(step)s, 'LOADED',
    %(windows)s, lpad(to_hex(%(last)s * 100000 + n), 32, '0')::uuid
FROM generate_series(0, %(loaders)s::bigint - 1) AS n
"""


@dataclass(frozen=True)
class Line:
    """What was made. `first` is where the week begins, aware UTC."""

    loaders: int
    windows: int
    first: datetime

    def hour(self, number: float) -> datetime:
        """So many hours into it."""
        return self.first + timedelta(hours=number)


def make(stage: Stage, loaders: int, days: float) -> Line:
    """Make it, up to a few minutes ago."""
    windows = round(timedelta(days=days) / STEP) - 4
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    first = now - timedelta(minutes=now.minute % 5) - (windows + 2) * STEP
    line = Line(loaders, windows, first)
    _make_loaders(stage, line)
    with stage.database.server.admin_connection(stage.database.name) as connection:
        connection.execute("SET session_replication_role = replica")  # no foreign keys are checked
        _make_rows(connection, line)
        connection.execute("SET session_replication_role = origin")
        connection.execute("VACUUM ANALYZE")
    return line


def _make_loaders(stage: Stage, line: Line) -> None:
    people, source = stage.scene.people, stage.scene.source
    for number in range(min(_REAL, line.loaders)):
        values = {"grain_seconds": 300, "start_at": line.first, "end_at": None}
        make_loader(people, source, f"LINE_{number}", **values)
    with stage.database.server.admin_connection(stage.database.name) as connection:
        _copy_loaders(connection, line)
    LoaderState.objects.filter(loader__loader_code__startswith="LINE_").update(
        last_load_timestamp=line.first + (line.windows - 1) * STEP, next_due_at=None
    )


def _copy_loaders(connection: psycopg.Connection, line: Line) -> None:
    """Rows of further loaders like the first one; their seals are not valid."""
    for table, own, values in (
        ("loader", ["id", "loader_code"], "gen_random_uuid(), 'LINE_' || n"),
        (
            "loader_state",
            ["loader_id"],
            "(SELECT id FROM loader.loader WHERE loader_code = 'LINE_' || n)",
        ),
    ):
        found = connection.execute(_TEMPLATES["columns"], [table, own]).fetchone()
        assert found is not None
        key = (
            "loader_code = 'LINE_0'"
            if table == "loader"
            else ("loader_id = (SELECT id FROM loader.loader WHERE loader_code = 'LINE_0')")
        )
        connection.execute(
            f"INSERT INTO loader.{table} ({', '.join(own)}, {found[0]}) "
            f"SELECT {values}, {found[0]} FROM loader.{table} "
            f"CROSS JOIN generate_series({_REAL}, {line.loaders - 1}) AS n WHERE {key}"
        )


def _make_rows(connection: psycopg.Connection, line: Line) -> None:
    version = Loader.objects.get(loader_code="LINE_0").approved_version_id
    values = {
        "version": version,
        "step": STEP,
        "first": line.first,
        "loaders": line.loaders,
        "windows": line.windows,
        "last": line.windows - 1,
    }
    for month in (line.first, line.hour(24 * 7)):
        connection.execute("SELECT signals.ensure_partition(%s)", [month])
    connection.execute(_COVERAGE, values)
    for begin in range(0, line.windows, 100):
        part = values | {"begin": begin, "end": min(begin + 100, line.windows) - 1}
        connection.execute(_RUNS, part)
        connection.execute(_SIGNALS, part)
