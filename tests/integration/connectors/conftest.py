"""Sources of one kind and of every kind, and a proxy in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from loaders.dialects import DatabaseType
from tests.integration.connectors.sources import Mariadb, Postgres, SecuredSource, Source
from tests.servers import MYSQL_URL, SourceServer
from tests.servers.certificates import SERVER_NAMES, Authority
from tests.servers.network_faults import Proxy
from tests.servers.tls_front import TlsFront


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


@pytest.fixture(scope="session")
def authority() -> Authority:
    """An authority that the certificates of TLS fronts come from."""
    return Authority()


@pytest.fixture
def front(source: Source, authority: Authority) -> Iterator[TlsFront]:
    """A front before the source, with a good certificate until a test gives it another one."""
    tls = authority.issue(*SERVER_NAMES).context()
    with TlsFront(source.kind, source.server.host, source.server.port, tls) as front:
        yield front


@pytest.fixture
def fronted(source: Source, authority: Authority, front: TlsFront) -> SecuredSource:
    """The source as seen through the front."""
    server = replace(source.server, port=front.port, tls_ca=authority.pem)
    return SecuredSource(server, source.says, front=front)


@pytest.fixture
def secured(source: Source, request: pytest.FixtureRequest) -> SecuredSource:
    """The source over TLS of its own, if it has any, else through the front."""
    if source.kind is DatabaseType.POSTGRESQL:
        fronted: SecuredSource = request.getfixturevalue("fronted")
        return fronted
    assert source.server.tls_ca, f"Name the server's authority: {MYSQL_URL}=...?ssl_ca=file.pem"
    return SecuredSource(source.server, source.says)
