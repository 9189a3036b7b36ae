"""The portal's own database for tests: migrated once a run by its owner, cloned a test process.

Tests work as the application's role, as production does. Append-only triggers forbid the TRUNCATE
of Django's TransactionTestCase, so a test that commits gets a fresh clone instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from tests.servers.postgres import PostgresTestServer

OWNER = "portal_owner"
APPLICATION = "portal_app"
PASSWORD = "only-for-tests"
ROOT = Path(__file__).resolve().parent.parent


def template_name(run: str) -> str:
    """Name of the run's migrated database."""
    return f"portal_{run}_template"


def make_template(server: PostgresTestServer, run: str) -> None:
    """Make roles and migrated database of a run. Called once, by the controlling process."""
    name = template_name(run)
    with server.admin_connection() as connection:
        for role in (OWNER, APPLICATION):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if known.fetchone() is None:
                server.create_user(role, PASSWORD)
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(name), sql.Identifier(OWNER)
            )
        )
    migrate(PortalDatabase(server, name))


def migrate(database: PortalDatabase) -> None:
    """Run the migrations as the owner, in a process of their own."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database.url(OWNER)},
        check=True,
    )


@dataclass(frozen=True)
class PortalDatabase:
    """One database of the portal on the run's server."""

    server: PostgresTestServer
    name: str

    def url(self, role: str = APPLICATION) -> str:
        """Address for a role; what a portal process gets as DATABASE_URL."""
        return (
            f"postgresql://{role}:{quote(PASSWORD)}@{self.server.host}:{self.server.port}/"
            f"{self.name}"
        )

    def clone(self, template: str) -> None:
        """Make the database anew as a copy of the template."""
        self.server.drop_database(self.name)
        with self.server.admin_connection() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(self.name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )

    def drop(self) -> None:
        """Remove the database."""
        self.server.drop_database(self.name)
