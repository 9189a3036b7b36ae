"""A session is opened, or refused with the reason; what TLS has to do with it is next door."""

from __future__ import annotations

import socket
import time

import pytest

from core.errors import TerminalError, TransientError
from loaders.connectors.errors import SourceAuthError, SourceUnreachableError
from tests.integration.connectors.assertions import MARKER, refused_login
from tests.integration.connectors.sources import Source


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
