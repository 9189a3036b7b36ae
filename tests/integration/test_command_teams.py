"""Commands of a person whose teams were granted some loaders, and of the system, which reaches
all."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from loaders import services
from tests.support.commands import Outcome, manage
from tests.support.definitions import make_draft, make_source
from tests.support.people import People
from tests.support.teams import grant_to, make_team

pytestmark = pytest.mark.django_db

WORDS = (
    ("show", "ORDERS"),
    ("run", "ORDERS"),
    ("enable", "ORDERS"),
    ("disable", "ORDERS"),
    ("copy", "ORDERS", "ORDERS_3"),
    ("submit", "ORDERS"),
)


@pytest.fixture
def people(settings: LazySettings) -> People:
    people = People()
    loader = make_draft(people, make_source(people))
    granted = services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_2")
    settings.OBJECT_PERMISSIONS = True
    grant_to(people, make_team(people, "Shop", people.operator), granted)
    return people


def codes_seen(outcome: Outcome) -> list[str]:
    document = outcome.document()
    return [row["loaderCode"] for row in document["results"]]


def test_the_list_shows_what_the_teams_were_granted_and_the_system_all(people: People) -> None:
    assert codes_seen(manage("loader", "list", "--json", as_user=people.operator)) == ["ORDERS_2"]
    assert codes_seen(manage("loader", "list", "--json")) == ["ORDERS", "ORDERS_2"]


@pytest.mark.parametrize("words", WORDS)
def test_what_was_not_granted_is_not_there(people: People, words: tuple[str, ...]) -> None:
    outcome = manage("loader", *words, as_user=people.operator)
    assert (outcome.code, outcome.err) == (4, "LOADER_NOT_FOUND: There is no loader ORDERS.\n")


def test_what_was_granted_can_be_operated_and_the_system_is_never_restricted(
    people: People,
) -> None:
    assert manage("loader", "enable", "ORDERS_2", as_user=people.operator).code == 0
    assert manage("loader", "disable", "ORDERS").code == 0
    assert manage("loader", "copy", "ORDERS", "ORDERS_3").code == 0


def test_a_copy_over_a_source_that_was_not_granted_finds_no_source(people: People) -> None:
    outcome = manage(
        "loader", "copy", "ORDERS_2", "NEW", "--source", "SHOP", as_user=people.operator
    )
    assert (outcome.code, outcome.err.partition(":")[0]) == (4, "SOURCE_NOT_FOUND")
