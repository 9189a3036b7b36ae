"""The source databases that the suite reads, each kind with its own way to say things."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from loaders.connectors import connector_for
from loaders.connectors.base import Row, SourceConnection, SourceProfile, TlsMode
from loaders.connectors.errors import SourceReadOnlyError, SourceSqlError
from loaders.dialects import DatabaseType
from tests.servers import SourceServer
from tests.servers.tls_front import Contact, TlsFront


class Postgres:
    """What PostgreSQL says in its own way."""

    endless = (
        "SELECT count(*) AS n FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    )
    running = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND state = 'active'"
    open_transactions = (
        "SELECT pid FROM pg_stat_activity WHERE usename = %s AND xact_start IS NOT NULL"
    )
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    writes: ClassVar = [
        ("INSERT INTO target VALUES (2) RETURNING n", SourceReadOnlyError),
        ("DELETE FROM target RETURNING n", SourceReadOnlyError),
        ("WITH gone AS (DELETE FROM target RETURNING n) SELECT n FROM gone", SourceReadOnlyError),
        ("SELECT n FROM target FOR UPDATE", SourceReadOnlyError),
        ("SELECT n INTO stolen FROM target", SourceSqlError),
        ("CREATE TABLE stolen (n int)", SourceSqlError),
        ("SELECT 1; INSERT INTO target VALUES (2)", SourceSqlError),
        ("SELECT 1) TO STDOUT; INSERT INTO target VALUES (2); --", SourceSqlError),
        ("COMMIT", SourceSqlError),
    ]

    @staticmethod
    def numbers(count: int) -> str:
        return f"SELECT generate_series(1, {count}) AS n, repeat('x', 80) AS filler"


class Mariadb:
    """What MariaDB says in its own way."""

    endless = (
        "SELECT count(*) AS n FROM seq_1_to_1000000 a, seq_1_to_1000000 b WHERE a.seq <> b.seq"
    )
    running = "SELECT id FROM information_schema.processlist WHERE user = %s AND command = 'Query'"
    open_transactions = (
        "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx"
        " JOIN information_schema.processlist p ON p.id = trx_mysql_thread_id WHERE p.user = %s"
    )
    writes: ClassVar = [
        ("INSERT INTO target VALUES (2)", SourceReadOnlyError),
        ("INSERT INTO old_engine VALUES (2)", SourceReadOnlyError),
        ("DELETE FROM target", SourceReadOnlyError),
        ("CREATE TABLE stolen (n int)", SourceReadOnlyError),
        ("DROP TABLE target", SourceReadOnlyError),
        ("SELECT 1; INSERT INTO target VALUES (2)", SourceSqlError),
        ("COMMIT", SourceSqlError),
    ]

    @staticmethod
    def numbers(count: int) -> str:
        return f"SELECT seq AS n, repeat('x', 80) AS filler FROM seq_1_to_{count}"


@dataclass
class Source:
    """A real source database and how to connect to it; in plain text unless told otherwise."""

    server: SourceServer
    says: Any
    tls_mode: TlsMode = field(default=TlsMode.DISABLE, kw_only=True)

    @property
    def kind(self) -> DatabaseType:
        return DatabaseType(self.server.db_type)

    @property
    def profile(self) -> SourceProfile:
        return SourceProfile(
            db_code="SRC",
            db_type=self.kind,
            host=self.server.host,
            port=self.server.port,
            db_name=self.server.db_name,
            user_name=self.server.reader,
            tls_mode=self.tls_mode,
            tls_ca=self.server.tls_ca,
            idle_read_timeout_seconds=30,
        )

    def changed(self, **changes: Any) -> SourceProfile:
        return replace(self.profile, **changes)

    def connect(self, *, statement_timeout: float = 60, **changes: Any) -> SourceConnection:
        return connector_for(self.kind).connect(
            self.changed(**changes),
            self.server.reader_password,
            statement_timeout_seconds=statement_timeout,
            application_name="test",
        )

    def connect_writer(self) -> SourceConnection:
        return connector_for(self.kind).connect(
            replace(self.profile, user_name=self.server.writer),
            self.server.writer_password,
            statement_timeout_seconds=60,
            application_name="test",
        )

    def rows(self, statement: str) -> list[Row]:
        with self.connect() as connection:
            return [row for batch in connection.stream(statement) for row in batch]

    def running(self) -> list[Any]:
        return self.server.execute(self.says.running, (self.server.reader,))

    def end_sessions(self) -> None:
        """What an administrator does to sessions he does not like."""
        if self.kind is DatabaseType.POSTGRESQL:
            self.server.execute(Postgres.terminate, (self.server.reader,))
        else:
            self.server.execute(f"KILL USER `{self.server.reader}`")


@dataclass
class SecuredSource(Source):
    """A source whose certificate the tests know: MariaDB's own, PostgreSQL's in the front."""

    front: TlsFront | None = field(default=None, kw_only=True)

    def is_encrypted(self, connection: SourceConnection) -> bool:
        """Whether the newest session is, as the other end of its connection says."""
        if self.front is not None:
            return self.front.contacts[-1] is Contact.ENCRYPTED
        ((row,),) = connection.stream(
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
            " WHERE VARIABLE_NAME = 'SSL_CIPHER'"
        )
        return bool(row[0])


def consume(connection: SourceConnection, statement: str) -> int:
    return sum(len(batch) for batch in connection.stream(statement))
