"""MySQL and MariaDB sources: one unbuffered result of undecoded text cells (spec 6).

What the driver's `SSCursor` does for every row is done here by its lower half (`use_result`,
`fetch_row`), because an SSCursor reads the whole rest of a result when it is closed. mysqlclient
is built without converters (`conv={}`), and statements are sent as bytes, so it never formats
`%`. `multi_statements` is off: the source takes one statement at a time.

The protocol has no cancel message: `cancel` opens a second, short connection and sends KILL
QUERY. Therefore the password lives in the object as long as the session does, as it does in the
driver's own handle.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import MySQLdb

from loaders.connectors.base import (
    BATCH_BYTES,
    BATCH_ROWS,
    CANCEL_TIMEOUT_SECONDS,
    LOCK_TIMEOUT_SECONDS,
    ResultStream,
    Row,
    ServerFacts,
    SourceConnection,
    SourceProfile,
    checked_size,
    text_rows,
)
from loaders.connectors.catalogue import Catalogue, catalogue_of
from loaders.connectors.errors import (
    SourceCancelledError,
    SourceConnectionLostError,
    SourceError,
    SourceSqlError,
    SourceTlsError,
)
from loaders.connectors.mysql_errors import error_number, login_error, query_error
from loaders.connectors.mysql_login import CIPHER, MysqlLogin, as_text, one_row
from loaders.connectors.mysql_modes import plain_modes, server_name
from loaders.connectors.mysql_privileges import inspect
from loaders.connectors.privileges import PrivilegeReport

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FETCH_ROWS = 500
_KILL_ATTEMPTS = 3
_KILL_GRACE_SECONDS = 0.5

_IDENTITY = "SELECT @@hostname, @@port"
# The server leaves out what the account has no right on.
_COLUMNS = """
SELECT COALESCE(DATABASE(), ''), table_schema, table_name, column_name, column_type
FROM information_schema.columns
WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY table_schema <> DATABASE(), table_schema, table_name, ordinal_position
LIMIT {limit}
"""


class MysqlConnector:
    """Opens read-only sessions at MySQL and MariaDB sources."""

    def connect(
        self,
        profile: SourceProfile,
        password: str,
        *,
        statement_timeout_seconds: float,
        application_name: str,
    ) -> SourceConnection:
        """See `Connector.connect`. The driver can't tell the source an application name."""
        return MysqlConnection(MysqlLogin(profile, password), statement_timeout_seconds)


class MysqlConnection:
    """One read-only session at a MySQL or MariaDB source; see `SourceConnection`.

    The idle-read timeout is the driver's read timeout: it holds in whole seconds, rounded up.
    """

    def __init__(self, login: MysqlLogin, statement_timeout_seconds: float) -> None:
        self._login = login
        self._profile = login.profile
        self._closing = threading.Lock()
        # Set while no driver call is under way.
        self._at_rest = threading.Event()
        self._at_rest.set()
        self._cancelled = False
        self._closed = False
        self._running = False
        self._streaming = False
        self._answers_kill = True
        self._driver: Any = None
        self._socket: socket.socket | None = None
        self._result: Any = None
        self._guard(self._connect, failure_of=login_error)
        self._guard(partial(self._settle, statement_timeout_seconds))

    @property
    def usable(self) -> bool:
        """See `SourceConnection.usable`."""
        return not (self._closed or self._cancelled or self._streaming)

    def server_clock(self) -> datetime:
        """See `SourceConnection.server_clock`."""
        (text,) = self._guard(lambda: self._row("SELECT UTC_TIMESTAMP(6)"))
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def server_facts(self) -> ServerFacts:
        """See `SourceConnection.server_facts`."""
        cipher = self._guard(lambda: self._row(CIPHER)[1])
        return ServerFacts(server_name(self._version), tls=bool(cipher))

    def quote(self, value: str | int) -> str:
        """See `SourceConnection.quote`; heeds NO_BACKSLASH_ESCAPES of the session."""
        if isinstance(value, int):
            return str(int(value))
        literal: bytes = self._guard(lambda: self._driver.string_literal(value.encode()))
        return literal.decode()

    def stream(self, statement: str, *, batch_rows: int = BATCH_ROWS) -> ResultStream:
        """See `SourceConnection.stream`."""
        columns = self._guard(partial(self._open, statement.encode()))
        read_batch = partial(self._read_batch, columns, batch_rows)
        return ResultStream(columns, partial(self._guard, read_batch), self.close)

    def explain(self, statement: str) -> str:
        """See `SourceConnection.explain`. JSON; after FORMAT no server lets ANALYZE follow."""
        plan = text_rows(self.stream(f"EXPLAIN FORMAT=JSON {statement}"))
        return "\n".join("\t".join(row) for row in plan)

    def catalogue(self, *, most: int) -> Catalogue:
        """See `SourceConnection.catalogue`."""
        return catalogue_of(text_rows(self.stream(_COLUMNS.format(limit=most + 1))), most=most)

    def inspect_privileges(self) -> PrivilegeReport:
        """See `SourceConnection.inspect_privileges`."""
        return inspect(self, lambda text: self._guard(partial(self._driver.query, text.encode())))

    def cancel(self) -> None:
        """See `SourceConnection.cancel`.

        Repeats KILL QUERY, because one that arrives before the query does nothing, and in the
        end cuts the connection for the reader.
        """
        self._cancelled = True
        with self._closing:
            for _attempt in range(_KILL_ATTEMPTS):
                if self._closed or (self._at_rest.is_set() and not self._running):
                    return
                self._kill_query()
                if not self._answers_kill:
                    break
                if self._at_rest.wait(_KILL_GRACE_SECONDS):
                    return
            self._cut()

    def close(self) -> None:
        """See `SourceConnection.close`."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._streaming = False
            if self._running:
                if self._answers_kill:
                    self._kill_query()
                self._cut()
            # Freeing a result reads what is left of it; after the cut there is nothing left.
            self._result = None
            if self._driver is not None:
                with suppress(MySQLdb.Error):
                    self._driver.close()
            if self._socket is not None:
                self._socket.close()
            self._login.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _guard(
        self,
        operation: Callable[[], T],
        failure_of: Callable[[Exception], SourceError] | None = None,
    ) -> T:
        """Run driver calls; on failure close the session and raise our error alone."""
        started_at = monotonic()
        self._at_rest.clear()
        try:
            self._check_open()
            return operation()
        except MySQLdb.Error as error:
            failure = failure_of(error) if failure_of else self._reported(error, started_at)
        except SourceError as error:
            failure = error
        finally:
            self._at_rest.set()
        self.close()
        raise failure

    def _check_open(self) -> None:
        if self._cancelled:
            raise SourceCancelledError
        if self._closed:
            raise SourceConnectionLostError

    def _connect(self) -> None:
        self._driver = self._login.open(
            connect_timeout=self._profile.connect_timeout_seconds,
            read_timeout=self._profile.idle_read_timeout_seconds,
        )
        # Of our own, so that another thread can cut the connection without touching the driver.
        self._socket = socket.socket(fileno=os.dup(self._driver.fileno()))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _settle(self, statement_timeout_seconds: float) -> None:
        """Find out what the source is; set the session to UTC, read-only and time-limited."""
        self._version, self._thread_id, modes = self._row(
            "SELECT VERSION(), CONNECTION_ID(), @@SESSION.sql_mode"
        )
        self._identity = self._row(_IDENTITY)
        if "MariaDB" in self._version:
            limit = f"max_statement_time = {statement_timeout_seconds:.3f}"
        else:
            limit = f"max_execution_time = {max(1, round(statement_timeout_seconds * 1000))}"
        self._driver.query(
            f"SET SESSION time_zone = '+00:00', lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}, "
            f"sql_mode = '{plain_modes(modes)}', {limit}".encode()
        )
        self._driver.query(b"SET SESSION TRANSACTION READ ONLY")

    def _row(self, query: str) -> tuple[str, ...]:
        """The one row of a small query."""
        return one_row(self._driver, query)

    def _open(self, query: bytes) -> tuple[str, ...]:
        """Begin and send the statement; the names of the columns."""
        if self._streaming:
            raise RuntimeError("another stream is open on this connection")
        self._driver.query(b"START TRANSACTION READ ONLY")
        self._running = True
        self._driver.query(query)
        self._result = self._driver.use_result()
        if self._result is None:
            raise SourceSqlError("The statement is not a query: it has no result.")
        self._streaming = True
        return tuple(as_text(column[0]) for column in self._result.describe())

    def _read_batch(self, columns: tuple[str, ...], batch_rows: int) -> list[Row]:
        rows: list[Row] = []
        size = 0
        while self._streaming and len(rows) < batch_rows and size < BATCH_BYTES:
            fetched = self._result.fetch_row(min(_FETCH_ROWS, batch_rows - len(rows)), 0)
            if not fetched:
                self._finish()
            size += checked_size(fetched, columns)
            rows.extend(fetched)
            self._check_open()
        return rows

    def _finish(self) -> None:
        """All rows are read: end the transaction, so that the source drops its snapshot."""
        self._result = None
        if self._driver.next_result() != -1:
            raise SourceSqlError("The statement has more than one result.")
        self._running = False
        self._streaming = False
        self._driver.query(b"ROLLBACK")

    def _reported(self, error: Exception, started_at: float) -> SourceError:
        """Our error for the driver's, and whether the source may still run the query."""
        number = error_number(error)
        if not 2000 <= number < 3000:
            self._running = False
        idle = monotonic() - started_at >= self._profile.idle_read_timeout_seconds
        return query_error(error, cancelled=self._cancelled, idle=idle)

    def _kill_query(self) -> None:
        """Send KILL QUERY by a connection of its own; the caller holds `_closing`."""
        timeout = CANCEL_TIMEOUT_SECONDS
        try:
            killer = self._login.open(connect_timeout=timeout, read_timeout=timeout)
        except (MySQLdb.Error, SourceTlsError):
            self._answers_kill = False
            logger.warning("no KILL QUERY reached source %s", self._profile.db_code)
            return
        try:
            # Behind a balancer the number may be another query's on another server.
            if one_row(killer, _IDENTITY) == self._identity:
                killer.query(b"KILL QUERY " + self._thread_id.encode())
        except MySQLdb.Error:
            logger.warning("source %s refused KILL QUERY", self._profile.db_code)
        finally:
            killer.close()

    def _cut(self) -> None:
        """End the TCP connection under the driver; a blocked read fails at once."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


CONNECTOR = MysqlConnector()
