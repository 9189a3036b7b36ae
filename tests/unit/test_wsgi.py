"""The web server lets go of a client that stops reading."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from loaderportal import wsgi


def test_a_client_that_stops_reading_holds_its_thread_for_no_longer_than_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wsgi, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(WSGIHandler, "__call__", lambda *_: [b"answer"])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        asked: dict[str, Any] = {"gunicorn.socket": ours}
        assert wsgi.application(asked, None) == [b"answer"]
        with pytest.raises(TimeoutError):
            ours.sendall(b"." * 50_000_000)


def test_another_web_server_is_none_of_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WSGIHandler, "__call__", lambda *_: [b"answer"])
    assert wsgi.application({}, None) == [b"answer"]
