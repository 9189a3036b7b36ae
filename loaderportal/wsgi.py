"""WSGI entry point for gunicorn. A client that stops reading or sending is let go: otherwise it
would hold its thread for as long as it likes, and eight of them the whole web server."""

from __future__ import annotations

import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loaderportal.settings")

_portal = get_wsgi_application()

import loaderportal.urls  # noqa: E402, F401 - now, and not while somebody waits for the first page

PAUSE_SECONDS = 60.0
"""How long the client may take for a piece of the answer, or to send more of its request."""


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The portal. gunicorn's threads wait for a client without end, unless its socket knows one."""
    client = environ.get("gunicorn.socket")
    if client is not None:
        client.settimeout(PAUSE_SECONDS)
    return _portal(environ, start_response)
