"""Thousands of everything that is listed, made by SQL as copies of one row each."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

_NEW = "'id', md5('new' || n)::uuid"
_RUN = "lpad(to_hex(n), 32, '0')::uuid"
_CODE = "'loader_code', 'CROWD_' || n %% %(loaders)s"
_HOUR = "(date_trunc('hour', now()) - (n / %(loaders)s) * interval '1 hour')"
_NEXT = f"({_HOUR} + interval '1 hour')"

_COPIES: tuple[tuple[str, str, str], ...] = (
    ("auth_user", "sources", "'id', 100000 + n, 'username', 'crowd-' || n"),
    ("source_databases", "sources", f"{_NEW}, 'db_code', 'CROWD_' || n"),
    (
        "loader",
        "loaders",
        f"{_NEW}, 'loader_code', 'CROWD_' || n, 'approval_status', 'APPROVED', "
        "'enabled', n %% 9 > 0, 'end_at', null, "
        "'approved_version_id', (SELECT id FROM loader_version WHERE number = 1 LIMIT 1)",
    ),
    (
        "loader_state",
        "loaders",
        "'loader_id', (SELECT id FROM loader WHERE loader_code = 'CROWD_' || n), "
        "'load_status', (array['IDLE', 'IDLE', 'RUNNING', 'FAILED'])[1 + n %% 4], "
        "'last_load_timestamp', now() - n * interval '1 s', 'last_attempt_at', now(), "
        "'next_due_at', now() + (n %% 9 - 3) * interval '1 min'",
    ),
    (
        "load_history",
        "runs",
        f"'id', {_RUN}, {_CODE}, 'start_time', {_HOUR}, 'claimed_at', {_HOUR}, "
        f"'end_time', {_HOUR} + interval '2 s', 'query_from_time', {_HOUR}, "
        f"'query_to_time', {_NEXT}, 'error_code', '', 'records_loaded', n %% 99, "
        "'status', (array['SUCCESS', 'SUCCESS', 'SUCCESS', 'PARTIAL', 'FAILED'])[1 + n %% 5]",
    ),
    (
        "coverage",
        "stretches",
        f"{_NEW}, {_CODE}, 'range_from', {_HOUR}, 'range_to', {_NEXT}, "
        "'state', (array['LOADED', 'FAILED', 'LOADED', 'EMPTY'])[1 + (n / %(loaders)s) %% 4]",
    ),
    (
        "loader_execution_lock",
        "others",
        f"'lock_id', md5('new' || n)::uuid, {_CODE}, 'load_history_id', {_RUN}, "
        f"'released', n > 50, 'released_at', CASE WHEN n > 50 THEN {_HOUR} END, "
        "'lease_until', now() + interval '1 min', "
        "'claimed_at', now(), 'replica_name', 'crowd-' || n %% 20",
    ),
    (
        "loader_version",
        "others",
        f"{_NEW}, 'loader_id', (SELECT id FROM loader WHERE loader_code = 'CROWD_' || n), "
        "'number', 2, 'decision', 'PENDING'",
    ),
    ("recount", "others", f"{_NEW}, {_CODE}, 'load_history_id', {_RUN}"),
    ("gap_waiver", "others", f"{_NEW}, {_CODE}, 'range_from', {_HOUR}, 'range_to', {_NEXT}"),
    ("gap_scan", "others", _NEW),
    ("output_version", "others", f"{_NEW}, {_CODE}, 'window_from', {_HOUR}, 'window_to', {_NEXT}"),
    (
        "backfill_job",
        "others",
        f"{_NEW}, {_CODE}, 'status', 'SUCCESS', 'from_time', {_HOUR}, 'to_time', {_NEXT}",
    ),
    ("replica", "sources", "'name', 'crowd-' || n, 'heartbeat_at', now(), 'slots', 4"),
    ("api_token", "others", f"{_NEW}, 'digest', md5(n::text), 'name', 'crowd-' || n"),
    ("audit_event", "others", f"{_NEW}, 'at', {_HOUR}"),
)


@dataclass(frozen=True)
class Crowd:
    """How much of each there is to be; `others` are backfills, re-counts and so on, `sources` also
    people and replicas."""

    loaders: int
    runs: int
    others: int
    sources: int = 20

    def gather(self) -> None:
        """Copy the first row of each table so often, and let the planner know."""
        sizes = {
            "loaders": self.loaders,
            "runs": self.runs,
            "others": self.others,
            "sources": self.sources,
            "stretches": self.loaders * 20,
        }
        with connection.cursor() as cursor:
            for table, size, values in _COPIES:
                cursor.execute(
                    f"INSERT INTO {table} SELECT new.* FROM {table} AS one "
                    "CROSS JOIN generate_series(0, %(size)s - 1) AS n CROSS JOIN LATERAL "
                    f"jsonb_populate_record(one, jsonb_build_object({values})) AS new "
                    f"WHERE one.ctid = (SELECT ctid FROM {table} LIMIT 1)",
                    {"loaders": self.loaders, "size": sizes[size]},
                )
                cursor.execute(f"ANALYZE {table}")
