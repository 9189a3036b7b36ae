"""A source with rows, and an approved loader over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.roles import Role
from core.clock import ClockTimestamp
from execution import engine
from execution.models import LoaderExecutionLock, LoadHistory, Replica, Trigger
from execution.services import dispatch
from loaders.models import Loader, SourceDatabase
from loaders.services import approve, create_loader, create_source, submit
from tests.servers import SourceServer
from tests.support.people import People

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

TABLE = (
    "CREATE TABLE orders (at {timestamp} NOT NULL, region varchar(20), channel varchar(20), "
    "amount double precision)"
)
SELECT = """
SELECT {hour} AS LOAD_TIME_STAMP,
       region AS SEGMENT_1, channel AS SEGMENT_2, NULL AS SEGMENT_3, NULL AS SEGMENT_4,
       NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7, NULL AS SEGMENT_8,
       NULL AS SEGMENT_9, NULL AS SEGMENT_10,
       COUNT(*) AS REC_COUNT, SUM(amount) AS SUM_VAL, AVG(amount) AS AVG_VAL,
       MAX(amount) AS MAX_VAL, MIN(amount) AS MIN_VAL, COUNT(amount) AS VALUE_COUNT
FROM orders WHERE at >= :fromTime AND at < :toTime GROUP BY {hour}, region, channel
"""
_BY_KIND = {
    "POSTGRESQL": {"timestamp": "timestamptz", "hour": "date_trunc('hour', at)"},
    "MYSQL": {"timestamp": "datetime", "hour": "DATE_FORMAT(at, '%Y-%m-%d %H:00:00')"},
}


def order_sql(db_type: str) -> str:
    """The loader's statement for a kind of source."""
    return SELECT.format(hour=_BY_KIND[db_type]["hour"])


def make_orders(source: SourceServer) -> None:
    """The source's table, empty."""
    source.execute(TABLE.format(timestamp=_BY_KIND[source.db_type]["timestamp"]))


def add_orders(source: SourceServer, *rows: tuple[datetime, str, str, float | None]) -> None:
    """Rows of (UTC time, region, channel, amount)."""
    naive = source.db_type == "MYSQL"
    source.execute_many(
        "INSERT INTO orders (at, region, channel, amount) VALUES (%s, %s, %s, %s)",
        [(at.replace(tzinfo=None) if naive else at, *rest) for at, *rest in rows],
    )


class Scene:
    """People, one source, one approved and enabled loader over its orders, a replica with slots."""

    def __init__(self, server: SourceServer, **loader_values: Any) -> None:
        self.server = server
        self.people = People()
        self.source = make_source(server, self.people)
        make_orders(server)
        self.loader = self.add_loader("ORDERS_HOURLY", **loader_values)
        Replica.objects.create(
            name="test-replica",
            version="test",
            slots=10,
            pid=1,
            started_at=START,
            heartbeat_at=START,
        )
        self.beat()

    def beat(self) -> None:
        """Let the replica be heard of."""
        Replica.objects.update(heartbeat_at=ClockTimestamp())

    def add_loader(self, code: str, **values: Any) -> Loader:
        """One more approved and enabled loader."""
        return make_loader(self.people, self.source, code, **values)

    def dispatch(self, loader: Loader | None = None) -> LoadHistory:
        """Hand out the loader's next window."""
        outcome = dispatch(loader_id=(loader or self.loader).pk, trigger=Trigger.SCHEDULE)
        assert isinstance(outcome, LoadHistory), outcome
        return outcome

    def run(self, loader: Loader | None = None) -> LoadHistory:
        """Dispatch the next window and execute it here; the history afterwards."""
        return self.execute(self.dispatch(loader))

    def execute(self, history: LoadHistory) -> LoadHistory:
        """Execute what was dispatched here; the history afterwards."""
        engine.run(lock_id_of(history))
        history.refresh_from_db()
        if history.error_code == "INTERNAL_ERROR":
            raise AssertionError(history.stack_trace)
        return history


def lock_id_of(history: LoadHistory) -> UUID:
    """The lock of an execution."""
    return LoaderExecutionLock.objects.get(load_history=history).lock_id


def make_source(server: SourceServer, people: People, **values: Any) -> SourceDatabase:
    """The source, registered with its reader."""
    return create_source(
        user=people.admin,
        values={
            "db_code": "SHOP",
            "db_type": server.db_type,
            "host": server.host,
            "port": server.port,
            "db_name": server.db_name,
            "user_name": server.reader,
            "password": server.reader_password,
            "max_connections": 10,
            **values,
        },
    )


def make_loader(people: People, source: SourceDatabase, code: str, **values: Any) -> Loader:
    """A loader that the operator wrote and the approver approved."""
    loader = create_loader(
        user=people.operator,
        values={
            "loader_code": code,
            "source_database": source,
            "loader_sql": order_sql(source.db_type),
            "description": "Orders by region and channel.",
            "owning_team": "Shop",
            "contact": "shop@example.org",
            "grain_seconds": 3600,
            "max_query_period_seconds": 6 * 3600,
            "start_at": START,
            "end_at": START + timedelta(days=1),
            "enabled": True,
            **values,
        },
    )
    submit(user=people.operator, loader=loader)
    approve(user=people.approver, loader=loader)
    return Loader.objects.get(pk=loader.pk)


__all__ = ["HOUR", "START", "Role", "Scene", "add_orders", "lock_id_of", "make_loader"]
