"""So many requests a minute for each user, and what refused ones are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from core.api.rate import RateLimit
from core.api.throttle import forget_counts
from core.api.views import Endpoint
from core.models import RequestCount
from tests.integration.test_approval_races import at_once
from tests.support.people import People
from tests.support.tokens import make_token

MINUTE = 60


@pytest.fixture
def limit(settings: Any) -> int:
    settings.RATE_LIMIT = RateLimit(3, MINUTE)
    return 3


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


def statuses(client: APIClient, count: int, path: str = "auth/me", **extra: Any) -> list[int]:
    return [client.get(f"/api/v1/{path}", **extra).status_code for _ in range(count)]


def let_pass(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE api_request_count SET began_at = began_at - make_interval(secs => %s)",
            [seconds],
        )


def test_every_endpoint_has_the_manners() -> None:
    patterns = [p for p in get_resolver().url_patterns if "api/v1/" in str(p.pattern)]
    views: list[Any] = [p.callback for p in patterns]
    without = [view for view in views if not issubclass(view.view_class, Endpoint)]
    assert len(views) > 50
    assert without == []


@pytest.mark.django_db
def test_who_asks_too_often_is_told_when_to_come_back(limit: int) -> None:
    client = client_of(People().viewer)
    assert statuses(client, limit) == [200] * 3
    refused = client.get("/api/v1/auth/me")
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    body = refused.json()
    assert (body["code"], body["status"]) == ("TOO_MANY_REQUESTS", 429)
    assert int(refused["Retry-After"]) == body["retryAfter"]
    assert 50 <= body["retryAfter"] <= 60


@pytest.mark.django_db
def test_a_period_begins_with_the_first_request_and_ends_by_itself(limit: int) -> None:
    client = client_of(People().viewer)
    assert statuses(client, 5) == [200] * 3 + [429] * 2
    let_pass(30)
    assert statuses(client, 1) == [429]
    assert 20 <= int(client.get("/api/v1/auth/me")["Retry-After"]) <= 30
    let_pass(31)
    assert statuses(client, 4) == [200] * 3 + [429]


@pytest.mark.django_db
def test_one_user_does_not_use_up_another_ones_requests(limit: int) -> None:
    people = People()
    assert statuses(client_of(people.viewer), 4)[-1] == 429
    assert statuses(client_of(people.operator), 3) == [200] * 3


@pytest.mark.django_db
def test_the_tokens_of_an_owner_share_one_count_with_the_owner(limit: int) -> None:
    user = People().operator
    first, second = (make_token(user, name=name).text for name in ("first", "second"))
    seen = [
        APIClient().get("/api/v1/auth/me", HTTP_AUTHORIZATION=f"Bearer {text}").status_code
        for text in (first, second, first, second)
    ]
    assert seen == [200, 200, 200, 429]
    assert statuses(client_of(user), 1) == [429]


@pytest.mark.django_db
def test_guessing_at_tokens_is_counted_by_address(limit: int) -> None:
    guess = {"HTTP_AUTHORIZATION": f"Bearer lpt_{'0' * 64}", "REMOTE_ADDR": "203.0.113.9"}
    assert statuses(APIClient(), 4, **guess) == [401] * 3 + [429]
    assert statuses(APIClient(), 1, REMOTE_ADDR="203.0.113.10") == [401]


@pytest.mark.django_db
def test_a_request_that_the_role_does_not_allow_is_counted(limit: int) -> None:
    assert statuses(client_of(People().viewer), 4, "audit") == [403] * 3 + [429]


@pytest.mark.django_db
def test_a_request_for_a_form_that_there_is_none_of_is_counted(limit: int) -> None:
    client = client_of(People().viewer)
    assert statuses(client, limit + 1, headers={"Accept": "text/html"}) == [406] * 3 + [429]


@pytest.mark.django_db
def test_refused_requests_do_nothing(limit: int) -> None:
    client = client_of(People().admin)
    assert statuses(client, 3) == [200] * 3
    answer = client.post("/api/v1/tokens", {"name": "bot", "role": "viewer"}, format="json")
    assert answer.status_code == 429
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM api_token")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_health_is_free(limit: int) -> None:
    for _ in range(5):
        assert APIClient().get("/health/liveness").status_code == 200
    assert not RequestCount.objects.exists()


@pytest.mark.django_db
def test_a_count_is_one_statement(settings: Any) -> None:
    client = APIClient()
    for limit, queries in ((RateLimit(3, MINUTE), 1), (None, 0)):
        settings.RATE_LIMIT = limit
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/api/v1/auth/me").status_code == 401
        assert len(seen) == queries


@pytest.mark.django_db
def test_periods_that_are_over_are_forgotten_and_others_are_not(limit: int) -> None:
    statuses(client_of(People().viewer), 2)
    let_pass(61)
    statuses(APIClient(), 1, REMOTE_ADDR="203.0.113.9")
    assert forget_counts() == 1
    assert [row.subject for row in RequestCount.objects.all()] == ["address 203.0.113.9"]


@pytest.mark.django_db
def test_what_the_limit_left_behind_goes_with_it(limit: int, settings: Any) -> None:
    statuses(APIClient(), 1)
    settings.RATE_LIMIT = None
    assert forget_counts() == 1


@pytest.mark.usefixtures("committed_db")
def test_of_many_requests_at_once_no_more_pass_than_allowed(limit: int) -> None:
    token = str(AccessToken.for_user(People().viewer))
    seen: list[int] = []

    def ask() -> None:
        answer = APIClient().get("/api/v1/auth/me", HTTP_AUTHORIZATION=f"Bearer {token}")
        seen.append(answer.status_code)

    at_once(*[ask] * 10)
    assert sorted(seen) == [200] * 3 + [429] * 7


@pytest.mark.usefixtures("committed_db")
def test_counts_write_no_log_and_wait_for_no_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'api_request_count'")
        assert cursor.fetchone() == ("u",)
