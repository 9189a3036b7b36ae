"""Databases and accounts of the demo on its PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from loaderportal.demo.definitions import AIRLINE, PAYMENTS
from loaderportal.demo.folder import Secrets
from loaderportal.demo.postgres_server import PostgresServer
from loaderportal.demo.processes import HOST

PORTAL_DATABASE = "portal"
OWNER_ROLE = "portal_owner"
APP_ROLE = "portal_app"
SOURCES = {AIRLINE: "airline", PAYMENTS: "payments"}
"""Database of each source; the reader's name is made from it."""
_GRANTS = {
    PORTAL_DATABASE: (
        "REVOKE ALL ON DATABASE portal FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE portal TO portal_app",
    ),
    **{
        name: (
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO {name}_reader",
            f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {name}_reader",
        )
        for name in SOURCES.values()
    },
}


@dataclass(frozen=True)
class Databases:
    """The server's databases, seen by whom it concerns."""

    server: PostgresServer
    secrets: Secrets

    def make(self) -> None:
        """Make what is missing and set the accounts' passwords to the folder's."""
        with self.connect_as_superuser("postgres") as connection:
            for role, password in self.secrets.databases.items():
                self._make_role(connection, role, password)
            for name in (PORTAL_DATABASE, *SOURCES.values()):
                self._make_database(connection, name)
        for name, statements in _GRANTS.items():
            with self.connect_as_superuser(name) as connection:
                for statement in statements:
                    connection.execute(statement)

    def portal_url(self, role: str) -> str:
        """Address of the portal's database for one of its two roles."""
        return self.server.url(PORTAL_DATABASE, role, self.secrets.databases[role])

    def source_values(self, code: str) -> dict[str, Any]:
        """How the portal reaches a source: through the account that may only read."""
        name = SOURCES[code]
        reader = f"{name}_reader"
        return {
            "db_type": "POSTGRESQL",
            "host": HOST,
            "port": self.server.port,
            "db_name": name,
            "user_name": reader,
            "password": self.secrets.databases[reader],
            "allow_test_queries": True,
        }

    def connect_as_superuser(self, database: str) -> psycopg.Connection:
        """An autocommit connection that may do everything; for making and feeding sources."""
        return psycopg.connect(
            self.server.url(database), autocommit=True, options="-c timezone=UTC"
        )

    def connect_as_application(self) -> psycopg.Connection:
        """An autocommit connection to the portal's database with the application's rights."""
        return psycopg.connect(
            self.portal_url(APP_ROLE), autocommit=True, options="-c timezone=UTC"
        )

    def connect_as_reader(self, code: str) -> psycopg.Connection:
        """An autocommit connection to a source with the reader's rights."""
        values = self.source_values(code)
        address = self.server.url(values["db_name"], values["user_name"], values["password"])
        return psycopg.connect(address, autocommit=True, options="-c timezone=UTC")

    @staticmethod
    def _make_role(connection: psycopg.Connection, role: str, password: str) -> None:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        verb = sql.SQL("CREATE" if known is None else "ALTER")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                verb, sql.Identifier(role), sql.Literal(password)
            )
        )

    @staticmethod
    def _make_database(connection: psycopg.Connection, name: str) -> None:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if known.fetchone() is None:
            owner = OWNER_ROLE if name == PORTAL_DATABASE else "postgres"
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
