"""Rotation renews a digest and a seal only where they were right: it approves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from loaders import services
from loaders.exceptions import DefinitionTamperedError
from loaders.models import Loader, LoaderVersion
from tests.support.commands import manage
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.keys import BOTH, NEW, NEW_ID, OLD, OLD_ID, alter, values_under
from tests.support.people import People
from tests.support.scenes import order_sql

pytestmark = pytest.mark.django_db

OF_THE_FIRST = "FROM loader_version WHERE number = 1"
FORGED = f"hs1:{OLD_ID}:{'0' * 64}"
TAMPERED = [
    ("approval_seal = '' WHERE number = 2", "loader_version"),
    (f"approval_seal = '{FORGED}' WHERE number = 2", "loader_version"),
    (f"approval_seal = (SELECT approval_seal {OF_THE_FIRST}) WHERE number = 2", "loader_version"),
    (f"digest = '{FORGED}' WHERE number = 2", "loader_version"),
    (f"digest = (SELECT digest {OF_THE_FIRST}) WHERE number = 2", "loader_version"),
    (
        f"digest = (SELECT digest {OF_THE_FIRST}), "
        f"approval_seal = (SELECT approval_seal {OF_THE_FIRST}) WHERE number = 2",
        "loader_version",
    ),
    ("decided_by_id = (SELECT max(id) FROM auth_user) WHERE number = 2", "loader_version"),
    ("decided_at = decided_at + interval '1 second' WHERE number = 2", "loader_version"),
    ("number = 3 WHERE number = 2", "loader_version"),
    ("lateness_seconds = 60", "loader"),
    ("loader_sql = (SELECT loader_sql FROM loader_definition_history LIMIT 1)", "loader"),
    ("ip = 'other.example'", "source_databases"),
]
"""Each makes the approved definition one that nobody approved."""


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People, settings: Any) -> Loader:
    """Approved as version 1 and, with other SQL and lateness, as version 2, under the old key."""
    settings.ENCRYPTION_KEY = OLD
    made = make_draft(people, make_source(people))
    for lateness, orders in ((60, "old_orders"), (120, "all_orders")):
        sql = order_sql("POSTGRESQL").replace("orders", orders)
        values = {"lateness_seconds": lateness, "loader_sql": sql}
        services.update_loader(user=people.operator, loader=made, values=values)
        services.submit(user=people.operator, loader=made)
        services.approve(user=people.approver, loader=made)
    settings.ENCRYPTION_KEY = BOTH
    services.approved_definition(fresh(made))
    return made


@pytest.mark.parametrize(("change", "table"), TAMPERED)
def test_what_was_tampered_with_before_stays_so_with_both_keys_and_with_the_new_alone(
    loader: Loader, settings: Any, change: str, table: str
) -> None:
    alter(change, table)
    manage("rotate_keys")
    for ring in (BOTH, NEW, f"{OLD},{NEW}"):
        settings.ENCRYPTION_KEY = ring
        with pytest.raises(DefinitionTamperedError):
            services.approved_definition(fresh(loader))


@pytest.mark.parametrize(("change", "table"), TAMPERED)
def test_what_is_tampered_with_afterwards_is_found_as_ever(
    loader: Loader, settings: Any, change: str, table: str
) -> None:
    manage("rotate_keys")
    settings.ENCRYPTION_KEY = NEW
    alter(change, table)
    with pytest.raises(DefinitionTamperedError):
        services.approved_definition(fresh(loader))


def test_a_waiting_version_that_was_given_another_ones_seal_is_not_approved_by_rotation(
    people: People, loader: Loader, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = OLD
    values = {"lateness_seconds": 180}
    services.update_loader(user=people.operator, loader=loader, values=values)
    services.submit(user=people.operator, loader=loader)
    settings.ENCRYPTION_KEY = BOTH
    seal = "(SELECT approval_seal FROM loader_version WHERE number = 2)"
    by = f"decided_by_id = {people.approver.pk}, decided_at = now(), decision = 'APPROVED'"
    alter(f"{by}, approval_seal = {seal} WHERE number = 3", "loader_version")
    third = "(SELECT id FROM loader_version WHERE number = 3)"
    alter(f"approval_status = 'APPROVED', approved_version_id = {third}", "loader")
    outcome = manage("rotate_keys", "--json")
    assert [
        (each["column"], each["fault"], each["keyId"]) for each in outcome.document()["problems"]
    ] == [("approval_seal", "DOES_NOT_VERIFY", OLD_ID)]
    assert LoaderVersion.objects.get(number=3).approval_seal.startswith(f"hs1:{OLD_ID}:")
    with pytest.raises(DefinitionTamperedError):
        services.approved_definition(fresh(loader))


def test_a_seal_that_is_nobodys_keeps_no_key_in_the_ring(loader: Loader) -> None:
    alter(f"approval_seal = '{FORGED}' WHERE number = 2", "loader_version")
    document = manage("rotate_keys", "--json").document()
    assert [each["fault"] for each in document["problems"]] == ["DOES_NOT_VERIFY"]
    assert values_under(OLD_ID) == 1
    assert document["keysStillNeeded"] == [NEW_ID]


def test_an_approval_that_cannot_be_judged_keeps_its_key_needed_and_its_loader_running(
    loader: Loader,
) -> None:
    """Its stored definition is damaged; the loader's own row is what runs, and that is whole."""
    alter("definition = 'damaged' WHERE number = 2", "loader_version")
    document = manage("rotate_keys", "--json").document()
    assert {(each["column"], each["fault"]) for each in document["problems"]} == {
        ("definition", "DAMAGED"),
        ("digest", "UNDECIDED"),
        ("approval_seal", "UNDECIDED"),
    }
    assert document["keysStillNeeded"] == [NEW_ID, OLD_ID]
    assert services.approved_definition(fresh(loader))[0].number == 2


def test_a_seal_whose_digest_needs_a_lost_key_is_left_for_when_it_comes_back(
    people: People, loader: Loader, settings: Any
) -> None:
    """Submitted under one key and approved under another, of which the first is lost."""
    settings.ENCRYPTION_KEY = OLD
    values = {"lateness_seconds": 180}
    services.update_loader(user=people.operator, loader=loader, values=values)
    services.submit(user=people.operator, loader=loader)
    settings.ENCRYPTION_KEY = BOTH
    services.approve(user=people.approver, loader=loader)
    newest = "wHA7zmS6sUvXoHjGq2b1mTQ3pQdZK0lqgD2t5Ylr0hM="
    settings.ENCRYPTION_KEY = f"{newest},{NEW}"
    found = manage("rotate_keys", "--json").document()["problems"]
    of_third = [each for each in found if each["row"] == str(_third().pk)]
    assert {(each["column"], each["fault"]) for each in of_third} == {
        ("definition", "LOST_KEY"),
        ("digest", "LOST_KEY"),
        ("approval_seal", "UNDECIDED"),
    }
    settings.ENCRYPTION_KEY = f"{newest},{NEW},{OLD}"
    assert manage("rotate_keys").code == 0
    settings.ENCRYPTION_KEY = newest
    assert services.approved_definition(fresh(loader))[0].number == 3


def _third() -> LoaderVersion:
    return LoaderVersion.objects.get(number=3)
