"""An operator moves a watermark, saying why (spec 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from audit.models import AuditEvent
from core.clock import database_now
from loaders.models import LoaderState
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.scenes import HOUR, START, Scene, add_orders

PATH = "loaders/ORDERS_HOURLY/watermark"
BACK: dict[str, Any] = {"watermark": "2026-01-01T02:00:00Z", "reason": "late rows"}


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source, purge_strategy="PURGE_AND_RELOAD")
    add_orders(postgres_source, (START + timedelta(minutes=5), "north", "web", 1.0))
    scene.run()
    return scene


def test_the_next_run_goes_on_from_there(scene: Scene) -> None:
    status, shown = Client(scene.people.operator).post(PATH, BACK)
    assert (status, shown["lastLoadTimestamp"]) == (200, "2026-01-01T02:00:00Z")
    assert scene.run().window.start == START + 2 * HOUR
    event = AuditEvent.objects.get(action="loader.watermark")
    assert event.actor == scene.people.operator
    assert event.after["reason"] == "late rows"
    assert event.before["watermark"] is not None


def test_without_a_watermark_it_begins_anew(scene: Scene) -> None:
    assert Client(scene.people.operator).post(PATH, {**BACK, "watermark": None})[0] == 200
    history = scene.run()
    assert (history.window.start, history.records_purged) == (START, 1)


def test_a_watermark_in_the_future_holds_the_loader_until_it_is_moved(scene: Scene) -> None:
    ahead = (database_now() + timedelta(days=1)).isoformat()
    operator = Client(scene.people.operator)
    assert operator.post(PATH, {**BACK, "watermark": ahead})[0] == 200
    status, problem = operator.post("loaders/ORDERS_HOURLY/run")
    assert (status, problem["code"]) == (409, "NOTHING_TO_LOAD")
    assert "future" in problem["detail"]


def test_a_run_under_way_gives_way_to_the_operator(scene: Scene) -> None:
    history = scene.dispatch()
    Client(scene.people.operator).post(PATH, BACK)
    ended = scene.execute(history)
    assert (ended.status, ended.error_code) == ("CANCELLED", "WATERMARK_MOVED")
    state = LoaderState.objects.get()
    assert (state.load_status, state.consecutive_failures) == ("IDLE", 0)
    assert state.next_due_at is not None
    assert state.next_due_at <= database_now()
    assert state.last_load_timestamp == START + 2 * HOUR


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"watermark": None}, "reason"),
        ({"watermark": None, "reason": "  "}, "reason"),
        ({"reason": "why"}, "watermark"),
        ({"watermark": "yesterday", "reason": "why"}, "watermark"),
        ({"watermark": "1890-01-01T00:00:00Z", "reason": "why"}, "watermark"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(
    scene: Scene, body: dict[str, Any], field: str
) -> None:
    status, problem = Client(scene.people.operator).post(PATH, body)
    assert (status, list(problem["errors"])) == (422, [field])
    assert not AuditEvent.objects.filter(action="loader.watermark").exists()


def test_the_console_asks_for_the_reason(scene: Scene) -> None:
    browser = Browser()
    browser.force_login(scene.people.operator)
    address = reverse("admin:loaders_loader_do", args=[scene.loader.pk, "watermark"])
    page = browser.get(address).content.decode()
    assert "2026-01-01 06:00:00" in page
    refused = browser.post(address, {"watermark": "2026-01-01 02:00", "reason": " "})
    assert "This field is required" in refused.content.decode()
    moved = browser.post(address, {"watermark": "2026-01-01 02:00", "reason": "late rows"})
    assert moved.status_code == 302
    assert LoaderState.objects.get().last_load_timestamp == START + 2 * HOUR
    far = browser.post(address, {"watermark": "1890-01-01 02:00", "reason": "why"})
    assert "from 1970 to 2200" in far.content.decode()
