"""An administrator grants in headless Chromium, and an operator's console changes with it. The
web server has the setting on; this process, which sets the scene, has it off."""

from __future__ import annotations

import pytest
from django.db import connections

from tests.portal_database import PortalDatabase
from tests.support.browser import Visitor, chromium, portal_server
from tests.support.definitions import make_draft, make_source
from tests.support.people import People


@pytest.fixture
def people(committed_db: PortalDatabase) -> People:
    people = People()
    make_draft(people, make_source(people))
    return people


def test_an_operator_sees_a_loader_once_an_administrator_grants_its_source_to_the_team(
    people: People, committed_db: PortalDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADERPORTAL_OBJECT_PERMISSIONS", "true")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is not ours
    with portal_server(committed_db) as address, chromium() as browser:
        admin = Visitor(browser, address, people.admin)
        operator = Visitor(browser, address, people.operator)
        operator.open("/admin/loaders/loader/")
        assert "ORDERS" not in operator.text()
        admin.open("/admin/accounts/team/add/")
        admin.page.fill("#id_name", "Shop team")
        admin.page.get_by_label("operator-person").check()
        admin.click(admin.page.locator("[name=_save]"))
        admin.open(admin.address_of("loaders/sourcedatabase", "SHOP"))
        admin.open_menu()
        admin.click(admin.action("teams"))
        admin.page.get_by_label("Shop team").check()
        admin.click(admin.page.locator("#action-form button[type=submit]"))
        assert "SHOP is granted to Shop team." in admin.text()
        operator.open(operator.address_of("loaders/loader", "ORDERS"))
        assert operator.action("enable").count() == 1
        operator.open(operator.address_of("loaders/sourcedatabase", "SHOP"))
        operator.open_menu()
        assert "Only the roles admin may" in operator.text("#source-box")
        assert admin.complaints + operator.complaints == []
        connections.close_all()  # Django keeps one of its own for as long as a loop runs
