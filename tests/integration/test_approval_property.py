"""Whatever people do and SQL alters, only what a second person approved may run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

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
    with transaction.atomic():
        story = Story()
        for step in steps:
            story.perform(step)
            for loader in Loader.objects.all():
                try:
                    version, definition = services.approved_definition(loader)
                except PortalError:
                    continue
                assert (version.number, definition.values) == story.blessed.get(loader.pk)
                assert version.decided_by_id != version.submitted_by_id
        transaction.set_rollback(True)


class Story:
    """A draft, and what people and SQL do to it. On the side a model: the one definition of each
    loader, if any, that a second person approved through the portal and that nobody changed
    through it since."""

    def __init__(self) -> None:
        self.people = People()
        self.source = make_source(self.people)
        self.loader = make_draft(self.people, self.source)
        self.blessed: dict[UUID, tuple[int, str]] = {}

    def perform(self, step: str) -> None:
        """A step by its name, else by its SQL. It may be refused."""
        act = getattr(self, step.replace(" ", "_"), None)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if act is None:
                    cursor.execute(step)
                else:
                    act()
        except (PortalError, DatabaseError):
            return

    def edit(self, user: Any = None) -> None:
        lateness = fresh(self.loader).lateness_seconds + 1
        services.update_loader(
            user=user or self.people.operator,
            loader=self.loader,
            values={"lateness_seconds": lateness},
        )
        self.blessed.pop(self.loader.pk, None)

    def edit_by_admin(self) -> None:
        self.edit(self.people.admin)

    def edit_source(self) -> None:
        port = (SourceDatabase.objects.get().port or 0) + 1
        services.update_source(user=self.people.admin, source=self.source, values={"port": port})
        self.blessed.clear()

    def submit(self) -> None:
        services.submit(user=self.people.operator, loader=self.loader)

    def approve(self, user: Any = None) -> None:
        version = services.approve(user=user or self.people.approver, loader=self.loader)
        self.blessed[self.loader.pk] = (version.number, version.definition)

    def approve_by_admin(self) -> None:
        self.approve(self.people.admin)

    def reject(self) -> None:
        services.reject(user=self.people.approver, loader=self.loader, comment="no")

    def restore(self) -> None:
        before = fresh(self.loader).lateness_seconds
        services.restore_version(user=self.people.operator, loader=self.loader, number=1)
        if fresh(self.loader).lateness_seconds != before:
            self.blessed.pop(self.loader.pk, None)

    def copy(self) -> None:
        services.copy_loader(user=self.people.operator, loader=self.loader, loader_code="COPY")

    def archive(self) -> None:
        services.archive_loader(user=self.people.admin, loader=self.loader)
