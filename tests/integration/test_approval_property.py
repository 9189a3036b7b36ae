"""Whatever people do and SQL alters, only what a second person approved may run."""

from __future__ import annotations

from django.db import DatabaseError, connection, transaction
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
        "restore",
        "copy",
        "archive",
        "UPDATE loader SET lateness_seconds = lateness_seconds + 1",
        "UPDATE loader SET approval_status = 'APPROVED', approved_version_id = (SELECT id FROM "
        "loader_version ORDER BY number DESC LIMIT 1) WHERE EXISTS (SELECT 1 FROM loader_version)",
        "UPDATE source_databases SET port = port + 1",
        "UPDATE loader_version SET decision = 'APPROVED', decided_by_id = submitted_by_id + 1",
        "UPDATE loader_version SET decided_at = now() WHERE decision = 'APPROVED'",
        "UPDATE loader SET lateness_seconds = 60, approval_status = 'APPROVED', archived_at = "
        "NULL, enabled = true, approved_version_id = (SELECT id FROM loader_version WHERE decision "
        "= 'APPROVED' ORDER BY number LIMIT 1) WHERE EXISTS (SELECT 1 FROM loader_version WHERE "
        "decision = 'APPROVED')",
        "DELETE FROM audit_event",
        "UPDATE audit_event SET action = 'nothing'",
    ]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, max_size=12))
def test_no_sequence_of_acts_and_updates_lets_an_unapproved_definition_run(
    steps: list[str], db: None
) -> None:
    """The model on the side: the one definition of each loader, if any, that a second person
    approved through the portal and that nobody changed through it since."""
    with transaction.atomic():
        people = People()
        source = make_source(people)
        loader = make_draft(people, source)
        blessed: dict[str, tuple[int, str]] = {}
        for step in steps:
            _perform(step, people, loader, source, blessed)
            for each in Loader.objects.all():
                try:
                    version, definition = services.approved_definition(each)
                except PortalError:
                    continue
                assert (version.number, definition.values) == blessed.get(each.loader_code)
                assert version.decided_by_id != version.submitted_by_id
        transaction.set_rollback(True)


def _perform(
    step: str,
    people: People,
    loader: Loader,
    source: SourceDatabase,
    blessed: dict[str, tuple[int, str]],
) -> None:
    approver = people.admin if step.endswith("admin") else people.approver
    try:
        with transaction.atomic():
            if step.startswith("edit source"):
                port = (SourceDatabase.objects.get().port or 0) + 1
                services.update_source(user=people.admin, source=source, values={"port": port})
                blessed.clear()
            elif step.startswith("edit"):
                user = people.admin if step.endswith("admin") else people.operator
                lateness = fresh(loader).lateness_seconds + 1
                services.update_loader(
                    user=user, loader=loader, values={"lateness_seconds": lateness}
                )
                blessed.pop(loader.loader_code, None)
            elif step == "restore":
                before = fresh(loader).lateness_seconds
                services.restore_version(user=people.operator, loader=loader, number=1)
                if fresh(loader).lateness_seconds != before:
                    blessed.pop(loader.loader_code, None)
            elif step == "copy":
                services.copy_loader(user=people.operator, loader=loader, loader_code="COPY")
            elif step == "archive":
                services.archive_loader(user=people.admin, loader=loader)
            elif step == "submit":
                services.submit(user=people.operator, loader=loader)
            elif step.startswith("approve"):
                version = services.approve(user=approver, loader=loader)
                blessed[loader.loader_code] = (version.number, version.definition)
            elif step == "reject":
                services.reject(user=people.approver, loader=loader, comment="no")
            else:
                with connection.cursor() as cursor:
                    cursor.execute(step)
    except (PortalError, DatabaseError):
        return
