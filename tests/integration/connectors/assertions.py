"""What tests of all themes assert."""

from __future__ import annotations

import time
from collections.abc import Callable

from loaders.connectors.errors import SourceError

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
