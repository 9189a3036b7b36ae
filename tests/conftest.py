"""Servers and fixtures that tests share.

The process that the person started (xdist's controller, or the only one) starts one PostgreSQL
and one MariaDB for the whole run and tells the workers where they are through the environment.
Servers that the environment names beforehand are used instead. A server that cannot be had ends
the run with one sentence and a failure; no test is skipped for it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from itertools import chain

import hypothesis
import MySQLdb
import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from pytest_django.plugin import DjangoDbBlocker
from xdist.remote import Producer

from loaderportal.configuration_values import parse_database_url
from loaderportal.demo.postgres_server import PostgresServer, ServerError
from tests.lanes import LaneScheduling, rank
from tests.portal_database import PortalDatabase, make_template, template_name
from tests.servers import MYSQL_URL, POSTGRES_URL, SourceServer
from tests.servers.mariadb import MariadbServer, MariadbTestServer
from tests.servers.places import ThrowAway, places
from tests.servers.postgres import PostgresTestServer
from tests.support.documented import answers_watched
from tests.support.evidence import packs_complete_at_once
from tests.timing import slowest_files

NO_SERVER = 3
RUN = "LOADERPORTAL_TEST_RUN"


def pytest_configure() -> None:
    """Passwords of tests are hashed fast, in a form that portal processes can read too. Clients in
    this process ask for no static files: each would look through all of them before its first
    request. An example may take as long as a busy machine needs."""
    hypothesis.settings.register_profile("portal", deadline=None)
    hypothesis.settings.load_profile("portal")
    settings.PASSWORD_HASHERS = ["tests.support.people.FastHasher"]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]


@pytest.hookimpl(tryfirst=True)  # before xdist starts its workers, which inherit the environment
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start what the environment does not name."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    try:
        if POSTGRES_URL not in os.environ:
            _start_postgres(config)
        if MYSQL_URL not in os.environ:
            _start_mariadb(config)
        postgres = PostgresTestServer.from_url(os.environ[POSTGRES_URL])
        postgres.admin_connection().close()
        MariadbTestServer.from_url(os.environ[MYSQL_URL]).admin_connection().close()
    except ServerError as error:
        pytest.exit(str(error), returncode=NO_SERVER)
    except psycopg.OperationalError:
        pytest.exit(f"The server that {POSTGRES_URL} names does not answer.", returncode=NO_SERVER)
    except MySQLdb.OperationalError:
        pytest.exit(f"The server that {MYSQL_URL} names does not answer.", returncode=NO_SERVER)
    os.environ[RUN] = secrets.token_hex(4)
    config.add_cleanup(lambda: postgres.drop_database(template_name(os.environ[RUN])))
    make_template(postgres, os.environ[RUN])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first."""
    items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LaneScheduling:
    """Distribute lanes in their order, not by how many tests they have."""
    config.option.loadscopereorder = False
    return LaneScheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which files take the time, so that a slow newcomer is seen."""
    if terminalreporter.config.getoption("numprocesses", default=None):
        terminalreporter.section("slowest files")
        for line in slowest_files(chain.from_iterable(terminalreporter.stats.values())):
            terminalreporter.line(line)


def _start_postgres(config: pytest.Config) -> None:
    place = ThrowAway(places()[0], "loaderportal-postgres-")
    config.add_cleanup(place.remove)
    place.path.chmod(0o711)
    server = PostgresServer(place.path, durable=False, max_connections=300)
    config.add_cleanup(server.remove)
    server.start()
    os.environ[POSTGRES_URL] = server.url()
    PostgresTestServer.from_url(server.url()).make_logins_cheap()


def _start_mariadb(config: pytest.Config) -> None:
    server = MariadbServer()
    config.add_cleanup(server.stop)
    server.start()
    os.environ[MYSQL_URL] = server.url


@pytest.fixture(autouse=True)
def evidence_at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where evidence is not the subject, each pack is complete as soon as it is asked for; tests
    that gather it for real are marked `gathers_evidence`."""
    if request.node.get_closest_marker("gathers_evidence"):
        yield
        return
    with packs_complete_at_once():
        yield


@pytest.fixture(autouse=True, scope="session")
def watched_answers() -> Iterator[list[str]]:
    """What the API answered in this process that its document does not say."""
    with answers_watched() as found:
        yield found


@pytest.fixture(autouse=True)
def answers_are_as_documented(watched_answers: list[str]) -> Iterator[None]:
    """No test has an answer from the API that the OpenAPI document does not say."""
    watched_answers.clear()
    yield
    assert not watched_answers, "\n".join(dict.fromkeys(watched_answers))


# --- servers and sources ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> PostgresTestServer:
    """The run's PostgreSQL."""
    return PostgresTestServer.from_url(os.environ[POSTGRES_URL])


@pytest.fixture(scope="session")
def mariadb_server() -> MariadbTestServer:
    """The run's MariaDB."""
    return MariadbTestServer.from_url(os.environ[MYSQL_URL])


@pytest.fixture
def postgres_source(postgres_server: PostgresTestServer) -> Iterator[SourceServer]:
    """A fresh PostgreSQL source database; `postgres_server.source()` makes further ones."""
    with postgres_server.source() as source:
        yield source


@pytest.fixture
def mariadb_source(mariadb_server: MariadbTestServer) -> Iterator[SourceServer]:
    """A fresh MariaDB source database; `mariadb_server.source()` makes further ones."""
    with mariadb_server.source() as source:
        yield source


# --- the portal's own database ------------------------------------------------------------------


@pytest.fixture(scope="session")
def portal_template() -> str:
    """Name of the run's migrated database, to clone."""
    return template_name(os.environ[RUN])


@pytest.fixture(scope="session")
def portal_database(
    postgres_server: PostgresTestServer, portal_template: str, worker_id: str
) -> Iterator[PortalDatabase]:
    """This test process's own database, cloned from the template."""
    database = PortalDatabase(postgres_server, f"{portal_template}_{worker_id}")
    database.clone(portal_template)
    yield database
    database.drop()


@pytest.fixture(scope="session")
def django_db_setup(portal_database: PortalDatabase) -> None:
    """Point Django at the process's database; takes the place of pytest-django's own."""
    address = parse_database_url(portal_database.url())
    for entry in (settings.DATABASES["default"], connection.settings_dict):
        entry.update(address)


@pytest.fixture
def committed_db(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    portal_database: PortalDatabase,
    portal_template: str,
) -> Iterator[PortalDatabase]:
    """Database access without a surrounding transaction; the database is cloned anew after."""
    with django_db_blocker.unblock():
        yield portal_database
        connections.close_all()
    portal_database.clone(portal_template)
