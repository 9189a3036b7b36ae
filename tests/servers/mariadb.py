"""The MariaDB server of a test run: a launcher for Debian's `mariadbd`, and how a test sees it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import MySQLdb

from core.processes import end_with_parent
from loaderportal.demo.processes import (
    ENVIRONMENT,
    HOST,
    Account,
    ServerError,
    free_port,
    unprivileged_account,
)
from tests.servers import MYSQL_URL, SourceServer, new_name, new_password
from tests.servers.certificates import SERVER_NAMES, Authority
from tests.servers.places import ThrowAway, places

START_SECONDS = 60.0
STOP_SECONDS = 20.0
ADMINISTRATOR = "root"
# An ordinary user's PATH on Debian lacks the directory of servers.
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
NOT_DURABLE = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
SETTINGS = (
    f"--bind-address={HOST}",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--default-time-zone=+00:00",
    "--max-connections=300",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--performance-schema=OFF",
)
NO_SUCH_THREAD = 1094


class MariadbServer:
    """A throw-away MariaDB on the loopback address; it dies with this process (Linux).

    It serves TLS beside plain text, with a certificate of an authority made for it alone.
    Started by root it runs as the account `mysql`. Start it from the main thread: on Linux the
    death of the starting thread ends it. `durable=False` gives up safety against any crash.
    """

    def __init__(self, *, port: int = 0, durable: bool = False) -> None:
        self.port = port
        self._durable = durable
        self.password = new_password()
        self._place: ThrowAway | None = None
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address with the administrator's password and the file of the authority."""
        login = f"{ADMINISTRATOR}:{quote(self.password, safe='')}"
        return f"mysql://{login}@{HOST}:{self.port}?ssl_ca={quote(f'{self._directory}/ca.pem')}"

    def start(self) -> None:
        """Make a data directory, start the server, return when it accepts connections.

        Raises ServerError when it is not installed or does not come up.
        """
        _program("mariadbd")
        installer = _program("mariadb-install-db")
        account = unprivileged_account("mysql", "nobody")
        roots = [Path(tempfile.gettempdir())] if self._durable else places()
        self._place = _make_place(account, roots)
        self._directory = directory = self._place.path
        self._install(installer, directory, account)
        (directory / "init.sql").write_text(_init_sql(self.password), encoding="utf-8")
        _certify(directory, account)
        self.port = self.port or free_port()
        self._launch(directory, account)

    def crash(self) -> None:
        """kill -9, and a new start over what is on disk; returns when it accepts connections."""
        assert self._process is not None
        assert self._directory is not None
        self._process.kill()
        self._process.wait()
        self._launch(self._directory, unprivileged_account("mysql", "nobody"))

    def _launch(self, directory: Path, account: Account) -> None:
        with (directory / "mariadb.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    _program("mariadbd"),
                    "--no-defaults",
                    f"--datadir={directory / 'data'}",
                    f"--tmpdir={directory}",
                    f"--socket={directory / 'socket'}",
                    f"--pid-file={directory / 'pid'}",
                    f"--init-file={directory / 'init.sql'}",
                    f"--port={self.port}",
                    f"--ssl-cert={directory / 'server.pem'}",
                    f"--ssl-key={directory / 'server.key'}",
                    *SETTINGS,
                    *(() if self._durable else NOT_DURABLE),
                ],
                env=ENVIRONMENT,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
                **account.popen,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop the server and delete its data; nothing happens when that is done."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._place is not None:
            self._place.remove()
            self._place = self._directory = None

    def _install(self, installer: str, directory: Path, account: Account) -> None:
        made = subprocess.run(
            [
                installer,
                "--no-defaults",
                f"--datadir={directory / 'data'}",
                f"--tmpdir={directory}",
                "--auth-root-authentication-method=normal",
                "--skip-name-resolve",
                "--skip-test-db",
                "--innodb-log-file-size=16M",
            ],
            env={**ENVIRONMENT, "PATH": SEARCH_PATH},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            preexec_fn=end_with_parent(signal.SIGKILL),
            **account.popen,
        )
        if made.returncode != 0:
            said = made.stdout.decode(errors="replace")
            raise ServerError(f"mariadb-install-db failed: {_last_line(said)}.")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        address = MariadbTestServer.from_url(self.url)
        while process.poll() is None and time.monotonic() < deadline:
            try:
                address.admin_connection().close()
            except MySQLdb.OperationalError:
                time.sleep(0.05)
                continue
            return
        said = (Path(str(self._directory)) / "mariadb.log").read_text(errors="replace")
        raise ServerError(f"mariadbd did not start: {_last_line(said)}.")


@dataclass(frozen=True)
class MariadbTestServer:
    """Address and administrator of a MariaDB or MySQL server that tests may fill as they like.

    `tls_ca` is the authority of its certificate for that host, as PEM; empty is unknown.
    """

    host: str
    port: int
    superuser: str
    password: str = field(repr=False)
    tls_ca: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> MariadbTestServer:
        """Read `mysql://user:password@host:port?ssl_ca=file`."""
        parts = urlsplit(url)
        files = parse_qs(parts.query).get("ssl_ca", [])
        return cls(
            host=parts.hostname or HOST,
            port=parts.port or 3306,
            superuser=unquote(parts.username or ADMINISTRATOR),
            password=unquote(parts.password or ""),
            tls_ca="".join(Path(file).read_text(encoding="ascii") for file in files),
        )

    def admin_connection(self, database: str = "mysql") -> Any:
        """Open an autocommit connection as the administrator; close it."""
        return MySQLdb.connect(
            host=self.host,
            port=self.port,
            user=self.superuser,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
        )

    def create_database(self, name: str) -> None:
        """Make a database in utf8mb4."""
        self._run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def drop_database(self, name: str) -> None:
        """End all connections to a database and drop it, if it exists."""
        self._end_connections("db", name)
        self._run(f"DROP DATABASE IF EXISTS `{name}`")

    def create_user(
        self, name: str, password: str, *, privileges: str = "USAGE", on: str = "*"
    ) -> None:
        """Make an account, for any host, with `privileges` on all tables of the database `on`."""
        self._run(f"CREATE USER `{name}`@`%%` IDENTIFIED BY %s", (password,))
        scope = "*" if on == "*" else f"`{on}`"
        self._run(f"GRANT {privileges} ON {scope}.* TO `{name}`@`%`")

    def drop_user(self, name: str) -> None:
        """End all connections of an account and drop it, if it exists."""
        self._end_connections("user", name)
        self._run(f"DROP USER IF EXISTS `{name}`@`%`")

    @contextmanager
    def source(self) -> Iterator[SourceServer]:
        """Make a source database with its two accounts, and drop them at the end."""
        name = new_name("source")
        reader, writer = new_name("reader"), new_name("writer")
        reader_password, writer_password = new_password(), new_password()
        try:
            self.create_database(name)
            self.create_user(reader, reader_password, privileges="SELECT", on=name)
            self.create_user(writer, writer_password, privileges="ALL", on=name)
            yield SourceServer(
                db_type="MYSQL",
                host=self.host,
                port=self.port,
                db_name=name,
                reader=reader,
                reader_password=reader_password,
                writer=writer,
                writer_password=writer_password,
                admin_cursor=lambda: self._cursor(name),
                tls_ca=self.tls_ca,
            )
        finally:
            self.drop_user(reader)
            self.drop_user(writer)
            self.drop_database(name)

    @contextmanager
    def _cursor(self, database: str = "mysql") -> Iterator[Any]:
        with (
            closing(self.admin_connection(database)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            yield cursor

    def _run(self, statement: str, params: tuple[str, ...] | None = None) -> None:
        with self._cursor() as cursor:
            cursor.execute(statement, params)

    def _end_connections(self, column: str, value: str) -> None:
        """A connection left open in a transaction would make DROP wait for ever."""
        with self._cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM information_schema.processlist WHERE {column} = %s", (value,)
            )
            for (thread,) in cursor.fetchall():
                try:
                    cursor.execute(f"KILL CONNECTION {int(thread)}")
                except MySQLdb.OperationalError as error:
                    if error.args[0] != NO_SUCH_THREAD:
                        raise


def _program(name: str) -> str:
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise ServerError(
            f"{name} is not installed: install Debian's mariadb-server, or name a server in "
            f"{MYSQL_URL}."
        )
    return found


def _make_place(account: Account, roots: Sequence[Path]) -> ThrowAway:
    """Make a directory of the server's own where its account can reach it."""
    for root in (*roots, Path("/var/tmp")):
        if account.can_enter(root) and os.access(root, os.W_OK):
            place = ThrowAway(root, "loaderportal-mariadb-")
            os.chown(place.path, account.uid, account.gid)
            return place
    raise ServerError(f"The account that MariaDB runs as cannot reach {tempfile.gettempdir()}.")


def _certify(directory: Path, account: Account) -> None:
    """Write the server's certificate and key, and the authority for those who connect."""
    authority = Authority()
    (directory / "ca.pem").write_text(authority.pem, encoding="ascii")
    key = directory / "server.key"
    key.touch(mode=0o600)
    os.chown(key, account.uid, account.gid)
    authority.issue(*SERVER_NAMES).write(directory / "server.pem", key)


def _init_sql(password: str) -> str:
    """Statements the server runs before it accepts connections: one administrator, no others."""
    return (
        f"CREATE OR REPLACE USER '{ADMINISTRATOR}'@'{HOST}' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO '{ADMINISTRATOR}'@'{HOST}' WITH GRANT OPTION;\n"
        f"DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> '{HOST}';\n"
        "FLUSH PRIVILEGES;\n"
    )


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    faults = [line for line in lines if "[ERROR]" in line]
    return (faults or lines or ["it said nothing"])[-1].rstrip(".")
