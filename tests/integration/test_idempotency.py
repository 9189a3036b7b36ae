"""A POST that is sent again under the same Idempotency-Key does nothing again."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.urls import get_resolver
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import ApiToken
from audit.models import AuditEvent
from core.api import idempotency
from core.api.idempotency import Repetition
from core.api.stored_answers import forget_answers
from core.clock import ClockTimestamp
from core.models import StoredAnswer
from loaders import services
from loaders.models import Loader
from tests.integration.test_approval_races import at_once
from tests.support.definitions import make_draft, make_source
from tests.support.people import PASSWORD, People
from tests.support.tokens import make_token

COPY = "loaders/ORDERS/copy"
BODY = {"loaderCode": "ORDERS_TWO"}
RESET = {"watermark": None, "reason": "begin anew"}


class Sender:
    """Somebody who sends POSTs with a key."""

    def __init__(self, user: Any, token: str = "") -> None:
        self._http = APIClient(raise_request_exception=False)
        bearer = token or AccessToken.for_user(user)
        self._http.credentials(HTTP_AUTHORIZATION=f"Bearer {bearer}")

    def post(self, path: str, body: Any, key: str | None = "a-key") -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._http.post(f"/api/v1/{path}", body, format="json", headers=headers)


@pytest.fixture
def people() -> People:
    people = People()
    make_draft(people, make_source(people))
    return people


@pytest.mark.django_db
def test_the_same_request_again_is_answered_again_and_does_nothing(people: People) -> None:
    operator = Sender(people.operator)
    first, again = operator.post(COPY, BODY), operator.post(f"{COPY}/", dict(BODY))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert AuditEvent.objects.filter(action="loader.copy").count() == 1


@pytest.mark.django_db
def test_without_a_key_each_request_is_one_of_its_own(people: People) -> None:
    operator = Sender(people.operator)
    assert [operator.post(COPY, BODY, None).status_code for _ in range(2)] == [201, 422]
    assert not StoredAnswer.objects.exists()


@pytest.mark.django_db
def test_a_key_that_came_with_another_request_is_refused(people: People) -> None:
    operator = Sender(people.operator)
    operator.post(COPY, BODY)
    for path, body in (
        (COPY, {"loaderCode": "ORDERS_THREE"}),
        ("loaders/ORDERS_TWO/copy", BODY),
    ):
        refused = operator.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Loader.objects.count() == 2


@pytest.mark.django_db
def test_the_order_of_members_makes_no_other_request(people: People) -> None:
    operator = Sender(people.operator)
    turned = dict(reversed(RESET.items()))
    operator.post("loaders/ORDERS/watermark", RESET)
    assert "Idempotent-Replayed" in operator.post("loaders/ORDERS/watermark", turned)


@pytest.mark.django_db
def test_an_answer_that_tells_of_an_error_is_not_remembered(people: People) -> None:
    operator = Sender(people.operator)
    assert operator.post(COPY, {"loaderCode": "no good"}).status_code == 422
    assert operator.post("loaders/NONE/copy", BODY).status_code == 404
    assert operator.post(COPY, BODY).status_code == 201
    assert StoredAnswer.objects.count() == 1


@pytest.mark.django_db
def test_keys_are_a_users_own(people: People) -> None:
    operator, admin = Sender(people.operator), Sender(people.admin)
    operator.post("loaders/ORDERS/disable", {})
    assert "Idempotent-Replayed" not in admin.post("loaders/ORDERS/enable", {})


@pytest.mark.django_db
def test_a_token_of_lesser_role_is_not_told_what_its_owner_was(people: People) -> None:
    owner = Sender(people.admin)
    first, second = (make_token(people.admin, "operator", name).text for name in ("one", "two"))
    owner.post("loaders/ORDERS/watermark", RESET)
    machine = Sender(None, first).post("loaders/ORDERS/watermark", RESET)
    assert "Idempotent-Replayed" not in machine
    other = Sender(None, second).post("loaders/ORDERS/watermark", RESET)
    assert "Idempotent-Replayed" in other


@pytest.mark.django_db
def test_who_may_no_longer_do_it_is_not_told_either(people: People) -> None:
    operator = Sender(people.operator)
    operator.post(COPY, BODY)
    people.operator.groups.clear()
    assert operator.post(COPY, BODY).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ключ"])
def test_a_key_that_is_none_is_refused(people: People, key: str) -> None:
    refused = Sender(people.operator).post(COPY, BODY, key)
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_INVALID")
    assert Loader.objects.count() == 1


@pytest.mark.django_db
def test_secrets_are_never_stored(people: People) -> None:
    viewer = Sender(people.viewer)
    for path, body in (
        ("tokens", {"name": "bot", "role": "viewer"}),
        ("auth/login", {"username": "viewer-person", "password": PASSWORD}),
        ("auth/refresh", {"refreshToken": "x"}),
        ("auth/logout", {"refreshToken": "x"}),
    ):
        refused = viewer.post(path, body)
        assert refused.status_code == 422, path
        assert refused.json()["code"] == "IDEMPOTENCY_KEY_NOT_ACCEPTED"
    assert not ApiToken.objects.exists()
    assert not StoredAnswer.objects.exists()


def test_each_endpoint_that_can_be_posted_to_remembers_its_answer_or_says_why_not() -> None:
    patterns = [p for p in get_resolver().url_patterns if "api/v1/" in str(p.pattern)]
    callbacks: list[Any] = [p.callback for p in patterns]
    posted = [c.view_class for c in callbacks if hasattr(c.view_class, "post")]
    named = {
        repetition: {view.__name__ for view in posted if view.repetition is repetition}
        for repetition in Repetition
    }
    assert named[Repetition.REFUSED] == {"TokenList", "LoginView", "RefreshView", "LogoutView"}
    assert named[Repetition.HARMLESS] == {
        "LoaderValidate",
        "SqlValidate",
        "BackfillPreview",
        "SourceTest",
        "SourceInspect",
    }
    assert len(named[Repetition.ANSWERED]) > 20


@pytest.mark.django_db
def test_where_a_repetition_is_harmless_the_key_is_ignored(people: People) -> None:
    viewer = Sender(people.viewer)
    for sql in ("SELECT 1", "SELECT 2"):
        answer = viewer.post("sql/validate", {"sql": sql, "dbType": "MYSQL"})
        assert answer.status_code == 200
    assert not StoredAnswer.objects.exists()


@pytest.mark.django_db
def test_a_key_is_good_for_a_day_by_the_databases_clock(people: People) -> None:
    operator = Sender(people.operator)
    operator.post("loaders/ORDERS/watermark", RESET)
    age(timedelta(hours=23, minutes=59))
    assert "Idempotent-Replayed" in operator.post("loaders/ORDERS/watermark", RESET)
    age(timedelta(hours=24))
    anew = operator.post("loaders/ORDERS/watermark", {**RESET, "reason": "another day"})
    assert anew.status_code == 200
    assert "Idempotent-Replayed" not in anew
    assert StoredAnswer.objects.count() == 1


@pytest.mark.django_db
def test_old_answers_are_deleted_and_young_ones_are_not(people: People) -> None:
    operator = Sender(people.operator)
    operator.post("loaders/ORDERS/watermark", RESET, "old")
    age(timedelta(hours=24))
    operator.post("loaders/ORDERS/watermark", RESET, "young")
    assert forget_answers() == 1
    assert [row.key for row in StoredAnswer.objects.all()] == ["young"]


@pytest.mark.django_db
def test_what_is_stored_can_not_be_read_in_the_table(people: People) -> None:
    answer = Sender(people.operator).post(COPY, BODY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM api_stored_answer")
        (stored,) = cursor.fetchone()
    assert stored.startswith("lp1:")
    assert answer.json()["loaderCode"] not in stored


@pytest.mark.usefixtures("committed_db")
def test_work_and_memory_of_it_are_one_transaction(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Sender(people.operator)

    def lost(*_: Any) -> str:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "_content", lost)
        assert operator.post(COPY, BODY).status_code == 500
    assert not Loader.objects.filter(loader_code="ORDERS_TWO").exists()
    assert not AuditEvent.objects.filter(action="loader.copy").exists()
    assert operator.post(COPY, BODY).status_code == 201


@pytest.mark.usefixtures("committed_db")
def test_ten_equal_requests_at_once_make_one_loader(people: People) -> None:
    answers: list[Any] = []
    at_once(*[lambda: answers.append(Sender(people.operator).post(COPY, BODY))] * 10)
    made = [a for a in answers if a.status_code == 201]
    told_to_wait = [a.json()["code"] for a in answers if a.status_code != 201]
    assert len([a for a in made if "Idempotent-Replayed" not in a]) == 1
    assert len({a.content for a in made}) == 1
    assert set(told_to_wait) <= {"IDEMPOTENCY_KEY_IN_PROGRESS"}
    assert len(answers) == 10
    assert AuditEvent.objects.filter(action="loader.copy").count() == 1


@pytest.mark.usefixtures("committed_db")
def test_while_the_first_is_worked_on_the_second_is_told_so(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    copy = services.copy_loader

    def slowly(**asked: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return copy(**asked)

    monkeypatch.setattr(services, "copy_loader", slowly)
    answers: list[Any] = []

    def send() -> None:
        answers.append(Sender(people.operator).post(COPY, BODY))
        connections.close_all()

    first = threading.Thread(target=send)
    first.start()
    assert begun.wait(10)
    second = Sender(people.operator).post(COPY, BODY)
    other = Sender(people.operator).post("loaders/ORDERS/watermark", RESET, "another-key")
    go_on.set()
    first.join(10)
    assert (second.status_code, second.json()["code"]) == (409, "IDEMPOTENCY_KEY_IN_PROGRESS")
    assert second["Retry-After"] == "1"
    assert other.status_code == 200
    assert answers[0].status_code == 201
    assert "Idempotent-Replayed" in Sender(people.operator).post(COPY, BODY)


def age(by: timedelta) -> None:
    """Let what is stored be so old."""
    StoredAnswer.objects.update(created_at=ClockTimestamp() - by)
