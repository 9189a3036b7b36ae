"""Encrypted values altered by SQL: refused, told apart from a lost key, repaired by saving."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent
from core.keyring import LostKeyError
from execution.models import LoadHistory
from loaders import services
from loaders.exceptions import DefinitionTamperedError, ValidationFailedError
from loaders.models import Loader, SourceDatabase
from tests.support.commands import manage
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People
from tests.support.place import client_of
from tests.support.scenes import order_sql

pytestmark = pytest.mark.django_db

OTHER_KEY = base64.b64encode(b"another key, of thirty-two bytes").decode()
ALTERED = [
    "loader_sql = ''",
    "loader_sql = 'SELECT 1'",
    "loader_sql = substr(loader_sql, 1, 40)",
    "loader_sql = overlay(loader_sql placing 'AAAA' from 30)",
    "loader_sql = (SELECT pass_word FROM source_databases)",
    "loader_sql = (SELECT definition FROM loader_version)",
]


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    made = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=made)
    services.approve(user=people.approver, loader=made)
    return made


def alter(change: str, table: str = "loader") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {change}")


@pytest.mark.parametrize("change", ALTERED)
def test_altered_sql_is_tampering(loader: Loader, change: str) -> None:
    services.approved_definition(fresh(loader))
    alter(change)
    with pytest.raises(DefinitionTamperedError, match="altered outside"):
        services.approved_definition(fresh(loader))


def test_a_lost_key_is_not_tampering(loader: Loader, settings: Any) -> None:
    settings.ENCRYPTION_KEY = OTHER_KEY
    with pytest.raises(LostKeyError, match="Add that key"):
        services.approved_definition(fresh(loader))


@pytest.mark.parametrize("change", ALTERED)
def test_saving_a_new_sql_repairs_it_and_asks_for_a_second_person(
    people: People, loader: Loader, change: str
) -> None:
    alter(change)
    values = {"loader_sql": order_sql("POSTGRESQL")}
    services.update_loader(user=people.operator, loader=loader, values=values)
    assert fresh(loader).loader_sql == values["loader_sql"]
    assert fresh(loader).approval_status == "DRAFT"
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    services.approved_definition(fresh(loader))


def posts(people: People, loader: Loader, key: str = "") -> int:
    http = APIClient()
    http.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(people.operator)}")
    headers = {"Idempotency-Key": key} if key else {}
    return http.post(f"/api/v1/loaders/{loader.loader_code}/run", headers=headers).status_code


def presses(people: People, loader: Loader) -> int:
    page = reverse("admin:loaders_loader_do", args=[loader.pk, "run"])
    return client_of(people.operator).post(page).status_code


ASKS: dict[str, tuple[Callable[[People, Loader], int], int]] = {
    "at the API": (posts, 409),
    "with a key": (lambda people, loader: posts(people, loader, "a-key"), 409),
    "in the console": (presses, 302),
    "by a command": (
        lambda people, loader: (
            manage("loader", "run", loader.loader_code, as_user=people.operator).code
        ),
        5,
    ),
}


@pytest.mark.parametrize("how", ASKS)
def test_who_asks_for_a_run_of_it_is_refused_and_the_trail_knows(
    people: People, loader: Loader, how: str
) -> None:
    ask, refused = ASKS[how]
    services.enable(user=people.operator, loader=loader)
    alter("lateness_seconds = 7")
    assert ask(people, loader) == refused
    (event,) = AuditEvent.objects.filter(action="loader.refused")
    assert (event.object_id, event.after) == (
        loader.loader_code,
        {"errorCode": "DEFINITION_TAMPERED"},
    )
    assert LoadHistory.objects.count() == 0


def test_another_change_says_what_must_be_repaired(people: People, loader: Loader) -> None:
    alter("loader_sql = ''")
    with pytest.raises(ValidationFailedError) as caught:
        services.update_loader(user=people.operator, loader=loader, values={"contact": "me"})
    assert "anew" in caught.value.details["errors"]["loader_sql"][0]


def test_the_form_opens_empty_so_that_it_can_be_repaired(loader: Loader) -> None:
    alter("loader_sql = 'SELECT 1'")
    field = Loader._meta.get_field("loader_sql")
    assert field.value_from_object(fresh(loader)) == ""


def test_a_sources_altered_password_is_repaired_by_a_new_one(
    people: People, loader: Loader
) -> None:
    alter("pass_word = 'plain'", "source_databases")
    source = SourceDatabase.objects.get()
    with pytest.raises(ValidationFailedError) as caught:
        services.update_source(user=people.admin, source=source, values={"port": 5433})
    assert list(caught.value.details["errors"]) == ["password"]
    services.update_source(user=people.admin, source=source, values={"password": "fresh"})
    assert SourceDatabase.objects.get().password == "fresh"
    assert fresh(loader).approval_status == "APPROVED"
