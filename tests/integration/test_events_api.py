"""`GET events`: who follows, what they are told, and what they may not ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from audit.models import LoaderEvent
from audit.outbox import prune_expired
from audit.services import emit
from core.clock import database_now
from core.correlation import set_correlation_id
from execution.maintenance.jobs import EVENT_RETENTION, EVENTS
from execution.maintenance.registry import registered
from loaders import services
from loaders.models import Loader
from tests.support.api import Client
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.people import People
from tests.support.teams import grant_to, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_draft(people, make_source(people))


def tell(code: str, kind: LoaderEvent.Kind = LoaderEvent.Kind.RUN_FAILED) -> None:
    emit(kind=kind, loader_code=code, details={"errorCode": "SOURCE_UNREACHABLE"})


def follow(user: Any, **parameters: Any) -> tuple[int, Any]:
    return Client(user).get("events", **parameters)


def test_a_follower_goes_on_by_next_and_each_event_says_where_it_stands(
    people: People, loader: Loader
) -> None:
    status, empty = follow(people.viewer)
    assert (status, empty["results"], empty["hasMore"]) == (200, [], False)
    set_correlation_id("the-run")
    tell("ORDERS")
    tell("ORDERS")
    _, first = follow(people.viewer, after=empty["next"], limit=1)
    (event,) = first["results"]
    assert event["id"] == str(LoaderEvent.objects.earliest("number").pk)
    assert {name: event[name] for name in ("kind", "loaderCode", "details", "correlationId")} == {
        "kind": "RUN_FAILED",
        "loaderCode": "ORDERS",
        "details": {"errorCode": "SOURCE_UNREACHABLE"},
        "correlationId": "the-run",
    }
    assert event["at"].endswith("Z")
    assert (first["hasMore"], first["next"]) == (True, event["cursor"])
    _, second = follow(people.viewer, after=first["next"])
    assert len(second["results"]) == 1
    _, third = follow(people.viewer, after=second["next"])
    assert (third["results"], third["next"], third["hasMore"]) == ([], second["next"], False)


def test_latest_begins_with_what_comes_now(people: People, loader: Loader) -> None:
    tell("ORDERS")
    _, now = follow(people.viewer, after="latest")
    tell("ORDERS", LoaderEvent.Kind.RUN_CANCELLED)
    _, found = follow(people.viewer, after=now["next"])
    assert now["results"] == []
    assert [event["kind"] for event in found["results"]] == ["RUN_CANCELLED"]


def test_kind_and_loader_narrow_what_is_told(people: People, loader: Loader) -> None:
    services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_2")
    tell("ORDERS")
    tell("ORDERS_2", LoaderEvent.Kind.RUN_FINISHED)
    tell("ORDERS_2")
    for asked, told in (
        ({"loaderCode": "ORDERS_2"}, [("ORDERS_2", "RUN_FINISHED"), ("ORDERS_2", "RUN_FAILED")]),
        ({"kind": "run_finished"}, [("ORDERS_2", "RUN_FINISHED")]),
        ({"kind": "RUN_FAILED,RUN_CANCELLED", "loaderCode": "ORDERS"}, [("ORDERS", "RUN_FAILED")]),
    ):
        _, found = follow(people.viewer, **asked)
        assert [(e["loaderCode"], e["kind"]) for e in found["results"]] == told
        _, later = follow(people.viewer, after=found["next"])
        assert later["results"] == []


def test_what_a_team_is_not_granted_is_not_told(
    people: People, loader: Loader, settings: LazySettings
) -> None:
    other = services.copy_loader(user=people.operator, loader=loader, loader_code="ORDERS_2")
    settings.OBJECT_PERMISSIONS = True
    grant_to(people, make_team(people, "Shop", people.operator), other)
    tell("ORDERS")
    tell("ORDERS_2")
    _, found = follow(people.operator)
    assert [event["loaderCode"] for event in found["results"]] == ["ORDERS_2"]
    assert follow(people.operator, loaderCode="ORDERS")[0] == 404
    assert follow(people.approver)[1]["results"] == []
    assert len(follow(people.viewer)[1]["results"]) == len(follow(people.admin)[1]["results"]) == 2


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"after": "no-cursor"}, 422, "EVENT_CURSOR_INVALID"),
        ({"after": "é"}, 422, "EVENT_CURSOR_INVALID"),
        ({"after": "AAAA"}, 422, "EVENT_CURSOR_INVALID"),
        ({"after": "_" * 32}, 422, "EVENT_CURSOR_INVALID"),
        ({"after": "A" * 22 + "E" + "A" * 9}, 410, "EVENTS_REPLACED"),
        ({"limit": 0}, 422, "VALIDATION_FAILED"),
        ({"limit": 1001}, 422, "VALIDATION_FAILED"),
        ({"kind": "RUN_FINISHED,NONE"}, 422, "VALIDATION_FAILED"),
        ({"afer": "x"}, 422, "VALIDATION_FAILED"),
        ({"loaderCode": "NOWHERE"}, 404, "LOADER_NOT_FOUND"),
    ],
)
def test_what_is_not_understood_is_refused(
    people: People, asked: dict[str, Any], status: int, code: str
) -> None:
    answered, problem = follow(people.viewer, **asked)
    assert (answered, problem["code"]) == (status, code)


def test_a_cursor_past_the_retention_is_gone_and_the_answer_says_where_to_go_on(
    people: People, loader: Loader
) -> None:
    tell("ORDERS")
    _, first = follow(people.viewer)
    tell("ORDERS")
    tell("ORDERS")
    follow(people.viewer)
    LoaderEvent.objects.filter(number__lte=2).update(at=database_now() - timedelta(days=31))
    assert prune_expired() == 2
    status, problem = follow(people.viewer, after=first["next"])
    assert (status, problem["code"]) == (410, "EVENTS_EXPIRED")
    assert "without `after`" in problem["detail"]
    for again in ({"after": problem["oldest"]}, {}):
        status, found = follow(people.viewer, **again)
        assert (status, len(found["results"])) == (200, 1)


def test_every_end_of_a_request_is_told(people: People, loader: Loader) -> None:
    def submit() -> None:
        services.submit(user=people.operator, loader=fresh(loader))

    submit()
    services.reject(user=people.approver, loader=fresh(loader), comment="No.")
    submit()
    services.update_loader(
        user=people.operator, loader=fresh(loader), values={"lateness_seconds": 90}
    )
    submit()
    services.approve(user=people.approver, loader=fresh(loader))
    services.update_loader(
        user=people.operator, loader=fresh(loader), values={"lateness_seconds": 95}
    )
    submit()
    services.archive_loader(user=people.admin, loader=fresh(loader))
    _, found = follow(people.viewer)
    assert {event["kind"] for event in found["results"]} == {"DEFINITION_DECIDED"}
    assert [event["details"] for event in found["results"]] == [
        {"version": 1, "decision": "REJECTED"},
        {"version": 2, "decision": "WITHDRAWN"},
        {"version": 3, "decision": "APPROVED"},
        {"version": 4, "decision": "WITHDRAWN"},
    ]


def test_numbering_and_retention_are_upkeep() -> None:
    tell("ORDERS")
    jobs = registered()
    assert (jobs[EVENTS].function(), jobs[EVENT_RETENTION].function()) == (1, 0)
