"""Test query and dry run: who may ask for what, and what comes of it at API and console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent
from core.clock import ClockTimestamp
from execution.exceptions import LoaderAtCapacityError
from execution.models import LoaderExecutionLock, LoadHistory, Trial, Trigger
from execution.services import dispatch, request_trial
from execution.trials.upkeep import forget_old_trials
from loaders.models import Loader, SourceDatabase
from loaders.services import update_source
from signals.models import SegmentCombination, SignalsHistory
from tests.servers import SourceServer
from tests.support.gathering import work
from tests.support.scenes import HOUR, START, Scene, add_orders, order_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(postgres_source: SourceServer) -> Scene:
    """An approved loader over orders of a source that allows trials."""
    scene = Scene(postgres_source)
    update_source(user=scene.people.admin, source=scene.source, values={"allow_test_queries": True})
    add_orders(
        postgres_source,
        (START + timedelta(minutes=5), "EU", "web", 2.5),
        (START + HOUR, "UK", "shop", 1.0),
    )
    return scene


def api(user: Any) -> APIClient:
    """A client that is signed in."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


def post(user: Any, path: str, **body: Any) -> Any:
    """What the endpoint answers."""
    return api(user).post(f"/api/v1/{path}", body, format="json")


def report_of(user: Any, answer: Any) -> Any:
    """The trial's answer."""
    execution = answer.json()["executionId"]
    return api(user).get(f"/api/v1/executions/{execution}/trial").json()


def test_a_dry_run_checks_a_window_and_writes_nothing(scene: Scene) -> None:
    answer = post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run")
    assert answer.status_code == 202
    assert report_of(scene.people.operator, answer)["status"] == "RUNNING"
    work()

    found = report_of(scene.people.operator, answer)

    assert found["kind"] == "DRY_RUN"
    assert found["status"] == "SUCCESS"
    assert found["stage"] == "ENDED"
    assert found["report"]["rows"] == 2
    assert found["report"]["standing"] == 0
    assert found["report"]["windowTo"] == "2026-01-01T06:00:00+00:00"
    assert len(found["report"]["sample"]) == 2
    assert not SignalsHistory.objects.exists()
    assert not SegmentCombination.objects.exists()
    event = AuditEvent.objects.get(action="trial.request")
    assert event.actor == scene.people.operator


def test_a_viewer_sees_the_outcome_without_the_data(scene: Scene) -> None:
    answer = post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run")
    work()
    found = report_of(scene.people.viewer, answer)["report"]
    assert found["rows"] == 2
    assert found["sample"] == []
    assert found["explain"] == ""


def test_a_test_query_tries_another_statement_and_leaves_the_definition_alone(
    scene: Scene,
) -> None:
    double = order_sql("POSTGRESQL").replace("SUM(amount)", "SUM(amount * 2)")
    answer = post(
        scene.people.operator,
        "loaders/ORDERS_HOURLY/test-query",
        sql=double,
        fromTime="2026-01-01T00:00:00Z",
        toTime="2026-01-01T01:00:00Z",
    )
    work()
    (row,) = report_of(scene.people.operator, answer)["report"]["sample"]
    assert row[12] == "5"
    loader = Loader.objects.get()
    assert loader.loader_sql == order_sql("POSTGRESQL")
    assert loader.approval_status == "APPROVED"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sql": "DELETE FROM orders"}, 422, "SQL_INVALID"),
        ({"fromTime": "2026-01-01T00:00:00Z"}, 422, "TRIAL_WINDOW_INVALID"),
        (
            {"fromTime": "2026-01-01T00:30:00Z", "toTime": "2026-01-01T01:00:00Z"},
            422,
            "TRIAL_WINDOW_INVALID",
        ),
        (
            {"fromTime": "2026-01-01T00:00:00Z", "toTime": "2026-01-02T00:00:00Z"},
            422,
            "TRIAL_WINDOW_INVALID",
        ),
        ({"rows": 5}, 422, "VALIDATION_FAILED"),
    ],
)
def test_bad_input_is_refused_with_a_code(
    scene: Scene, body: dict[str, Any], status: int, code: str
) -> None:
    answer = post(scene.people.operator, "loaders/ORDERS_HOURLY/test-query", **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not LoadHistory.objects.exists()


def test_a_source_must_allow_trials(scene: Scene) -> None:
    update_source(
        user=scene.people.admin,
        source=SourceDatabase.objects.get(),
        values={"allow_test_queries": False},
    )
    answer = post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run")
    assert (answer.status_code, answer.json()["code"]) == (409, "TRIALS_NOT_ALLOWED")


def test_one_trial_of_a_loader_at_a_time_and_runs_beside_it(scene: Scene) -> None:
    assert post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run").status_code == 202
    again = post(scene.people.operator, "loaders/ORDERS_HOURLY/test-query")
    assert (again.status_code, again.json()["code"]) == (409, "LOADER_AT_CAPACITY")
    scene.dispatch()
    assert LoaderExecutionLock.objects.active().count() == 2


def test_a_trial_counts_against_the_cap_of_its_source(scene: Scene) -> None:
    SourceDatabase.objects.update(max_connections=1)
    assert post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run").status_code == 202
    other = scene.add_loader("ORDERS_OTHER")
    with pytest.raises(LoaderAtCapacityError, match="serves 1 runs already"):
        dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE)


def test_results_are_forgotten_after_their_days(scene: Scene, settings: Any) -> None:
    post(scene.people.operator, "loaders/ORDERS_HOURLY/dry-run")
    history = work()
    assert forget_old_trials() == 0
    LoadHistory.objects.update(
        start_time=ClockTimestamp() - settings.TRIAL_RETENTION - timedelta(minutes=1)
    )
    assert forget_old_trials() == 1
    assert not Trial.objects.exists()
    answer = api(scene.people.operator).get(f"/api/v1/executions/{history.pk}/trial")
    assert (answer.status_code, answer.json()["code"]) == (404, "TRIAL_NOT_FOUND")


def test_the_console_asks_for_a_window_and_leads_to_the_result(scene: Scene) -> None:
    client = Client()
    client.force_login(scene.people.operator)
    button = reverse("admin:loaders_loader_do", args=[scene.loader.pk, "test-query"])
    assert "first 100 rows" in client.get(button).content.decode()
    half = client.post(button, {"from_time": "2026-01-01 00:00", "to_time": "", "sql": ""})
    assert "Give both ends" in half.content.decode()

    page = client.post(button, {"from_time": "", "to_time": "", "sql": ""}, follow=True)
    assert "Waiting for a worker" in page.content.decode()
    assert "/live/" in page.content.decode()
    work()

    shown = client.get(page.request["PATH_INFO"])
    assert "/live/" not in shown.content.decode()
    assert "The first 2 rows" in shown.content.decode()
    client.force_login(scene.people.viewer)
    assert "The first 2 rows" not in client.get(page.request["PATH_INFO"]).content.decode()


def test_a_review_shows_the_evidence_and_has_it_gathered_again(scene: Scene) -> None:
    version = scene.loader.versions.get()
    client = Client()
    client.force_login(scene.people.approver)
    review = reverse("admin:loaders_loaderversion_change", args=[version.pk])
    assert 'id="review-evidence"' in client.get(review).content.decode()
    again = reverse("admin:loaders_loaderversion_evidence", args=[version.pk])
    told = client.post(again, follow=True).content.decode()
    assert "its evidence stands as it was" in told
    client.force_login(scene.people.viewer)
    assert client.post(again).status_code == 403


def test_evidence_is_no_kind_to_ask_for(scene: Scene) -> None:
    with pytest.raises(ValueError, match="for a version"):
        request_trial(
            user=scene.people.operator,
            loader=scene.loader,
            kind="EVIDENCE",  # type: ignore[arg-type]
        )
