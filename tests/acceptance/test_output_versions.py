"""An operator looks at what a reload replaced, in headless Chromium, and puts it back."""

from __future__ import annotations

import pytest
from django.db import connections

from execution.models import LoadHistory, Trigger
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.browser import Visitor, chromium, portal_server
from tests.support.outputs import content, kept_content, reloaded_scene


def test_an_operator_compares_a_version_and_restores_it(
    committed_db: PortalDatabase, postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is not ours
    scene, version = reloaded_scene(postgres_source)
    with portal_server(committed_db) as address, chromium() as browser:
        viewer = Visitor(browser, address, scene.people.viewer)
        operator = Visitor(browser, address, scene.people.operator)
        page = operator.address_of("signals/outputversion", "ORDERS_HOURLY")
        viewer.open(page)
        viewer.open_menu()
        assert "may" in viewer.text("#output-box")
        assert viewer.page.locator('[data-confirm="restore"]').count() == 0
        operator.open(page)
        compared = operator.text("#output-comparison")
        for shown in ("north / web", "Only before", "Only now", "2.0 → 7.0"):
            assert shown in compared
        operator.action("restore").click()
        operator.click(operator.page.locator('[data-confirm="restore"]'))
        assert "A run that restores it is queued." in operator.text()
        scene.execute(LoadHistory.objects.get(trigger=Trigger.RESTORE))
        operator.open(page)
        assert "A restore would change nothing." in operator.text("#output-comparison")
        assert operator.complaints + viewer.complaints == []
        connections.close_all()  # Django keeps one of its own for as long as a loop runs
    assert content() == kept_content(version)
