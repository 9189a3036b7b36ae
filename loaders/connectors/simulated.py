"""Simulated sources: no server, the same rows for ever; for demos, tests and training (spec 2).

The statement runs for real: the events of its window are put into an SQLite database in memory,
which computes the SELECT. `simulated_sql` says which statements that does justice to, and
`simulated_events` what happens when. Host, port, user and password are not looked at.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from loaders.connectors.base import (
    BATCH_ROWS,
    ResultStream,
    Row,
    ServerFacts,
    SourceConnection,
    SourceProfile,
)
from loaders.connectors.catalogue import Catalogue, catalogue_of
from loaders.connectors.errors import (
    SourceAuthError,
    SourceCancelledError,
    SourceConnectionLostError,
    SourceError,
    SourceIdleError,
    SourceSqlError,
    SourceTimeoutError,
    SourceUnreachableError,
)
from loaders.connectors.privileges import PrivilegeReport
from loaders.connectors.simulated_events import Event, Simulation, stamp
from loaders.connectors.simulated_sql import COLUMNS, TABLE, TRUNCATE, Plan, plan

T = TypeVar("T")

MAX_EVENTS = 1_000_000
_STEPS_BETWEEN_LOOKS = 10_000
_EVENTS_BETWEEN_LOOKS = 1000
# How much of a stamp's text each unit of date_trunc keeps, and what takes the place of the rest.
_CUTS = {
    "second": (19, ".000000+00"),
    "minute": (16, ":00.000000+00"),
    "hour": (13, ":00:00.000000+00"),
    "day": (10, " 00:00:00.000000+00"),
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SimulatedConnector:
    """Opens sessions at simulated sources, whose clock is `now` (aware)."""

    now: Callable[[], datetime] = _utc_now

    def connect(
        self,
        profile: SourceProfile,
        password: str,
        *,
        statement_timeout_seconds: float,
        application_name: str,
    ) -> SourceConnection:
        """See `Connector.connect`. Raises SourceAuthError for options that it doesn't know."""
        try:
            simulation = Simulation.from_name(profile.db_name)
        except ValueError as error:
            reason = f"The database name is not one of a simulated source: {error}."
        else:
            if random.random() < simulation.fail:
                raise SourceUnreachableError("The source could not be reached, as simulated.")
            return SimulatedConnection(profile, simulation, statement_timeout_seconds, self.now)
        raise SourceAuthError(reason)


class SimulatedConnection:
    """One session at a simulated source; see `SourceConnection`."""

    def __init__(
        self,
        profile: SourceProfile,
        simulation: Simulation,
        statement_timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._profile = profile
        self._simulation = simulation
        self._statement_timeout = statement_timeout_seconds
        self._now = now
        self._deadline = monotonic()
        self._cancelled = threading.Event()
        self._closed = False
        self._database: sqlite3.Connection | None = None

    @property
    def usable(self) -> bool:
        """See `SourceConnection.usable`."""
        return not (self._closed or self._cancelled.is_set() or self._database)

    def server_clock(self) -> datetime:
        """See `SourceConnection.server_clock`."""
        self._guard(lambda: None)
        return self._now() + timedelta(seconds=self._simulation.skew_seconds)

    def server_facts(self) -> ServerFacts:
        """See `SourceConnection.server_facts`."""
        return ServerFacts("Simulated source", tls=None)

    def quote(self, value: str | int) -> str:
        """See `SourceConnection.quote`. Raises ValueError for text with a NUL character."""
        if isinstance(value, int):
            return str(int(value))
        if "\0" in value:
            raise ValueError("a literal can't hold a NUL character")
        return "'" + value.replace("'", "''") + "'"

    def stream(self, statement: str, *, batch_rows: int = BATCH_ROWS) -> ResultStream:
        """See `SourceConnection.stream`."""
        if self._database:
            raise RuntimeError("another stream is open on this connection")
        cursor = self._guard(partial(self._open, statement))
        read_batch = partial(self._read_batch, cursor, batch_rows)
        columns = tuple(column[0] for column in cursor.description)
        return ResultStream(columns, partial(self._guard, read_batch), self.close)

    def explain(self, statement: str) -> str:
        """See `SourceConnection.explain`."""
        found = self._guard(lambda: plan(statement))
        events = self._simulation.most_events(found.start, found.end)
        return (
            f"Simulated source: up to {events} events from {stamp(found.start)} to "
            f"{stamp(found.end)} are made in memory and read once."
        )

    def catalogue(self, *, most: int) -> Catalogue:
        """See `SourceConnection.catalogue`: its one table."""
        self._guard(lambda: None)
        rows = [("", "", TABLE, name, kind) for name, kind in COLUMNS.items()]
        return catalogue_of(rows, most=most)

    def inspect_privileges(self) -> PrivilegeReport:
        """See `SourceConnection.inspect_privileges`: there is nothing to write to."""
        return PrivilegeReport(can_write=False)

    def cancel(self) -> None:
        """See `SourceConnection.cancel`. The reader looks every few milliseconds."""
        self._cancelled.set()

    def close(self) -> None:
        """See `SourceConnection.close`."""
        self._closed = True
        self._drop_database()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _guard(self, operation: Callable[[], T]) -> T:
        """Run an operation; on failure close the session and raise our error alone."""
        try:
            self._check_open()
            return operation()
        except sqlite3.Error as error:
            failure = self._interruption() or SourceSqlError(raw=str(error))
        except SourceError as error:
            failure = error
        self.close()
        raise failure

    def _check_open(self) -> None:
        if self._cancelled.is_set():
            raise SourceCancelledError
        if self._closed:
            raise SourceConnectionLostError

    def _interruption(self) -> SourceError | None:
        """Why the statement must not go on."""
        if self._cancelled.is_set():
            return SourceCancelledError()
        return SourceTimeoutError() if monotonic() > self._deadline else None

    def _look(self) -> None:
        failure = self._interruption()
        if failure:
            raise failure

    def _open(self, statement: str) -> sqlite3.Cursor:
        found = plan(statement)
        if self._simulation.most_events(found.start, found.end) > MAX_EVENTS:
            raise SourceSqlError(f"A simulated source makes {MAX_EVENTS} events a query at most.")
        self._deadline = monotonic() + self._statement_timeout
        self._take_time()
        database = self._database = sqlite3.connect(":memory:", check_same_thread=False)
        database.create_function(TRUNCATE, 2, _truncate, deterministic=True)
        database.execute(f"CREATE TABLE {TABLE} (at, channel, region, result, amount REAL)")
        database.executemany(f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?)", self._events(found))
        database.set_progress_handler(
            lambda: self._interruption() is not None, _STEPS_BETWEEN_LOOKS
        )
        return database.execute(found.sqlite)

    def _take_time(self) -> None:
        """Be as slow as the simulation asks for, within the limits that the session was given."""
        if random.random() < self._simulation.timeout:
            raise SourceTimeoutError("The query ran into its time limit, as simulated.")
        delay = self._simulation.delay_ms / 1000
        idle = self._profile.idle_read_timeout_seconds
        self._cancelled.wait(min(delay, idle, self._statement_timeout))
        self._check_open()
        if delay > min(idle, self._statement_timeout):
            raise SourceIdleError if idle < self._statement_timeout else SourceTimeoutError

    def _events(self, found: Plan) -> Iterator[Event]:
        events = self._simulation.events(found.start, found.end, self.server_clock())
        for number, event in enumerate(events):
            if number % _EVENTS_BETWEEN_LOOKS == 0:
                self._look()
            yield event

    def _read_batch(self, cursor: sqlite3.Cursor, batch_rows: int) -> list[Row]:
        rows = cursor.fetchmany(batch_rows)
        if not rows:
            self._drop_database()
        return [tuple(map(_cell, row)) for row in rows]

    def _drop_database(self) -> None:
        database, self._database = self._database, None
        if database:
            database.close()


def _truncate(unit: str, at: str) -> str:
    kept, rest = _CUTS[unit]
    return at[:kept] + rest


def _cell(value: str | float | None) -> bytes | None:
    return None if value is None else str(value).encode()


CONNECTOR = SimulatedConnector()
