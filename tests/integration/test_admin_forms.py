"""What the console's forms write, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from loaders.admin.version import decide
from loaders.exceptions import InvalidTransitionError
from loaders.models import ApprovalStatus, Decision, Loader, LoaderVersion, SourceDatabase
from loaders.services import approve, submit, update_loader
from tests.support.people import PASSWORD
from tests.support.place import SECRET, Place, client_of

pytestmark = pytest.mark.django_db


def shown_values(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send back from a form that nobody touched, CRLF line ends included."""
    form = client.get(address).context["adminform"].form
    values: dict[str, Any] = {}
    for name in form.fields:
        value = form[name].value()
        if isinstance(value, bool):
            values |= {name: "on"} if value else {}
        elif form[name].field.widget.__class__.__name__ != "UnfoldAdminPasswordWidget":
            values[name] = "" if value is None else str(value).replace("\n", "\r\n")
    return values


def approved(place: Place) -> Loader:
    """The place's loader, its waiting version approved."""
    approve(user=place.people.approver, loader=place.loader)
    return Loader.objects.get()


def test_saving_an_untouched_loader_leaves_it_approved(place: Place) -> None:
    loader = approved(place)
    address = reverse("admin:loaders_loader_change", args=[loader.pk])
    client = client_of(place.people.operator)
    assert client.post(address, shown_values(client, address)).status_code == 302
    assert Loader.objects.get().approval_status == ApprovalStatus.APPROVED


def test_a_governed_change_returns_a_loader_to_draft(place: Place) -> None:
    loader = approved(place)
    address = reverse("admin:loaders_loader_change", args=[loader.pk])
    client = client_of(place.people.operator)
    values = {**shown_values(client, address), "lateness_seconds": "77"}
    assert client.post(address, values).status_code == 302
    changed = Loader.objects.get()
    assert (changed.approval_status, changed.lateness_seconds) == (ApprovalStatus.DRAFT, 77)


def test_what_the_service_refuses_stands_beside_the_field(place: Place) -> None:
    address = reverse("admin:loaders_loader_change", args=[place.loader.pk])
    client = client_of(place.people.operator)
    values = {**shown_values(client, address), "grain_seconds": "7"}
    answer = client.post(address, values)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {
        "grain_seconds": ["The grain must divide a day evenly."]
    }


def test_nobody_approves_what_they_edited_and_is_told_so(place: Place) -> None:
    update_loader(user=place.people.admin, loader=place.loader, values={"lateness_seconds": 5})
    version = submit(user=place.people.operator, loader=place.loader)
    client = client_of(place.people.admin)
    address = reverse("admin:loaders_loaderversion_change", args=[version.pk])
    answer = client.post(address, {"approve": "1"})
    assert "a second person must approve it" in answer.content.decode()
    assert LoaderVersion.objects.get(pk=version.pk).decision == Decision.PENDING


def test_a_version_submitted_meanwhile_is_not_approved_unseen(place: Place) -> None:
    seen = LoaderVersion.objects.get(decision=Decision.PENDING)
    update_loader(user=place.people.operator, loader=place.loader, values={"lateness_seconds": 5})
    anew = submit(user=place.people.operator, loader=place.loader)
    with pytest.raises(InvalidTransitionError, match="submitted anew"):
        decide(user=place.people.approver, version=seen, decision=Decision.APPROVED, comment="")
    assert LoaderVersion.objects.get(pk=anew.pk).decision == Decision.PENDING


def test_a_source_needs_a_password_when_new_and_keeps_it_when_left_empty(place: Place) -> None:
    client = client_of(place.people.admin)
    address = reverse("admin:loaders_sourcedatabase_change", args=[SourceDatabase.objects.get().pk])
    values = {**shown_values(client, address), "user_name": "another"}
    add = reverse("admin:loaders_sourcedatabase_add")
    answer = client.post(add, {**values, "db_code": "OTHER"})
    assert set(answer.context["adminform"].form.errors) == {"new_password"}
    assert client.post(address, values).status_code == 302
    source = SourceDatabase.objects.get()
    assert (source.user_name, source.password) == ("another", SECRET)
    assert Loader.objects.get().approval_status == ApprovalStatus.DRAFT


def enters(client: Client, name: str, password: str) -> bool:
    """Whether the sign-in page lets somebody in."""
    typed = {"username": name, "password": password}
    return client.post(reverse("admin:login"), typed).status_code == 302


def test_a_new_user_gets_one_role_and_can_sign_in(place: Place) -> None:
    values = {
        "username": "newcomer",
        "role": "operator",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    answer = client_of(place.people.admin).post(reverse("admin:auth_user_add"), values)
    assert answer.status_code == 302
    signed_in = Client()
    assert enters(signed_in, "newcomer", PASSWORD)
    assert signed_in.get(reverse("admin:loaders_loader_add")).status_code == 200
    event = AuditEvent.objects.get(action="user.create")
    assert (event.object_id, event.after["role"]) == ("newcomer", "operator")
    assert PASSWORD not in str(event.after)


def test_nobody_changes_their_own_role(place: Place) -> None:
    client = client_of(place.people.admin)
    address = reverse("admin:auth_user_change", args=[place.people.admin.pk])
    answer = client.post(address, {**shown_values(client, address), "role": "viewer"})
    assert answer.context["adminform"].form.errors == {
        "role": ["Another administrator must change your own access."]
    }


def test_setting_a_password_is_audited_without_it(place: Place) -> None:
    address = reverse("admin:auth_user_password_change", args=[place.people.viewer.pk])
    new = "another-long-password"
    answer = client_of(place.people.admin).post(address, {"password1": new, "password2": new})
    assert answer.status_code == 302
    assert AuditEvent.objects.get(action="user.password").object_id == "viewer-person"
    assert enters(Client(), "viewer-person", new)


def test_lists_ask_as_many_queries_for_many_rows_as_for_one(
    place: Place, django_assert_max_num_queries: Any
) -> None:
    original = place.execution
    for _ in range(20):
        original.pk = original.id = None
        original._state.adding = True
        original.id = LoaderVersion._meta.get_field("id").get_default()
        original.save()
    client = client_of(place.people.operator)
    for name in ("execution_loadhistory", "loaders_loader", "loaders_loaderversion"):
        with django_assert_max_num_queries(14):
            assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_a_copy_begins_with_the_loaders_values_and_is_a_draft(place: Place) -> None:
    loader = approved(place)
    client = client_of(place.people.operator)
    address = f"{reverse('admin:loaders_loader_add')}?copy={loader.pk}"
    values = {**shown_values(client, address), "loader_code": "ORDERS_COPY"}
    assert client.post(reverse("admin:loaders_loader_add"), values).status_code == 302
    copied = Loader.objects.get(loader_code="ORDERS_COPY")
    assert copied.loader_sql == loader.loader_sql
    assert (copied.approval_status, copied.enabled) == (ApprovalStatus.DRAFT, False)
    viewer = client_of(place.people.viewer)
    assert viewer.get(address).status_code == 403


def test_an_old_version_is_made_a_draft_by_its_button(place: Place) -> None:
    loader = approved(place)
    lateness = loader.lateness_seconds
    update_loader(user=place.people.operator, loader=loader, values={"lateness_seconds": 77})
    version = loader.approved_version
    assert version is not None
    address = reverse("admin:loaders_loaderversion_restore", args=[version.pk])
    assert client_of(place.people.approver).post(address).status_code == 403
    client = client_of(place.people.operator)
    assert client.get(address).status_code == 404
    page = client.get(reverse("admin:loaders_loaderversion_change", args=[version.pk]))
    assert "Make a draft of this version" in page.content.decode()
    assert client.post(address).status_code == 302
    assert Loader.objects.get().lateness_seconds == lateness
