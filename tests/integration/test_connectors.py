"""One suite for the connectors of every kind of source, on real servers."""

from __future__ import annotations

import json
import pickle
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import TerminalError, TransientError
from loaders.connectors import connector_for
from loaders.connectors.base import Row, SourceConnection, SourceProfile, TlsMode
from loaders.connectors.errors import (
    DriverMissingError,
    SourceAuthError,
    SourceCancelledError,
    SourceConnectionLostError,
    SourceDataError,
    SourceError,
    SourceIdleError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
    SourceTimeoutError,
    SourceTlsError,
    SourceUnreachableError,
)
from loaders.connectors.mysql import plain_modes
from loaders.dialects import DatabaseType
from tests.servers import SourceServer

REPOSITORY = Path(__file__).resolve().parents[2]
MARKER = "planted_marker"


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
    """A real source database and how to connect to it."""

    server: SourceServer
    says: Any

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
            idle_read_timeout_seconds=30,
        )

    def connect(self, *, statement_timeout: float = 60, **changes: Any) -> SourceConnection:
        return connector_for(self.kind).connect(
            replace(self.profile, **changes),
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


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> Source:
    server = request.getfixturevalue(request.param)
    return Source(server, Postgres if server.db_type == DatabaseType.POSTGRESQL else Mariadb)


@pytest.fixture
def mariadb(mariadb_source: SourceServer) -> Source:
    return Source(mariadb_source, Mariadb)


@pytest.fixture
def postgres(postgres_source: SourceServer) -> Source:
    return Source(postgres_source, Postgres)


class Proxy:
    """A TCP proxy in front of a source that a test may freeze or cut.

    `alter` changes the first words of the source.
    """

    def __init__(
        self, host: str, port: int, alter: Callable[[bytes], bytes] = lambda data: data
    ) -> None:
        self._target = (host, port)
        self._alter = alter
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def freeze(self) -> None:
        self._flowing.clear()

    def cut(self) -> None:
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for end in (*self._sockets, self._listener):
            end.close()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads = [*getattr(self, "_threads", []), thread]
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._forward, client, server)
                self._start(self._forward, server, client, self._alter)

    def _forward(
        self,
        giver: socket.socket,
        taker: socket.socket,
        alter: Callable[[bytes], bytes] = lambda data: data,
    ) -> None:
        with suppress(OSError):
            taker.sendall(alter(giver.recv(65536)))
            while data := giver.recv(65536):
                self._flowing.wait()
                taker.sendall(data)
        # Both ends are really closed, so a server that still sends is reset and doesn't wait.
        for end in (giver, taker):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(source: Source) -> Iterator[Proxy]:
    proxy = Proxy(source.server.host, source.server.port)
    yield proxy
    proxy.close()


def without_tls(greeting: bytes) -> bytes:
    """The source's first words as somebody in between would change them to keep TLS off."""
    if greeting in {b"S", b"N"}:  # PostgreSQL's answer to the question for TLS
        return b"N"
    if not greeting or greeting[4] != 10:
        return greeting
    flags = greeting.index(0, 5) + 1 + 4 + 8 + 1
    return greeting[: flags + 1] + bytes([greeting[flags + 1] & ~0x08]) + greeting[flags + 2 :]


class FakeServer:
    """The first words of a source of a kind that offers TLS with a certificate."""

    def __init__(self, kind: DatabaseType, tls: ssl.SSLContext) -> None:
        self._kind = kind
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, suppress(OSError):
                    self._greet(client)

    def _greet(self, client: socket.socket) -> None:
        if self._kind is DatabaseType.POSTGRESQL:
            client.recv(8)
            client.sendall(b"S")
        else:
            client.sendall(mysql_greeting())
            client.recv(36)
        with self._tls.wrap_socket(client, server_side=True) as secured:
            secured.recv(1)


def mysql_greeting() -> bytes:
    """The packet a MySQL server with TLS begins with (protocol 10)."""
    capabilities = 0x000FFFFF
    body = b"".join(
        [
            b"\x0a8.0.99\0",
            struct.pack("<I", 1),
            b"saltsalt\0",
            struct.pack("<HBHH", capabilities & 0xFFFF, 45, 2, capabilities >> 16),
            bytes([21]) + bytes(10),
            b"saltsaltsalt\0",
            b"mysql_native_password\0",
        ]
    )
    return len(body).to_bytes(3, "little") + b"\0" + body


def self_signed(name: str, directory: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context with a new certificate for a host, and the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both = directory / "server.pem"
    both.write_bytes(pem + key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, pem.decode()


def consume(connection: SourceConnection, statement: str) -> int:
    return sum(len(batch) for batch in connection.stream(statement))


def eventually(condition: Callable[[], bool], seconds: float = 3) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def assert_leaks_nothing(error: SourceError, *secrets: str) -> None:
    """Neither text nor chain of the error tells what only its `raw` may tell."""
    told = f"{error} {error!r} {error.message} {error.details} {error.args}"
    for secret in secrets:
        assert secret not in told
    assert error.__cause__ is None
    assert error.__context__ is None


# --- rows ---------------------------------------------------------------------------------------

HARD_TEXTS = [
    "plain",
    "",
    None,
    "مرحبا بالعالم",
    "emoji 🙂",
    "tab\there",
    "line\nbreak\r\n",
    "back\\slash",
    "\\N",
    "\\",
    "ends with \\",
    "\\\\n \\t \\.",
    "\b\f\v\x7f",
    "'quotes\" `and` %s %d %% :x",
]


def test_texts_come_back_exactly(source: Source) -> None:
    source.server.execute("CREATE TABLE texts (n int, words varchar(100))")
    for number, text in enumerate(HARD_TEXTS):
        source.server.execute("INSERT INTO texts VALUES (%s, %s)", (number, text))
    rows = source.rows("SELECT n, words FROM texts ORDER BY n")
    expected = [None if text is None else text.encode() for text in HARD_TEXTS]
    assert [row[1] for row in rows] == expected
    assert [row[0] for row in rows] == [str(n).encode() for n in range(len(HARD_TEXTS))]


def test_one_escaped_text_does_not_change_its_neighbours(source: Source) -> None:
    source.server.execute("CREATE TABLE pairs (a varchar(10), b varchar(10), c varchar(10))")
    insert = "INSERT INTO pairs VALUES (%s, %s, %s)"
    for row in (("a\tb", None, "N"), (None, None, None), ("", "\\N", None)):
        source.server.execute(insert, row)
    rows = source.rows("SELECT a, b, c FROM pairs")
    assert sorted(rows, key=repr) == sorted(
        [(b"a\tb", None, b"N"), (None, None, None), (b"", b"\\N", None)], key=repr
    )


def test_numbers_and_times_come_back_the_same_from_every_kind(source: Source) -> None:
    stamp = "timestamp" if source.kind is DatabaseType.POSTGRESQL else "datetime"
    source.server.execute(
        "CREATE TABLE facts (amount decimal(30, 6), big bigint, ratio double precision, day date,"
        f" at {stamp}(0), precise {stamp}(6), nothing decimal(10, 2))"
    )
    insert = "INSERT INTO facts VALUES (%s, %s, %s, %s, %s, %s, NULL)"
    values = ("-123456789012345678901234.500000", -(2**63), 0.1, "9999-12-31")
    times = ("2026-01-31 10:00:00", "2026-01-31 10:00:00.123456")
    source.server.execute(insert, (*values, *times))
    assert source.rows("SELECT * FROM facts") == [
        (
            b"-123456789012345678901234.500000",
            b"-9223372036854775808",
            b"0.1",
            b"9999-12-31",
            b"2026-01-31 10:00:00",
            b"2026-01-31 10:00:00.123456",
            None,
        )
    ]


def test_a_date_that_only_mysql_knows_is_text_like_any_other(mariadb: Source) -> None:
    mariadb.server.execute("CREATE TABLE zero (at datetime)")
    mariadb.server.execute("INSERT INTO zero VALUES ('0000-00-00 00:00:00')")
    assert mariadb.rows("SELECT at FROM zero") == [(b"0000-00-00 00:00:00",)]


def test_a_timestamp_that_only_postgresql_knows_is_text_like_any_other(postgres: Source) -> None:
    assert postgres.rows("SELECT 'infinity'::timestamptz AS at") == [(b"infinity",)]


def test_stored_instants_are_told_in_utc(source: Source) -> None:
    if source.kind is DatabaseType.POSTGRESQL:
        name = source.server.db_name
        source.server.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'Asia/Riyadh'")
        statement = "SELECT to_char(to_timestamp(0), 'HH24:MI') AS at"
    else:
        statement = "SELECT date_format(from_unixtime(0), '%H:%i') AS at"
    assert source.rows(statement) == [(b"00:00",)]


def test_columns_are_known_before_the_first_row(source: Source) -> None:
    with source.connect() as connection:
        stream = connection.stream(
            'SELECT 1 AS load_time_stamp, NULL AS segment_1, 2 AS "ب"'
            if source.kind is DatabaseType.POSTGRESQL
            else "SELECT 1 AS load_time_stamp, NULL AS segment_1, 2 AS `ب`"
        )
        assert stream.columns == ("load_time_stamp", "segment_1", "ب")
        assert list(stream) == [[(b"1", None, b"2")]]
        assert list(stream) == []


def test_no_rows_are_no_batch(source: Source) -> None:
    with source.connect() as connection:
        stream = connection.stream("SELECT 1 AS one FROM (SELECT 1 AS n) q WHERE n = 2")
        assert stream.columns == ("one",)
        assert list(stream) == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20])
def test_batches_have_the_size_that_was_asked_for(source: Source, count: int) -> None:
    with source.connect() as connection:
        sizes = [len(b) for b in connection.stream(source.says.numbers(count), batch_rows=10)]
    assert sum(sizes) == count
    assert all(size == 10 for size in sizes[:-1])
    assert 0 < sizes[-1] <= 10


def test_wide_rows_make_small_batches(source: Source) -> None:
    numbers = source.says.numbers(3000)
    with source.connect() as connection:
        wide = connection.stream(f"SELECT n, repeat('y', 50000) AS w FROM ({numbers}) q")
        sizes = [len(batch) for batch in wide]
    assert sum(sizes) == 3000
    assert max(sizes) <= 500


def test_a_percent_sign_has_no_meaning(source: Source) -> None:
    assert source.rows("SELECT '100%' AS a, '%s %(x)s %%' AS b, 7 % 4 AS c") == [
        (b"100%", b"%s %(x)s %%", b"3")
    ]


def test_a_closing_semicolon_or_comment_does_no_harm(source: Source) -> None:
    assert source.rows(" SELECT 1 AS one ;\n ") == [(b"1",)]
    assert source.rows("SELECT 1 AS one -- the last line") == [(b"1",)]


def test_bytes_that_are_not_text_are_refused_by_column_name(mariadb: Source) -> None:
    statement = f"SELECT 1 AS fine, x'{MARKER.encode().hex()}ff' AS broken"
    with mariadb.connect() as connection, pytest.raises(SourceDataError) as caught:
        consume(connection, statement)
    assert "broken" in caught.value.message
    assert_leaks_nothing(caught.value, MARKER)


def test_bytes_split_over_two_cells_are_not_taken_for_a_character(mariadb: Source) -> None:
    with mariadb.connect() as connection, pytest.raises(SourceDataError):
        consume(connection, "SELECT x'd8' AS a, x'a7' AS b")


def test_broken_text_of_a_database_without_encoding_is_refused(postgres: Source) -> None:
    name = f"{postgres.server.db_name}_ascii"
    postgres.server.execute(
        f'CREATE DATABASE "{name}" ENCODING SQL_ASCII TEMPLATE template0'
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        broken = "SELECT convert_from('\\xff'::bytea, 'SQL_ASCII') AS broken"
        with postgres.connect(db_name=name) as connection, pytest.raises(SourceDataError):
            consume(connection, broken)
    finally:
        postgres.server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


# --- streaming ----------------------------------------------------------------------------------

MEASURE = """
import json, resource, sys
from loaders.connectors import connector_for
from loaders.connectors.base import SourceProfile, TlsMode
from loaders.dialects import DatabaseType
order = json.load(sys.stdin)
profile = order["profile"]
kind = profile["db_type"] = DatabaseType(profile["db_type"])
profile["tls_mode"] = TlsMode(profile["tls_mode"])
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with connector_for(kind).connect(SourceProfile(**profile), order["password"],
        statement_timeout_seconds=120, application_name="test") as connection:
    connection.server_clock()
    before, count = peak(), 0
    for batch in connection.stream(order["statement"]):
        count += len(batch)
print(json.dumps({"count": count, "grown_kib": peak() - before}))
"""


def test_a_million_rows_stream_in_bounded_memory(source: Source) -> None:
    order = {
        "profile": asdict(source.profile),
        "password": source.server.reader_password,
        "statement": source.says.numbers(1_000_000),
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["count"] == 1_000_000
    assert measured["grown_kib"] < 100 * 1024


def test_a_session_serves_one_statement_after_the_other(source: Source) -> None:
    with source.connect() as connection:
        assert consume(connection, source.says.numbers(7)) == 7
        assert connection.usable
        assert consume(connection, source.says.numbers(6000)) == 6000


def test_an_idle_session_holds_no_transaction(source: Source) -> None:
    source.server.execute("CREATE TABLE held (n int)")
    with source.connect() as connection:
        consume(connection, "SELECT n FROM held")
        connection.server_clock()
        reader = (source.server.reader,)
        assert eventually(lambda: not source.server.execute(source.says.open_transactions, reader))


def test_a_second_stream_waits_for_the_first(source: Source) -> None:
    with source.connect() as connection:
        connection.stream(source.says.numbers(100_000))
        assert not connection.usable
        with pytest.raises(RuntimeError, match="another stream"):
            connection.stream("SELECT 1 AS one")


def test_a_stream_left_in_the_middle_stops_the_query(source: Source) -> None:
    with source.connect() as connection:
        started = time.monotonic()
        with connection.stream(source.says.numbers(50_000_000)) as stream:
            next(stream)
        assert time.monotonic() - started < 20
        assert not connection.usable
        assert eventually(lambda: not source.running())


def test_a_session_closed_in_the_middle_stops_the_query(source: Source) -> None:
    connection = source.connect()
    next(connection.stream(source.says.numbers(50_000_000)))
    connection.close()
    connection.close()
    assert eventually(lambda: not source.running())
    with pytest.raises(SourceConnectionLostError):
        connection.server_clock()


# --- clock and quoting --------------------------------------------------------------------------


def test_the_clock_is_aware_utc_and_right(source: Source) -> None:
    with source.connect() as connection:
        clock = connection.server_clock()
    assert clock.utcoffset() == timedelta(0)
    assert abs(clock - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize("value", [*filter(None, HARD_TEXTS), "'; DROP TABLE x; --", "\\' OR 1=1"])
def test_a_quoted_text_means_itself(source: Source, value: str) -> None:
    with source.connect() as connection:
        batches = list(connection.stream(f"SELECT {connection.quote(value)} AS v"))
    assert batches == [[(value.encode(),)]]


def test_quoting_heeds_a_source_without_backslash_escapes(mariadb: Source) -> None:
    value = "\\' OR '1'='1"
    with mariadb.connect() as connection:
        session: Any = connection
        session._driver.query(b"SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
        batches = list(connection.stream(f"SELECT {connection.quote(value)} AS v"))
    assert batches == [[(value.encode(),)]]


def test_a_setting_of_the_database_does_not_move_the_ends_of_strings(postgres: Source) -> None:
    postgres.server.execute(
        f"ALTER DATABASE {postgres.server.db_name} SET standard_conforming_strings = off"
    )
    assert postgres.rows(r"SELECT '\' || 'x' AS v") == [(rb"\x",)]


def test_sql_modes_that_move_the_ends_of_strings_are_left_out() -> None:
    modes = "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE,NO_BACKSLASH_ESCAPES"
    assert plain_modes(f"STRICT_TRANS_TABLES,{modes}") == "STRICT_TRANS_TABLES,REAL_AS_FLOAT"
    assert plain_modes("") == ""


def test_a_number_is_its_own_literal(source: Source) -> None:
    with source.connect() as connection:
        assert connection.quote(-1767225600) == "-1767225600"


# --- read-only ----------------------------------------------------------------------------------


def test_the_session_refuses_to_write_whatever_the_account_may(source: Source) -> None:
    source.server.execute("CREATE TABLE target (n int)")
    source.server.execute("INSERT INTO target VALUES (1)")
    if source.kind is DatabaseType.MYSQL:
        source.server.execute("CREATE TABLE old_engine (n int) ENGINE = MyISAM")
    for statement, expected in source.says.writes:
        with source.connect_writer() as connection, pytest.raises(SourceError) as caught:
            consume(connection, statement)
        assert type(caught.value) is expected, statement
        assert_leaks_nothing(caught.value, "target", "stolen")
    assert source.server.execute("SELECT n FROM target") == [(1,)]
    if source.kind is DatabaseType.MYSQL:
        assert source.server.execute("SELECT count(*) FROM old_engine") == [(0,)]


def test_the_session_stays_read_only_when_a_query_tampers_with_it(postgres: Source) -> None:
    postgres.server.execute("CREATE TABLE target (n int)")
    postgres.server.execute(
        "CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS"
        " 'INSERT INTO target VALUES (2) RETURNING n'"
    )
    settings = ("default_transaction_read_only", "off"), ("statement_timeout", "0")
    with postgres.connect_writer() as connection:
        for name, value in settings:
            consume(connection, f"SELECT set_config('{name}', '{value}', false) AS done")
        limit = list(connection.stream("SELECT current_setting('statement_timeout') AS v"))
        assert limit == [[(b"1min",)]]
        with pytest.raises(SourceReadOnlyError):
            consume(connection, "SELECT sneak() AS n")
    assert postgres.server.execute("SELECT count(*) FROM target") == [(0,)]


def test_a_missing_privilege_is_told_apart(source: Source) -> None:
    source.server.execute("CREATE TABLE secret (n int)")
    if source.kind is DatabaseType.POSTGRESQL:
        source.server.execute(f'REVOKE ALL ON secret FROM "{source.server.reader}"')
        table = "secret"
    else:
        table = "mysql.global_priv"
    with source.connect() as connection, pytest.raises(SourcePermissionError) as caught:
        consume(connection, f"SELECT * FROM {table}")
    assert_leaks_nothing(caught.value, table)


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nothing_here", "SELECT 1 FROM no_table"])
def test_wrong_sql_is_terminal_and_not_quoted(source: Source, statement: str) -> None:
    marked = f"{statement} /* {MARKER} */, {MARKER}"
    with source.connect() as connection, pytest.raises(SourceSqlError) as caught:
        consume(connection, marked)
    assert isinstance(caught.value, TerminalError)
    assert caught.value.raw
    assert_leaks_nothing(caught.value, MARKER, "no_table", "nothing_here")


def test_data_that_a_statement_cannot_compute_with_is_not_quoted(postgres: Source) -> None:
    with postgres.connect() as connection, pytest.raises(SourceDataError) as caught:
        consume(connection, f"SELECT v::int AS n FROM (SELECT '{MARKER}'::text AS v) q")
    assert MARKER in caught.value.raw
    assert_leaks_nothing(caught.value, MARKER)


# --- cancel and timeouts ------------------------------------------------------------------------


def cancel_while(source: Source, connection: SourceConnection, act: Callable[[], Any]) -> float:
    """Seconds from the cancel to the reader's error; the query must be gone from the source."""
    cancelled_at: list[float] = []

    def cancel() -> None:
        cancelled_at.append(time.monotonic())
        connection.cancel()

    timer = threading.Timer(0.7, cancel)
    timer.start()
    with pytest.raises(SourceCancelledError) as caught:
        act()
    seconds = time.monotonic() - cancelled_at[0]
    timer.join()
    assert_leaks_nothing(caught.value, "SELECT")
    assert eventually(lambda: not source.running(), 2)
    assert not connection.usable
    return seconds


def test_cancel_stops_a_query_that_has_given_no_row_yet(source: Source) -> None:
    with source.connect() as connection:
        assert (
            cancel_while(source, connection, lambda: consume(connection, source.says.endless)) < 2
        )


def test_cancel_stops_a_stream_in_the_middle(source: Source) -> None:
    with source.connect() as connection:
        statement = source.says.numbers(50_000_000)
        assert cancel_while(source, connection, lambda: consume(connection, statement)) < 2


def test_cancel_reaches_a_reader_that_is_busy_elsewhere(source: Source) -> None:
    def read_slowly() -> None:
        for _ in connection.stream(source.says.numbers(50_000_000)):
            time.sleep(0.2)

    with source.connect() as connection:
        assert cancel_while(source, connection, read_slowly) < 2


def test_cancel_before_the_query_holds(source: Source) -> None:
    with source.connect() as connection:
        connection.cancel()
        connection.cancel()
        with pytest.raises(SourceCancelledError):
            connection.stream("SELECT 1 AS one")
        connection.cancel()


def test_cancel_frees_the_reader_of_a_source_that_no_longer_answers(
    source: Source, proxy: Proxy
) -> None:
    with source.connect(port=proxy.port) as connection:
        started = time.monotonic()
        threading.Timer(0.3, proxy.freeze).start()
        timer = threading.Timer(0.6, connection.cancel)
        timer.start()
        with pytest.raises(SourceCancelledError):
            consume(connection, source.says.endless)
        assert time.monotonic() - started < 0.6 + 3
        timer.join()


def test_the_source_stops_a_query_at_its_time_limit(source: Source) -> None:
    raised = pytest.raises(SourceTimeoutError)
    started = time.monotonic()
    with source.connect(statement_timeout=1) as connection, raised as caught:
        consume(connection, source.says.endless)
    assert 0.9 < time.monotonic() - started < 4
    assert isinstance(caught.value, TransientError)
    assert_leaks_nothing(caught.value, "SELECT")
    assert not source.running()


def test_a_query_cancelled_at_the_source_is_not_tried_again(postgres: Source) -> None:
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    reader = (postgres.server.reader,)
    timer = threading.Timer(0.5, postgres.server.execute, (cancel, reader))
    timer.start()
    with postgres.connect() as connection, pytest.raises(SourceCancelledError) as caught:
        consume(connection, postgres.says.endless)
    timer.join()
    assert isinstance(caught.value, TerminalError)
    assert "somebody at the source" in caught.value.message


def test_a_source_that_sends_nothing_fails_and_its_query_is_stopped(source: Source) -> None:
    raised = pytest.raises(SourceIdleError)
    started = time.monotonic()
    with source.connect(idle_read_timeout_seconds=1) as connection, raised as caught:
        consume(connection, source.says.endless)
    assert 0.9 < time.monotonic() - started < 5
    assert isinstance(caught.value, TransientError)
    assert eventually(lambda: not source.running())


def test_a_stream_that_falls_silent_in_the_middle_fails(source: Source, proxy: Proxy) -> None:
    with source.connect(port=proxy.port, idle_read_timeout_seconds=1) as connection:
        stream = connection.stream(source.says.numbers(50_000_000))
        next(stream)
        proxy.freeze()
        started = time.monotonic()
        with pytest.raises(SourceIdleError):
            list(stream)
        assert time.monotonic() - started < 5


def test_a_slow_reader_is_not_taken_for_a_silent_source(source: Source) -> None:
    with source.connect(idle_read_timeout_seconds=1) as connection:
        stream = connection.stream(source.says.numbers(100_000))
        count = len(next(stream))
        time.sleep(2.5)
        assert count + sum(len(batch) for batch in stream) == 100_000


def test_a_connection_cut_in_mid_stream_is_lost(source: Source, proxy: Proxy) -> None:
    with source.connect(port=proxy.port) as connection:
        stream = connection.stream(source.says.numbers(50_000_000))
        next(stream)
        proxy.cut()
        with pytest.raises(SourceConnectionLostError) as caught:
            list(stream)
        assert isinstance(caught.value, TransientError)
        assert list(stream) == []
        assert not connection.usable
    assert eventually(lambda: not source.running())


def test_a_session_that_an_administrator_ends_is_lost(source: Source) -> None:
    with source.connect() as connection:
        timer = threading.Timer(0.5, source.end_sessions)
        timer.start()
        with pytest.raises(SourceConnectionLostError):
            consume(connection, source.says.endless)
        timer.join()


def test_an_idle_session_that_died_shows_at_the_next_use(source: Source) -> None:
    with source.connect() as connection:
        source.end_sessions()
        with pytest.raises(SourceConnectionLostError):
            connection.server_clock()
        assert not connection.usable


# --- opening a session --------------------------------------------------------------------------


def refused_login(source: Source, **changes: Any) -> SourceError:
    password = changes.pop("password", source.server.reader_password)
    with pytest.raises(SourceError) as caught:
        connector_for(source.kind).connect(
            replace(source.profile, **changes),
            password,
            statement_timeout_seconds=5,
            application_name="test",
        )
    assert_leaks_nothing(caught.value, password)
    assert password not in caught.value.raw
    return caught.value


def test_a_wrong_password_is_terminal_and_told_to_nobody(source: Source) -> None:
    error = refused_login(source, password=MARKER)
    assert isinstance(error, SourceAuthError)
    assert isinstance(error, TerminalError)


def test_an_unknown_database_is_a_refused_login(source: Source) -> None:
    assert isinstance(refused_login(source, db_name="no_such_db"), SourceAuthError)


def test_a_closed_port_is_unreachable(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused_login(source, port=port)
    assert isinstance(error, SourceUnreachableError)
    assert isinstance(error, TransientError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "not..a..name"])
def test_an_unknown_host_is_unreachable(source: Source, host: str) -> None:
    assert isinstance(refused_login(source, host=host), SourceUnreachableError)


def test_a_server_that_never_greets_is_unreachable_in_time(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        error = refused_login(source, port=silent.getsockname()[1], connect_timeout_seconds=2)
        assert 1 < time.monotonic() - started < 5
    assert isinstance(error, SourceUnreachableError)


@pytest.fixture
def plain_text_proxy(source: Source) -> Iterator[Proxy]:
    proxy = Proxy(source.server.host, source.server.port, without_tls)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_a_source_without_tls_is_refused_where_tls_is_required(
    source: Source, plain_text_proxy: Proxy, mode: TlsMode, tmp_path: Path
) -> None:
    _, authority = self_signed("127.0.0.1", tmp_path)
    error = refused_login(source, port=plain_text_proxy.port, tls_mode=mode, tls_ca=authority)
    assert isinstance(error, SourceTlsError), error.raw


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.PREFER])
def test_a_source_without_tls_serves_where_tls_is_not_required(
    source: Source, plain_text_proxy: Proxy, mode: TlsMode
) -> None:
    with source.connect(port=plain_text_proxy.port, tls_mode=mode) as connection:
        assert consume(connection, "SELECT 1 AS one") == 1


@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_a_certificate_of_another_authority_is_refused(
    source: Source, mode: TlsMode, tmp_path: Path
) -> None:
    context, _ = self_signed("127.0.0.1", tmp_path)
    _, other = self_signed("127.0.0.1", tmp_path)
    with FakeServer(source.kind, context) as fake:
        error = refused_login(source, port=fake.port, tls_mode=mode, tls_ca=other)
    assert isinstance(error, SourceTlsError), error.raw
    assert isinstance(error, TerminalError)


def test_a_certificate_for_another_host_is_refused(source: Source, tmp_path: Path) -> None:
    context, own = self_signed("elsewhere.example", tmp_path)
    with FakeServer(source.kind, context) as fake:
        error = refused_login(source, port=fake.port, tls_mode=TlsMode.VERIFY_FULL, tls_ca=own)
    assert isinstance(error, SourceTlsError), error.raw


def test_a_profile_and_an_error_can_be_shown(source: Source) -> None:
    with source.connect() as connection:
        assert source.server.reader_password not in repr(vars(connection))
    assert source.server.reader_password not in repr(source.profile)


def test_an_error_survives_pickling() -> None:
    error = SourceSqlError(raw="secret text", vendor_code="42601")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.raw, copy.details) == (error.message, error.raw, error.details)


def test_a_missing_driver_fails_only_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "loaders.connectors.mysql", raising=False)
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(DriverMissingError) as caught:
        connector_for(DatabaseType.MYSQL)
    assert_leaks_nothing(caught.value, "MySQLdb")
    assert connector_for(DatabaseType.POSTGRESQL)
