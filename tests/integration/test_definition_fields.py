"""The fields of a definition and the rules about them (spec 2, 3)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from core.log_setup import _without_rows, logging_at
from loaders import services
from loaders.definition import Definition
from loaders.exceptions import (
    DefinitionTamperedError,
    LoaderArchivedError,
    LoaderIsExternalError,
    ValidationFailedError,
)
from loaders.models import ApprovalStatus, Loader
from tests.support.api import Client
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People

pytestmark = pytest.mark.django_db
EXTERNAL = {
    "loader_code": "POSTED",
    "kind": "EXTERNAL",
    "description": "Signals that another system posts.",
    "owning_team": "Shop",
    "contact": "shop@example.org",
    "enabled": True,
}


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_draft(people, make_source(people))


def approved(people: People, loader: Loader) -> Loader:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    return fresh(loader)


def refused(people: People, **values: Any) -> dict[str, Any]:
    with pytest.raises(ValidationFailedError) as caught:
        services.create_loader(user=people.operator, values={**EXTERNAL, **values})
    errors: dict[str, Any] = caught.value.details["errors"]
    return errors


def test_an_external_loader_is_approved_like_any_other_and_has_nothing_to_run(
    people: People,
) -> None:
    loader = approved(people, services.create_loader(user=people.operator, values=EXTERNAL))
    assert loader.approval_status == ApprovalStatus.APPROVED
    assert loader not in Loader.objects.runnable()
    with pytest.raises(LoaderIsExternalError, match="posted by another system"):
        services.approved_definition(loader)
    status, shown = Client(people.viewer).get("loaders/POSTED")
    assert (status, shown["kind"], shown["sourceDatabase"]) == (200, "EXTERNAL", None)


def test_a_kind_has_what_it_needs_and_nothing_else(people: People, loader: Loader) -> None:
    assert set(refused(people, source_database=loader.source_database)) == {"source_database"}
    assert set(refused(people, loader_sql="SELECT 1")) == {"loader_sql"}
    assert set(refused(people, kind="SQL")) == {"source_database", "loader_sql"}


def test_the_kind_is_given_once(people: People, loader: Loader) -> None:
    with pytest.raises(ValidationFailedError, match="can't be set"):
        services.update_loader(user=people.operator, loader=loader, values={"kind": "EXTERNAL"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", "Too short"),
        ("owning_team", " "),
        ("contact", ""),
    ],
)
def test_an_undocumented_definition_is_not_put_to_anybody(
    people: People, loader: Loader, name: str, value: str
) -> None:
    services.update_loader(user=people.operator, loader=loader, values={name: value})
    with pytest.raises(ValidationFailedError) as caught:
        services.submit(user=people.operator, loader=fresh(loader))
    assert set(caught.value.details["errors"]) == {name}
    services.update_loader(user=people.operator, loader=loader, values={"is_test": True})
    services.submit(user=people.operator, loader=fresh(loader))


def test_an_organisation_may_have_its_own_rule_for_codes(people: People, settings: Any) -> None:
    settings.LOADER_CODE_PATTERN = "(SHOP|BANK)_.*"
    assert "(SHOP|BANK)_.*" in refused(people)["loader_code"][0]
    services.create_loader(user=people.operator, values={**EXTERNAL, "loader_code": "SHOP_ONE"})


def test_an_archived_loader_stands_as_it_is(people: People, loader: Loader) -> None:
    loader = approved(people, loader)
    assert Client(people.operator).delete("loaders/ORDERS")[0] == 403
    assert Client(people.admin).delete("loaders/ORDERS")[0] == 204
    archived = fresh(loader)
    assert (archived.enabled, archived.archived_at is None) == (False, False)
    acts: list[Any] = [
        lambda: services.enable(user=people.operator, loader=loader),
        lambda: services.update_loader(user=people.operator, loader=loader, values={"domain": "x"}),
        lambda: services.submit(user=people.operator, loader=loader),
        lambda: services.approve(user=people.approver, loader=loader),
        lambda: services.restore_version(user=people.operator, loader=loader, number=1),
        lambda: services.archive_loader(user=people.admin, loader=loader),
        lambda: services.approved_definition(archived),
    ]
    for act in acts:
        with pytest.raises(LoaderArchivedError):
            act()
    assert Client(people.viewer).get("loaders")[1]["results"] == []
    assert len(Client(people.viewer).get("loaders?archived=true")[1]["results"]) == 1
    assert refused(people, loader_code="ORDERS")["loader_code"]


def test_an_archived_loader_lives_on_as_a_copy_in_another_domain(
    people: People, loader: Loader
) -> None:
    services.archive_loader(user=people.admin, loader=loader)
    copied = services.copy_loader(
        user=people.operator, loader=fresh(loader), loader_code="ORDERS_AGAIN", domain="retail"
    )
    assert (copied.domain, copied.archived_at, copied.enabled) == ("retail", None, False)
    assert copied.loader_sql == fresh(loader).loader_sql


def test_a_loader_without_a_zone_of_its_own_takes_its_sources(
    people: People, loader: Loader
) -> None:
    assert loader.source_database is not None
    services.update_source(
        user=people.admin, source=loader.source_database, values={"time_zone": "Asia/Riyadh"}
    )
    assert str(Definition.of(fresh(loader)).settings().zone) != "UTC"
    riyadh = Definition.of(fresh(loader)).settings().zone
    services.update_loader(user=people.operator, loader=loader, values={"offset_hours": 0})
    assert Definition.of(fresh(loader)).settings().zone != riyadh


def test_only_an_admin_sets_how_much_a_loader_logs(people: People, loader: Loader) -> None:
    path = "loaders/ORDERS/log-level"
    assert Client(people.operator).post(path, {"level": "DEBUG"})[0] == 403
    assert Client(people.admin).post(path, {"level": "LOUD"})[0] == 422
    assert Client(people.admin).post(path, {"level": "DEBUG"})[1]["logLevel"] == "DEBUG"
    assert approved(people, fresh(loader)).approval_status == ApprovalStatus.APPROVED


def test_a_level_holds_for_its_run_only() -> None:
    logger = logging.getLogger("execution.engine")
    before = logger.getEffectiveLevel()
    with logging_at("DEBUG"):
        assert logger.isEnabledFor(logging.DEBUG)
    with logging_at("ERROR"):
        assert not logger.isEnabledFor(logging.WARNING)
    with logging_at(""):
        assert logger.getEffectiveLevel() == before
    assert logger.getEffectiveLevel() == before


def damage(loader: Loader) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loader SET loader_sql = loader_sql || 'AAAA'")


def test_a_damaged_statement_is_no_obstacle_to_disabling_its_loader(
    people: People, loader: Loader
) -> None:
    loader = approved(people, loader)
    damage(loader)
    assert services.disable(user=people.operator, loader=loader).enabled is False
    assert Client(people.viewer).get("loaders/ORDERS")[0] == 200


def test_a_definition_damaged_while_it_waits_is_not_approved(
    people: People, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    damage(loader)
    with pytest.raises(DefinitionTamperedError):
        services.approve(user=people.approver, loader=loader)


def test_an_approved_definition_put_back_whole_by_sql_does_not_run(
    people: People, loader: Loader
) -> None:
    loader = approved(people, loader)
    services.update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 99})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loader SET lateness_seconds = 60, approval_status = 'APPROVED', "
            "approved_version_id = (SELECT id FROM loader_version)"
        )
    with pytest.raises(DefinitionTamperedError):
        services.approved_definition(fresh(loader))


def test_a_segment_has_a_meaning_for_people(people: People, loader: Loader) -> None:
    operator = Client(people.operator)
    body = {"segmentMeanings": ["region", "channel"]}
    assert operator.patch("loaders/ORDERS", body)[1]["segmentMeanings"] == ["region", "channel"]
    assert operator.patch("loaders/ORDERS", {"segmentMeanings": ["x"] * 11})[0] == 422


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "admin"])
def test_a_damaged_statement_is_told_on_the_loaders_page(
    people: People, loader: Loader, role: str
) -> None:
    loader = approved(people, loader)
    damage(loader)
    person = getattr(people, role)
    browser = Browser()
    browser.force_login(person)
    page = browser.get(reverse("admin:loaders_loader_change", args=[loader.pk]), {"tab": "sql"})
    assert page.status_code == 200
    assert ("stored value" in page.content.decode()) == (role != "viewer")
    status, answer = Client(person).get("loaders/ORDERS")
    assert (status, answer.get("code")) == (
        (200, None) if role == "viewer" else (409, "DECRYPTION_FAILED")
    )


def test_no_row_that_an_error_quotes_is_logged() -> None:
    event = {"exception": [{"exc_value": "refused\nDETAIL:  Failing row contains (secret)."}]}
    assert _without_rows(None, "error", event)["exception"] == [{"exc_value": "refused"}]
