"""Tokens are made, shown once, listed and revoked, at API, console and command line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from accounts.lockout import delete_old_attempts
from accounts.models import ApiToken, TokenBearer
from accounts.roles import Permission, PermissionDeniedError, Role
from accounts.tokens import TokenInvalidError, create_token, delete_old_tokens, revoke_token
from accounts.users import create_user, update_user
from audit.models import AuditEvent
from execution.maintenance.jobs import SIGN_INS, TOKENS
from execution.maintenance.registry import registered
from tests.integration.test_approval_races import at_once
from tests.support.api import Client
from tests.support.commands import manage
from tests.support.people import People
from tests.support.place import client_of
from tests.support.tokens import Machine, make_token, shift

DAY = timedelta(days=1)


@pytest.fixture
def people(db: None) -> People:
    return People()


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


def everything_stored() -> str:
    """All that tokens and events left in the database, digests apart."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM api_token t")
        tokens = cursor.fetchall()
        cursor.execute("SELECT to_jsonb(t)::text FROM audit_event t")
        return str([*tokens, *cursor.fetchall()])


def test_a_token_is_shown_when_it_is_made_and_never_again(people: People) -> None:
    client = Client(people.operator)
    body = {"name": "nightly export", "role": "viewer", "expiresInDays": 30}
    status, made = client.post("tokens", body)
    assert status == 201
    assert made["token"].startswith("lpt_")
    assert len(made["token"]) == 68
    assert (made["owner"], made["role"], made["state"]) == ("operator-person", "viewer", "VALID")
    listed = client.get("tokens")[1]["results"]
    assert listed == [{name: value for name, value in made.items() if name != "token"}]
    assert client.get(f"tokens/{made['id']}")[1] == listed[0]
    assert made["token"] not in everything_stored()
    event = events("token.create")[0]
    assert (event.actor_name, event.object_id) == ("operator-person", made["id"])
    assert (event.after["name"], event.after["role"]) == ("nightly export", "viewer")
    lifetime = ApiToken.objects.get().expiry - ApiToken.objects.get().created
    assert abs(lifetime - 30 * DAY) < timedelta(minutes=1)


def test_a_token_lives_for_the_default_unless_it_is_told_otherwise(
    settings: Any, people: People
) -> None:
    settings.TOKEN_LIFETIME = 7 * DAY
    row = make_token(people.viewer).row
    assert abs(row.expiry - row.created - 7 * DAY) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"role": "admin"}, "role"),
        ({"role": "approver"}, "role"),
        ({"role": "nonsense"}, "role"),
        ({"expiresInDays": 366}, "days"),
        ({"expiresInDays": 0}, "expiresInDays"),
        ({"name": "TAKEN"}, "name"),
        ({"owner": "admin-person"}, "owner"),
    ],
)
def test_bad_input_is_refused_by_its_field(
    people: People, wrong: dict[str, Any], field: str
) -> None:
    make_token(people.operator, name="taken")
    good = {"name": "nightly export", "role": "operator"}
    status, problem = Client(people.operator).post("tokens", {**good, **wrong})
    assert (status, problem["code"]) == (422, "VALIDATION_FAILED")
    assert field in problem["errors"]
    assert ApiToken.objects.count() == 1


def test_a_name_is_free_again_once_its_token_is_revoked(people: People) -> None:
    revoke_token(actor=people.viewer, token=make_token(people.viewer).row)
    make_token(people.viewer)
    make_token(people.operator)
    with pytest.raises(TokenInvalidError):
        make_token(people.viewer)


@pytest.mark.parametrize("role", Role)
def test_a_tokens_role_is_at_most_its_owners(people: People, role: Role) -> None:
    allowed: dict[Role, set[str]] = {
        Role.VIEWER: {"viewer"},
        Role.OPERATOR: {"viewer", "operator"},
        Role.APPROVER: {"viewer", "approver"},
        Role.ADMIN: set(Role),
    }
    owner = getattr(people, role.value)
    for asked in Role:
        if asked in allowed[role]:
            make_token(owner, asked, asked)
        else:
            with pytest.raises(TokenInvalidError):
                make_token(owner, asked, asked)


def test_only_administrators_see_and_revoke_tokens_of_others(people: People) -> None:
    own, others = make_token(people.viewer).row, make_token(people.operator).row
    viewer, admin = Client(people.viewer), Client(people.admin)
    assert [row["id"] for row in viewer.get("tokens")[1]["results"]] == [str(own.pk)]
    for answer in (viewer.get(f"tokens/{others.pk}"), viewer.delete(f"tokens/{others.pk}")):
        assert (answer[0], answer[1]["code"]) == (404, "TOKEN_NOT_FOUND")
    seen = admin.get("tokens")[1]["results"]
    assert [row["owner"] for row in seen] == ["operator-person", "viewer-person"]
    assert len(admin.get("tokens", owner="viewer-person")[1]["results"]) == 1
    assert admin.delete(f"tokens/{others.pk}")[0] == 204
    revoked = admin.get(f"tokens/{others.pk}")[1]
    assert (revoked["state"], revoked["revokedBy"]) == ("REVOKED", "admin-person")
    event = events("token.revoke")[0]
    assert (event.actor_name, event.after["owner"]) == ("admin-person", "operator-person")


@pytest.mark.usefixtures("committed_db")
def test_a_token_that_two_revoke_at_once_is_revoked_once() -> None:
    people = People()
    row = make_token(people.viewer).row
    clients = [Client(user) for user in (people.viewer, people.admin) * 2]
    statuses: list[int] = []
    at_once(*[lambda c=c: statuses.append(c.delete(f"tokens/{row.pk}")[0]) for c in clients])
    assert statuses == [204] * 4
    assert len(events("token.revoke")) == 1


@pytest.mark.usefixtures("committed_db")
def test_of_two_tokens_of_one_name_made_at_once_one_is_made() -> None:
    client = Client(People().viewer)
    statuses: list[int] = []
    body = {"name": "export", "role": "viewer"}
    at_once(*[lambda: statuses.append(client.post("tokens", body)[0])] * 3)
    assert sorted(statuses) == [201, 422, 422]


def test_a_tokens_bearer_makes_no_users_and_changes_none(people: People) -> None:
    bearer = TokenBearer.of(make_token(people.admin, "admin").row)
    values = {"username": "another", "role": "admin"}
    with pytest.raises(PermissionDeniedError, match="Sign in yourself"):
        create_user(actor=bearer, password="another-long-password", values=values)
    with pytest.raises(PermissionDeniedError, match="Sign in yourself"):
        update_user(actor=bearer, user=people.viewer, values={"role": "admin"})
    with pytest.raises(PermissionDeniedError, match="Sign in yourself"):
        create_token(actor=bearer, name="another", role="viewer")


# --- console ------------------------------------------------------------------------------------


def typed(**wrong: str) -> dict[str, str]:
    return {"name": "nightly export", "role": "viewer", "days": "30", **wrong}


def test_the_console_shows_a_new_token_once_on_a_page_that_is_not_kept(people: People) -> None:
    client = client_of(people.operator)
    form = client.get(reverse("admin:accounts_apitoken_add")).content.decode()
    assert 'value="operator"' in form
    assert 'value="admin"' not in form
    page = client.post(reverse("admin:accounts_apitoken_add"), typed())
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    text = page.context["text"]
    assert text in page.content.decode()
    assert Machine(text).status("GET", "loaders") == 200
    row = ApiToken.objects.get()
    for address in (
        reverse("admin:accounts_apitoken_changelist"),
        reverse("admin:accounts_apitoken_change", args=[row.pk]),
        reverse("admin:accounts_apitoken_add"),
    ):
        shown = client.get(address).content.decode()
        assert text not in shown
        assert row.digest not in shown


def test_the_console_says_what_is_wrong_with_a_new_token(people: People) -> None:
    client = client_of(people.operator)
    for wrong, said in (
        ({"days": "366"}, "A token lives for 1 to 365 days."),
        ({"role": "admin"}, "Select a valid choice"),
        ({"name": ""}, "This field is required"),
    ):
        page = client.post(reverse("admin:accounts_apitoken_add"), typed(**wrong))
        assert said in page.content.decode()
    assert not ApiToken.objects.exists()


def test_the_console_revokes_and_shows_administrators_all_tokens(people: People) -> None:
    row = make_token(people.viewer).row
    shift(row, last_used_at=-DAY)
    admin, stranger = client_of(people.admin), client_of(people.operator)
    listed = admin.get(reverse("admin:accounts_apitoken_changelist")).content.decode()
    assert "viewer-person" in listed
    own = stranger.get(reverse("admin:accounts_apitoken_changelist")).content.decode()
    assert "viewer-person" not in own
    address = reverse("admin:accounts_apitoken_do", args=[row.pk, "revoke"])
    assert stranger.post(address).status_code == 404
    assert admin.post(address).status_code == 302
    page = admin.get(reverse("admin:accounts_apitoken_change", args=[row.pk])).content.decode()
    assert "It is revoked already." in page
    assert "by admin-person" in page


# --- commands -----------------------------------------------------------------------------------


def test_a_token_is_made_listed_and_revoked_at_a_shell(people: People) -> None:
    made = manage("token", "create", "export", "--days", "3", "--json", as_user=people.operator)
    document = made.document()
    assert Machine(document["token"]).status("GET", "loaders") == 200
    plain = manage("token", "create", "second", as_user=people.operator)
    assert plain.out.strip().startswith("lpt_")
    assert len(manage("token", "list", "--json").document()["results"]) == 2
    nobody = manage("token", "list", "--owner", "viewer-person", "--json").document()
    assert nobody == {"results": []}
    listed = manage("token", "list", as_user=people.operator).out
    assert document["id"] in listed
    assert document["token"] not in listed
    foreign = manage("token", "revoke", document["id"], as_user=people.viewer)
    assert (foreign.code, foreign.err) == (4, "TOKEN_NOT_FOUND: There is no such token.\n")
    assert manage("token", "revoke", document["id"]).out == "export is revoked.\n"
    assert Machine(document["token"]).code("GET", "loaders") == "TOKEN_REVOKED"
    assert [event.actor_name for event in events("token.revoke")] == ["system"]


# --- upkeep -------------------------------------------------------------------------------------


def test_tokens_that_ended_long_ago_are_deleted_by_a_daily_job(people: People) -> None:
    rows = {name: make_token(people.viewer, name=name).row for name in ("a", "b", "c", "d")}
    shift(rows["a"], expiry=-91 * DAY)
    shift(rows["b"], revoked_at=-91 * DAY)
    shift(rows["c"], expiry=-89 * DAY)
    assert registered()[TOKENS].function is delete_old_tokens
    assert registered()[SIGN_INS].function is delete_old_attempts
    assert delete_old_tokens() == 2
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"c", "d"}


def test_every_role_may_have_tokens(people: People) -> None:
    for role in Role:
        me = Client(getattr(people, role.value)).get("auth/me")[1]
        assert Permission.OWN_TOKENS in me["permissions"]
