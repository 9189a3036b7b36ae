"""One web server and one browser for all journeys of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.portal_database import PortalDatabase
from tests.support.browser import Site, chromium, portal_server


@pytest.fixture(scope="module")
def site(django_db_setup: None, portal_database: PortalDatabase) -> Iterator[Site]:
    """The portal over this process's database, and a browser. Each test has the database anew, so
    the server's connections are lost in between, which it must not mind. While Playwright's loop
    runs, Django uses connections apart from those it had before: these would be lost unnoticed."""
    connections.close_all()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is not ours
        with portal_server(portal_database) as address, chromium() as browser:
            yield Site(address, browser)
