"""A session over verified TLS streams, is cancelled and breaks as one in plain text does."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.errors import TransientError
from loaders.connectors.base import TlsMode
from loaders.connectors.errors import (
    SourceCancelledError,
    SourceConnectionLostError,
    SourceIdleError,
)
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import (
    assert_leaks_nothing,
    cancel_while,
    eventually,
)
from tests.integration.connectors.sources import SecuredSource, consume
from tests.servers.certificates import SERVER_NAMES, Authority
from tests.servers.network_faults import Proxy
from tests.servers.tls_front import Contact, TlsFront


@pytest.fixture
def verified(secured: SecuredSource) -> SecuredSource:
    """Admits its reader over TLS alone, where the server itself knows of TLS."""
    if secured.kind is DatabaseType.MYSQL:
        secured.server.execute(f"ALTER USER `{secured.server.reader}`@`%` REQUIRE SSL")
    return replace(secured, tls_mode=TlsMode.VERIFY_FULL)


@pytest.fixture
def line(verified: SecuredSource) -> Iterator[Proxy]:
    """A proxy on the way, which sees bytes that it can't read."""
    proxy = Proxy(verified.server.host, verified.server.port)
    yield proxy
    proxy.close()


def test_rows_stream(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        assert verified.is_encrypted(connection)
        assert consume(connection, verified.says.numbers(200_000)) == 200_000
        assert list(connection.stream("SELECT 'مرحبا' AS a, NULL AS b")) == [
            [("مرحبا".encode(), None)]
        ]
        assert connection.usable


def test_cancel_stops_a_query_by_a_second_encrypted_connection(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        seconds = cancel_while(
            verified, connection, lambda: consume(connection, verified.says.endless)
        )
    assert seconds < 2
    if verified.front is not None:
        assert set(verified.front.contacts) == {Contact.ENCRYPTED}
        assert len(verified.front.contacts) > 1


def test_cancel_stops_a_stream_in_the_middle(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        statement = verified.says.numbers(50_000_000)
        assert cancel_while(verified, connection, lambda: consume(connection, statement)) < 2


def test_a_stream_left_in_the_middle_stops_the_query(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        with connection.stream(verified.says.numbers(50_000_000)) as stream:
            next(stream)
        assert not connection.usable
    assert eventually(lambda: not verified.running())


@pytest.mark.parametrize("offer", ["another authority's certificate", "no TLS"])
def test_cancel_tells_an_impostor_nothing_and_frees_the_reader(
    fronted: SecuredSource, front: TlsFront, offer: str
) -> None:
    """Who took the server's place since the session began learns neither password nor key."""
    impostor = Authority().issue(*SERVER_NAMES).context()
    with fronted.connect(tls_mode=TlsMode.VERIFY_FULL) as connection:
        front.tls = None if offer == "no TLS" else impostor
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(SourceCancelledError) as caught:
            consume(connection, fronted.says.endless)
        assert time.monotonic() - started < 4
        timer.join()
    assert_leaks_nothing(caught.value, "SELECT")
    assert eventually(lambda: len(front.contacts) > 1)
    assert front.contacts[0] is Contact.ENCRYPTED
    assert set(front.contacts[1:]) == {Contact.LEFT}


@pytest.mark.parametrize("source", ["mariadb_source"], indirect=True)
def test_cancel_does_not_fall_back_to_plain_text_where_the_session_did_not(
    fronted: SecuredSource, front: TlsFront
) -> None:
    """A KILL QUERY logs in. A cancel request of libpq does fall back: it holds no password."""
    with fronted.connect(tls_mode=TlsMode.PREFER) as connection:
        front.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        with pytest.raises(SourceCancelledError):
            consume(connection, fronted.says.endless)
        timer.join()
    assert eventually(lambda: len(front.contacts) > 1)
    assert front.contacts[0] is Contact.ENCRYPTED
    assert set(front.contacts[1:]) == {Contact.LEFT}


def test_a_connection_cut_in_mid_stream_is_lost(verified: SecuredSource, line: Proxy) -> None:
    with verified.connect(port=line.port) as connection:
        stream = connection.stream(verified.says.numbers(50_000_000))
        next(stream)
        line.cut()
        with pytest.raises(SourceConnectionLostError) as caught:
            list(stream)
        assert isinstance(caught.value, TransientError)
        assert_leaks_nothing(caught.value, "SELECT")
        assert not connection.usable
    assert eventually(lambda: not verified.running())


def test_a_session_that_an_administrator_ends_is_lost(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        timer = threading.Timer(0.5, verified.end_sessions)
        timer.start()
        with pytest.raises(SourceConnectionLostError):
            consume(connection, verified.says.endless)
        timer.join()


def test_an_idle_session_that_died_shows_at_the_next_use(verified: SecuredSource) -> None:
    with verified.connect() as connection:
        verified.end_sessions()
        with pytest.raises(SourceConnectionLostError):
            connection.server_clock()
        assert not connection.usable


def test_a_source_that_sends_nothing_fails_and_its_query_is_stopped(
    verified: SecuredSource,
) -> None:
    raised = pytest.raises(SourceIdleError)
    started = time.monotonic()
    with verified.connect(idle_read_timeout_seconds=1) as connection, raised as caught:
        consume(connection, verified.says.endless)
    assert 0.9 < time.monotonic() - started < 5
    assert isinstance(caught.value, TransientError)
    assert eventually(lambda: not verified.running())


@pytest.mark.parametrize(
    ("source", "mode"),
    [("postgres_source", TlsMode.VERIFY_FULL), ("mariadb_source", TlsMode.PREFER)],
    indirect=["source"],
)
def test_a_stream_that_falls_silent_in_the_middle_fails_in_time(
    verified: SecuredSource, line: Proxy, mode: TlsMode
) -> None:
    """A KILL QUERY that gets no answer over TLS is not sent once more in plain text."""
    with verified.connect(port=line.port, tls_mode=mode, idle_read_timeout_seconds=1) as session:
        stream = session.stream(verified.says.numbers(50_000_000))
        next(stream)
        line.freeze()
        started = time.monotonic()
        with pytest.raises(SourceIdleError):
            list(stream)
        assert time.monotonic() - started < 5
