"""Teams: who makes them, who is in them, what they are granted, and the trace of all that."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.urls import reverse
from guardian.models import GroupObjectPermission

from accounts.models import Team
from accounts.object_access import teams_of
from accounts.roles import PermissionDeniedError, Role, roles_of
from accounts.teams import (
    TeamInvalidError,
    TeamNotFoundError,
    create_team,
    delete_team,
    members_of,
    update_team,
)
from accounts.users import update_user
from audit.models import AuditEvent
from loaders.services import set_teams
from tests.support.api import Client
from tests.support.definitions import make_draft, make_source
from tests.support.people import People
from tests.support.place import client_of
from tests.support.teams import grant_to, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


def events(action: str) -> list[tuple[str, Any, Any]]:
    found = AuditEvent.objects.filter(action=action).order_by("at", "id")
    return [(event.object_id, event.before, event.after) for event in found]


def fresh(user: Any) -> Any:
    return get_user_model().objects.get(pk=user.pk)


def test_a_team_is_made_renamed_and_dissolved_with_its_trace(people: People) -> None:
    team = make_team(people, " Shop ", people.viewer, people.operator)
    update_team(
        actor=people.admin, team=team, values={"name": "Store", "members": [people.operator]}
    )
    assert [user.username for user in members_of(team)] == ["operator-person"]
    delete_team(actor=people.admin, team=team)
    both = ["operator-person", "viewer-person"]
    assert events("team.create") == [("Shop", {}, {"members": both, "name": "Shop"})]
    assert events("team.update") == [
        (
            "Store",
            {"members": both, "name": "Shop"},
            {"members": ["operator-person"], "name": "Store"},
        )
    ]
    assert events("team.delete") == [
        ("Store", {"members": ["operator-person"], "name": "Store"}, {})
    ]
    assert not Team.objects.exists()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_administrators_touch_teams_and_grants(people: People, role: Role) -> None:
    user, team = getattr(people, role.value), make_team(people, "Shop")
    source = make_source(people)
    for act in (
        lambda: create_team(actor=user, values={"name": "Mine"}),
        lambda: update_team(actor=user, team=team, values={"members": [user]}),
        lambda: delete_team(actor=user, team=team),
        lambda: set_teams(user=user, obj=source, teams=[team]),
    ):
        with pytest.raises(PermissionDeniedError):
            act()


@pytest.mark.parametrize("name", ["admin", "Admin", " operator ", "", "  ", "x" * 65])
def test_a_team_has_a_name_that_is_no_roles(people: People, name: str) -> None:
    team = make_team(people, "Shop")
    with pytest.raises(TeamInvalidError):
        make_team(people, name)
    with pytest.raises(TeamInvalidError):
        update_team(actor=people.admin, team=team, values={"name": name})


def test_no_two_teams_have_one_name(people: People) -> None:
    make_team(people, "Shop")
    with pytest.raises(TeamInvalidError):
        make_team(people, "Shop")


def test_a_roles_group_is_no_team_whatever_one_says(people: People) -> None:
    assert not Team.objects.exists()
    group = Team(pk=Group.objects.get(name="admin").pk, name="admin")
    with pytest.raises(TeamNotFoundError):
        update_team(actor=people.admin, team=group, values={"members": [people.viewer]})
    with pytest.raises(TeamNotFoundError):
        delete_team(actor=people.admin, team=group)
    page = reverse("admin:accounts_team_change", args=[group.pk])
    assert client_of(people.admin).get(page).status_code == 302
    assert roles_of(fresh(people.viewer)) == {Role.VIEWER}


def test_a_team_confers_no_role_and_a_new_role_keeps_the_teams(people: People) -> None:
    team = make_team(people, "Shop", people.viewer)
    assert roles_of(fresh(people.viewer)) == {Role.VIEWER}
    update_user(actor=people.admin, user=people.viewer, values={"role": "operator"})
    assert roles_of(fresh(people.viewer)) == {Role.OPERATOR}
    assert members_of(team) == [people.viewer]
    (event,) = AuditEvent.objects.filter(action="user.update")
    assert (event.before["role"], event.after["role"]) == ("viewer", "operator")


def test_the_console_makes_changes_and_dissolves_teams(people: People) -> None:
    client = client_of(people.admin)
    typed = {"name": "Shop", "members": [people.operator.pk, people.approver.pk]}
    assert client.post(reverse("admin:accounts_team_add"), typed).status_code == 302
    team = Team.objects.get()
    address = reverse("admin:accounts_team_change", args=[team.pk])
    assert set(client.get(address).context["adminform"].form["members"].value()) == {
        people.operator.pk,
        people.approver.pk,
    }
    assert client.post(address, typed).status_code == 302
    assert events("team.update")[0][1:] == ({}, {})
    assert client.post(address, {"name": "Shop", "members": []}).status_code == 302
    assert events("team.update")[-1][2] == {"members": []}
    answer = client.post(address, {"name": "viewer", "members": []})
    assert "is a role" in str(answer.context["adminform"].form.errors["name"])
    gone = client.post(reverse("admin:accounts_team_do", args=[team.pk, "dissolve"]))
    assert gone["Location"] == reverse("admin:accounts_team_changelist")
    assert not Team.objects.exists()


@pytest.mark.parametrize("kind", ["loader", "source"])
def test_the_console_grants_loaders_and_sources(people: People, kind: str) -> None:
    source = make_source(people)
    obj, name = (
        (source, "loaders_sourcedatabase")
        if kind == "source"
        else (make_draft(people, source), "loaders_loader")
    )
    teams = [make_team(people, "Shop"), make_team(people, "Store")]
    client = client_of(people.admin)
    address = reverse(f"admin:{name}_do", args=[obj.pk, "teams"])
    change = reverse(f"admin:{name}_change", args=[obj.pk])
    assert address in client.get(change).content.decode()
    assert client.post(address, {"teams": [team.pk for team in teams]})["Location"] == change
    assert teams_of(obj) == teams
    assert client.post(address, {"teams": [teams[1].pk]}).status_code == 302
    page = client.get(address)
    assert page.context["form"]["teams"].value() == [teams[1].pk]
    assert events(f"{kind}.grant") == [
        (str(obj), {"teams": []}, {"teams": ["Shop", "Store"]}),
        (str(obj), {"teams": ["Shop", "Store"]}, {"teams": ["Store"]}),
    ]
    role = Group.objects.get(name="operator").pk
    assert client.post(address, {"teams": [role]}).status_code == 200
    assert teams_of(obj) == [teams[1]]


@pytest.mark.parametrize("path", ["loaders/ORDERS/teams", "admin/res/db-sources/SHOP/teams"])
def test_the_api_grants_loaders_and_sources(people: People, path: str) -> None:
    make_draft(people, make_source(people))
    make_team(people, "Shop")
    make_team(people, "Store")
    client = Client(people.admin)
    assert client.get(path) == (200, {"teams": []})
    both = {"teams": ["Shop", "Store"]}
    assert client.put(path, {"teams": ["Store", "Shop", "Shop"]}) == (200, both)
    assert client.get(path) == (200, both)
    status, refused = client.put(path, {"teams": ["Shop", "operator", "Nobody"]})
    assert (status, refused["errors"]) == (
        422,
        {"teams": ["There is no team Nobody, operator."]},
    )
    assert client.put(path, {})[0] == 422
    assert client.get(path) == (200, both)
    assert client.put(path, {"teams": []}) == (200, {"teams": []})


def test_grants_go_with_the_team_and_with_nothing_else(people: People) -> None:
    source = make_source(people)
    loader = make_draft(people, source)
    shop, store = make_team(people, "Shop"), make_team(people, "Store")
    grant_to(people, shop, source, loader)
    grant_to(people, store, loader)
    shop.delete()
    assert teams_of(source) == []
    assert teams_of(loader) == [store]
    assert GroupObjectPermission.objects.count() == 1


def test_a_grant_that_changes_nothing_leaves_no_event(people: People) -> None:
    source, team = make_source(people), make_team(people, "Shop")
    grant_to(people, team, source)
    grant_to(people, team, source)
    assert len(events("source.grant")) == 1
