"""Four eyes: drafts, versions, and who may decide about them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.roles import PermissionDeniedError, Role
from audit.models import AuditEvent, LoaderEvent
from loaders import services
from loaders.exceptions import (
    DefinitionTamperedError,
    InvalidTransitionError,
    SelfApprovalError,
    SqlInvalidError,
    ValidationFailedError,
)
from loaders.models import Decision, Loader, LoaderVersion, SourceDatabase
from tests.support.api import Client
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def source(people: People) -> SourceDatabase:
    return make_source(people)


@pytest.fixture
def loader(people: People, source: SourceDatabase) -> Loader:
    return make_draft(people, source)


def test_a_draft_is_submitted_approved_and_then_fit_to_run(people: People, loader: Loader) -> None:
    version = services.submit(user=people.operator, loader=loader, note="first")
    assert (version.number, fresh(loader).approval_status) == (1, "PENDING_APPROVAL")
    services.approve(user=people.approver, loader=loader, comment="fine")
    approved, definition = services.approved_definition(fresh(loader))
    assert (approved.number, approved.decided_by) == (1, people.approver)
    assert definition.values == approved.definition
    actions = list(AuditEvent.objects.order_by("at").values_list("action", "actor_name"))
    assert actions[-2:] == [
        ("loader.submit", "operator-person"),
        ("loader.approve", "approver-person"),
    ]
    assert LoaderEvent.objects.get().kind == "DEFINITION_DECIDED"


def test_a_governed_change_withdraws_the_request_at_once(people: People, loader: Loader) -> None:
    services.submit(user=people.operator, loader=loader)
    services.update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 5})
    assert fresh(loader).approval_status == "DRAFT"
    assert LoaderVersion.objects.get().decision == Decision.WITHDRAWN
    with pytest.raises(InvalidTransitionError):
        services.approve(user=people.approver, loader=loader)
    assert services.submit(user=people.operator, loader=loader).number == 2


def test_a_change_of_words_keeps_the_approval(people: People, loader: Loader) -> None:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    services.update_loader(
        user=people.operator,
        loader=loader,
        values={"description": "Orders by the hour", "min_interval_seconds": 300},
    )
    services.approved_definition(fresh(loader))


def test_an_editor_can_not_approve_even_as_superuser_what_another_submitted(
    people: People, loader: Loader
) -> None:
    people.admin.is_superuser = True
    people.admin.save()
    services.update_loader(user=people.admin, loader=loader, values={"lateness_seconds": 5})
    services.submit(user=people.operator, loader=loader)
    with pytest.raises(SelfApprovalError):
        services.approve(user=people.admin, loader=loader)
    services.approve(user=people.approver, loader=loader)


def test_who_edits_the_source_counts_as_editor_of_its_loaders(
    people: People, source: SourceDatabase, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    services.update_source(user=people.admin, source=source, values={"host": "elsewhere.example"})
    assert fresh(loader).approval_status == "DRAFT"
    services.submit(user=people.operator, loader=loader)
    with pytest.raises(SelfApprovalError):
        services.approve(user=people.admin, loader=loader)


def test_a_new_password_of_the_source_leaves_the_approval_alone(
    people: People, source: SourceDatabase, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    services.update_source(user=people.admin, source=source, values={"password": "rotated"})
    services.approved_definition(fresh(loader))


def test_an_empty_password_keeps_the_stored_one(people: People, source: SourceDatabase) -> None:
    services.update_source(user=people.admin, source=source, values={"password": "", "port": 1})
    assert SourceDatabase.objects.get().password == "x"


def test_an_approval_starts_the_count_of_editors_anew(people: People, loader: Loader) -> None:
    second = person(Role.ADMIN, "second-admin")
    services.update_loader(user=second, loader=loader, values={"lateness_seconds": 5})
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    services.update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 6})
    services.submit(user=people.operator, loader=loader)
    services.approve(user=second, loader=loader)


def test_a_rejection_says_why_and_the_draft_can_be_submitted_again(
    people: People, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    with pytest.raises(ValidationFailedError, match="why"):
        services.reject(user=people.approver, loader=loader, comment=" ")
    services.reject(user=people.approver, loader=loader, comment="Too slow")
    assert fresh(loader).approval_status == "REJECTED"
    assert LoaderVersion.objects.get().comment == "Too slow"
    assert services.submit(user=people.operator, loader=loader).number == 2


def test_what_was_altered_after_the_submit_can_not_be_approved(
    people: People, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE source_databases SET db_name = 'another'")
    with pytest.raises(DefinitionTamperedError):
        services.approve(user=people.approver, loader=loader)


def test_the_database_itself_refuses_an_approval_by_its_author(
    people: People, loader: Loader
) -> None:
    version = services.submit(user=people.operator, loader=loader)
    with pytest.raises(IntegrityError), transaction.atomic():
        LoaderVersion.objects.filter(pk=version.pk).update(
            decision=Decision.APPROVED, decided_by=people.operator
        )


def test_sql_that_the_guard_refuses_is_not_submitted(people: People, loader: Loader) -> None:
    services.update_loader(
        user=people.operator, loader=loader, values={"loader_sql": "SELECT 1; DROP TABLE x"}
    )
    with pytest.raises(SqlInvalidError) as caught:
        services.submit(user=people.operator, loader=loader)
    assert caught.value.details["errors"]
    assert fresh(loader).approval_status == "DRAFT"


def test_only_the_roles_of_the_table_may(people: People, loader: Loader) -> None:
    for user in (people.viewer, people.approver):
        with pytest.raises(PermissionDeniedError):
            services.submit(user=user, loader=loader)
        with pytest.raises(PermissionDeniedError):
            services.disable(user=user, loader=loader)
    services.submit(user=people.operator, loader=loader)
    for user in (people.viewer, people.operator):
        with pytest.raises(PermissionDeniedError):
            services.approve(user=user, loader=loader)
        with pytest.raises(PermissionDeniedError):
            services.reject(user=user, loader=loader, comment="no")


def test_a_request_that_nobody_decides_expires_and_the_draft_stays(
    people: People, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    assert services.expire_stale_requests() == 0
    LoaderVersion.objects.update(submitted_at=timezone.now() - timedelta(days=31))
    assert services.expire_stale_requests() == 1
    assert fresh(loader).approval_status == "DRAFT"
    assert LoaderVersion.objects.get().decision == Decision.EXPIRED
    assert AuditEvent.objects.latest("at").actor_name == "system"
    with pytest.raises(InvalidTransitionError):
        services.approve(user=people.approver, loader=loader)
    assert services.expire_stale_requests() == 0


@pytest.mark.parametrize("tags", ["word", [1], ["Upper"], ["a b"], ["x" * 33], ["a"] * 33])
def test_tags_are_a_list_of_plain_words(people: People, loader: Loader, tags: object) -> None:
    with pytest.raises(ValidationFailedError, match="tags"):
        services.update_loader(user=people.operator, loader=loader, values={"tags": tags})
    services.update_loader(user=people.operator, loader=loader, values={"tags": ["daily", "eu-1"]})


def test_a_decision_about_a_version_that_was_replaced_decides_nothing(
    people: People, loader: Loader
) -> None:
    seen = services.submit(user=people.operator, loader=loader)
    services.update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 5})
    waiting = services.submit(user=people.operator, loader=loader)
    told = "was submitted anew as version 2 meanwhile; look at it"
    with pytest.raises(InvalidTransitionError, match=told):
        services.approve(user=people.approver, loader=loader, version=seen.number)
    with pytest.raises(InvalidTransitionError, match=told):
        services.reject(user=people.approver, loader=loader, comment="no", version=seen.number)
    assert LoaderVersion.objects.get(pk=waiting.pk).decision == Decision.PENDING
    approved = services.approve(user=people.approver, loader=loader, version=waiting.number)
    assert approved.number == 2


@pytest.mark.parametrize(("act", "decision"), [("approve", "APPROVED"), ("reject", "REJECTED")])
def test_the_api_decides_about_the_version_that_it_is_told(
    people: People, loader: Loader, act: str, decision: str
) -> None:
    services.submit(user=people.operator, loader=loader)
    services.update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 5})
    services.submit(user=people.operator, loader=loader)
    approver = Client(people.approver)
    address = f"loaders/ORDERS/{act}"
    status, problem = approver.post(address, {"comment": "seen", "version": 1})
    assert (status, problem["code"]) == (409, "INVALID_TRANSITION")
    assert "version 2" in problem["detail"]
    assert approver.post(address, {"comment": "seen", "version": "x"})[0] == 422
    assert approver.post(address, {"comment": "seen", "version": 2})[0] == 200
    assert LoaderVersion.objects.get(number=2).decision == decision
    _, problem = approver.post(address, {"comment": "once more"})
    assert (problem["code"], problem["from"]) == ("INVALID_TRANSITION", decision)
    assert problem["to"] == decision
    assert "DRAFT" in problem["allowed"]


def test_a_waiting_version_that_was_decided_by_hand_is_not_decided_again(
    people: People, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loader_version SET decision = 'APPROVED', decided_by_id = submitted_by_id + 1"
        )
    with pytest.raises(DefinitionTamperedError):
        services.approve(user=people.approver, loader=loader)
    with pytest.raises(DefinitionTamperedError):
        services.reject(user=people.approver, loader=loader, comment="no")
