"""Servers of a benchmark run, and a portal database on them; needs no Django that is set up."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loaderportal.demo.postgres_server import PostgresServer
from tests.portal_database import PortalDatabase, make_template, template_name
from tests.servers.mariadb import MariadbServer, MariadbTestServer
from tests.servers.postgres import PostgresTestServer


@dataclass(frozen=True)
class Servers:
    """One PostgreSQL for portal and source, one MariaDB."""

    postgres: PostgresTestServer
    mariadb: MariadbTestServer


@contextmanager
def started() -> Iterator[Servers]:
    """Start both servers; stop them and delete their data at the end.

    Without fsync: waiting for the disk would slow the floors down and flatter every ratio.
    """
    directory = Path(tempfile.mkdtemp(prefix="loaderportal-benchmark-"))
    directory.chmod(0o711)
    postgres, mariadb = PostgresServer(directory, durable=False), MariadbServer()
    try:
        postgres.start()
        mariadb.start()
        yield Servers(
            PostgresTestServer.from_url(postgres.url()), MariadbTestServer.from_url(mariadb.url)
        )
    finally:
        mariadb.stop()
        postgres.remove()


def make_portal(server: PostgresTestServer) -> PortalDatabase:
    """A migrated database of the portal; it goes with its server."""
    run = secrets.token_hex(4)
    make_template(server, run)
    return PortalDatabase(server, template_name(run))
