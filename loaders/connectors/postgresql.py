"""PostgreSQL sources: `COPY (statement) TO STDOUT`, read undecoded through libpq (spec 6).

libpq is driven by hand (`psycopg.pq`), because only so every wait has an end: the idle-read
timeout and `cancel` hold in each of them. The statement and the COPY around it are sent by the
extended protocol, which takes no second statement, and the statement must stand on its own
before it is put into the COPY: it can't close the parenthesis and go on.

Settings travel in the start-up packet, so they are true from the first moment, `RESET ALL`
returns to them, and a transaction pooler can't carry them over to other clients of the source. A
PgBouncer in between needs `options` among its `ignore_startup_parameters`; the transaction is
then still READ ONLY by its own statement.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import psycopg
from psycopg import pq

from loaders.connectors.base import (
    BATCH_BYTES,
    BATCH_ROWS,
    CANCEL_TIMEOUT_SECONDS,
    LOCK_TIMEOUT_SECONDS,
    CertificateAuthority,
    ResultStream,
    Row,
    ServerFacts,
    SourceConnection,
    SourceProfile,
    TlsMode,
)
from loaders.connectors.catalogue import Catalogue
from loaders.connectors.errors import (
    SourceCancelledError,
    SourceConnectionLostError,
    SourceError,
    SourceIdleError,
    SourceSqlError,
    SourceTimeoutError,
)
from loaders.connectors.postgresql_catalogue import read_catalogue
from loaders.connectors.postgresql_copy import parse_copy
from loaders.connectors.postgresql_errors import error_class, login_error
from loaders.connectors.postgresql_privileges import inspect
from loaders.connectors.privileges import PrivilegeReport

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SSL_MODES = {
    TlsMode.DISABLE: "disable",
    TlsMode.PREFER: "prefer",
    TlsMode.REQUIRE: "require",
    TlsMode.VERIFY_CA: "verify-ca",
    TlsMode.VERIFY_FULL: "verify-full",
}
_BEGIN = b"RESET ALL; START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Without it a source computes on for a reader that was killed; PostgreSQL 14, not on Windows.
_NOTICE_DEAD_CLIENT = b"; SET LOCAL client_connection_check_interval = 5000"
# Without a file libpq takes one it finds in the home directory, and verifies by it unasked.
_NO_AUTHORITY = f"{os.devnull}/none"
_WAIT_SLICE_SECONDS = 0.25
_CANCEL_GRACE_SECONDS = 1.0


class PostgresqlConnector:
    """Opens read-only sessions at PostgreSQL sources."""

    def connect(
        self,
        profile: SourceProfile,
        password: str,
        *,
        statement_timeout_seconds: float,
        application_name: str,
    ) -> SourceConnection:
        """See `Connector.connect`. A connect timeout under 2 s counts as 2 s (libpq).

        It holds for each address that the host name stands for.
        """
        authority = CertificateAuthority(profile)
        try:
            driver = psycopg.connect(
                host=profile.host,
                port=profile.port,
                dbname=profile.db_name,
                user=profile.user_name,
                password=password,
                passfile=os.devnull,
                connect_timeout=max(2, round(profile.connect_timeout_seconds)),
                application_name=application_name,
                client_encoding="UTF8",
                options=_options(profile, statement_timeout_seconds),
                sslmode=_SSL_MODES[profile.tls_mode],
                sslrootcert=authority.path or _NO_AUTHORITY,
                gssencmode="disable",
                keepalives=1,
                keepalives_idle=15,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=round(profile.idle_read_timeout_seconds * 1000),
                autocommit=True,
            )
        except (psycopg.Error, UnicodeError) as error:
            failure = login_error(error)
        else:
            return PostgresqlConnection(driver, profile, authority, statement_timeout_seconds)
        authority.close()
        raise failure


class PostgresqlConnection:
    """One read-only session at a PostgreSQL source; see `SourceConnection`."""

    def __init__(
        self,
        driver: psycopg.Connection,
        profile: SourceProfile,
        authority: CertificateAuthority,
        statement_timeout_seconds: float,
    ) -> None:
        self._driver = driver
        self._pgconn = driver.pgconn
        self._profile = profile
        self._authority = authority
        self._statement_timeout = statement_timeout_seconds
        self._started_at = monotonic()
        self._cancelled_at: float | None = None
        self._closing = threading.Lock()
        self._streaming = False
        self._answers_cancel = True
        self._begin = _BEGIN
        self._poller = select.poll()
        self._guard(self._settle)

    @property
    def usable(self) -> bool:
        """See `SourceConnection.usable`."""
        return self._cancelled_at is None and not self._driver.closed and not self._streaming

    def server_clock(self) -> datetime:
        """See `SourceConnection.server_clock`."""
        return self._guard(self._read_clock)

    def server_facts(self) -> ServerFacts:
        """See `SourceConnection.server_facts`. TLS may end at a pooler in between."""
        version = self._pgconn.parameter_status(b"server_version") or b"of unknown version"
        return ServerFacts(f"PostgreSQL {version.decode()}", tls=self._pgconn.ssl_in_use)

    def quote(self, value: str | int) -> str:
        """See `SourceConnection.quote`. Raises ValueError for text with a NUL character."""
        if isinstance(value, int):
            return str(int(value))
        if "\0" in value:
            raise ValueError("a literal can't hold a NUL character")
        text = value.encode()
        return self._guard(lambda: pq.Escaping(self._pgconn).escape_literal(text)).decode()

    def stream(self, statement: str, *, batch_rows: int = BATCH_ROWS) -> ResultStream:
        """See `SourceConnection.stream`."""
        columns = self._guard(partial(self._open, _bare(statement)))
        read_batch = partial(self._read_batch, columns, batch_rows)
        return ResultStream(columns, partial(self._guard, read_batch), self.close)

    def explain(self, statement: str) -> str:
        """See `SourceConnection.explain`."""
        return self._guard(partial(self._explain, _bare(statement)))

    def catalogue(self, *, most: int) -> Catalogue:
        """See `SourceConnection.catalogue`."""
        return read_catalogue(self, most=most)

    def inspect_privileges(self) -> PrivilegeReport:
        """See `SourceConnection.inspect_privileges`."""
        return inspect(self)

    def cancel(self) -> None:
        """See `SourceConnection.cancel`."""
        self._cancelled_at = monotonic()
        with self._closing:
            self._request_cancel()

    def close(self) -> None:
        """See `SourceConnection.close`."""
        with self._closing:
            self._streaming = False
            if not self._driver.closed:
                active = self._pgconn.transaction_status == pq.TransactionStatus.ACTIVE
                # Asked again after a cancel: that one may have come before the query.
                if active and self._answers_cancel:
                    self._request_cancel()
                self._driver.close()
            self._authority.close()

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
        """Run a driver operation; on failure close the session and raise our error alone."""
        try:
            return operation()
        except psycopg.Error as error:
            failure = self._lost(error)
        except SourceError as error:
            failure = error
        self.close()
        raise failure

    def _lost(self, error: psycopg.Error) -> SourceError:
        kind = SourceConnectionLostError if self._cancelled_at is None else SourceCancelledError
        return kind(raw=str(error))

    def _settle(self) -> None:
        """Find out whether the source can watch for dead clients."""
        self._poller.register(self._pgconn.socket)
        if self._pgconn.server_version < 140_000:
            return
        self._pgconn.send_query(_BEGIN + _NOTICE_DEAD_CLIENT)
        if self._results()[-1].status == pq.ExecStatus.COMMAND_OK:
            self._begin = _BEGIN + _NOTICE_DEAD_CLIENT
        self._command(b"ROLLBACK")

    def _read_clock(self) -> datetime:
        # Text of the epoch: the same under every DateStyle, with all microseconds.
        self._send(b"SELECT extract(epoch FROM clock_timestamp())::numeric(20, 6)::text")
        seconds, micros = (self._last_result().get_value(0, 0) or b"").split(b".")
        return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros))

    def _open(self, query: bytes) -> tuple[str, ...]:
        """Begin, describe and start the COPY; the names of the columns."""
        columns = self._describe(query)
        self._send(b"COPY (" + query + b"\n) TO STDOUT")
        self._last_result()
        self._streaming = True
        return columns

    def _describe(self, query: bytes) -> tuple[str, ...]:
        """Begin; the statement must stand on its own, before anything is put around it."""
        if self._streaming:
            raise RuntimeError("another stream is open on this connection")
        self._started_at = monotonic()
        self._command(self._begin)
        self._check_cancelled()
        self._pgconn.send_prepare(b"", query)
        self._last_result()
        self._pgconn.send_describe_prepared(b"")
        described = self._last_result()
        names = [described.fname(number) or b"" for number in range(described.nfields)]
        return tuple(name.decode() for name in names)

    def _explain(self, query: bytes) -> str:
        if not self._describe(query):
            raise SourceSqlError("The statement is not a query: it has no result.")
        self._send(b"EXPLAIN (VERBOSE false, COSTS true) " + query)
        plan = self._last_result()
        lines = [plan.get_value(number, 0) or b"" for number in range(plan.ntuples)]
        self._command(b"ROLLBACK")
        return b"\n".join(lines).decode(errors="replace")

    def _read_batch(self, columns: tuple[str, ...], batch_rows: int) -> list[Row]:
        self._check_cancelled()
        lines: list[memoryview] = []
        size = 0
        while self._streaming and len(lines) < batch_rows and size < BATCH_BYTES:
            # Lines that are here already: libpq keeps few. `map` halves the time of the loop.
            for length, line in map(self._pgconn.get_copy_data, repeat(1, batch_rows - len(lines))):
                if length <= 0:
                    break
                lines.append(line)
                size += length
            if length == 0:
                self._wait(select.POLLIN)
                self._pgconn.consume_input()
            elif length < 0:
                self._last_result()
                self._command(b"ROLLBACK")
                self._streaming = False
        return parse_copy(b"".join(lines), columns)

    def _command(self, command: bytes) -> None:
        self._check_cancelled()
        self._pgconn.send_query(command)
        self._last_result()

    def _send(self, query: bytes) -> None:
        self._check_cancelled()
        self._pgconn.send_query_params(query, None)

    def _last_result(self) -> pq.abc.PGresult:
        """Wait for the answer; raises what the source reports."""
        result = self._results()[-1]
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise self._reported(result)
        return result

    def _results(self) -> list[pq.abc.PGresult]:
        """All results of what was sent last, up to an error or the start of a COPY."""
        while self._pgconn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self._pgconn.consume_input()
        results: list[pq.abc.PGresult] = []
        while True:
            while self._pgconn.is_busy():
                self._wait(select.POLLIN)
                self._pgconn.consume_input()
            result = self._pgconn.get_result()
            if result is None:
                return results
            results.append(result)
            if result.status == pq.ExecStatus.COPY_OUT:
                return results

    def _reported(self, result: pq.abc.PGresult) -> SourceError:
        raw = result.get_error_message()
        sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        if self._cancelled_at is not None:
            return SourceCancelledError(raw=raw, vendor_code=sqlstate)
        # 57014 stands for both a cancel and the time limit; the text is in the server's language.
        over_time = monotonic() - self._started_at >= self._statement_timeout * 0.95
        if sqlstate == "57014" and over_time:
            return SourceTimeoutError(raw=raw, vendor_code=sqlstate)
        if sqlstate == "57014":
            text = "The query was cancelled by somebody at the source."
            return SourceCancelledError(text, raw=raw, vendor_code=sqlstate)
        return error_class(sqlstate)(raw=raw, vendor_code=sqlstate)

    def _wait(self, events: int) -> None:
        """Wait for the socket; raises at the idle-read timeout and soon after a cancel."""
        self._poller.modify(self._pgconn.socket, events)
        deadline = monotonic() + self._profile.idle_read_timeout_seconds
        while True:
            left = deadline - monotonic()
            if self._poller.poll(max(0.0, min(left, _WAIT_SLICE_SECONDS)) * 1000):
                return
            if left <= 0:
                raise SourceIdleError
            # The source normally answers a cancel itself; if it doesn't, the reader goes anyway.
            cancelled_at = self._cancelled_at
            if cancelled_at is not None and monotonic() > cancelled_at + _CANCEL_GRACE_SECONDS:
                raise SourceCancelledError

    def _check_cancelled(self) -> None:
        if self._cancelled_at is not None:
            raise SourceCancelledError

    def _request_cancel(self) -> None:
        """Ask the source to stop what this session runs; the caller holds `_closing`."""
        try:
            self._driver.cancel_safe(timeout=CANCEL_TIMEOUT_SECONDS)
        except psycopg.Error:
            self._answers_cancel = False
            logger.warning("no cancel request reached source %s", self._profile.db_code)


def _bare(statement: str) -> bytes:
    return statement.strip().rstrip(";").encode()


def _options(profile: SourceProfile, statement_timeout_seconds: float) -> str:
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": max(1, round(statement_timeout_seconds * 1000)),
        "lock_timeout": LOCK_TIMEOUT_SECONDS * 1000,
        "idle_in_transaction_session_timeout": round(profile.idle_read_timeout_seconds * 1000),
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        # The SQL guard has read the statement's strings so.
        "standard_conforming_strings": "on",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


CONNECTOR = PostgresqlConnector()
