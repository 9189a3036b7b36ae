"""Sources of one kind and of every kind, and a proxy in front of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loaders.dialects import DatabaseType
from tests.integration.connectors.sources import Mariadb, Postgres, Source
from tests.servers import SourceServer
from tests.servers.network_faults import Proxy


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


@pytest.fixture
def proxy(source: Source) -> Iterator[Proxy]:
    proxy = Proxy(source.server.host, source.server.port)
    yield proxy
    proxy.close()
