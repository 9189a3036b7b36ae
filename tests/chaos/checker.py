"""What is true after the chaos, asked by SQL of its own at target and sources.

Nothing of the product is imported; of it, only the names of tables and columns are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.chaos.plans import Plan, floor
from tests.servers import SourceServer

Signals = dict[tuple[int, str, str], tuple[Any, ...]]

CAPS_WATCH = """
CREATE SCHEMA checker;
CREATE TABLE checker.limits (portal int NOT NULL);
CREATE TABLE checker.violation (
    at timestamptz DEFAULT clock_timestamp(), what text, loader_code text, found int, allowed int
);
CREATE TABLE checker.busiest (portal int NOT NULL);
INSERT INTO checker.busiest VALUES (0);
CREATE FUNCTION checker.watch_caps() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE active int;
BEGIN
    -- Commits pass here one after the other, so each counts what those before it made visible:
    -- two that exceed a cap together don't overlook one another.
    PERFORM pg_advisory_xact_lock(4711);
    SELECT count(*) INTO active FROM loader.loader_execution_lock WHERE NOT released;
    UPDATE checker.busiest SET portal = active WHERE portal < active;
    INSERT INTO checker.violation (what, loader_code, found, allowed)
    SELECT 'all', NEW.loader_code, active, portal FROM checker.limits WHERE active > portal
    UNION ALL
    SELECT 'loader', l.loader_code, count(*), l.max_parallel_executions
    FROM loader.loader_execution_lock k JOIN loader.loader l USING (loader_code)
    WHERE NOT k.released AND l.loader_code = NEW.loader_code
    GROUP BY l.loader_code, l.max_parallel_executions
    HAVING count(*) > l.max_parallel_executions
    UNION ALL
    SELECT 'source ' || s.db_code, NEW.loader_code, count(*), s.max_connections
    FROM loader.loader_execution_lock k JOIN loader.loader l USING (loader_code)
    JOIN loader.source_databases s ON s.id = l.source_database_id
    WHERE NOT k.released GROUP BY s.db_code, s.max_connections
    HAVING count(*) > s.max_connections
    UNION ALL
    SELECT 'overlap', NEW.loader_code, 2, 1 FROM loader.loader_execution_lock k
    WHERE NOT k.released AND k.loader_code = NEW.loader_code AND k.lock_id <> NEW.lock_id
    AND k.window_from < NEW.window_to AND NEW.window_from < k.window_to;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER zz_watch_caps AFTER INSERT OR UPDATE ON loader.loader_execution_lock
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT NEW.released)
    EXECUTE FUNCTION checker.watch_caps();
"""
"""Counts active locks at each commit that leaves one, in the committing transaction, and writes
down what exceeds a cap: of the loader, of a source, of the portal; or an overlap of windows."""

_STAMPS = {
    "POSTGRESQL": "(extract(epoch FROM at) - mod(extract(epoch FROM at), %(step)s))::bigint",
    "MYSQL": "TIMESTAMPDIFF(SECOND, '1970-01-01', at) DIV %(step)s * %(step)s",
}
_EXPECTED = (
    "SELECT {stamp}, shop, channel, count(*), count(amount), sum(amount), avg(amount), "
    "max(amount), min(amount) FROM events "
    "WHERE stream = %(stream)s AND at >= %(start)s AND at < %(end)s GROUP BY 1, 2, 3"
)


class Checker:
    """Asks a control session (superuser, autocommit) and the sources' administrators."""

    def __init__(
        self,
        control: psycopg.Connection,
        sources: dict[str, SourceServer],
        plans: Sequence[Plan],
    ) -> None:
        self._control = control
        self._sources = sources
        self._plans = plans
        self._ends: dict[str, datetime] = {}

    def behind(self, until: datetime) -> list[str]:
        """Loaders that have not loaded everything up to an instant, or its grain, yet."""
        self._ends = dict(
            self._ask(
                "SELECT loader_code, max(query_to_time) FROM loader.load_history "
                "WHERE status IN ('SUCCESS', 'PARTIAL') GROUP BY loader_code"
            )
        )
        return [
            plan.code
            for plan in self._plans
            if self._end(plan) < floor(until, plan.wording.grain_seconds)
        ]

    def faults(self, until: datetime) -> list[str]:
        """All that is not as it must be, of what was loaded, which is all up to `until` at least;
        empty when all is well."""
        return [
            *(f"{code} was not loaded to the end" for code in self.behind(until)),
            *self._left_over(),
            *self._exceeded(),
            *(fault for plan in self._plans for fault in self._faults_of(plan)),
        ]

    def summary(self) -> str:
        """What happened, in a line."""
        ended = self._ask(
            "SELECT status, coalesce(nullif(error_code, ''), '-'), count(*) "
            "FROM loader.load_history GROUP BY 1, 2 ORDER BY 3 DESC"
        )
        ((signals,),) = self._ask("SELECT count(*) FROM signals.signals_history")
        runs = ", ".join(f"{count} {status} {code}" for status, code, count in ended)
        return f"{signals} signals; runs: {runs}"

    def busiest(self) -> int:
        """Most locks that were ever active at once."""
        ((most,),) = self._ask("SELECT portal FROM checker.busiest")
        return int(most)

    def _ask(self, statement: str, code: str = "") -> list[Any]:
        return self._control.execute(statement, {"code": code}).fetchall()

    def _left_over(self) -> Iterator[str]:
        for what, statement in (
            (
                "lock held",
                "SELECT loader_code FROM loader.loader_execution_lock WHERE NOT released",
            ),
            ("run RUNNING", "SELECT loader_code FROM loader.load_history WHERE status = 'RUNNING'"),
            (
                "loader RUNNING",
                "SELECT loader_code FROM loader.loader JOIN loader.loader_state s "
                "ON s.loader_id = loader.id WHERE s.load_status = 'RUNNING'",
            ),
            ("replica registered", "SELECT name FROM loader.replica"),
            (
                "session open",
                "SELECT application_name FROM pg_stat_activity WHERE usename = 'portal_app' "
                "AND application_name = 'loaderportal'",
            ),
        ):
            yield from (f"{what}: {name}" for (name,) in self._ask(statement))

    def _exceeded(self) -> Iterator[str]:
        found = self._ask("SELECT what, loader_code, found, allowed FROM checker.violation")
        yield from (f"cap of {w} exceeded by {code}: {n} of {cap}" for w, code, n, cap in found)

    def _faults_of(self, plan: Plan) -> Iterator[str]:
        for fault in (
            *self._differences(plan),
            *self._history(plan),
            *self._coverage(plan),
            *self._counts(plan),
            *self._rollups(plan),
        ):
            yield f"{plan.code} ({plan.kind}, {plan.strategy}, {plan.policy}): {fault}"

    def _differences(self, plan: Plan) -> Iterator[str]:
        """Source and target row by row."""
        expected, present = self._expected(plan), self._present(plan)
        for verb, keys in (
            ("missing", expected.keys() - present.keys()),
            ("not at the source", present.keys() - expected.keys()),
        ):
            if keys:
                yield f"{len(keys)} of {len(expected)} signals {verb}, such as {_named(min(keys))}"
        wrong = [key for key in expected.keys() & present.keys() if expected[key] != present[key]]
        if wrong:
            key = min(wrong)
            yield f"{len(wrong)} differ: {_named(key)} {present[key]}, not {expected[key]}"

    def _expected(self, plan: Plan) -> Signals:
        zone = None if plan.kind == "MYSQL" else UTC
        rows = self._sources[plan.kind].execute(
            _EXPECTED.format(stamp=_STAMPS[plan.kind]),
            {
                "step": plan.wording.grain_seconds,
                "stream": plan.number,
                "start": plan.start.replace(tzinfo=zone),
                "end": self._end(plan).replace(tzinfo=zone),
            },
        )
        return {(int(r[0]), r[1] or "", r[2] or ""): tuple(r[3:]) for r in rows}

    def _end(self, plan: Plan) -> datetime:
        return self._ends.get(plan.code, plan.start)

    def _present(self, plan: Plan) -> Signals:
        rows = self._ask(
            "SELECT extract(epoch FROM s.load_time_stamp)::bigint, c.segment_1, c.segment_2, "
            "s.rec_count, s.value_count, s.sum_val, s.avg_val, s.max_val, s.min_val "
            "FROM signals.signals_history s "
            "JOIN signals.segment_combination c USING (segment_code) "
            "WHERE s.loader_code = %(code)s",
            plan.code,
        )
        return {(r[0], r[1], r[2]): tuple(r[3:]) for r in rows}

    def _history(self, plan: Plan) -> Iterator[str]:
        """The successful runs follow one another, each from where the one before had come to."""
        runs = self._ask(
            "SELECT query_from_time, query_to_time, actual_to_time FROM loader.load_history "
            "WHERE loader_code = %(code)s AND status IN ('SUCCESS', 'PARTIAL') "
            "ORDER BY end_time, query_from_time",
            plan.code,
        )
        watermark = plan.start
        for start, end, greatest in runs:
            if start != watermark:
                yield f"a run loaded from {start}, though the one before had come to {watermark}"
            if plan.policy == "MAX_TIMESTAMP" and greatest is not None and greatest > start:
                watermark = greatest
            else:
                watermark = end
        ((present,),) = self._ask(
            "SELECT last_load_timestamp FROM loader.loader_state s JOIN loader.loader l "
            "ON l.id = s.loader_id WHERE l.loader_code = %(code)s",
            plan.code,
        )
        if watermark != present:
            yield f"the watermark is {present}, but the runs have come to {watermark}"

    def _coverage(self, plan: Plan) -> Iterator[str]:
        """Every instant that was loaded is in one stretch, and none of them is a gap. What failed
        last, and was not tried again before the end, lies after all that."""
        stretches = self._ask(
            "SELECT range_from, range_to, state FROM loader.coverage WHERE loader_code = %(code)s "
            "ORDER BY range_from",
            plan.code,
        )
        at: datetime = plan.start
        for start, end, state in stretches:
            if at == self._end(plan) and state == "FAILED":
                continue
            if start != at:
                yield f"coverage has a hole or an overlap at {min(at, start)}"
            if state not in {"LOADED", "EMPTY", "UNVERIFIED"}:
                yield f"{start} to {end} is {state}"
            at = end
        if at != self._end(plan):
            yield f"coverage ends at {at}, the last run at {self._end(plan)}"

    def _counts(self, plan: Plan) -> Iterator[str]:
        """History, events, state and signals tell the same story."""
        for what, statement in _SAME.items():
            ((left, right),) = self._ask(statement, plan.code)
            if left != right:
                yield f"{what}: {left} and {right}"

    def _rollups(self, plan: Plan) -> Iterator[str]:
        """Each quarter of an hour that is rolled up says what its signals say, but for the last
        bits of a sum; and there is one for each that has signals."""
        for quarter, stands, should in self._ask(_ROLLUPS, plan.code):
            yield f"the rollup at {quarter} says {stands}, and its signals {should}"


_ROLLUPS = """
SELECT coalesce(r.bucket_start, s.quarter), r::text, s::text
FROM (SELECT * FROM signals.signals_rollup WHERE loader_code = %(code)s) r
FULL JOIN (
    SELECT to_timestamp(floor(extract(epoch FROM load_time_stamp) / 900) * 900) AS quarter,
        count(*) AS signals, sum(rec_count) AS rec_count, max(max_val) AS max_val,
        min(min_val) AS min_val, sum(sum_val::numeric) AS sum_val,
        sum(value_count) FILTER (WHERE sum_val IS NOT NULL) AS value_count,
        sum(sum_val::numeric) FILTER (WHERE value_count IS NOT NULL) AS counted_sum
    FROM signals.signals_history WHERE loader_code = %(code)s GROUP BY 1
) s ON s.quarter = r.bucket_start
WHERE (r.signals, r.rec_count, r.value_count, r.max_val, r.min_val)
    IS DISTINCT FROM (s.signals, s.rec_count, s.value_count, s.max_val, s.min_val)
OR (r.sum_val IS NULL) <> (s.sum_val IS NULL) OR abs(r.sum_val::numeric - s.sum_val) > 1e-6
OR (r.counted_sum IS NULL) <> (s.counted_sum IS NULL)
OR abs(r.counted_sum::numeric - s.counted_sum) > 1e-6
"""

_SAME = {
    "signals, and rows loaded less rows purged by successful runs": (
        "SELECT (SELECT count(*) FROM signals.signals_history WHERE loader_code = %(code)s), "
        "(SELECT sum(records_loaded - records_purged) FROM loader.load_history "
        "WHERE loader_code = %(code)s AND status IN ('SUCCESS', 'PARTIAL'))"
    ),
    "signals without a successful run over their time, and none": (
        "SELECT count(*), 0 FROM signals.signals_history s WHERE loader_code = %(code)s "
        "AND NOT EXISTS (SELECT 1 FROM loader.load_history h WHERE h.id = s.load_history_id "
        "AND h.loader_code = s.loader_code AND h.status IN ('SUCCESS', 'PARTIAL') "
        "AND s.load_time_stamp >= h.query_from_time AND s.load_time_stamp < h.query_to_time)"
    ),
    "events of runs, and runs": (
        "SELECT (SELECT array_agg((execution_id, kind) ORDER BY execution_id) "
        "FROM loader.loader_event WHERE loader_code = %(code)s AND execution_id IS NOT NULL)::text,"
        " (SELECT array_agg((id, CASE status WHEN 'FAILED' THEN 'RUN_FAILED'::varchar "
        "WHEN 'CANCELLED' THEN 'RUN_CANCELLED' ELSE 'RUN_FINISHED' END) ORDER BY id) "
        "FROM loader.load_history WHERE loader_code = %(code)s)::text"
    ),
    "data version, and successful runs": (
        "SELECT s.data_version, (SELECT count(*) FROM loader.load_history h "
        "WHERE h.loader_code = %(code)s AND status IN ('SUCCESS', 'PARTIAL')) "
        "FROM loader.loader_state s "
        "JOIN loader.loader l ON l.id = s.loader_id WHERE l.loader_code = %(code)s"
    ),
    "rows that coverage counts, and signals": (
        "SELECT (SELECT sum(rec_count) FROM loader.coverage WHERE loader_code = %(code)s), "
        "(SELECT count(*) FROM signals.signals_history WHERE loader_code = %(code)s)"
    ),
}


_STANDING = (
    "SELECT 'lock', loader_code, replica_name, worker_pid, backend_pid, claimed_at, "
    "lease_until - now() AS lease, cancel_requested FROM loader.loader_execution_lock "
    "WHERE NOT released",
    "SELECT 'state', load_status, count(*), min(next_due_at - now()), max(next_due_at - now()) "
    "FROM loader.loader_state GROUP BY load_status",
    "SELECT 'replica', name, draining, now() - heartbeat_at FROM loader.replica",
    "SELECT 'cycle', holder, now() - last_cycle_at, lease_until - now() "
    "FROM loader.scheduler_lease",
    "SELECT 'breaker', b.* FROM loader.source_breaker b",
    "SELECT 'hints', key, count(*), min(lock - now()), max(lock - now()) "
    "FROM loader.django_q_ormq GROUP BY key",
    "SELECT 'session', pid, state, wait_event_type, wait_event, now() - xact_start, "
    "left(query, 80) FROM pg_stat_activity WHERE usename = 'portal_app'",
)


def standing(control: psycopg.Connection) -> list[str]:
    """How things stand at the moment, for the report of a failure: a line a row."""
    return [
        " ".join(str(value) for value in row)
        for statement in _STANDING
        for row in control.execute(statement).fetchall()
    ]


def _named(key: tuple[int, str, str]) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=key[0])
    return f"{at:%H:%M:%S} {key[1]} {key[2]}"
