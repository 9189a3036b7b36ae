"""What tests of all themes assert."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loaders.connectors import connector_for
from loaders.connectors.base import SourceConnection
from loaders.connectors.errors import SourceCancelledError, SourceError
from tests.integration.connectors.sources import Source

MARKER = "planted_marker"


def eventually(condition: Callable[[], bool], seconds: float = 3) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def assert_leaks_nothing(error: SourceError, *secrets: str) -> None:
    """Neither text nor chain of the error tells what only its `raw` may tell."""
    told = f"{error} {error!r} {error.message} {error.details} {error.args}"
    for secret in secrets:
        assert secret not in told
    assert error.__cause__ is None
    assert error.__context__ is None


def refused_login(source: Source, **changes: Any) -> SourceError:
    """The error of a session that must not open; it leaks neither password nor file names."""
    password = changes.pop("password", source.server.reader_password)
    with pytest.raises(SourceError) as caught:
        connector_for(source.kind).connect(
            replace(source.profile, **changes),
            password,
            statement_timeout_seconds=5,
            application_name="test",
        )
    assert_leaks_nothing(caught.value, password, "source-ca-")
    assert password not in caught.value.raw
    return caught.value


def cancel_while(source: Source, connection: SourceConnection, act: Callable[[], Any]) -> float:
    """Seconds from the cancel to the reader's error; the query must be gone from the source."""
    cancelled_at: list[float] = []

    def cancel() -> None:
        cancelled_at.append(time.monotonic())
        connection.cancel()

    timer = threading.Timer(0.7, cancel)
    timer.start()
    with pytest.raises(SourceCancelledError) as caught:
        act()
    seconds = time.monotonic() - cancelled_at[0]
    timer.join()
    assert_leaks_nothing(caught.value, "SELECT")
    assert eventually(lambda: not source.running(), 2)
    assert not connection.usable
    return seconds
