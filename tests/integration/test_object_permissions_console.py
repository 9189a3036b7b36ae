"""Team grants in the console: pages, lists, choices, buttons; and in the services behind them.

The pages are those of `test_admin_access`, so a new one is covered without a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.urls import reverse
from django.utils.http import urlencode

from accounts.roles import Role
from audit.models import AuditEvent
from backfill import services as backfills
from core.errors import PortalError
from execution.models import LoadHistory, RunStatus, TrialKind, Trigger
from execution.services import disable_and_cancel, request_cancel, request_trial, run_now
from loaders import services
from loaders.models import Loader, LoaderState, LoadStatus
from tests.integration.test_admin_access import MODELS, _model
from tests.support.place import ACCOUNT, MARKER, Place, client_of
from tests.support.scenes import HOUR, START, make_loader
from tests.support.teams import grant_to, make_team, simulated_source

pytestmark = pytest.mark.django_db

NOWHERE = "00000000-0000-7000-8000-000000000000"
RESTRICTED = [Role.OPERATOR, Role.APPROVER]
NOT_OF_LOADERS = {
    "backfill_gapscan",
    "execution_replica",
    "execution_maintenancejob",
    "audit_auditevent",
    "auth_user",
    "accounts_team",
    "accounts_apitoken",
}
"""Models that lead to no loader and no source."""

MARKS = ("ORDERS_HOURLY", "SHOP", MARKER, ACCOUNT, "SOURCE_SQL_FAILED")


@pytest.fixture
def place(place: Place, settings: Any) -> Place:
    people = place.people
    place.objects["team"] = make_team(people, "Orders team", people.operator, people.approver)
    settings.OBJECT_PERMISSIONS = True
    return place


_CHOICE = "data-ajax--url"
"""A choice that is offered what a search finds; tested apart."""


def text_of(user: Any, page: str) -> str:
    answer = client_of(user).get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return answer.content.decode()


def own_models(role: Role) -> list[str]:
    return [
        name
        for name, (viewers, _) in MODELS.items()
        if role in viewers and name not in NOT_OF_LOADERS
    ]


@pytest.mark.parametrize("role", RESTRICTED)
def test_pages_and_lists_hide_what_is_not_granted(place: Place, role: Role) -> None:
    user = place.user(role)
    _grant_another(place)
    lists = [reverse(f"admin:{name}_changelist") for name in own_models(role)]
    adds = [reverse(f"admin:{name}_add") for name in own_models(role) if role in MODELS[name][1]]
    searched = [f"{page}?q=ORDERS_HOURLY" for page in lists]
    others = [reverse("admin:index"), f"{reverse('admin:search')}?s=SHOP"]
    for page in [*lists, *adds, *others]:
        text = text_of(user, page)
        assert not [mark for mark in MARKS if mark in text.replace("?s=SHOP", "")], page
    assert "OWN_LOADER" in text_of(user, lists[0])
    for page in searched:
        assert "/change/" not in text_of(user, page)
    chosen = f"{reverse('admin:execution_loadhistory_changelist')}?loader__loader_code__exact="
    assert '<option value="OWN_LOADER" selected>' in text_of(user, f"{chosen}OWN_LOADER")
    assert '<option value="ORDERS_HOURLY"' not in text_of(user, f"{chosen}ORDERS_HOURLY")
    grant_to(place.people, place.objects["team"], place.objects["loaders_sourcedatabase"])
    for page in [*lists, *adds]:
        text = text_of(user, page)
        assert "ORDERS_HOURLY" in text or "SHOP" in text or _CHOICE in text, page


@pytest.mark.parametrize("role", RESTRICTED)
def test_a_search_for_a_loader_to_choose_finds_what_is_granted(place: Place, role: Role) -> None:
    user = place.user(role)
    _grant_another(place)
    offered = {"app_label": "backfill", "model_name": "backfilljob", "field_name": "loader"}
    address = f"{reverse('admin:autocomplete')}?{urlencode(offered)}"
    assert [one["id"] for one in _found(user, address)] == ["OWN_LOADER"]
    assert _found(user, f"{address}&term=ORDERS") == []
    grant_to(place.people, place.objects["team"], place.objects["loaders_sourcedatabase"])
    assert [one["text"] for one in _found(user, f"{address}&term=ORDERS")] == ["ORDERS_HOURLY"]


def _found(user: Any, address: str) -> list[dict[str, str]]:
    answer = client_of(user).get(address)
    found: list[dict[str, str]] = answer.json()["results"]
    return found


def _grant_another(place: Place) -> None:
    """Something for the lists to show, and their filters to offer."""
    own = simulated_source(place.people, "OWN")
    values = {"loader_code": "OWN_LOADER", "loader_sql": "x", "source_database": own}
    services.create_loader(user=place.people.admin, values=values)
    grant_to(place.people, place.objects["team"], own)


@pytest.mark.parametrize("role", RESTRICTED)
def test_an_objects_page_answers_as_one_that_does_not_exist(place: Place, role: Role) -> None:
    client = client_of(place.user(role))
    for name in own_models(role):
        key = str(place.objects[name].pk)
        absent = NOWHERE if len(key) == len(NOWHERE) else "999999999"
        page = reverse(f"admin:{name}_change", args=["KEY"])
        for send in (client.get, client.post):
            found, nothing = (send(page.replace("KEY", k)) for k in (key, absent))
            assert found.status_code == nothing.status_code != 200, (name, send)
            assert found.get("Location") == nothing.get("Location")
    told = [str(message) for message in client.get(reverse("admin:index")).context["messages"]]
    assert told
    typed = str(place.objects["execution_gap"].pk)  # it is made of the loader's code
    assert not [text for text in told if any(mark in text.replace(typed, "") for mark in MARKS)]


@pytest.mark.parametrize("role", RESTRICTED)
def test_buttons_do_nothing_to_what_is_not_granted(place: Place, role: Role) -> None:
    client = client_of(place.user(role))
    events = AuditEvent.objects.count()
    for model in (
        "loaders_loader",
        "loaders_sourcedatabase",
        "execution_loadhistory",
        "backfill_backfilljob",
    ):
        site_admin = admin.site.get_model_admin(_model(model))
        for action in site_admin.page_actions:  # type: ignore[attr-defined]
            if action.act is None:
                continue
            address = reverse(f"admin:{model}_do", args=[place.objects[model].pk, action.name])
            assert client.post(address).status_code == 404, (model, action.name)
    version = place.objects["loaders_loaderversion"].pk
    address = reverse("admin:loaders_loaderversion_restore", args=[version])
    assert client.post(address).status_code == 404
    copy = f"{reverse('admin:loaders_loader_add')}?copy={place.loader.pk}"
    assert client.get(copy).status_code == (404 if role is Role.OPERATOR else 403)
    assert AuditEvent.objects.count() == events


def test_a_source_that_is_not_granted_is_no_choice_for_its_granted_loader(place: Place) -> None:
    grant_to(place.people, place.objects["team"], place.loader)
    page = reverse("admin:loaders_loader_change", args=[place.loader.pk]) + "?tab=sql"
    source = place.objects["loaders_sourcedatabase"]
    for role in RESTRICTED:
        text = text_of(place.user(role), page)
        assert "SHOP" in text
        assert str(source.pk) not in text
    answer = client_of(place.people.operator).get(page)
    assert "source_database" not in answer.context["adminform"].form.fields


def test_a_choice_that_was_not_offered_is_refused(place: Place) -> None:
    source = place.objects["loaders_sourcedatabase"]
    typed = {"loader_code": "ORDERS_NEW", "source_database": str(source.pk), "loader_sql": "x"}
    client = client_of(place.people.operator)
    answer = client.post(reverse("admin:loaders_loader_add"), typed)
    errors = answer.context["adminform"].form.errors
    assert "Select a valid choice" in str(errors["source_database"])
    assert not Loader.objects.filter(loader_code="ORDERS_NEW").exists()


def test_the_inbox_counts_what_is_granted_only(place: Place) -> None:
    approver = place.people.approver
    home = reverse("admin:index")
    waiting = client_of(approver).get(home).context["waiting_card"]
    assert (waiting.label, waiting.number) == ("Waiting for me", "0")
    grant_to(place.people, place.objects["team"], place.loader)
    answer = client_of(approver).get(home)
    assert answer.context["waiting_card"].number == "1"
    assert "ORDERS_HOURLY" in answer.content.decode()


@pytest.mark.parametrize("role", RESTRICTED)
def test_the_home_page_tells_of_granted_loaders_only(
    place: Place, role: Role, settings: Any
) -> None:
    settings.OBJECT_PERMISSIONS = False
    source = place.objects["loaders_sourcedatabase"]
    make_loader(place.people, source, "ORDERS_BEHIND", end_at=None)
    settings.OBJECT_PERMISSIONS = True
    LoaderState.objects.filter(loader=place.loader).update(load_status=LoadStatus.FAILED)
    LoaderState.objects.exclude(loader=place.loader).update(
        last_load_timestamp=START, next_due_at=START
    )
    LoadHistory.objects.update(status=RunStatus.RUNNING)
    home = reverse("admin:index")

    def told() -> list[str]:
        cards = client_of(place.user(role)).get(home).context["cards"]
        return [card.number for card in cards if not card.label.startswith("Waiting")]

    assert told() == ["0", "0", "0", "Nobody"]
    assert "ORDERS_" not in text_of(place.user(role), home)
    grant_to(place.people, place.objects["team"], source)
    running, late, failed, behind = told()
    assert (running, late, failed) == ("1", "1", "1")
    assert behind != "Nobody"


@pytest.mark.parametrize("page", ["loaders_loader", "execution_loadhistory"])
def test_lists_ask_the_database_no_more_often_with_more_grants(
    place: Place, page: str, django_assert_max_num_queries: Any
) -> None:
    client = client_of(place.people.operator)
    address = reverse(f"admin:{page}_changelist")
    grant_to(place.people, place.objects["team"], place.loader)
    client.get(address)  # content types are looked up once a process
    with django_assert_max_num_queries(60) as few:
        client.get(address)
    for number in range(8):
        team = make_team(place.people, f"Team {number}", place.people.operator)
        source = place.objects["loaders_sourcedatabase"]
        grant_to(place.people, team, place.loader, source)
    with django_assert_max_num_queries(60) as many:
        client.get(address)
    assert len(many) == len(few)


# --- services ------------------------------------------------------------------------------------

Act = Callable[[Any, Place], Any]
WANTED = backfills.Wanted(START, START + HOUR)


def job_of(place: Place) -> Any:
    return place.objects["backfill_backfilljob"]


OF_OPERATORS: dict[str, Act] = {
    "update": lambda u, p: services.update_loader(user=u, loader=p.loader, values={}),
    "submit": lambda u, p: services.submit(user=u, loader=p.loader),
    "enable": lambda u, p: services.enable(user=u, loader=p.loader),
    "disable": lambda u, p: services.disable(user=u, loader=p.loader),
    "copy": lambda u, p: services.copy_loader(user=u, loader=p.loader, loader_code="ORDERS_COPY"),
    "restore": lambda u, p: services.restore_version(user=u, loader=p.loader, number=1),
    "watermark": lambda u, p: services.move_watermark(
        user=u, loader=p.loader, watermark=None, reason="Begin anew."
    ),
    "try": lambda u, p: request_trial(user=u, loader=p.loader, kind=TrialKind.DRY_RUN),
    "run": lambda u, p: run_now(user=u, loader=p.loader, trigger=Trigger.MANUAL),
    "cancel": lambda u, p: request_cancel(user=u, execution=p.execution),
    "submit a backfill": lambda u, p: backfills.submit(user=u, loader=p.loader, wanted=WANTED),
    "preview a backfill": lambda u, p: backfills.preview(user=u, loader=p.loader, wanted=WANTED),
    "execute a backfill": lambda u, p: backfills.execute(user=u, job=job_of(p)),
    "pause a backfill": lambda u, p: backfills.pause(user=u, job=job_of(p)),
    "resume a backfill": lambda u, p: backfills.resume(user=u, job=job_of(p)),
    "cancel a backfill": lambda u, p: backfills.cancel(user=u, job=job_of(p)),
    "retry a backfill": lambda u, p: backfills.retry(user=u, job=job_of(p)),
    "disable and cancel": lambda u, p: disable_and_cancel(user=u, loader=p.loader),
}
OF_APPROVERS: dict[str, Act] = {
    "approve a backfill": lambda u, p: backfills.approve(user=u, job=job_of(p)),
    "reject a backfill": lambda u, p: backfills.reject(user=u, job=job_of(p), comment="No."),
    "approve": lambda u, p: services.approve(user=u, loader=p.loader),
    "renew": lambda u, p: services.renew_evidence(
        user=u, version=p.loader.versions.latest("number")
    ),
    "reject": lambda u, p: services.reject(user=u, loader=p.loader, comment="No."),
}


def code_of(act: Act, user: Any, place: Place) -> str:
    """The code of the refusal, or nothing; what was done is undone."""
    with transaction.atomic():
        try:
            act(type(user).objects.get(pk=user.pk), place)
        except PortalError as error:
            return error.code
        finally:
            transaction.set_rollback(True)
    return ""


@pytest.mark.parametrize("name", [*OF_OPERATORS, *OF_APPROVERS])
def test_every_act_refuses_what_is_not_granted_whoever_calls_it(place: Place, name: str) -> None:
    act = {**OF_OPERATORS, **OF_APPROVERS}[name]
    user = place.people.operator if name in OF_OPERATORS else place.people.approver
    absent = "EXECUTION_NOT_FOUND" if name == "cancel" else "LOADER_NOT_FOUND"
    assert code_of(act, user, place) == absent
    grant_to(place.people, place.objects["team"], place.objects["loaders_sourcedatabase"])
    assert code_of(act, user, place) not in {absent, "PERMISSION_DENIED"}


def test_a_new_loader_over_a_hidden_source_is_refused_by_the_service(place: Place) -> None:
    source = place.objects["loaders_sourcedatabase"]
    values = {"loader_code": "ORDERS_NEW", "loader_sql": "x", "source_database": source}
    create: Act = lambda u, _: services.create_loader(user=u, values=values)  # noqa: E731
    assert code_of(create, place.people.operator, place) == "SOURCE_NOT_FOUND"


def test_a_loader_cannot_be_moved_to_a_hidden_source(place: Place) -> None:
    grant_to(place.people, place.objects["team"], place.loader)
    hidden = simulated_source(place.people, "HIDDEN")
    move: Act = lambda u, p: services.update_loader(  # noqa: E731
        user=u, loader=p.loader, values={"source_database": hidden}
    )
    assert code_of(move, place.people.operator, place) == "SOURCE_NOT_FOUND"
    grant_to(place.people, place.objects["team"], hidden)
    assert code_of(move, place.people.operator, place) == ""
