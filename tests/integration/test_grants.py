"""What grants of teams bring and what not, at the API: ways to a loader, several teams, lost
grants, and the four eyes within a team."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.roles import Role
from loaders import services
from loaders.models import Loader, SourceDatabase
from tests.integration.test_api_access import client_of
from tests.support.granted import CODE, NEW, SOURCE, ask, fresh, give, source_of, with_team
from tests.support.people import person
from tests.support.place import Place
from tests.support.scenes import order_sql
from tests.support.teams import grant_to, make_team, withdraw_from

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(place: Place, settings: Any) -> Place:
    return with_team(place, settings)


def test_an_operator_makes_loaders_over_a_granted_source_and_reaches_them(place: Place) -> None:
    give(place, "source")
    operator = place.people.operator
    client = client_of(operator)
    answer = client.post("/api/v1/loaders", {**NEW, "sourceDatabase": SOURCE}, format="json")
    assert answer.status_code == 201, answer.content
    assert ask(operator, "GET", "loaders/ORDERS_NEW")[0] == 200
    status, copied = ask(
        operator, "POST", "loaders/ORDERS_NEW/copy", {"loaderCode": "ORDERS_AGAIN"}
    )
    assert (status, copied["sourceDatabase"]) == (201, SOURCE)


def test_nobody_restricted_makes_a_loader_that_no_team_reaches(place: Place) -> None:
    body = {"loaderCode": "POSTED", "kind": "EXTERNAL"}
    status, answer = ask(place.people.operator, "POST", "loaders", body)
    assert status == 422
    assert list(answer["errors"]) == ["kind"]
    assert ask(place.people.admin, "POST", "loaders", body)[0] == 201


def test_the_source_of_a_granted_loader_can_be_kept_but_not_copied(place: Place) -> None:
    give(place, "loader")
    operator = place.people.operator
    assert ask(operator, "PATCH", f"loaders/{CODE}", {"latenessSeconds": 5})[0] == 200
    assert ask(operator, "POST", f"loaders/{CODE}/versions/1/restore")[0] == 200
    status, answer = ask(operator, "POST", f"loaders/{CODE}/copy", {"loaderCode": "ORDERS_COPY"})
    assert (status, answer["code"]) == (404, "SOURCE_NOT_FOUND")


def test_grants_of_several_teams_add_up_and_show_nothing_twice(place: Place) -> None:
    give(place, "loader")
    operator = place.people.operator
    second = make_team(place.people, "Second", operator)
    third = make_team(place.people, "Third", operator, place.people.approver)
    other = add_loader(place, "ORDERS_OTHER")
    add_loader(place, "ORDERS_HIDDEN")
    grant_to(place.people, second, other, place.loader)
    grant_to(place.people, third, place.loader)
    assert listed(operator) == ["ORDERS_HOURLY", "ORDERS_OTHER"]
    assert listed(place.people.approver) == ["ORDERS_HOURLY"]
    grant_to(place.people, third, source_of(place))
    assert listed(operator) == ["ORDERS_HIDDEN", "ORDERS_HOURLY", "ORDERS_OTHER"]


def test_a_lost_grant_is_gone_at_the_next_request(place: Place) -> None:
    give(place, "source")
    operator, team = place.people.operator, place.objects["team"]
    assert listed(operator) == [CODE]
    withdraw_from(place.people, team, source_of(place))
    assert listed(operator) == []
    give(place, "loader")
    assert listed(operator) == [CODE]
    operator.groups.remove(team)
    assert listed(operator) == []
    operator.groups.add(team)
    assert listed(operator) == [CODE]
    team.delete()
    assert listed(operator) == []


def test_the_setting_off_lets_everybody_reach_everything(settings: Any, place: Place) -> None:
    settings.OBJECT_PERMISSIONS = False
    assert [listed(place.user(role)) for role in Role] == [[CODE]] * 4


def test_a_grant_gives_no_right_that_the_role_does_not_give(place: Place) -> None:
    give(place, "source")
    viewer = place.people.viewer
    _, shown = ask(viewer, "GET", f"loaders/{CODE}")
    assert "loaderSql" not in shown
    assert ask(viewer, "GET", f"admin/res/db-sources/{SOURCE}")[0] == 403
    assert ask(place.people.operator, "POST", f"loaders/{CODE}/approve")[0] == 403
    assert ask(place.people.approver, "POST", f"loaders/{CODE}/enable")[0] == 403


def test_who_is_a_viewer_besides_is_restricted_as_the_other_role_is(place: Place) -> None:
    operator = place.people.operator
    operator.groups.add(*place.people.viewer.groups.filter(name="viewer"))
    assert listed(operator) == []


def test_four_eyes_hold_within_a_team(place: Place) -> None:
    give(place, "source")
    both = place.people.operator
    both.groups.add(*place.people.approver.groups.filter(name="approver"))
    status, answer = ask(both, "POST", f"loaders/{CODE}/approve", {"version": 2})
    assert (status, answer["code"]) == (403, "SELF_APPROVAL")
    assert ask(place.people.approver, "POST", f"loaders/{CODE}/approve", {"version": 2})[0] == 200


def test_who_edited_stays_an_editor_without_the_grant(place: Place) -> None:
    """Losing a grant and getting it back washes nobody clean."""
    give(place, "loader")
    both, team = place.people.operator, place.objects["team"]
    both.groups.add(*place.people.approver.groups.filter(name="approver"))
    withdraw_from(place.people, team, place.loader)
    assert ask(both, "POST", f"loaders/{CODE}/approve")[0] == 404
    give(place, "loader")
    assert ask(both, "POST", f"loaders/{CODE}/approve")[1]["code"] == "SELF_APPROVAL"


def add_loader(place: Place, code: str) -> Loader:
    """One more loader over the place's source."""
    return services.create_loader(
        user=place.people.admin,
        values={
            "loader_code": code,
            "loader_sql": order_sql("POSTGRESQL"),
            "source_database": source_of(place),
        },
    )


def listed(user: Any) -> list[str]:
    """Codes in the person's list of loaders, at their next request."""
    _, answer = ask(fresh(user), "GET", "loaders")
    return sorted(loader["loaderCode"] for loader in answer["results"])


@pytest.mark.parametrize("path", ["loaders", "executions", "admin/res/db-sources"])
def test_lists_ask_the_database_no_more_often_with_more_grants(
    place: Place, path: str, django_assert_max_num_queries: Any
) -> None:
    give(place, "source")
    operator = place.people.operator
    ask(operator, "GET", path)  # content types are looked up once a process
    with django_assert_max_num_queries(50) as few:
        ask(operator, "GET", path)
    for number in range(12):
        team = make_team(place.people, f"Team {number}", operator)
        grant_to(place.people, team, add_loader(place, f"MORE_{number}"), place.loader)
    with django_assert_max_num_queries(50) as many:
        ask(operator, "GET", path)
    assert len(many) == len(few)


def test_a_person_without_a_role_reaches_nothing(place: Place) -> None:
    nobody = person(Role.VIEWER, "nobody")
    nobody.groups.clear()
    assert not Loader.objects.visible_to(fresh(nobody)).exists()
    team = make_team(place.people, "Nobody in it")
    grant_to(place.people, team, place.loader, source_of(place))
    assert not SourceDatabase.objects.visible_to(AnonymousUser()).exists()
