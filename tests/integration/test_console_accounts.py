"""What the console does with accounts leaves its trace, and roles mean what they say."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from accounts.roles import Role, roles_of
from audit.models import AuditEvent
from tests.support.people import PASSWORD, People
from tests.support.place import client_of

pytestmark = pytest.mark.django_db

NEW = "quite-another-password"


@pytest.fixture
def people() -> People:
    return People()


def change_password(client: Any, old: str, new: str) -> int:
    typed = {"old_password": old, "new_password1": new, "new_password2": new}
    status: int = client.post(reverse("admin:password_change"), typed).status_code
    return status


def events(action: str) -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(action=action)
    return [(event.actor_name, event.object_id) for event in found]


def test_a_change_of_ones_own_password_is_audited_without_it(people: People) -> None:
    client = client_of(people.viewer)
    assert client.get(reverse("admin:password_change")).status_code == 200
    assert change_password(client, "wrong", NEW) == 200
    assert events("user.password_change") == []
    assert change_password(client, PASSWORD, NEW) == 302
    assert events("user.password_change") == [("viewer-person", "viewer-person")]
    assert NEW not in str(list(AuditEvent.objects.values_list("before", "after")))
    assert get_user_model().objects.get(pk=people.viewer.pk).check_password(NEW)


def test_a_password_that_can_not_be_told_of_is_not_changed(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.admin.password_was_changed", fails)
    client = client_of(people.viewer)
    client.raise_request_exception = False
    assert change_password(client, PASSWORD, NEW) == 500
    assert get_user_model().objects.get(pk=people.viewer.pk).check_password(PASSWORD)


def test_signing_out_of_the_console_is_audited_once(people: People) -> None:
    client = client_of(people.viewer)
    assert client.post(reverse("admin:logout")).status_code in {200, 302}
    assert events("logout") == [("viewer-person", "viewer-person")]
    client.post(reverse("admin:logout"))
    assert len(events("logout")) == 1


def shown_role(client: Any, user: Any) -> Any:
    page = client.get(reverse("admin:auth_user_change", args=[user.pk]))
    return page.context["adminform"].form["role"].value()


def give(client: Any, user: Any, role: Role, **others: str) -> int:
    address = reverse("admin:auth_user_change", args=[user.pk])
    typed = {"username": user.get_username(), "role": role.value, **others}
    status: int = client.post(address, typed).status_code
    return status


def superuser(*, is_active: bool) -> Any:
    return get_user_model().objects.create_superuser("root", password=PASSWORD, is_active=is_active)


@pytest.mark.parametrize("is_active", [True, False])
def test_a_superuser_who_gets_a_lesser_role_has_no_more_than_that(
    people: People,
    *,
    is_active: bool,
) -> None:
    root = superuser(is_active=is_active)
    root.groups.set(people.viewer.groups.all())
    client = client_of(people.admin)
    assert shown_role(client, root) == Role.ADMIN
    assert give(client, root, Role.VIEWER, is_active="on") == 302
    root = get_user_model().objects.get(pk=root.pk)
    assert not root.is_superuser
    assert set(roles_of(root)) == {Role.VIEWER}
    event = AuditEvent.objects.get(action="user.update")
    assert (event.before["is_superuser"], event.after["is_superuser"]) == (True, False)
    assert event.after["role"] == "viewer"


def test_a_superuser_whose_role_stays_admin_stays_one(people: People) -> None:
    root = superuser(is_active=True)
    client = client_of(people.admin)
    assert give(client, root, Role.ADMIN, is_active="on", first_name="Root") == 302
    root = get_user_model().objects.get(pk=root.pk)
    assert (root.is_superuser, root.first_name) == (True, "Root")
    assert "is_superuser" not in AuditEvent.objects.get(action="user.update").after
