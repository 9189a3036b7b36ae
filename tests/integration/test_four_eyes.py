"""Ways round the second person, each of them closed (spec 1 "Four eyes", spec 3)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from loaders import services
from loaders.admin.version import waiting_for
from loaders.definition import Definition
from loaders.exceptions import SelfApprovalError
from loaders.models import ApprovalStatus, Loader, LoaderVersion, SourceDatabase
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People

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


def approved(people: People, loader: Loader) -> Loader:
    services.submit(user=people.operator, loader=loader)
    services.approve(user=people.approver, loader=loader)
    return fresh(loader)


def edit(user: object, loader: Loader, lateness: int = 7) -> None:
    services.update_loader(user=user, loader=loader, values={"lateness_seconds": lateness})


def run_sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE loader SET loader_code = 'ANOTHER'",
        "UPDATE loader SET id = gen_random_uuid()",
        "UPDATE source_databases SET db_code = 'ANOTHER'",
    ],
)
def test_nothing_parts_a_loader_or_source_from_its_trail(loader: Loader, statement: str) -> None:
    with pytest.raises(IntegrityError, match="keeps its id and code"):
        run_sql(statement)


def test_a_digest_is_bound_to_the_code(loader: Loader) -> None:
    definition = Definition.of(loader)
    renamed = Definition(loader.pk, "ANOTHER", definition.values)
    assert definition.matches(definition.digest(1), 1)
    assert not renamed.matches(definition.digest(1), 1)


def test_who_submitted_is_read_from_the_trail_too(people: People, loader: Loader) -> None:
    services.submit(user=people.admin, loader=loader)
    run_sql(f"UPDATE loader_version SET submitted_by_id = {people.operator.pk}")
    with pytest.raises(SelfApprovalError):
        services.approve(user=people.admin, loader=fresh(loader))


def test_who_wrote_a_source_does_not_approve_the_first_loader_over_it(
    people: People, source: SourceDatabase, loader: Loader
) -> None:
    services.submit(user=people.operator, loader=loader)
    with pytest.raises(SelfApprovalError):
        services.approve(user=people.admin, loader=loader)
    services.approve(user=people.approver, loader=loader)
    edit(people.operator, loader)
    services.submit(user=people.operator, loader=fresh(loader))
    services.approve(user=people.admin, loader=fresh(loader))


def test_a_loader_moved_onto_an_edited_source_is_looked_at_by_somebody_else(
    people: People, loader: Loader
) -> None:
    loader = approved(people, loader)
    other = services.create_source(
        user=people.admin, values={"db_code": "OTHER", "db_type": "SIMULATED", "db_name": "shop"}
    )
    services.update_source(user=people.admin, source=other, values={"db_name": "elsewhere"})
    values = {"source_database": SourceDatabase.objects.get(pk=other.pk)}
    services.update_loader(user=people.operator, loader=loader, values=values)
    services.submit(user=people.operator, loader=fresh(loader))
    with pytest.raises(SelfApprovalError):
        services.approve(user=people.admin, loader=fresh(loader))


def test_who_edited_a_definition_does_not_approve_its_copy(people: People, loader: Loader) -> None:
    approved(people, loader)
    edit(people.admin, loader)
    first = services.copy_loader(user=people.operator, loader=fresh(loader), loader_code="COPY")
    second = services.copy_loader(user=people.operator, loader=first, loader_code="COPY_OF_COPY")
    for copied in (first, second):
        services.submit(user=people.operator, loader=copied)
        with pytest.raises(SelfApprovalError):
            services.approve(user=people.admin, loader=copied)


def test_an_edit_that_was_approved_before_the_copy_does_not_count(
    people: People, loader: Loader
) -> None:
    approved(people, loader)
    edit(people.admin, loader)
    services.submit(user=people.operator, loader=fresh(loader))
    services.approve(user=people.approver, loader=fresh(loader))
    copied = services.copy_loader(user=people.operator, loader=fresh(loader), loader_code="COPY")
    edit(people.admin, loader, lateness=9)
    services.submit(user=people.operator, loader=copied)
    services.approve(user=people.admin, loader=copied)


def test_an_archived_loader_waits_for_nobody_and_keeps_no_other_waiting(
    people: People, loader: Loader
) -> None:
    other = services.copy_loader(user=people.operator, loader=loader, loader_code="ZZZ")
    for each in (loader, other):
        services.submit(user=people.operator, loader=each)
    services.archive_loader(user=people.admin, loader=loader)
    waiting = waiting_for(people.approver)
    assert [version.loader.loader_code for version in waiting] == ["ZZZ"]
    assert fresh(loader).approval_status == ApprovalStatus.DRAFT
    LoaderVersion.objects.update(submitted_at="2020-01-01T00:00:00Z")
    assert services.expire_stale_requests() == 1
    assert fresh(other).approval_status == ApprovalStatus.DRAFT
