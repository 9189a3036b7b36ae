"""Every page of the console, for every role: the role table decides, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission as ModelPermission
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from accounts.admin_access import PortalModelAdmin
from accounts.admin_actions import ActionPageAdmin
from accounts.roles import Role
from audit.models import AuditEvent
from loaderportal.loader_sections import SECTIONS
from loaderportal.loader_tabs import FORM_TABS
from tests.support.people import person
from tests.support.place import ACCOUNT, MARKER, SECRET, Place, client_of

pytestmark = pytest.mark.django_db

EVERYBODY = frozenset(Role)
ENTITLED = EVERYBODY - {Role.VIEWER}
ADMIN = frozenset({Role.ADMIN})
DECIDERS = frozenset({Role.APPROVER, Role.ADMIN})
WRITERS = frozenset({Role.OPERATOR, Role.ADMIN})

MODELS = {
    "loaders_loader": (EVERYBODY, WRITERS),
    "loaders_loaderversion": (EVERYBODY, frozenset()),
    "loaders_sourcedatabase": (ENTITLED, ADMIN),
    "execution_loadhistory": (EVERYBODY, frozenset()),
    "execution_recount": (EVERYBODY, frozenset()),
    "execution_coverageinterval": (EVERYBODY, frozenset()),
    "execution_gap": (EVERYBODY, frozenset()),
    "execution_gapwaiver": (EVERYBODY, frozenset()),
    "backfill_gapscan": (EVERYBODY, frozenset()),
    "signals_outputversion": (EVERYBODY, frozenset()),
    "signals_segmentcombination": (EVERYBODY, frozenset()),
    "backfill_backfilljob": (EVERYBODY, WRITERS),
    "execution_loaderexecutionlock": (ENTITLED, frozenset()),
    "execution_replica": (ENTITLED, frozenset()),
    "execution_maintenancejob": (ENTITLED, frozenset()),
    "audit_auditevent": (ADMIN, frozenset()),
    "auth_user": (ADMIN, ADMIN),
    "accounts_team": (ADMIN, ADMIN),
    "accounts_apitoken": (EVERYBODY, EVERYBODY),
}
"""Who may open a model's list and pages, and who its form for a new one."""

NEVER_CHANGED = {"backfill_backfilljob", "accounts_apitoken"}
"""Models that are added by a form, and changed by buttons only."""

NEVER_ADDED = {"signals_segmentcombination": WRITERS}
"""Models that come with what runs bring, and who may change them by the form."""

WITHOUT_ROLE = {"login", "logout", "password_change", "password_change_done", "jsi18n", "search"}
OTHER = {"index", "app_list", "autocomplete", "view_on_site", None}
ACTIONS = {
    "execution_gap": {"waive": WRITERS},
    "loaders_loader": {
        "submit": WRITERS,
        "enable": WRITERS,
        "disable": WRITERS,
        "disable-and-cancel": WRITERS,
        "run": WRITERS,
        "watermark": WRITERS,
        "test-query": WRITERS,
        "dry-run": WRITERS,
        "teams": ADMIN,
        "archive": ADMIN,
        "evidence": ADMIN,
    },
    "loaders_sourcedatabase": {"test": ADMIN, "teams": ADMIN},
    "accounts_team": {"dissolve": ADMIN},
    "auth_user": {"unlock": ADMIN},
    "accounts_apitoken": {"revoke": EVERYBODY},
    "execution_loadhistory": {"cancel": WRITERS},
    "signals_outputversion": {"restore": WRITERS},
    "execution_gapwaiver": {"withdraw": WRITERS},
    "execution_recount": {"reload": WRITERS, "decline": WRITERS},
    "backfill_backfilljob": {
        "approve": DECIDERS,
        "reject": DECIDERS,
        "execute": WRITERS,
        "pause": WRITERS,
        "resume": WRITERS,
        "cancel": WRITERS,
    },
    "backfill_gapscan": {},
}
"""Who may press a model's buttons. Those that ask something first answer with their page."""

LIST_ACTIONS = {"loaders_loader": {"enable_chosen": WRITERS, "disable_chosen": WRITERS}}
"""What can be done to rows that were chosen in a model's list, and by whom."""

ASKS_FIRST = {"watermark", "teams", "reject", "test-query", "dry-run", "reload", "decline"}
ASKS_FIRST |= {"waive", "withdraw", "evidence", "submit"}
ANSWER_NEEDED = ASKS_FIRST - {"teams"}
"""The form comes back: it lacks something, or the source allows no trials."""


def _model(name: str) -> Any:
    return next(
        m for m in admin.site._registry if name == f"{m._meta.app_label}_{m._meta.model_name}"
    )


def pages(place: Place, role: Role) -> list[tuple[str, frozenset[Role]]]:
    """Every page that shows something, and who may open it."""
    listed: list[tuple[str, frozenset[Role]]] = [(reverse("admin:index"), EVERYBODY)]
    for name, (viewers, adders) in MODELS.items():
        key = [place.key(name, role)]
        listed += [
            (reverse(f"admin:{name}_changelist"), viewers),
            (reverse(f"admin:{name}_change", args=key), viewers),
            (reverse(f"admin:{name}_add"), adders),
            (reverse(f"admin:{name}_delete", args=key), frozenset()),
        ]
    key = [place.people.viewer.pk]
    listed.append((reverse("admin:auth_user_password_change", args=key), ADMIN))
    listed.append((reverse("admin:loaders_loader_governance"), EVERYBODY))
    listed.append((reverse("admin:loaders_loader_coverage", args=[place.loader.pk]), EVERYBODY))
    loader = reverse("admin:loaders_loader_change", args=[place.loader.pk])
    listed += [(f"{loader}?tab={tab}", EVERYBODY) for tab in (*SECTIONS, *sorted(FORM_TABS))]
    listed.append(
        (reverse("admin:execution_loadhistory_live", args=[place.execution.pk]), EVERYBODY)
    )
    inbox = reverse("admin:loaders_loaderversion_changelist")
    listed += [(f"{inbox}?waiting={whose}", EVERYBODY) for whose in ("me", "all")]
    compare = reverse("admin:loaders_loaderversion_compare", args=[place.loader.pk])
    listed.append((compare, EVERYBODY))
    listed.append((reverse("admin:execution_coverage_board"), EVERYBODY))
    listed.append((reverse("explorer"), EVERYBODY))
    listed.append((reverse("time_zone"), EVERYBODY))
    listed.append((reverse("explorer_loaders"), EVERYBODY))
    listed.append((reverse("explorer_loader", args=[place.loader.loader_code]), EVERYBODY))
    return listed


def test_nobody_gets_in_without_signing_in_or_without_being_staff(place: Place) -> None:
    outsider = person(Role.ADMIN, "outsider")
    outsider.is_staff = False
    outsider.save()
    for client in (Client(), client_of(outsider)):
        found = {page: client.get(page).status_code for page, _ in pages(place, Role.ADMIN)}
        assert set(found.values()) == {302}, found


def test_model_permissions_of_django_give_nothing(place: Place) -> None:
    nobody = get_user_model().objects.create_user("nobody", password="x", is_staff=True)
    nobody.user_permissions.set(ModelPermission.objects.all())
    client = client_of(nobody)
    found = {page: client.get(page).status_code for page, _ in pages(place, Role.ADMIN)}
    assert set(found.values()) == {403}, found


def test_sign_in_needs_a_role_and_is_audited(place: Place) -> None:
    get_user_model().objects.create_user("nobody", password="x-x-x-x-x", is_staff=True)
    answer = Client().post(reverse("admin:login"), {"username": "nobody", "password": "x-x-x-x-x"})
    assert "has no role yet" in answer.content.decode()
    events = _model("audit_auditevent").objects.filter(action="login.failed")
    assert [event.object_id for event in events] == ["nobody"]


@pytest.mark.parametrize("role", list(Role))
def test_each_role_does_the_acts_of_the_role_table_and_no_other(place: Place, role: Role) -> None:
    client = client_of(place.user(role))
    version = place.objects["loaders_loaderversion"].pk
    answer = client.post(
        reverse("admin:loaders_loaderversion_change", args=[version]), {"reject": "1"}
    )
    assert answer.status_code == (200 if role in {Role.APPROVER, Role.ADMIN} else 403)
    for name, (_, adders) in MODELS.items():
        changers = frozenset() if name in NEVER_CHANGED else NEVER_ADDED.get(name, adders)
        address = reverse(f"admin:{name}_change", args=[place.key(name, role)])
        if name != "loaders_loaderversion":
            assert client.post(address, {}).status_code == (200 if role in changers else 403), name
    for model, actions in ACTIONS.items():
        for action, roles in actions.items():
            address = reverse(f"admin:{model}_do", args=[place.key(model, role), action])
            opened = 200 if action in ASKS_FIRST else 405
            shown = client.get(address).status_code
            assert shown == (opened if role in roles else 403), action
            done = 200 if action in ANSWER_NEEDED else 302
            assert client.post(address).status_code == (done if role in roles else 403), action


@pytest.mark.parametrize("role", list(Role))
def test_each_role_does_to_chosen_rows_what_the_role_table_says(place: Place, role: Role) -> None:
    client = client_of(place.user(role))
    for model, page in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        address = reverse(f"admin:{name}_changelist")
        acts = LIST_ACTIONS.get(name, {})
        assert set(page.actions or ()) == set(acts), name
        if role in MODELS[name][0]:
            offered = client.get(address).context.get("action_form")
            names = (
                {key for key, _ in offered.fields["action"].choices if key} if offered else set()
            )
            assert names == {act for act, roles in acts.items() if role in roles}, name
    for act, roles in LIST_ACTIONS["loaders_loader"].items():
        before = AuditEvent.objects.filter(action__startswith="loader.").count()
        chosen = {"action": act, "_selected_action": [str(place.loader.pk)], "confirmed": "yes"}
        client.post(reverse("admin:loaders_loader_changelist"), chosen)
        added = AuditEvent.objects.filter(action__startswith="loader.").count() - before
        switches = place.loader.enabled == (act == "disable_chosen")
        assert added == int(role in roles and switches), act
        place.loader.refresh_from_db()


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_its_pages_and_only_the_entitled_see_sql_and_nobody_passwords(
    place: Place, role: Role
) -> None:
    client = client_of(place.user(role))
    answers = {page: client.get(page) for page, _ in pages(place, role)}
    found = {page: answer.status_code for page, answer in answers.items()}
    assert found == {page: 200 if role in roles else 403 for page, roles in pages(place, role)}
    opened = {page: answer for page, answer in answers.items() if answer.status_code == 200}
    texts = {page: answer.content.decode() for page, answer in opened.items()}
    assert not [page for page, text in texts.items() if SECRET in text]
    with_sql = [page for page, text in texts.items() if MARKER in text]
    with_replica = [page for page, text in texts.items() if "secret-replica" in text]
    with_account = [page for page, text in texts.items() if ACCOUNT in text]
    if role is Role.VIEWER:
        assert (with_sql, with_replica, with_account) == ([], [], [])
    else:
        assert len(with_account) == 3  # a source and its list, a version
        assert len(with_sql) == 5  # both tabs of a loader's form, version, execution (also live)
        # An execution (also live), a replica, a job, two lists, home.
        assert len(with_replica) == 7


def test_an_address_cannot_probe_fields_that_the_page_does_not_show(place: Place) -> None:
    client = client_of(place.people.approver)
    for page, lookup in (
        ("execution_loadhistory", "source_error__isnull"),
        ("execution_loadhistory", "replica_name"),
        ("execution_loadhistory", "loader__source_database__host__startswith"),
        ("loaders_loader", "source_database__user_name__startswith"),
        ("loaders_loader", "loader_sql__isnull"),
        ("loaders_sourcedatabase", "password__isnull"),
    ):
        answer = client.get(reverse(f"admin:{page}_changelist"), {lookup: "1"})
        assert answer.status_code == 400, lookup


def test_every_page_of_the_console_is_in_these_tables() -> None:
    def names(patterns: list[Any]) -> set[str | None]:
        found: set[str | None] = set()
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                found |= names(list(pattern.url_patterns))
            elif isinstance(pattern, URLPattern):
                found.add(pattern.name)
        return found

    parts = ("changelist", "change", "add", "delete", "history")
    known = {f"{model}_{part}" for model in MODELS for part in parts}
    known |= {"loaders_loader_do", "execution_loadhistory_do", "auth_user_password_change"}
    known |= {
        "loaders_loaderversion_news",
        "loaders_loaderversion_restore",
        "loaders_loaderversion_evidence",
        "loaders_loaderversion_compare",
        "loaders_sourcedatabase_do",
        "accounts_team_do",
    }
    known |= {
        "signals_outputversion_do",
        "execution_recount_do",
        "backfill_backfilljob_do",
        "loaders_loader_governance",
    }
    known |= {"auth_user_do", "accounts_apitoken_do"}
    known |= {"execution_gap_do", "execution_gapwaiver_do", "backfill_gapscan_do"}
    known |= {"loaders_loader_coverage", "execution_coverage_board", "execution_loadhistory_live"}
    assert names(admin.site.urls[0]) - known - WITHOUT_ROLE - OTHER == set()


def test_every_button_of_the_console_is_in_these_tables() -> None:
    found = {
        f"{model._meta.app_label}_{model._meta.model_name}": {
            action.name for action in page.page_actions if action.act
        }
        for model, page in admin.site._registry.items()
        if isinstance(page, ActionPageAdmin)
    }
    assert found == {model: set(actions) for model, actions in ACTIONS.items()}


def test_every_model_of_the_console_goes_by_the_role_table() -> None:
    assert all(isinstance(found, PortalModelAdmin) for found in admin.site._registry.values())


def test_the_browsers_request_for_an_icon_finds_ours() -> None:
    assert Client().get("/favicon.ico")["Location"] == "/static/console/icon.svg"
