"""A token at use: the lesser of its role and its owner's, until it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken, TokenBearer
from accounts.roles import Role, roles_of
from accounts.teams import create_team
from accounts.tokens import revoke_token
from accounts.users import update_user
from audit.models import AuditEvent
from loaders import services
from tests.integration.test_api_access import ENDPOINTS
from tests.support.api import Client
from tests.support.definitions import make_draft, make_source
from tests.support.people import PASSWORD, People
from tests.support.tokens import Machine, make_token, shift

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HIDDEN_FROM_TOKENS = {("tokens", "POST")}
"""What the role allows, and a token does not."""


@pytest.fixture
def people() -> People:
    return People()


def test_a_token_may_what_its_role_may_and_no_more(people: People) -> None:
    make_draft(people, make_source(people))
    for role in Role:
        machine = Machine(make_token(people.admin, role.value, f"for {role.value}").text)
        for path, methods in ENDPOINTS.items():
            for method, allowed in methods.items():
                if path.startswith("auth/logout") or (path, method) in HIDDEN_FROM_TOKENS:
                    continue
                if method == "DELETE" and path.startswith("tokens"):
                    continue
                answer = machine.call(method, path)
                denied = answer.status_code >= 400 and b"PERMISSION_DENIED" in answer.content
                assert denied == (role not in allowed), (role, method, path)
                assert answer.status_code not in {401, 405, 500}, (role, method, path)


def test_a_token_falls_with_its_owners_role_and_rises_no_higher_than_its_own(
    people: People,
) -> None:
    machine = Machine(make_token(people.operator, "operator").text)
    assert machine.status("POST", "loaders") == 422
    people.operator.groups.set([Group.objects.get(name="viewer")])
    assert machine.status("POST", "loaders") == 403
    assert machine.status("GET", "loaders") == 200
    people.operator.groups.clear()
    assert machine.status("GET", "loaders") == 403
    people.operator.groups.set([Group.objects.get(name="admin")])
    assert machine.status("POST", "loaders") == 422
    assert machine.status("POST", "admin/res/db-sources") == 403


def test_a_viewers_token_of_a_superuser_is_a_viewer() -> None:
    root = get_user_model().objects.create_superuser("root", password=PASSWORD)
    made = make_token(root, "viewer")
    bearer = TokenBearer.of(made.row)
    assert bearer is not None
    assert roles_of(bearer) == {Role.VIEWER}
    assert (bearer.is_superuser, bearer.is_staff) == (False, False)
    assert not bearer.has_perm("auth.add_user")
    with pytest.raises(TypeError):
        bearer.save()
    assert Machine(made.text).status("POST", "admin/res/db-sources") == 403
    assert (
        Machine(make_token(root, "admin", "more").text).status("POST", "admin/res/db-sources")
        == 422
    )
    root.refresh_from_db()
    assert root.is_superuser


@pytest.mark.parametrize(
    ("owner", "role", "reaches_all"),
    [
        ("operator", "viewer", False),
        ("operator", "operator", False),
        ("viewer", "viewer", True),
        ("admin", "viewer", True),
        ("admin", "operator", False),
        ("admin", "admin", True),
    ],
)
def test_grants_to_teams_bind_a_token_as_they_bind_its_owner_and_its_role(
    settings: Any, people: People, owner: str, role: str, *, reaches_all: bool
) -> None:
    loader = make_draft(people, make_source(people))
    settings.OBJECT_PERMISSIONS = True
    user = getattr(people, owner)
    machine = Machine(make_token(user, role).text)
    path = f"loaders/{loader.loader_code}"
    assert machine.status("GET", path) == (200 if reaches_all else 404)
    team = create_team(actor=people.admin, values={"name": "Shop", "members": [user]})
    services.set_teams(user=people.admin, obj=loader, teams=[team])
    assert machine.status("GET", path) == 200


def test_four_eyes_bind_the_owner_whatever_the_token_is(people: People) -> None:
    people.operator.groups.add(Group.objects.get(name="approver"))
    loader = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=loader)
    machine = Machine(make_token(people.operator, "approver").text)
    assert machine.code("POST", f"loaders/{loader.loader_code}/approve") == "SELF_APPROVAL"


def test_a_token_ends_when_it_is_revoked_or_expires_and_says_so(people: People) -> None:
    for name, code in (("revoked", "TOKEN_REVOKED"), ("expired", "TOKEN_EXPIRED")):
        made = make_token(people.viewer, name=name)
        machine = Machine(made.text)
        assert machine.status("GET", "loaders") == 200
        if name == "revoked":
            revoke_token(actor=people.viewer, token=made.row)
        else:
            shift(made.row, expiry=timedelta())
        answer = machine.call("GET", "loaders")
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
        assert made.text not in answer.content.decode()


def test_a_token_of_a_person_who_was_locked_out_opens_nothing(people: People) -> None:
    machine = Machine(make_token(people.operator).text)
    update_user(actor=people.admin, user=people.operator, values={"is_active": False})
    assert machine.code("GET", "loaders") == "TOKEN_INVALID"


def test_a_new_password_leaves_machines_alone(people: People) -> None:
    machine = Machine(make_token(people.operator).text)
    people.operator.set_password("another-long-password")
    people.operator.save()
    assert machine.status("GET", "loaders") == 200


@pytest.mark.parametrize(
    "text", ["lpt_", "lpt_" + "0" * 64, "lpt_é", "lpt_\x00", "lpt_" + "a" * 5000]
)
def test_what_is_no_token_of_ours_is_refused(people: People, text: str) -> None:
    make_token(people.viewer)
    answer = Machine(text).call("GET", "loaders")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


def test_the_right_beginning_is_not_enough(people: People) -> None:
    text = make_token(people.viewer).text
    for wrong in (text[:-1], text + "0", text[:-1] + ("0" if text[-1] != "0" else "1")):
        assert Machine(wrong).code("GET", "loaders") == "TOKEN_INVALID"


def test_tokens_and_jwts_share_the_bearer_scheme(people: People) -> None:
    machine = Machine(make_token(people.viewer).text)
    assert machine.status("GET", "loaders") == 200
    assert Client(people.viewer).get("loaders")[0] == 200
    refused = Machine("no.jwt.atall").call("GET", "loaders")
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTHENTICATION_FAILED")
    nobody = Browser().get("/api/v1/loaders")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "NOT_AUTHENTICATED")
    for answer in (refused, nobody):
        assert answer["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_a_token_opens_no_page_of_the_console(people: People) -> None:
    header = {"Authorization": f"Bearer {make_token(people.admin, 'admin').text}"}
    for page in ("index", "auth_user_changelist", "accounts_apitoken_add"):
        assert Browser().get(reverse(f"admin:{page}"), headers=header).status_code == 302


def test_a_token_makes_and_revokes_no_tokens(people: People) -> None:
    made = make_token(people.admin, "admin")
    machine = Machine(made.text)
    body = json.dumps({"name": "another", "role": "viewer"})
    assert machine.status("POST", "tokens", body) == 403
    assert machine.status("DELETE", f"tokens/{made.row.pk}") == 403
    assert machine.status("GET", "tokens") == 200
    assert ApiToken.objects.get().revoked_at is None


def test_who_a_token_stands_for_is_told(people: People) -> None:
    me = Machine(make_token(people.admin, "operator").text).call("GET", "auth/me").json()
    assert (me["username"], me["roles"]) == ("admin-person", ["operator"])
    assert (me["token"]["name"], me["token"]["role"]) == ("export", "operator")
    assert Client(people.admin).get("auth/me")[1]["token"] is None


def test_a_use_is_noted_once_a_minute(people: People) -> None:
    made = make_token(people.viewer)
    machine = Machine(made.text)

    def writes() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert machine.status("GET", "auth/me") == 200
        return sum('UPDATE "api_token"' in query["sql"] for query in caught.captured_queries)

    assert (writes(), writes()) == (1, 0)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    shift(made.row, last_used_at=-timedelta(seconds=61))
    assert writes() == 1
    last = ApiToken.objects.get().last_used_at
    assert last is not None
    assert last >= first


def test_the_audit_trail_says_which_token_stood_for_its_owner(people: People) -> None:
    loader = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=loader)
    machine = Machine(make_token(people.approver, "approver", "night shift").text)
    reason = json.dumps({"comment": "Not like this."})
    assert machine.status("POST", f"loaders/{loader.loader_code}/reject", reason) == 200
    event = AuditEvent.objects.filter(actor=people.approver).latest("at")
    assert (event.actor_name, event.after["via_token"]) == ("approver-person", "night shift")
    assert not AuditEvent.objects.filter(actor=people.operator, after__has_key="via_token")
