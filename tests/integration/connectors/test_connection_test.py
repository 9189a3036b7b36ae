"""A connection test says what is there, or what a DBA can do about what is not."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, replace
from typing import Any

import pytest

from loaders.connectors import connection_test
from loaders.connectors.base import SourceConnection, TlsMode
from loaders.connectors.connection_test import ConnectionReport
from loaders.connectors.errors import SourceConnectionLostError
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import MARKER
from tests.integration.connectors.sources import SecuredSource, Source
from tests.servers.certificates import Authority
from tests.servers.network_faults import Proxy, without_tls


def tried(source: Source, **changes: Any) -> ConnectionReport:
    password = changes.pop("password", source.server.reader_password)
    report = connection_test.test_connection(replace(source.profile, **changes), password)
    text = json.dumps(asdict(report))
    assert password not in text
    assert password not in repr(report)
    return report


def test_a_good_source_is_told_in_full(source: Source) -> None:
    report = tried(source)
    assert report.ok
    assert (report.db_code, report.code, report.message) == ("SRC", "", "")
    product = "PostgreSQL 1" if source.kind is DatabaseType.POSTGRESQL else "MariaDB 1"
    assert report.server_version.startswith(product)
    assert report.tls is False
    assert report.connect_ms is not None
    assert report.connect_ms > 0
    assert report.round_trip_ms is not None
    assert 0 <= report.round_trip_ms < 1000
    assert report.clock_skew_seconds is not None
    assert abs(report.clock_skew_seconds) < 1
    assert report.source_time.endswith("+00:00")
    assert report.privileges is not None
    assert report.privileges.can_write is False
    assert [advice for advice in report.advice if "not encrypted" in advice]


def test_a_source_that_may_be_written_passes_and_says_so(source: Source) -> None:
    report = tried(source, user_name=source.server.writer, password=source.server.writer_password)
    assert report.ok
    assert report.privileges is not None
    assert report.privileges.can_write
    assert report.privileges.findings


def test_a_wrong_password_is_told_without_it(source: Source) -> None:
    report = tried(source, password=MARKER)
    assert not report.ok
    assert report.code == "SOURCE_AUTH_FAILED"
    assert f"refused user {source.server.reader}" in report.message
    assert report.privileges is None


def test_an_unknown_database_is_named(source: Source) -> None:
    # MariaDB tells an account without privileges there only that it may not.
    report = tried(source, db_name="no_such_db")
    assert report.code == "SOURCE_AUTH_FAILED"
    assert "database no_such_db" in report.message


def test_an_unknown_host_is_named(source: Source) -> None:
    report = tried(source, host="no-such-host.invalid")
    assert report.code == "SOURCE_UNREACHABLE"
    assert "no-such-host.invalid can't be resolved" in report.message


def test_a_closed_port_is_named(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = tried(source, port=port)
    assert report.code == "SOURCE_UNREACHABLE"
    assert f"Nothing listens at 127.0.0.1:{port}" in report.message


def test_silence_is_told_as_silence(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        report = tried(source, port=silent.getsockname()[1], connect_timeout_seconds=2)
    assert report.code == "SOURCE_UNREACHABLE"
    assert "firewalls" in report.message


def test_a_source_without_tls_is_told_so(source: Source) -> None:
    proxy = Proxy(source.server.host, source.server.port, without_tls)
    try:
        report = tried(source, port=proxy.port, tls_mode=TlsMode.REQUIRE)
    finally:
        proxy.close()
    assert report.code == "SOURCE_TLS_FAILED"
    assert "no TLS" in report.message


def test_a_wrong_certificate_is_told_so(secured: SecuredSource) -> None:
    mode = TlsMode.VERIFY_FULL
    report = tried(secured, tls_mode=mode, tls_ca=Authority().pem)
    assert report.code == "SOURCE_TLS_FAILED"
    assert "certificate does not pass TLS mode VERIFY_FULL" in report.message
    assert tried(secured, tls_mode=mode).ok


def test_privileges_that_cannot_be_read_leave_the_rest_of_the_report(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise SourceConnectionLostError

    with source.connect() as connection:
        kind: type[SourceConnection] = type(connection)
    monkeypatch.setattr(kind, "inspect_privileges", lost)
    report = tried(source)
    assert report.ok
    assert report.privileges is not None
    assert report.privileges.can_write is None
    assert report.privileges.findings == (
        "Privileges were not read: The connection to the source was lost.",
    )


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.VERIFY_FULL])
def test_encryption_is_seen(secured: SecuredSource, mode: TlsMode) -> None:
    report = tried(secured, tls_mode=mode)
    assert report.tls is (mode is TlsMode.VERIFY_FULL)
    unencrypted = [advice for advice in report.advice if "not encrypted" in advice]
    assert bool(unencrypted) is (mode is TlsMode.DISABLE)
