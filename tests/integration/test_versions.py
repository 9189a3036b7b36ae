"""Copies and old versions: always drafts, never a way round the second person."""

from __future__ import annotations

import pytest
from django.db import connection

from loaders import services
from loaders.exceptions import DefinitionTamperedError, ValidationFailedError
from loaders.models import Loader
from tests.support.api import Client
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People
from tests.support.scenes import START

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    """Version 1 approved, version 2 with other values approved after it."""
    loader = make_draft(people, make_source(people))
    services.update_loader(
        user=people.operator, loader=loader, values={"start_at": START, "offset_hours": -3}
    )
    _approve(people, loader)
    changes = {"lateness_seconds": 7, "start_at": None, "offset_hours": 2}
    sql = fresh(loader).loader_sql.replace("region", "district")
    services.update_loader(
        user=people.operator, loader=loader, values={**changes, "loader_sql": sql}
    )
    _approve(people, loader)
    return fresh(loader)


def _approve(people: People, loader: Loader) -> None:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)


def test_a_restored_version_is_a_draft_with_its_values_to_the_letter(
    people: People, loader: Loader
) -> None:
    first = services.get_version(loader, 1)
    services.restore_version(user=people.operator, loader=loader, number=1)
    restored = fresh(loader)
    assert restored.approval_status == "DRAFT"
    assert restored.start_at == START
    version = services.submit(user=people.operator, loader=restored)
    assert version.number == 3
    assert version.definition == first.definition


def test_an_altered_version_can_not_be_restored(people: People, loader: Loader) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loader_version SET digest = 'hs1:0:0' WHERE number = 1")
    with pytest.raises(DefinitionTamperedError):
        services.restore_version(user=people.operator, loader=loader, number=1)


def test_a_copy_is_a_disabled_draft_that_nobody_approved(people: People, loader: Loader) -> None:
    copied = services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_COPY")
    assert (copied.approval_status, copied.enabled) == ("DRAFT", False)
    assert copied.loader_sql == loader.loader_sql
    assert not copied.versions.exists()
    with pytest.raises(ValidationFailedError):
        services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_COPY")


def test_versions_are_listed_shown_compared_and_restored_through_the_api(
    people: People, loader: Loader
) -> None:
    operator, viewer = Client(people.operator), Client(people.viewer)
    _, page = viewer.get("loaders/ORDERS/versions")
    assert [v["number"] for v in page["results"]] == [2, 1]
    assert page["results"][0]["decidedBy"] == "approver-person"

    _, one = operator.get("loaders/ORDERS/versions/1")
    assert "FROM orders" in one["definition"]["loaderSql"]
    assert "loaderSql" not in viewer.get("loaders/ORDERS/versions/1")[1]["definition"]

    _, diff = operator.get("loaders/ORDERS/diff", **{"from": 1, "to": 2})
    changed = {change["setting"]: (change["before"], change["after"]) for change in diff["changes"]}
    assert changed["Lateness (seconds)"] == ("60", "7")
    assert any(line.startswith("+") and "district" in line for line in diff["sqlDiff"])
    assert "sqlDiff" not in viewer.get("loaders/ORDERS/diff", **{"from": 1, "to": 2})[1]

    status, restored = operator.post("loaders/ORDERS/versions/1/restore")
    assert (status, restored["approvalStatus"]) == (200, "DRAFT")
    status, copied = operator.post("loaders/ORDERS/copy", {"loaderCode": "ORDERS_2"})
    assert (status, copied["loaderCode"]) == (201, "ORDERS_2")
    assert viewer.post("loaders/ORDERS/copy", {"loaderCode": "ORDERS_3"})[0] == 403
    status, problem = operator.get("loaders/ORDERS/versions/9")
    assert (status, problem["code"]) == (404, "VERSION_NOT_FOUND")
    assert operator.get("loaders/ORDERS/diff", to=1)[0] == 422
