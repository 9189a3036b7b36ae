"""`GET audit`: what administrators find in the audit trail by the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.audit_trail import audit_events
from accounts.roles import SYSTEM, PermissionDeniedError
from audit.models import AuditEvent
from audit.services import record
from core.clock import database_now
from core.correlation import set_correlation_id
from tests.support.api import Client
from tests.support.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    people = People()
    for actor, action, kind, name in (
        (people.operator, "loader.draft", "loader", "ORDERS"),
        (people.admin, "source.update", "source", "SHOP"),
        (None, "source.test", "source", "SHOP"),
        (people.operator, "loader.draft", "loader", "SHOP"),
    ):
        set_correlation_id(f"act-on-{name}")
        record(actor=actor, action=action, object_type=kind, object_id=name, after={"a": 1})
    return people


def found(people: People, **asked: Any) -> list[tuple[str, str, str]]:
    status, page = Client(people.admin).get("audit", **{"to": BEFORE_LOGIN, **asked})
    assert status == 200, page
    return [(event["actor"], event["action"], event["objectId"]) for event in page["results"]]


BEFORE_LOGIN = "2999-01-01T00:00:00Z"
DRAFTED = ("operator-person", "loader.draft", "ORDERS")
DRAFTED_2 = ("operator-person", "loader.draft", "SHOP")
UPDATED = ("admin-person", "source.update", "SHOP")
TESTED = ("system", "source.test", "SHOP")


def test_events_come_latest_first_and_by_what_is_asked_for(people: People) -> None:
    every = found(people)
    assert every[0] == ("admin-person", "login", "admin-person")
    assert every[1:] == [DRAFTED_2, TESTED, UPDATED, DRAFTED]
    assert found(people, actor="system") == [TESTED]
    assert found(people, action="loader.draft") == [DRAFTED_2, DRAFTED]
    assert found(people, object="SHOP") == [DRAFTED_2, TESTED, UPDATED]
    assert found(people, object="SHOP", objectType="source") == [TESTED, UPDATED]
    assert found(people, correlationId="act-on-ORDERS") == [DRAFTED]
    assert found(people, actor="nobody") == []
    at = AuditEvent.objects.get(action="source.test").at
    assert found(people, **{"from": at.isoformat(), "objectType": "source"}) == [TESTED]
    assert found(people, to=at.isoformat(), objectType="source") == [UPDATED]
    assert found(people, **{"from": (database_now() + timedelta(hours=1)).isoformat()}) == []


def test_an_event_is_told_whole(people: People) -> None:
    _, page = Client(people.admin).get("audit", action="source.update")
    (event,) = page["results"]
    stored = AuditEvent.objects.get(action="source.update")
    assert event == {
        "id": str(stored.pk),
        "at": event["at"],
        "actor": "admin-person",
        "sourceAddress": stored.source_address,
        "action": "source.update",
        "objectType": "source",
        "objectId": "SHOP",
        "before": {},
        "after": {"a": 1},
        "correlationId": "act-on-SHOP",
    }


def test_pages_follow_on_each_other_also_where_times_are_the_same(people: People) -> None:
    at = AuditEvent.objects.latest("at").at
    AuditEvent.objects.bulk_create(
        AuditEvent(at=at, actor_name="crowd", action="a", object_type="o", object_id=str(number))
        for number in range(7)
    )
    client, address, seen = Client(people.admin), "audit?actor=crowd&page_size=3", []
    while address:
        _, page = client.get(address)
        seen += [event["objectId"] for event in page["results"]]
        address = (page["next"] or "").rpartition("/api/v1/")[2]
    assert sorted(seen) == [str(number) for number in range(7)]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"from": "yesterday"}, 422, "VALIDATION_FAILED"),
        (
            {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
            422,
            "VALIDATION_FAILED",
        ),
        ({"user": "amal"}, 422, "VALIDATION_FAILED"),
        ({"cursor": "cD1zb21lLXV1aWQ="}, 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_understood_is_refused(
    people: People, asked: dict[str, Any], status: int, code: str
) -> None:
    answered, problem = Client(people.admin).get("audit", **asked)
    assert (answered, problem["code"]) == (status, code)


def test_only_administrators_read_it(people: People) -> None:
    for user in (people.viewer, people.operator, people.approver):
        status, problem = Client(user).get("audit")
        assert (status, problem["detail"]) == (
            403,
            "Only the roles admin may read the audit trail.",
        )
        with pytest.raises(PermissionDeniedError):
            audit_events(user=user)
    assert audit_events(user=SYSTEM).exists()
