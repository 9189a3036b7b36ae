"""Refresh tokens end with the access of the person they were given to."""

from __future__ import annotations

import pytest
from django.db import connection
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.users import update_user
from tests.integration.test_approval_races import at_once
from tests.support.api import Client
from tests.support.people import PASSWORD, People


def refreshed(client: Client) -> int:
    return client.post("auth/refresh", {"refreshToken": client.tokens["refreshToken"]})[0]


@pytest.mark.django_db
def test_a_person_who_was_locked_out_gets_no_new_tokens() -> None:
    people = People()
    client = Client(people.operator)
    update_user(actor=people.admin, user=people.operator, values={"is_active": False})
    assert refreshed(client) == 401


@pytest.mark.django_db
def test_a_new_password_ends_the_tokens_given_for_the_old_one() -> None:
    people = People()
    before = Client(people.operator)
    people.operator.set_password("another-long-password")
    people.operator.save()
    assert refreshed(before) == 401
    people.operator.set_password(PASSWORD)
    people.operator.save()
    assert refreshed(Client(people.operator)) == 200


@pytest.mark.django_db
def test_a_token_without_a_mark_of_the_password_is_refused() -> None:
    token = RefreshToken.for_user(People().operator)
    assert Client().post("auth/refresh", {"refreshToken": str(token)})[0] == 401


@pytest.mark.django_db
def test_the_database_holds_no_token_that_could_be_used() -> None:
    client = Client(People().viewer)
    status, renewed = client.post("auth/refresh", {"refreshToken": client.tokens["refreshToken"]})
    assert status == 200
    client.post("auth/logout", {"refreshToken": renewed["refreshToken"]})
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM token_blacklist_outstandingtoken")
        assert cursor.fetchall() == [("",), ("",)]
        cursor.execute("SELECT count(*) FROM token_blacklist_blacklistedtoken")
        assert cursor.fetchone() == (2,)


@pytest.mark.usefixtures("committed_db")
def test_a_refresh_token_that_is_used_twice_at_once_serves_once() -> None:
    client = Client(People().viewer)
    statuses: list[int] = []
    at_once(*[lambda: statuses.append(refreshed(client))] * 4)
    assert sorted(statuses) == [200, 401, 401, 401]
