"""The PostgreSQL server of a test run, seen from a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from tests.servers import SourceServer, new_name, new_password


@dataclass(frozen=True)
class PostgresTestServer:
    """Address and superuser of a PostgreSQL server that tests may fill as they like."""

    host: str
    port: int
    superuser: str
    password: str = field(repr=False)

    @classmethod
    def from_url(cls, url: str) -> PostgresTestServer:
        """Read `postgresql://user:password@host:port`."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 5432,
            superuser=unquote(parts.username or "postgres"),
            password=unquote(parts.password or ""),
        )

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's address of a database."""
        secret = f"{quote(self.superuser, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{secret}@{self.host}:{self.port}/{quote(database, safe='')}"

    def admin_connection(self, database: str = "postgres") -> psycopg.Connection:
        """Open an autocommit connection as the superuser; close it, best by `with`."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10)

    def make_logins_cheap(self) -> None:
        """Derive the passwords of this server in one step instead of 4,096: they are random and
        live for minutes, and each of thousands of connections saves its client 2 ms."""
        with self.admin_connection() as connection:
            connection.execute("ALTER SYSTEM SET scram_iterations = 1")
            connection.execute("SET scram_iterations = 1")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(self.superuser), sql.Literal(self.password)
                )
            )

    def create_database(self, name: str, template: str = "template0") -> None:
        """Make a database; from `template` when that is no longer in use by anybody."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        with self.admin_connection() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Drop a database with all connections to it; nothing happens when it does not exist."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self.admin_connection() as connection:
            connection.execute(statement.format(sql.Identifier(name)))

    def create_user(self, name: str, password: str) -> None:
        """Make an account that may log in and has no privileges."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        with self.admin_connection() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))

    def drop_user(self, name: str) -> None:
        """Drop an account that owns nothing any more."""
        with self.admin_connection() as connection:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    @contextmanager
    def source(self) -> Iterator[SourceServer]:
        """Make a source database with its two accounts, and drop them at the end."""
        name = new_name("source")
        reader, writer = new_name("reader"), new_name("writer")
        reader_password, writer_password = new_password(), new_password()
        try:
            self.create_database(name)
            self.create_user(reader, reader_password)
            self.create_user(writer, writer_password)
            self._grant(name, reader, writer)
            yield SourceServer(
                db_type="POSTGRESQL",
                host=self.host,
                port=self.port,
                db_name=name,
                reader=reader,
                reader_password=reader_password,
                writer=writer,
                writer_password=writer_password,
                admin_cursor=lambda: self._cursor(name),
            )
        finally:
            self.drop_database(name)
            self.drop_user(reader)
            self.drop_user(writer)

    @contextmanager
    def _cursor(self, database: str) -> Iterator[psycopg.Cursor]:
        with self.admin_connection(database) as connection, connection.cursor() as cursor:
            yield cursor

    def _grant(self, database: str, reader: str, writer: str) -> None:
        """Let the reader see every table that exists or will, whoever of the two makes it."""
        statements = (
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO {reader}",
            "GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {database} TO {writer}",
            "GRANT USAGE ON SCHEMA public TO {reader}",
            "GRANT USAGE, CREATE ON SCHEMA public TO {writer}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {admin} GRANT SELECT ON TABLES TO {reader}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {writer} GRANT SELECT ON TABLES TO {reader}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {admin} GRANT ALL ON TABLES TO {writer}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {admin} GRANT ALL ON SEQUENCES TO {writer}",
        )
        names = {
            "database": sql.Identifier(database),
            "reader": sql.Identifier(reader),
            "writer": sql.Identifier(writer),
            "admin": sql.Identifier(self.superuser),
        }
        with self.admin_connection(database) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement).format(**names))
