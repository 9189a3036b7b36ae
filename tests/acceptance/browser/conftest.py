"""One web server and one browser for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.portal_database import PortalDatabase
from tests.support.browser import Site, Visit, Visitor, chromium, portal_server
from tests.support.explored import Shop


@pytest.fixture(scope="package")
def site(django_db_setup: None, portal_database: PortalDatabase) -> Iterator[Site]:
    """The portal over this process's database, and a browser. Each test has the database anew, so
    the server's connections are lost in between, which it must not mind. While Playwright's loop
    runs, Django uses connections apart from those it had before: these would be lost unnoticed."""
    connections.close_all()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is not ours
        with portal_server(portal_database) as address, chromium() as browser:
            yield Site(address, browser)


@pytest.fixture
def visit(committed_db: PortalDatabase, site: Site) -> Iterator[Visit]:
    """Let a person sign in. No page may make the browser complain."""
    visitors: list[Visitor] = []

    def sign_in(user: Any, **options: Any) -> Visitor:
        visitors.append(Visitor(site.browser, site.address, user, **options))
        return visitors[-1]

    yield sign_in
    for visitor in visitors:
        visitor.leave()
    assert [complaint for v in visitors for complaint in v.complaints] == []


@pytest.fixture
def shop(committed_db: PortalDatabase) -> Shop:
    """Loaders that the explorer can show."""
    return Shop()
