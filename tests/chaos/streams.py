"""The events that sources hold, and a writer that goes on adding, correcting and removing them.

What is older than `CHANGEABLE` is never touched, and a change is committed within `PATIENCE` or
not at all: all that a loader may read, with its lateness, is final. The writer says so if the
machine was too slow for it to keep that promise.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import MySQLdb
import psycopg

from tests.chaos.plans import LATENESS, Plan
from tests.servers import SourceServer
from tests.servers.mariadb import MariadbTestServer
from tests.servers.postgres import PostgresTestServer

CHANGEABLE = timedelta(seconds=2)
PATIENCE = LATENESS - CHANGEABLE
_CHANNELS = ("web", "متجر", None)
_TICK_SECONDS = 0.3
_ADDED_A_TICK = 12
_RECONNECT_SECONDS = 0.2
_INSERT = "INSERT INTO events (stream, at, shop, channel, amount) VALUES (%s, %s, %s, %s, %s)"
_TABLE = (
    "CREATE TABLE events (id {id} PRIMARY KEY, stream int NOT NULL, at {timestamp} NOT NULL, "
    "shop varchar(20), channel varchar(20), amount double precision)"
)
_BY_KIND = {
    "POSTGRESQL": {"id": "bigserial", "timestamp": "timestamptz(3)"},
    "MYSQL": {"id": "bigint AUTO_INCREMENT", "timestamp": "datetime(3)"},
}
_SLOW_VIEW = {
    "POSTGRESQL": (
        "CREATE FUNCTION pause() RETURNS boolean LANGUAGE sql VOLATILE AS "
        "$$ SELECT pg_sleep(random() * 0.4) IS NOT NULL $$",
        "CREATE VIEW slow_events AS WITH p AS MATERIALIZED (SELECT pause() AS done) "
        "SELECT e.* FROM events e, p WHERE p.done",
    ),
    "MYSQL": (
        "CREATE VIEW slow_events AS SELECT e.* FROM events e, "
        "(SELECT SLEEP(RAND() * 0.4) AS slept) p WHERE p.slept = 0",
    ),
}
Row = tuple[int, datetime, str, str | None, int | None]


def make_events(source: SourceServer, plans: Sequence[Plan], seed: int, now: datetime) -> None:
    """The table with the backlog up to `now`, and the view through which loaders read it, which
    takes its time, so that faults meet queries under way."""
    source.execute(_TABLE.format(**_BY_KIND[source.db_type]))
    source.execute_many(_INSERT, [_stored(source, row) for row in _backlog(plans, seed, now)])
    source.execute("CREATE INDEX events_by_time ON events (stream, at)")
    for statement in _SLOW_VIEW[source.db_type]:
        source.execute(statement)


def _backlog(plans: Sequence[Plan], seed: int, now: datetime) -> Iterator[Row]:
    rng = random.Random(f"backlog {seed}")
    for plan in plans:
        step = 8.0 / plan.shops
        at = plan.start
        while at < now:
            if plan.quiet is None or not plan.quiet[0] <= at < plan.quiet[1]:
                yield _event(rng, plan, at)
            at += timedelta(seconds=rng.uniform(0.2, 2) * step)


def _event(rng: random.Random, plan: Plan, at: datetime) -> Row:
    """Amounts are whole, so that sums are exact in whatever order they are made."""
    amount = None if rng.random() < 0.03 else rng.randrange(-500, 5000)
    return plan.number, at, f"shop {rng.randrange(plan.shops)}", rng.choice(_CHANNELS), amount


def _stored(source: SourceServer, row: Row) -> tuple[Any, ...]:
    return (row[0], _as_stored(source, row[1]), *row[2:])


def _as_stored(source: SourceServer, at: datetime) -> datetime:
    return at.replace(tzinfo=None) if source.db_type == "MYSQL" else at


class Writer(threading.Thread):
    """Changes one source until told to stop; a source that is away is tried again."""

    def __init__(self, source: SourceServer, plans: Sequence[Plan], seed: int) -> None:
        super().__init__(name=f"writer of {source.db_type}", daemon=True)
        self._source = source
        self._plans = plans
        self._rng = random.Random(f"writer {source.db_type} {seed}")
        self._over = threading.Event()
        self.changes = 0
        self.broken_promises: list[str] = []

    def stop(self) -> None:
        """End after the change under way."""
        self._over.set()
        self.join(30)

    def run(self) -> None:
        """Change after change, with a new session whenever the old one is lost."""
        while not self._over.is_set():
            try:
                with closing(self._connect()) as session:
                    while not self._over.wait(self._rng.uniform(0.5, 1.5) * _TICK_SECONDS):
                        self._change(session)
            except (psycopg.OperationalError, MySQLdb.Error):
                self._over.wait(_RECONNECT_SECONDS)

    def _connect(self) -> Any:
        source = self._source
        if source.db_type == "POSTGRESQL":
            server = PostgresTestServer(
                source.host, source.port, source.writer, source.writer_password
            )
            session: Any = server.admin_connection(source.db_name)
            session.autocommit = False
            return session
        mysql = MariadbTestServer(source.host, source.port, source.writer, source.writer_password)
        session = mysql.admin_connection(source.db_name)
        session.autocommit(False)
        return session

    def _change(self, session: Any) -> None:
        """Rows of just now, some of them late; a correction and a removal among the young."""
        began, now = time.monotonic(), datetime.now(UTC)
        rows = []
        for plan in self._rng.choices(self._plans, k=_ADDED_A_TICK):
            late = CHANGEABLE if self._rng.random() < 0.3 else timedelta(milliseconds=300)
            rows.append(_event(self._rng, plan, now - late * self._rng.random()))
        young = [self._rng.choice(self._plans).number, _as_stored(self._source, now - CHANGEABLE)]
        with closing(session.cursor()) as cursor:
            cursor.executemany(_INSERT, [_stored(self._source, row) for row in rows])
            cursor.execute("UPDATE events SET amount = 7 WHERE stream = %s AND at >= %s", young)
            young[0] = self._rng.choice(self._plans).number
            cursor.execute("DELETE FROM events WHERE stream = %s AND at >= %s", young)
        if time.monotonic() - began > PATIENCE.total_seconds() / 3:
            session.rollback()
            return
        session.commit()
        self.changes += 1
        took = time.monotonic() - began
        if took > PATIENCE.total_seconds():
            self.broken_promises.append(f"{now:%H:%M:%S}: a change took {took:.1f} s")
