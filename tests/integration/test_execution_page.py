"""The page of an execution: what it tells at each stage, and how it follows a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from execution.heartbeat import Heartbeat
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus
from loaders.models import ApprovalStatus, Loader, LoaderState, LoadStatus
from tests.support.place import Place, client_of

pytestmark = pytest.mark.django_db


def page(place: Place, name: str = "change", user: Any = None) -> Any:
    address = reverse(f"admin:execution_loadhistory_{name}", args=[place.execution.pk])
    return client_of(user or place.people.operator).get(address)


def under_way(place: Place, **values: Any) -> LoaderExecutionLock:
    now = timezone.now()
    LoadHistory.objects.update(
        status=RunStatus.RUNNING, claimed_at=now, end_time=None, error_code="", **values
    )
    lock: LoaderExecutionLock = LoaderExecutionLock.objects.get()
    lock.claimed_at, lock.lease_until = now, now + timedelta(minutes=1)
    lock.save()
    return lock


def test_a_run_under_way_is_followed_with_the_rows_its_heartbeat_tells(place: Place) -> None:
    lock = under_way(place)
    heartbeat = Heartbeat(lock)
    for _ in heartbeat.counting([[(b"1",)] * 1000, [(b"1",)] * 234]):
        heartbeat._tell()
    for text in (page(place), page(place, "live")):
        assert "1,234 rows read so far" in text.content.decode()
        assert f"/{place.execution.pk}/live/" in text.content.decode()
    assert "HX-Retarget" not in page(place, "live")
    client = APIClient()
    client.force_authenticate(place.people.viewer)
    assert client.get(f"/api/v1/executions/{place.execution.pk}").json()["rowsSoFar"] == 1234
    lock.released = True
    lock.save()
    assert client.get(f"/api/v1/executions/{place.execution.pk}").json()["rowsSoFar"] is None


def test_telling_rows_neither_renews_a_lease_nor_touches_a_lock_that_was_lost(
    place: Place,
) -> None:
    lock = under_way(place)
    heartbeat = Heartbeat(lock)
    heartbeat._renew_at = float("inf")
    next(heartbeat.counting([[(b"1",)] * 5]))
    heartbeat._tell()
    before = lock.lease_until
    lock.refresh_from_db()
    assert (lock.rows_so_far, lock.lease_until) == (5, before)
    LoaderExecutionLock.objects.update(released=True)
    next(heartbeat.counting([[(b"1",)] * 7]))
    heartbeat._tell()
    lock.refresh_from_db()
    assert (lock.rows_so_far, lock.lease_until, lock.released) == (5, before, True)


def test_nothing_is_written_where_nothing_is_to_be_said(
    place: Place, django_assert_num_queries: Any
) -> None:
    heartbeat = Heartbeat(under_way(place))
    heartbeat._renew_at = float("inf")
    with django_assert_num_queries(0):
        heartbeat._tell()


def test_a_run_that_ended_replaces_the_whole_page_and_is_asked_for_no_more(place: Place) -> None:
    answer = page(place, "live")
    text = answer.content.decode()
    assert (answer["HX-Retarget"], answer["HX-Reselect"]) == ("#execution-page",) * 2
    assert "hx-get" not in text
    assert "Nothing was loaded." in text


def test_a_failure_says_when_it_comes_again_and_what_to_do(place: Place) -> None:
    due = timezone.now() + timedelta(hours=1)
    place.loader.enabled = True
    place.loader.save()
    state = place.loader.state
    state.load_status, state.next_due_at = LoadStatus.FAILED, due
    state.save()
    text = page(place).content.decode()
    assert f"It is tried again at {due:%Y-%m-%d %H:%M}" in text
    assert "Correct the SQL on the loader" in text
    state.next_due_at = None
    state.save()
    assert "waits until somebody mends or runs it" in page(place).content.decode()


def test_no_retry_is_promised_of_a_loader_that_may_not_run(place: Place) -> None:
    LoaderState.objects.update(next_due_at=timezone.now() - timedelta(minutes=1))
    place.loader.enabled = True
    place.loader.save()
    assert place.loader.approval_status == ApprovalStatus.APPROVED
    assert "It is due again" in page(place).content.decode()
    Loader.objects.update(approval_status=ApprovalStatus.DRAFT)
    assert "It is due again" not in page(place).content.decode()


def test_a_released_lock_tells_until_when_it_was_held(place: Place) -> None:
    LoaderExecutionLock.objects.update(released=True, released_at=timezone.now())
    address = reverse("admin:execution_loaderexecutionlock_changelist") + "?state=released"
    text = client_of(place.people.operator).get(address).content.decode()
    assert "until <time " in text


@pytest.mark.parametrize("asked", ["0001-01-01T00", "9999-12-31T22", "2026-01-31T10"])
def test_an_hour_of_the_filter_is_one_of_utc_in_every_zone(place: Place, asked: str) -> None:
    client = client_of(place.people.operator)
    address = reverse("admin:execution_loadhistory_changelist")
    for zone in ("Pacific/Honolulu", "Pacific/Auckland"):
        client.post("/admin/time-zone/", {"zone": zone})
        answer = client.get(f"{address}?started={asked}")
        assert answer.status_code == 200
        assert asked[-8:].replace("T", " ") in answer.content.decode()


def test_nul_in_an_address_of_the_console_is_refused(place: Place) -> None:
    client = client_of(place.people.operator)
    for name in ("execution_loaderexecutionlock", "execution_loadhistory"):
        address = reverse(f"admin:{name}_changelist")
        assert client.get(f"{address}?source=%00").status_code == 400


def test_a_window_can_be_asked_for_again_as_a_backfill_where_that_is_allowed(place: Place) -> None:
    place.loader.approval_status, place.loader.enabled = ApprovalStatus.APPROVED, True
    place.loader.save()
    bar = page(place).context["page_actions"]
    again = next(action for action in bar.ready if action.name == "retry-as-backfill")
    form = client_of(place.people.operator).get(again.address).context["form"]
    shown = (form.initial["from_time"], form.initial["to_time"])
    assert shown == ("2026-01-01 00:00:00", "2026-01-01 01:00:00")
    under_way(place)
    for user, reason in (
        (place.people.operator, "It is under way."),
        (place.people.viewer, "Only the roles "),
    ):
        bar = page(place, user=user).context["page_actions"]
        blocked = next(action for action in bar.folded if action.name == "retry-as-backfill")
        assert blocked.reason.startswith(reason)


def test_attempts_and_neighbours_are_a_click_away(place: Place) -> None:
    first = place.execution
    again = LoadHistory.objects.get(pk=first.pk)
    again.pk, again.attempt = None, 2
    again.id = LoadHistory._meta.get_field("id").get_default()
    again.start_time = first.start_time + timedelta(minutes=1)
    again.save(force_insert=True)
    context = page(place).context
    assert [row["is_shown"] for row in context["attempts"]] == [True, False]
    assert str(again.pk) in context["after"]
    assert context["before"] == ""


def test_phases_stand_in_the_order_of_a_run_with_their_shares(place: Place) -> None:
    LoadHistory.objects.update(metadata={"phases": {"load": 60, "connect": 30, "purge": 10}})
    rows = page(place).context["phases"]
    shown = [(row.name, row.took, row.share) for row in rows]
    assert shown == [
        ("Connecting to the source", "30 ms", 30.0),
        ("Making room", "10 ms", 10.0),
        ("Reading and writing", "60 ms", 60.0),
    ]
