"""Output versions at the API and in the console (spec 10)."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from execution.models import LoadHistory, Trigger
from signals import comparison
from signals.models import OutputVersion
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.outputs import content, kept_content, reloaded_scene
from tests.support.scenes import Scene


@pytest.fixture
def reloaded(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> tuple[Scene, OutputVersion]:
    return reloaded_scene(postgres_source)


def test_a_version_is_listed_compared_and_restored_through_the_api(
    reloaded: tuple[Scene, OutputVersion],
) -> None:
    scene, version = reloaded
    api = Client(scene.people.operator)
    status, page = api.get("loaders/ORDERS_HOURLY/outputs", page_size=1)
    (listed,) = page["results"]
    assert (status, listed["outputId"], listed["rows"]) == (200, str(version.pk), 3)
    assert listed["windowFrom"] == "2026-01-01T00:00:00Z"
    status, shown = api.get(f"outputs/{version.pk}")
    found = shown.pop("comparison")
    assert (status, shown) == (200, listed)
    assert (found["onlyBefore"], found["onlyNow"], found["same"]) == (1, 1, 1)
    assert found["examples"][0]["kind"] == "ONLY_BEFORE"
    assert found["examples"][0]["before"]["sumVal"] == 1.0
    status, answer = api.post(f"outputs/{version.pk}/restore", {})
    assert (status, answer["status"]) == (202, "RUNNING")
    again, problem = api.post(f"outputs/{version.pk}/restore", {})
    assert (again, problem["code"]) == (409, "LOADER_AT_CAPACITY")
    scene.execute(LoadHistory.objects.get(pk=answer["executionId"]))
    assert content() == kept_content(version)


def test_a_comparison_that_takes_too_long_is_given_up_and_the_restore_is_still_offered(
    reloaded: tuple[Scene, OutputVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, version = reloaded
    slow = comparison._COUNTS.replace("SELECT kind", "SELECT pg_sleep(30)::text, kind")
    monkeypatch.setattr(comparison, "_COUNTS", slow)
    monkeypatch.setattr(comparison, "LONGEST_SECONDS", 1)
    status, problem = Client(scene.people.viewer).get(f"outputs/{version.pk}")
    assert (status, problem["code"]) == (503, "COMPARISON_TIMEOUT")
    browser = Browser()
    browser.force_login(scene.people.operator)
    page = reverse("admin:signals_outputversion_change", args=[version.pk])
    text = browser.get(page).content.decode()
    assert "could not be compared in time" in text
    assert "Restore it?" in text


def test_an_unknown_version_or_loader_is_named_as_such(
    reloaded: tuple[Scene, OutputVersion],
) -> None:
    api = Client(reloaded[0].people.operator)
    nowhere = "outputs/00000000-0000-7000-8000-000000000000"
    for status, problem in (api.get(nowhere), api.post(f"{nowhere}/restore", {})):
        assert (status, problem["code"]) == (404, "OUTPUT_NOT_FOUND")
    status, problem = api.get("loaders/NO_SUCH/outputs")
    assert (status, problem["code"]) == (404, "LOADER_NOT_FOUND")


def test_a_version_is_found_compared_and_restored_in_the_console(
    reloaded: tuple[Scene, OutputVersion],
) -> None:
    scene, version = reloaded
    scene.add_loader("OTHERS_HOURLY")
    browser = Browser()
    browser.force_login(scene.people.operator)
    loader = browser.get(reverse("admin:loaders_loader_change", args=[scene.loader.pk]))
    outputs = reverse("admin:signals_outputversion_changelist")
    listed = f"{outputs}?loader__loader_code__exact=ORDERS_HOURLY"
    assert listed in loader.content.decode()
    page = reverse("admin:signals_outputversion_change", args=[version.pk])
    assert page in browser.get(listed).content.decode()
    assert page not in browser.get(listed.replace("ORDERS", "OTHERS")).content.decode()
    text = browser.get(page).content.decode()
    for shown in (
        "north / web",
        "Only before",
        "east / app",
        "Only now",
        "2.0 → 7.0",
        "Restore it?",
    ):
        assert shown in text
    do = reverse("admin:signals_outputversion_do", args=[version.pk, "restore"])
    answer = browser.post(do, follow=True).content.decode()
    assert "A run that restores it is queued." in answer
    assert "A run over its window is under way." in answer
    scene.execute(LoadHistory.objects.get(trigger=Trigger.RESTORE))
    assert "A restore would change nothing." in browser.get(page).content.decode()
