"""The REST API: bodies that clients rely on, roles, problem documents."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as HttpClient
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent
from core.clock import ClockTimestamp
from execution.models import LoadHistory, Replica
from loaders.models import Loader
from tests.integration.test_idempotency import Sender
from tests.support.api import Client
from tests.support.people import People
from tests.support.scenes import START, order_sql

pytestmark = pytest.mark.django_db

SOURCE = {
    "dbCode": "SHOP",
    "dbType": "POSTGRESQL",
    "ip": "db.example",
    "port": 5432,
    "dbName": "shop",
    "userName": "reader",
    "passWord": "s3cret-of-the-source",
}
LOADER = {
    "loaderCode": "ORDERS_HOURLY",
    "sourceDatabase": "SHOP",
    "loaderSql": order_sql("POSTGRESQL"),
    "description": "Orders by region and channel.",
    "owningTeam": "Shop",
    "contact": "shop@example.org",
    "grainSeconds": 3600,
    "startAt": "2026-01-01T00:00:00Z",
    "enabled": True,
}


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def approved(people: People) -> People:
    """People, and a loader that was made, submitted and approved through the API."""
    assert Client(people.admin).post("admin/res/db-sources", SOURCE)[0] == 201
    operator = Client(people.operator)
    assert operator.post("loaders", LOADER)[0] == 201
    assert operator.post("loaders/ORDERS_HOURLY/submit")[0] == 200
    status, loader = Client(people.approver).post("loaders/ORDERS_HOURLY/approve")
    assert (status, loader["approvalStatus"], loader["version"]) == (200, "APPROVED", 1)
    return people


def test_a_loader_goes_from_source_to_approval_to_a_run_through_the_api(approved: People) -> None:
    now = ClockTimestamp()
    Replica.objects.create(
        name="r", version="t", slots=1, pid=1, started_at=START, heartbeat_at=now
    )
    operator = Client(approved.operator)
    status, run = operator.post("loaders/ORDERS_HOURLY/run")
    assert status == 202
    assert run.keys() == {"executionId", "status", "startTime"}
    assert run["status"] == "RUNNING"

    status, execution = operator.get(f"executions/{run['executionId']}/")
    assert status == 200
    assert execution["trigger"] == "API"
    assert execution["queued"] is True
    assert execution["queryFromTime"] == "2026-01-01T00:00:00Z"
    assert execution["requestedBy"] == "operator-person"

    status, refused = operator.post("loaders/ORDERS_HOURLY/run")
    assert (status, refused["code"]) == (409, "LOADER_AT_CAPACITY")

    status, page = operator.get("executions", loaderCode="ORDERS_HOURLY", status="running")
    assert [e["executionId"] for e in page["results"]] == [run["executionId"]]

    assert operator.post(f"executions/{run['executionId']}/cancel")[0] == 202


def test_a_run_that_is_asked_for_twice_under_one_key_is_one_run(approved: People) -> None:
    now = ClockTimestamp()
    Replica.objects.create(
        name="r", version="t", slots=1, pid=1, started_at=START, heartbeat_at=now
    )
    operator = Sender(approved.operator)
    first, again = (operator.post("loaders/ORDERS_HOURLY/run", {}) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert LoadHistory.objects.count() == 1
    assert operator.post("loaders/ORDERS_HOURLY/run", {}, "another-key").status_code == 409


def test_a_source_never_gives_its_password_back(people: People) -> None:
    admin = Client(people.admin)
    status, answer = admin.post("admin/res/db-sources", SOURCE)
    assert status == 201
    assert answer["host"] == "db.example"
    assert "s3cret" not in str(answer) + str(admin.get("admin/res/db-sources/SHOP"))


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0lMDA=", "bm9uc2Vuc2U"])
def test_a_cursor_that_we_did_not_make_is_refused(people: People, cursor: str) -> None:
    status, _ = Client(people.viewer).get("executions", cursor=cursor)
    assert status in {200, 404}


def test_a_source_that_does_not_answer_is_told_in_a_report(people: People) -> None:
    admin = Client(people.admin)
    admin.post("admin/res/db-sources", {**SOURCE, "ip": "127.0.0.1", "port": 1})
    status, report = admin.post("admin/res/db-sources/SHOP/test")
    assert (status, report["ok"], report["code"]) == (200, False, "SOURCE_UNREACHABLE")
    assert "127.0.0.1:1" in report["message"]
    assert "s3cret" not in str(report)
    assert AuditEvent.objects.filter(action="source.test").count() == 1


def test_a_viewer_sees_loaders_without_their_sql(approved: People) -> None:
    _, seen = Client(approved.viewer).get("loaders/ORDERS_HOURLY")
    assert "loaderSql" not in seen
    _, full = Client(approved.operator).get("loaders/ORDERS_HOURLY")
    assert full["loaderSql"] == LOADER["loaderSql"]
    views = AuditEvent.objects.filter(action="loader.view_sql")
    assert [view.actor_name for view in views] == ["operator-person"]
    _, page = Client(approved.operator).get("loaders")
    assert "loaderSql" not in page["results"][0]


@pytest.mark.parametrize(
    ("role", "path", "body"),
    [
        ("viewer", "loaders", LOADER),
        ("approver", "loaders", LOADER),
        ("operator", "admin/res/db-sources", SOURCE),
        ("operator", "loaders/ORDERS_HOURLY/approve", {}),
        ("viewer", "loaders/ORDERS_HOURLY/run", {}),
        ("approver", "loaders/ORDERS_HOURLY/enable", {}),
    ],
)
def test_a_role_that_may_not_gets_403_and_learns_who_may(
    approved: People, role: str, path: str, body: Any
) -> None:
    status, problem = Client(getattr(approved, role)).post(path, body)
    assert (status, problem["code"]) == (403, "PERMISSION_DENIED")
    assert problem["detail"].startswith("Only the role")


def test_who_edited_a_definition_can_not_approve_it_not_even_as_superuser(people: People) -> None:
    people.admin.is_superuser = True
    people.admin.save()
    admin = Client(people.admin)
    admin.post("admin/res/db-sources", SOURCE)
    admin.post("loaders", LOADER)
    admin.post("loaders/ORDERS_HOURLY/submit")
    status, problem = admin.post("loaders/ORDERS_HOURLY/approve")
    assert (status, problem["code"]) == (403, "SELF_APPROVAL")


def test_a_change_of_the_source_takes_the_approval_back(approved: People) -> None:
    Client(approved.admin).patch("admin/res/db-sources/SHOP", {"host": "elsewhere.example"})
    status, loader = Client(approved.operator).get("loaders/ORDERS_HOURLY")
    assert loader["approvalStatus"] == "DRAFT"
    status, problem = Client(approved.operator).post("loaders/ORDERS_HOURLY/run")
    assert (status, problem["code"]) == (409, "LOADER_NOT_APPROVED")


def test_bad_sql_is_saved_as_a_draft_and_refused_at_submit(people: People) -> None:
    Client(people.admin).post("admin/res/db-sources", SOURCE)
    operator = Client(people.operator)
    assert operator.post("loaders", {**LOADER, "loaderSql": "DELETE FROM orders"})[0] == 201
    status, problem = operator.post("loaders/ORDERS_HOURLY/submit")
    assert (status, problem["code"]) == (422, "SQL_INVALID")
    assert problem["errors"][0]["code"]


def test_sql_validate_names_code_line_and_column(people: People) -> None:
    viewer = Client(people.viewer)
    status, verdict = viewer.post("sql/validate", {"sql": order_sql("MYSQL"), "dbType": "MYSQL"})
    assert (status, verdict["isValid"], verdict["errors"]) == (200, True, [])
    status, verdict = viewer.post("sql/validate", {"sql": "DROP TABLE x", "dbType": "MYSQL"})
    assert verdict["isValid"] is False
    assert verdict["errors"][0].keys() == {"code", "message", "line", "column"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"loaderCode": "lower"}, "loaderCode"),
        ({"grainSeconds": 7}, "grainSeconds"),
        ({"startAt": "2026-02-01T00:00:00Z", "endAt": "2026-01-01T00:00:00Z"}, "endAt"),
        ({"watermarkPolicy": "WINDOW_END", "latenessSeconds": 0}, "latenessSeconds"),
        ({"timeZone": "Mars/Base"}, "timeZone"),
        ({"purgeStrategy": "ERASE_ALL"}, "purgeStrategy"),
        ({"lodaerSql": "x"}, "lodaerSql"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(
    people: People, change: dict[str, Any], field: str
) -> None:
    Client(people.admin).post("admin/res/db-sources", SOURCE)
    status, problem = Client(people.operator).post("loaders", {**LOADER, **change})
    assert (status, problem["code"]) == (422, "VALIDATION_FAILED")
    assert field in problem["errors"]
    assert Client(people.viewer).get("loaders")[1]["results"] == []


NO_BODY = [
    (b'{"dryRun": true}', "application/json", 422),
    (b"[]", "application/json", 422),
    (b"null", "application/json", 422),
    (b"{not json", "application/json", 400),
    (b"hello", "text/plain", 415),
]


@pytest.mark.parametrize(("body", "form", "status"), NO_BODY)
def test_a_body_that_nobody_reads_is_refused_and_nothing_is_done(
    approved: People, body: bytes, form: str, status: int
) -> None:
    http = APIClient()
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(approved.operator)}")
    for path in ("loaders/ORDERS_HOURLY/run", "loaders/ORDERS_HOURLY/disable"):
        assert http.post(f"/api/v1/{path}", body, content_type=form).status_code == status, path
    assert Loader.objects.get().enabled
    assert LoadHistory.objects.count() == 0


def test_a_body_that_would_be_taken_for_none_is_refused(approved: People) -> None:
    path = "/api/v1/loaders/ORDERS_HOURLY/run"
    http = APIClient()
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(approved.operator)}")
    chunks = {"Transfer-Encoding": "chunked"}
    answer = http.post(path, content_type="application/json", headers=chunks)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert "Content-Length" in answer.json()["detail"]
    browser = HttpClient(enforce_csrf_checks=True)
    browser.force_login(approved.operator)
    browser.get("/admin/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    for form in ({"dryRun": "true"}, {}):
        sent = browser.post(path, form, headers=token)
        assert sent.status_code == 415, sent.content
    assert LoadHistory.objects.count() == 0


def test_a_code_is_taken_once(approved: People) -> None:
    status, problem = Client(approved.operator).post("loaders", LOADER)
    assert (status, list(problem["errors"])) == (422, ["loaderCode"])


def test_without_a_token_the_answer_is_401_and_a_problem_document() -> None:
    response = HttpClient().get("/api/v1/loaders", headers={"X-Correlation-ID": "abc-1"})
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["X-Correlation-ID"] == "abc-1"
    assert response.json()["correlationId"] == "abc-1"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("loaders/NO_SUCH", "LOADER_NOT_FOUND"),
        ("admin/res/db-sources/NO_SUCH", "SOURCE_NOT_FOUND"),
        ("executions/00000000-0000-7000-8000-000000000000", "EXECUTION_NOT_FOUND"),
        ("no/such/path", "NOT_FOUND"),
    ],
)
def test_what_is_not_there_answers_404_with_its_own_code(
    people: People, path: str, code: str
) -> None:
    status, problem = Client(people.operator).get(path)
    assert (status, problem["code"]) == (404, code)


def test_a_wrong_password_says_no_more_than_that(people: People) -> None:
    status, problem = Client().post(
        "auth/login", {"username": "viewer-person", "password": "wrong"}
    )
    assert (status, problem["code"]) == (401, "AUTHENTICATION_FAILED")


def test_a_refresh_token_serves_once_and_logout_revokes_it(people: People) -> None:
    client = Client(people.viewer)
    first = client.tokens["refreshToken"]
    status, renewed = client.post("auth/refresh", {"refreshToken": first})
    assert status == 200
    assert client.post("auth/refresh", {"refreshToken": first})[0] == 401
    assert client.post("auth/logout", {"refreshToken": renewed["refreshToken"]})[0] == 204
    assert client.post("auth/refresh", {"refreshToken": renewed["refreshToken"]})[0] == 401


def test_me_tells_roles_and_permissions(people: People) -> None:
    _, me = Client(people.approver).get("auth/me")
    assert me["roles"] == ["approver"]
    assert me["permissions"] == ["approve", "own_tokens", "view", "view_sql"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"fromEpoch": 10, "toEpoch": 5},
        {"fromEpoch": 0, "toEpoch": 4102444800},
        {"fromEpoch": 0, "toEpoch": 99999999999999},
        {"fromEpoch": 0, "toEpoch": 315360000, "aggregation": "avg", "bucket": "1m"},
        {"fromEpoch": 0, "toEpoch": 10, "aggregation": "avg"},
        {"fromEpoch": 0, "toEpoch": 10, "bucket": "1h"},
        {"fromEpoch": 0, "toEpoch": 10, "limit": 0},
        {"fromEpoch": "x", "toEpoch": 10},
        {"toEpoch": 10},
    ],
)
def test_a_signals_query_that_makes_no_sense_is_refused_with_advice(
    approved: People, parameters: dict[str, Any]
) -> None:
    status, problem = Client(approved.viewer).get(
        "signals/query", loaderCode="ORDERS_HOURLY", **parameters
    )
    assert (status, problem["code"]) in {(422, "QUERY_INVALID"), (422, "VALIDATION_FAILED")}
    assert problem["detail"]


def test_readiness_is_down_without_a_worker_and_up_with_one() -> None:
    response = HttpClient().get("/health/readiness")
    assert (response.status_code, response.json()["components"]["workers"]) == (503, "DOWN")
    now = ClockTimestamp()
    Replica.objects.create(
        name="r", version="t", slots=1, pid=1, started_at=START, heartbeat_at=now
    )
    assert HttpClient().get("/actuator/health/readiness/").status_code == 200
    assert HttpClient().get("/health/liveness").json() == {"status": "UP"}
