"""Whatever people do and SQL alters, only what a second person approved may run."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PortalError
from loaders import services
from loaders.models import Loader, SourceDatabase
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People

STEPS = st.sampled_from(
    [
        "edit",
        "edit by admin",
        "edit source",
        "submit",
        "approve",
        "approve by admin",
        "reject",
        "UPDATE loader SET lateness_seconds = lateness_seconds + 1",
        "UPDATE loader SET approval_status = 'APPROVED', approved_version_id = (SELECT id FROM "
        "loader_version ORDER BY number DESC LIMIT 1) WHERE EXISTS (SELECT 1 FROM loader_version)",
        "UPDATE source_databases SET port = port + 1",
        "UPDATE loader_version SET decision = 'APPROVED', decided_by_id = submitted_by_id + 1",
        "DELETE FROM definition_editor",
    ]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, max_size=12))
def test_no_sequence_of_acts_and_updates_lets_an_unapproved_definition_run(
    steps: list[str], db: None
) -> None:
    """The model on the side: what definitions a second person approved, through the portal."""
    with transaction.atomic():
        people = People()
        source = make_source(people)
        loader = make_draft(people, source)
        blessed: set[tuple[int, str]] = set()
        for step in steps:
            _perform(step, people, loader, source, blessed)
            try:
                version, definition = services.approved_definition(fresh(loader))
            except PortalError:
                continue
            assert (version.number, definition.values) in blessed
            assert version.decided_by_id != version.submitted_by_id
        transaction.set_rollback(True)


def _perform(
    step: str,
    people: People,
    loader: Loader,
    source: SourceDatabase,
    blessed: set[tuple[int, str]],
) -> None:
    approver = people.admin if step.endswith("admin") else people.approver
    try:
        with transaction.atomic():
            if step.startswith("edit source"):
                port = SourceDatabase.objects.get().port + 1
                services.update_source(user=people.admin, source=source, values={"port": port})
            elif step.startswith("edit"):
                user = people.admin if step.endswith("admin") else people.operator
                lateness = fresh(loader).lateness_seconds + 1
                services.update_loader(
                    user=user, loader=loader, values={"lateness_seconds": lateness}
                )
            elif step == "submit":
                services.submit(user=people.operator, loader=loader)
            elif step.startswith("approve"):
                version = services.approve(user=approver, loader=loader)
                blessed.add((version.number, version.definition))
            elif step == "reject":
                services.reject(user=people.approver, loader=loader, comment="no")
            else:
                with connection.cursor() as cursor:
                    cursor.execute(step)
    except (PortalError, IntegrityError):
        return
