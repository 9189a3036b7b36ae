"""An operator backfills a range in headless Chromium: from the loader's page by the preview to the
job's page, and stops it there."""

from __future__ import annotations

import pytest
from django.db import connections

from backfill.models import BackfillJob
from backfill.states import JobStatus
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.backfills import backfill_scene, cycle, execute_all
from tests.support.browser import Visitor, chromium, portal_server


def test_an_operator_previews_submits_watches_and_cancels_a_backfill(
    committed_db: PortalDatabase, postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop is not ours
    scene = backfill_scene(postgres_source)
    with portal_server(committed_db) as address, chromium() as browser:
        operator = Visitor(browser, address, scene.people.operator)
        operator.open(f"/admin/loaders/loader/{scene.loader.pk}/change/")
        operator.click(operator.action("backfill"))
        page = operator.page
        page.fill("#id_from_time", "2026-01-01 00:00")
        page.fill("#id_to_time", "2026-01-02 00:00")
        operator.click(page.locator('button[name="preview"]'))
        assert "2026-01-01 18:00 → 2026-01-02 00:00" in operator.text("#backfill-preview-windows")
        assert "Unknown: no run so far" in operator.text("#backfill-preview")
        operator.click(page.locator('button[name="submit"]'))
        assert "It starts by its priority." in operator.text()
        cycle(scene)
        execute_all()
        cycle(scene)
        page.reload()
        assert "1 of 4" in operator.text("#backfill-box")
        assert "2026-01-01 00:00 → 06:00" in operator.text("#backfill-windows")
        operator.action("cancel").click()
        operator.click(page.locator('[data-confirm="cancel"]'))
        assert "It is cancelled." in operator.text()
        assert operator.action("retry").count() == 1
        assert operator.complaints == []
        connections.close_all()  # Django keeps one of its own for as long as a loop runs
    assert BackfillJob.objects.get().status == JobStatus.CANCELLED
