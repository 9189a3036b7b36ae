"""A session is opened, or refused with the reason, as the TLS mode and the source want it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import TerminalError, TransientError
from loaders.connectors import connector_for
from loaders.connectors.base import TlsMode
from loaders.connectors.errors import (
    SourceAuthError,
    SourceError,
    SourceTlsError,
    SourceUnreachableError,
)
from tests.integration.connectors.assertions import MARKER, assert_leaks_nothing
from tests.integration.connectors.sources import Source, consume
from tests.servers.certificates import self_signed
from tests.servers.network_faults import FakeServer, Proxy, without_tls


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
