"""The list of loaders: its rows, its filters, and what is done to chosen ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.roles import PermissionDeniedError, Role
from audit.models import AuditEvent
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from execution.recent_runs import recent_runs
from loaderportal.loader_list import week_of
from loaderportal.loader_sections import overview
from loaders.admin import switching
from loaders.models import Loader, LoaderState
from loaders.services import archive_loader, switch_many
from tests.support.crowd import Crowd
from tests.support.people import person
from tests.support.place import Place, client_of
from tests.support.scenes import make_loader
from tests.support.teams import grant_to, make_team

pytestmark = pytest.mark.django_db
LIST = "/admin/loaders/loader/"


@pytest.fixture
def others(place: Place) -> list[Loader]:
    source = place.objects["loaders_sourcedatabase"]
    return [make_loader(place.people, source, f"ORDERS_{name}") for name in ("A", "B", "C")]


def choose(client: Client, act: str, loaders: list[Loader], **more: str) -> Any:
    chosen = {"action": act, "_selected_action": [str(one.pk) for one in loaders], **more}
    return client.post(LIST, chosen)


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def events(action: str) -> list[str]:
    return sorted(AuditEvent.objects.filter(action=action).values_list("object_id", flat=True))


# --- rows -----------------------------------------------------------------------------------------


def test_a_row_says_how_its_runs_went_and_what_of_the_week_is_loaded(place: Place) -> None:
    now = timezone.now()
    for number, status in enumerate([RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.RUNNING]):
        _ran(place.loader, now - timedelta(minutes=10 - number), status)
    CoverageInterval.objects.create(
        loader=place.loader,
        range_from=now - timedelta(days=2),
        range_to=now - timedelta(days=1),
        state="LOADED",
    )
    text = listed(place)
    assert "The last 3 runs: 2.0 s to 2.0 s, 2 failed" in text
    assert "Six-hour parts of the last 7 days: loaded " in text
    assert "Never</td>" in text
    LoaderState.objects.update(last_attempt_at=now - timedelta(minutes=4))
    assert "4 min ago" in listed(place)
    assert "Never</td>" not in listed(place)


def listed(place: Place) -> str:
    return "".join(client_of(place.people.viewer).get(LIST).content.decode().split("\n"))


def _ran(loader: Loader, at: Any, status: RunStatus, trigger: Trigger = Trigger.SCHEDULE) -> None:
    is_over = status != RunStatus.RUNNING
    LoadHistory.objects.create(
        loader=loader,
        trigger=trigger,
        status=status,
        start_time=at,
        claimed_at=at,
        end_time=at + timedelta(seconds=2) if is_over else None,
        query_from_time=at,
        query_to_time=at + timedelta(hours=1),
    )


def test_what_is_loaded_of_the_present_part_is_not_hidden_by_what_is_to_come(place: Place) -> None:
    now = timezone.now()
    start = week_of(now)[-1].start
    LoaderState.objects.update(last_load_timestamp=now)
    Loader.objects.update(end_at=None)
    CoverageInterval.objects.all().delete()
    CoverageInterval.objects.create(
        loader=place.loader, range_from=start - timedelta(days=7), range_to=now, state="LOADED"
    )
    assert "Six-hour parts of the last 7 days: loaded 28" in listed(place)
    LoaderState.objects.update(last_load_timestamp=start - timedelta(days=2))
    CoverageInterval.objects.update(range_to=start - timedelta(days=2))
    assert "Six-hour parts of the last 7 days: loaded 19, pending 8" in listed(place)


def test_latest_runs_are_those_that_ended_and_loaded_the_oldest_first(place: Place) -> None:
    now = timezone.now()
    for number in range(5):
        _ran(place.loader, now + timedelta(minutes=number), RunStatus.SUCCESS)
    _ran(place.loader, now + timedelta(minutes=6), RunStatus.SUCCESS, Trigger.DRY_RUN)
    _ran(place.loader, now + timedelta(minutes=7), RunStatus.RUNNING)
    found = recent_runs(["ORDERS_HOURLY", "UNKNOWN"], most=3)
    started = [run.started - now for run in found["ORDERS_HOURLY"]]
    assert started == [timedelta(minutes=number) for number in (2, 3, 4)]
    assert found["UNKNOWN"] == []


def test_a_loader_is_told_by_its_last_load_and_not_by_trials(place: Place) -> None:
    LoadHistory.objects.update(start_time=timezone.now() - timedelta(days=30))
    now = timezone.now()
    _ran(place.loader, now - timedelta(minutes=9), RunStatus.SUCCESS)
    _ran(place.loader, now - timedelta(minutes=8), RunStatus.FAILED, Trigger.DRY_RUN)
    shown = overview(place.loader, now)
    last = LoadHistory.objects.get(start_time=now - timedelta(minutes=9))
    assert shown["last"]["address"].endswith(f"/{last.pk}/change/")
    assert shown["failures"] == []
    assert len(shown["runs"]) > 1
    LoadHistory.objects.update(trigger=Trigger.RECOUNT)
    assert overview(place.loader, now)["last"] is None


def test_a_page_asks_no_more_of_the_database_for_more_rows(place: Place) -> None:
    client = client_of(place.people.operator)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(LIST).status_code == 200
        return len(asked)

    queries()
    few = queries()
    Crowd(40, 80, 1, sources=1).gather()
    assert queries() == few


def test_the_list_narrows_to_what_somebody_should_look_at(
    place: Place, others: list[Loader]
) -> None:
    now = timezone.now()
    late, held, never = others
    LoaderState.objects.update(last_success_timestamp=now, next_due_at=now + timedelta(hours=1))
    LoaderState.objects.filter(loader=late).update(next_due_at=now - timedelta(hours=1))
    LoaderState.objects.filter(loader=held).update(load_status="FAILED", next_due_at=None)
    LoaderState.objects.filter(loader=never).update(last_success_timestamp=None)

    def codes(**asked: str) -> list[str]:
        found = client_of(place.people.operator).get(LIST, asked).context["cl"].result_list
        return [loader.loader_code for loader in found]

    assert codes(standing="late") == ["ORDERS_A"]
    assert codes(standing="failed") == codes(standing="held") == ["ORDERS_B"]
    assert codes(standing="never") == ["ORDERS_C"]
    assert codes(mine="yes") == ["ORDERS_HOURLY"]
    assert codes(q="shop", approval_status__exact="APPROVED", o="-1") == [
        "ORDERS_C",
        "ORDERS_B",
        "ORDERS_A",
    ]


# --- chosen rows ----------------------------------------------------------------------------------


def test_chosen_loaders_are_disabled_after_a_question_and_each_leaves_its_event(
    place: Place, others: list[Loader]
) -> None:
    client = client_of(place.people.operator)
    asked = choose(client, "disable_chosen", others)
    assert asked.status_code == 200
    assert "Disable 3 loaders?" in asked.content.decode()
    assert Loader.objects.filter(enabled=True).count() == 4
    answer = choose(client, "disable_chosen", others, confirmed="yes")
    assert told(answer) == ["Now disabled (3): ORDERS_A, ORDERS_B, ORDERS_C."]
    assert events("loader.disable") == ["ORDERS_A", "ORDERS_B", "ORDERS_C"]
    assert Loader.objects.get(enabled=True) == place.loader


def test_what_was_done_is_told_apart_from_what_was_refused_and_why(
    place: Place, others: list[Loader]
) -> None:
    switch_many(user=place.people.operator, loaders=others[:2], to=False)
    archive_loader(user=place.people.admin, loader=others[0])
    chosen = client_of(place.people.operator)
    answer = choose(chosen, "enable_chosen", others)
    assert told(answer) == [
        "Now enabled (1): ORDERS_B.",
        "Already enabled (1): ORDERS_C.",
    ], "archived ones are not in the list"
    answer = chosen.post(
        f"{LIST}?archived=all",
        {"action": "enable_chosen", "_selected_action": [str(others[0].pk), str(others[1].pk)]},
    )
    assert told(answer)[-1].startswith("ORDERS_A is not enabled. ORDERS_A was archived")
    assert events("loader.enable") == ["ORDERS_B"]


def test_who_may_not_run_loaders_switches_none(place: Place, others: list[Loader]) -> None:
    for user in (place.people.viewer, place.people.approver):
        for act in ("enable_chosen", "disable_chosen"):
            choose(client_of(user), act, others, confirmed="yes")
        with pytest.raises(PermissionDeniedError):
            switch_many(user=user, loaders=others, to=False)
    assert events("loader.disable") == events("loader.enable") == []
    assert Loader.objects.filter(enabled=True).count() == 4


def test_loaders_that_are_not_granted_cannot_be_chosen(
    place: Place, others: list[Loader], settings: Any
) -> None:
    people = place.people
    grant_to(people, make_team(people, "Team of one", people.operator), others[0])
    settings.OBJECT_PERMISSIONS = True
    client = client_of(people.operator)
    assert "ORDERS_B" not in choose(client, "disable_chosen", others).content.decode()
    choose(client, "disable_chosen", others, confirmed="yes")
    assert events("loader.disable") == ["ORDERS_A"]
    found = switch_many(user=people.operator, loaders=others, to=True)
    assert found.done == ("ORDERS_A",)
    assert set(found.refused) == {"ORDERS_B", "ORDERS_C"}


def test_too_many_at_once_are_refused_before_anything_is_done(
    place: Place, others: list[Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "MOST", 2)
    answer = choose(client_of(place.people.operator), "disable_chosen", others, confirmed="yes")
    assert told(answer) == ["At most 2 loaders are switched at once. Choose fewer of them."]
    assert events("loader.disable") == []


def test_a_role_that_was_taken_away_meanwhile_counts(place: Place, others: list[Loader]) -> None:
    operator = person(Role.OPERATOR, "leaving")
    client = client_of(operator)
    assert choose(client, "disable_chosen", others).status_code == 200
    operator.groups.clear()
    assert choose(client, "disable_chosen", others, confirmed="yes").status_code in {302, 403}
    assert events("loader.disable") == []


def test_sources_locks_and_replicas_lead_to_one_another(place: Place) -> None:
    client = client_of(place.people.admin)
    sources = client.get(reverse("admin:loaders_sourcedatabase_changelist")).content.decode()
    locks = reverse("admin:execution_loaderexecutionlock_changelist")
    assert f"{locks}?state=active&amp;source=SHOP" in sources
    key = place.objects["loaders_sourcedatabase"].pk
    assert f"{LIST}?source_database__id__exact={key}" in sources
    assert client.get(locks, {"state": "active", "source": "SHOP"}).context["cl"].result_count == 1
    assert client.get(locks, {"state": "released"}).context["cl"].result_count == 0
    assert "Lease expired" in client.get(locks).content.decode()
    replicas = client.get(reverse("admin:execution_replica_changelist")).content.decode()
    assert f"{locks}?state=active&amp;replica_name=secret-replica" in replicas
    assert "Not heard of" in replicas
    page = reverse("admin:loaders_sourcedatabase_change", args=[key])
    assert "No run has read it" in client.get(page).content.decode()
