"""WSGI entry point for gunicorn (see `loaderportal.gunicorn_conf`)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loaderportal.settings")

application = get_wsgi_application()

import loaderportal.urls  # noqa: E402, F401 - now, and not while somebody waits for the first page
