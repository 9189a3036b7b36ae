"""Two people at the same time, each in a session of their own."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from accounts.roles import Role
from audit.models import AuditEvent
from core.errors import PortalError
from loaders import services
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People, person

pytestmark = pytest.mark.usefixtures("committed_db")


def test_of_two_approvers_one_decides() -> None:
    people = People()
    loader = make_draft(people, make_source(people))
    second = person(Role.APPROVER, "second-approver")
    services.submit(user=people.operator, loader=loader)
    outcomes = at_once(
        lambda: services.approve(user=people.approver, loader=loader),
        lambda: services.approve(user=second, loader=loader),
    )
    assert sorted(outcomes) == ["INVALID_TRANSITION", "done"]
    assert AuditEvent.objects.filter(action="loader.approve").count() == 1


def test_an_edit_and_an_approval_never_leave_an_unseen_definition_approved() -> None:
    people = People()
    loader = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=loader)
    at_once(
        lambda: services.approve(user=people.approver, loader=loader),
        lambda: services.update_loader(
            user=people.operator, loader=loader, values={"lateness_seconds": 5}
        ),
    )
    assert fresh(loader).approval_status == "DRAFT"
    assert fresh(loader).lateness_seconds == 5


def at_once(*acts: Any) -> list[str]:
    """Run the acts in threads that start together; `done` or the code of each one's refusal."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(acts))

    def perform(act: Any) -> None:
        barrier.wait()
        try:
            act()
        except PortalError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("done")
        finally:
            connection.close()

    threads = [threading.Thread(target=perform, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
