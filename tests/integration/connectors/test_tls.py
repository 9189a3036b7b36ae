"""Each TLS mode keeps its word about encryption and certificates, at real servers.

A MariaDB shows its own certificate, or the one of a front; a PostgreSQL that of a front.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import TerminalError, TransientError
from loaders.connectors import mysql_login
from loaders.connectors.base import TlsMode
from loaders.connectors.connection_test import advise
from loaders.connectors.errors import SourceTlsError, SourceUnreachableError
from loaders.dialects import DatabaseType
from tests.integration.connectors.assertions import eventually, refused_login
from tests.integration.connectors.sources import SecuredSource, Source, consume
from tests.servers import SourceServer
from tests.servers.certificates import SERVER_NAMES, Authority
from tests.servers.mariadb import MariadbTestServer
from tests.servers.postgres import PostgresTestServer
from tests.servers.tls_front import Contact, TlsFront

REQUIRING = (TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)
VERIFYING = (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)


# One source of each kind for all: nothing here changes what is in it.


@pytest.fixture(scope="module")
def postgres_source(postgres_server: PostgresTestServer) -> Iterator[SourceServer]:
    with postgres_server.source() as source:
        yield source


@pytest.fixture(scope="module")
def mariadb_source(mariadb_server: MariadbTestServer) -> Iterator[SourceServer]:
    with mariadb_server.source() as source:
        yield source


class BreakingContext(ssl.SSLContext):
    """The TLS of a server whose connection breaks in the handshake."""

    def wrap_socket(self, *_: Any, **__: Any) -> ssl.SSLSocket:
        raise ConnectionError


def encryption(source: SecuredSource, **changes: Any) -> bool:
    """Whether a session that must open is encrypted; both of its ends say the same."""
    with source.connect(**changes) as connection:
        encrypted = source.is_encrypted(connection)
        assert connection.server_facts().tls is encrypted
        assert consume(connection, "SELECT 1 AS one") == 1
    return encrypted


def tls_refusal(source: Source, **changes: Any) -> str:
    """What is said about a session that TLS forbids, to whoever has to mend it."""
    error = refused_login(source, **changes)
    assert isinstance(error, SourceTlsError), error.raw
    assert isinstance(error, TerminalError)
    advice = advise(error, source.changed(**changes))
    assert source.server.reader_password not in advice
    assert "source-ca-" not in advice
    return advice


@pytest.mark.parametrize("mode", TlsMode)
def test_every_mode_but_disable_encrypts(secured: SecuredSource, mode: TlsMode) -> None:
    assert encryption(secured, tls_mode=mode) is (mode is not TlsMode.DISABLE)


@pytest.mark.parametrize("mode", VERIFYING)
def test_a_certificate_holds_for_each_of_its_names(secured: SecuredSource, mode: TlsMode) -> None:
    assert encryption(secured, tls_mode=mode, host="localhost")


@pytest.mark.parametrize("mode", REQUIRING)
def test_a_certificate_of_another_authority_is_refused(
    secured: SecuredSource, mode: TlsMode
) -> None:
    advice = tls_refusal(secured, tls_mode=mode, tls_ca=Authority().pem)
    assert f"certificate does not pass TLS mode {mode}" in advice
    assert "the CA of the source signed it" in advice
    # What TLS leaves behind in the driver does no harm to the next session.
    assert encryption(secured, tls_mode=mode)


@pytest.mark.parametrize("mode", VERIFYING)
def test_an_authority_that_the_machine_does_not_know_is_refused(
    secured: SecuredSource, mode: TlsMode
) -> None:
    assert tls_refusal(secured, tls_mode=mode, tls_ca="")


@pytest.mark.parametrize("mode", REQUIRING)
def test_an_authority_that_is_no_certificate_is_refused(
    secured: SecuredSource, mode: TlsMode
) -> None:
    assert tls_refusal(secured, tls_mode=mode, tls_ca="-----BEGIN NOTHING-----\n")


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE])
def test_any_certificate_serves_where_none_is_looked_at(
    fronted: SecuredSource, front: TlsFront, mode: TlsMode
) -> None:
    front.tls = Authority().issue("elsewhere.example", expired=True).context()
    assert encryption(fronted, tls_mode=mode, tls_ca="")


def test_a_certificate_for_another_host_is_refused(
    fronted: SecuredSource, front: TlsFront, authority: Authority
) -> None:
    front.tls = authority.issue("elsewhere.example").context()
    advice = tls_refusal(fronted, tls_mode=TlsMode.VERIFY_FULL)
    assert "does not name 127.0.0.1" in advice
    assert "TLS mode VERIFY_FULL" in advice


def test_a_chain_alone_says_nothing_about_the_host(
    fronted: SecuredSource, front: TlsFront, authority: Authority
) -> None:
    """MariaDB's driver takes VERIFY_CA as strictly as VERIFY_FULL (docs/sources.md)."""
    front.tls = authority.issue("elsewhere.example").context()
    assert encryption(fronted, tls_mode=TlsMode.REQUIRE)
    if fronted.kind is DatabaseType.POSTGRESQL:
        assert encryption(fronted, tls_mode=TlsMode.VERIFY_CA)
    else:
        assert "does not name" in tls_refusal(fronted, tls_mode=TlsMode.VERIFY_CA)


@pytest.mark.parametrize("mode", REQUIRING)
def test_an_expired_certificate_is_refused(
    fronted: SecuredSource, front: TlsFront, authority: Authority, mode: TlsMode
) -> None:
    front.tls = authority.issue(*SERVER_NAMES, expired=True).context()
    assert "expired" in tls_refusal(fronted, tls_mode=mode)


@pytest.mark.parametrize("mode", REQUIRING)
def test_a_wrong_certificate_is_told_no_login(
    fronted: SecuredSource, front: TlsFront, mode: TlsMode
) -> None:
    front.tls = Authority().issue(*SERVER_NAMES).context()
    tls_refusal(fronted, tls_mode=mode)
    assert eventually(lambda: bool(front.contacts))
    assert set(front.contacts) == {Contact.LEFT}


@pytest.mark.parametrize("mode", REQUIRING)
def test_a_server_without_tls_is_refused_where_tls_is_required(
    fronted: SecuredSource, front: TlsFront, mode: TlsMode
) -> None:
    front.tls = None
    advice = tls_refusal(fronted, tls_mode=mode)
    assert f"offers no TLS and TLS mode {mode} asks for it: turn TLS on" in advice


@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.PREFER])
def test_a_server_without_tls_serves_where_tls_is_not_required(
    fronted: SecuredSource, front: TlsFront, mode: TlsMode
) -> None:
    front.tls = None
    assert not encryption(fronted, tls_mode=mode)


def test_a_forged_cipher_is_no_encryption(
    fronted: SecuredSource, front: TlsFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes TLS out of a greeting may answer for the server afterwards, too."""
    monkeypatch.setattr(mysql_login, "CIPHER", "SELECT 'Ssl_cipher', 'TLS_AES_256_GCM_SHA384'")
    front.tls = None
    assert "offers no TLS" in tls_refusal(fronted, tls_mode=TlsMode.REQUIRE)


@pytest.mark.parametrize("mode", [TlsMode.PREFER, TlsMode.REQUIRE])
def test_an_authority_in_the_home_directory_changes_nothing(
    secured: SecuredSource, mode: TlsMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text(Authority().pem)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert encryption(secured, tls_mode=mode, tls_ca="")


@pytest.mark.parametrize("mode", REQUIRING)
def test_a_handshake_that_breaks_off_is_tried_again(
    fronted: SecuredSource, front: TlsFront, mode: TlsMode
) -> None:
    front.tls = BreakingContext(ssl.PROTOCOL_TLS_SERVER)
    error = refused_login(fronted, tls_mode=mode)
    assert isinstance(error, SourceUnreachableError), error.raw
    assert isinstance(error, TransientError)
