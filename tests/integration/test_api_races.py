"""Two people who take the same code at the same moment: one is told that it is taken."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse

from loaders.models import Loader, SourceDatabase
from loaders.services import definitions, sources
from tests.integration.test_api import LOADER, SOURCE
from tests.integration.test_approval_races import at_once
from tests.support.api import Client
from tests.support.people import People

pytestmark = pytest.mark.usefixtures("committed_db")


def meet(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    """Both must have checked before either inserts."""
    check = getattr(place, name)
    barrier = threading.Barrier(2)
    met = threading.local()

    def checked(*args: Any, **kwargs: Any) -> Any:
        answer = check(*args, **kwargs)
        if not getattr(met, "already", False):
            met.already = True
            barrier.wait(10)
        return answer

    monkeypatch.setattr(place, name, checked)


def both(client: Client, path: str, body: dict[str, Any]) -> list[tuple[int, Any]]:
    answers: list[tuple[int, Any]] = []
    at_once(*[lambda: answers.append(client.post(path, body))] * 2)
    return sorted(answers, key=lambda answer: answer[0])


def test_of_two_loaders_with_one_code_one_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = People()
    assert Client(people.admin).post("admin/res/db-sources", SOURCE)[0] == 201
    meet(monkeypatch, definitions, "check")
    made, refused = both(Client(people.operator), "loaders", LOADER)
    assert (made[0], refused[0]) == (201, 422)
    assert (refused[1]["code"], list(refused[1]["errors"])) == ("VALIDATION_FAILED", ["loaderCode"])
    assert Loader.objects.count() == 1


def test_of_two_copies_with_one_code_one_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = People()
    Client(people.admin).post("admin/res/db-sources", SOURCE)
    operator = Client(people.operator)
    assert operator.post("loaders", LOADER)[0] == 201
    meet(monkeypatch, definitions, "check")
    made, refused = both(operator, "loaders/ORDERS_HOURLY/copy", {"loaderCode": "COPY"})
    assert (made[0], refused[0], list(refused[1]["errors"])) == (201, 422, ["loaderCode"])


def test_of_two_sources_with_one_code_one_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = Client(People().admin)
    meet(monkeypatch, sources, "check")
    made, refused = both(admin, "admin/res/db-sources", SOURCE)
    assert (made[0], refused[0]) == (201, 422)
    assert (refused[1]["code"], list(refused[1]["errors"])) == ("VALIDATION_FAILED", ["dbCode"])
    assert SourceDatabase.objects.count() == 1


def test_of_two_users_with_one_name_one_is_refused_beside_the_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = Browser(raise_request_exception=False)
    browser.force_login(People().admin)
    meet(monkeypatch, get_user_model(), "full_clean")
    typed = {
        "username": "twin",
        "role": "viewer",
        "password1": "a-long-password-1",
        "password2": "a-long-password-1",
    }
    answers: list[Any] = []
    at_once(*[lambda: answers.append(browser.post(reverse("admin:auth_user_add"), typed))] * 2)
    made, refused = sorted(answers, key=lambda answer: -answer.status_code)
    assert (made.status_code, refused.status_code) == (302, 200)
    assert list(refused.context["adminform"].form.errors) == ["username"]
    assert get_user_model().objects.filter(username="twin").count() == 1
