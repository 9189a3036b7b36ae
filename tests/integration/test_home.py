"""The home page: what each role is told, and that each number leads to just what it counts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import Role
from audit.services import record
from backfill.models import BackfillJob
from backfill.states import JobStatus, PauseReason
from core.ids import uuid7
from execution.models import LoadHistory, Replica, RunStatus, SourceBreaker, Trigger
from loaders.models import ApprovalStatus, Loader, LoaderState, LoadStatus, SourceDatabase
from tests.support.crowd import Crowd
from tests.support.place import Place, client_of
from tests.support.scenes import make_loader
from tests.support.teams import grant_to, make_team

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def home(user: Any) -> Any:
    answer = client_of(user).get(HOME)
    assert answer.status_code == 200
    return answer


@pytest.fixture
def busy(place: Place) -> Place:
    """Something of everything that is counted."""
    Crowd(12, 60, 12, sources=4).gather()
    now = timezone.now()
    crowd = list(Loader.objects.filter(loader_code__startswith="CROWD").order_by("loader_code"))
    held = crowd[:2]
    LoaderState.objects.filter(loader__in=held).update(
        load_status=LoadStatus.FAILED, next_due_at=None
    )
    for loader, status in zip(crowd[2:6], ["DRAFT", "DRAFT", "REJECTED", "REJECTED"], strict=True):
        Loader.objects.filter(pk=loader.pk).update(approval_status=status)
        _wrote(place.people.operator, loader.loader_code)
    LoaderState.objects.filter(loader=crowd[8]).update(next_due_at=now - timedelta(hours=1))
    LoadHistory.objects.filter(loader=crowd[7]).update(status=RunStatus.RUNNING)
    sources = SourceDatabase.objects.order_by("db_code")
    SourceBreaker.objects.create(
        source=sources[0], failures=3, retry_at=now, error_code="SOURCE_UNREACHABLE"
    )
    SourceBreaker.objects.create(source=sources[1], failures=1, error_code="SOURCE_UNREACHABLE")
    sources.filter(pk=sources[2].pk).update(read_only_verdict="CAN_WRITE", read_only_checked_at=now)
    heard = Replica.objects.filter(name__startswith="crowd")
    heard.update(heartbeat_at=now + timedelta(hours=1))  # nobody goes missing while we count
    heard.filter(name="crowd-1").update(draining=True)
    jobs = list(BackfillJob.objects.filter(loader__in=[one.loader_code for one in crowd]))
    for number, job in enumerate(jobs[:5]):
        job.status = JobStatus.PENDING_APPROVAL if number % 2 else JobStatus.PAUSED
        job.pause_reason = "" if number % 2 else PauseReason.OPERATOR
        job.save()
    return place


def _wrote(user: Any, code: str) -> None:

    record(actor=user, action="loader.draft", object_type="loader", object_id=code)


def numbers_of(context: Any) -> Iterator[tuple[str, int, str]]:
    """What is counted, how many, and where it leads."""
    for card in context["cards"]:
        if card.number.replace(",", "").isdigit() and not card.address.startswith("#"):
            yield card.label, int(card.number.replace(",", "")), card.address
    for one in (*context["tasks"], *context.get("source_figures", ())):
        yield one.text, one.number, one.address
    yield from ((one.text, one.number, one.address) for one in context.get("replica_figures", ()))
    others, day = context["others_waiting"], context["day"]
    if not context["is_mine"]:
        yield others.text, others.number, others.address
    yield "runs", int(day["runs"].replace(",", "")), day["address"]
    yield "failed runs", int(day["failed"]), day["failed_address"]
    for bar in day["hours"][-2:]:
        runs = sum(int(bar[name]) for name in ("succeeded", "failed", "others"))
        yield bar["label"], runs, bar["address"]
    for row in context.get("replicas", ())[:2]:
        for address in re.findall(r'href="([^"]+)"', row["slots"]):
            yield row["replica"].name, row["replica"].slots_taken, html.unescape(address)


@pytest.mark.parametrize("role", list(Role))
def test_each_number_leads_to_a_list_of_just_what_it_counts(busy: Place, role: Role) -> None:
    client = client_of(busy.user(role))
    context = client.get(HOME).context
    told = list(numbers_of(context))
    assert {text: (n, listed(client, where)) for text, n, where in told} == {
        text: (n, n) for text, n, _ in told
    }
    assert {"Running now", "Late", "Failed"} <= {text for text, n, _ in told if n}
    rows = client.get(context["day"]["address"]).context["cl"].queryset
    assert context["day"]["records"] == f"{rows.aggregate(n=Sum('records_loaded'))['n']:,}"


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER])
def test_grants_narrow_every_number_and_its_list(busy: Place, role: Role, settings: Any) -> None:
    people = busy.people
    team = make_team(people, "Home team", people.operator, people.approver)
    grant_to(people, team, *Loader.objects.filter(loader_code__in=["CROWD_0", "CROWD_7"]))
    settings.OBJECT_PERMISSIONS = True
    client = client_of(busy.user(role))
    answer = client.get(HOME)
    told = list(numbers_of(answer.context))
    assert not [text for text, _, _ in told if text.startswith("crowd-")]  # others' runs count, too
    assert {text: (n, listed(client, where)) for text, n, where in told} == {
        text: (n, n) for text, n, _ in told
    }
    codes = set(re.findall(r"CROWD_\d+", answer.content.decode()))
    assert codes == {"CROWD_0", "CROWD_7"}
    assert answer.context["sources"] == []


def listed(client: Client, address: str) -> int:
    answer = client.get(address)
    assert answer.status_code == 200, address
    count: int = answer.context["cl"].result_count
    return count


def test_what_waits_is_told_by_role(busy: Place) -> None:
    def told(role: Role) -> dict[str, int]:
        tasks = home(busy.user(role)).context["tasks"]
        return {task.address.partition("?")[0].split("/")[-2]: task.number for task in tasks}

    assert home(busy.people.viewer).context["tasks"] == []
    assert set(told(Role.APPROVER)) == {"loaderversion", "backfilljob"}
    assert set(told(Role.OPERATOR)) == {"loader", "backfilljob", "recount", "gap"}
    assert {"loaderversion", "backfilljob", "recount", "gap"} <= set(told(Role.ADMIN))
    texts = {task.text: task.number for task in home(busy.people.operator).context["tasks"]}
    assert texts["drafts of mine, not submitted"] == 2
    assert texts["definitions of mine, rejected"] == 2
    assert texts["loaders held until somebody acts"] == 2
    assert texts["backfills on pause"] == 3


def test_own_requests_do_not_wait_for_their_author(busy: Place) -> None:
    approver = busy.people.approver
    before = home(approver).context["tasks"]
    BackfillJob.objects.filter(status=JobStatus.PENDING_APPROVAL).update(requested_by=approver)
    after = home(approver).context["tasks"]
    assert "large backfills to decide on" in [task.text for task in before]
    assert "large backfills to decide on" not in [task.text for task in after]


def test_a_viewer_is_told_of_no_source_and_no_replica(busy: Place) -> None:
    text = home(busy.people.viewer).content.decode()
    for hidden in ("home-sources", "home-replicas", "secret-replica", "crowd-1", "127.0.0.1"):
        assert hidden not in text
    assert "home-sources" in home(busy.people.approver).content.decode()


def test_why_a_loader_failed_is_said_in_our_words(place: Place) -> None:
    failed_at = place.execution.start_time
    LoaderState.objects.filter(loader=place.loader).update(
        load_status=LoadStatus.FAILED, next_due_at=None, last_attempt_at=failed_at
    )
    LoadHistory.objects.update(error_message="The source refused the statement.")
    backfill = LoadHistory.objects.get(pk=place.execution.pk)
    backfill.pk, backfill.trigger = uuid7(), Trigger.BACKFILL
    backfill.start_time = failed_at + timedelta(minutes=5)
    backfill.error_message = "Not why the loader is held."
    backfill.save(force_insert=True)
    text = home(place.people.operator).content.decode()
    failed = text.partition('id="home-failed"')[2].partition("</section>")[0]
    assert "ORDERS_HOURLY" in failed
    assert "The source refused the statement." in failed
    assert "Not why" not in failed
    assert "SOURCE_SQL_FAILED" in failed
    assert "Held" in failed
    assert "planted_marker_in_sql" not in text


def test_a_loader_is_late_a_minute_after_it_was_due_or_beyond_its_target(place: Place) -> None:
    now = timezone.now()
    source = place.objects["loaders_sourcedatabase"]
    loader = make_loader(place.people, source, "ORDERS_LATE", end_at=None)

    def why(**state: Any) -> str | None:
        LoaderState.objects.filter(loader=loader).update(**state)
        found = Loader.objects.late(now).filter(pk=loader.pk).first()
        return None if found is None else found.lateness  # type: ignore[attr-defined]

    assert why(next_due_at=now - timedelta(seconds=59), last_load_timestamp=None) is None
    assert why(next_due_at=now - timedelta(seconds=61)) == "OVERDUE"
    Loader.objects.filter(pk=loader.pk).update(freshness_target_seconds=3600)
    hour = timedelta(hours=1)
    assert why(next_due_at=now + hour, last_load_timestamp=now - hour) is None
    assert why(last_load_timestamp=now - hour - timedelta(seconds=1)) == "STALE"
    assert why(next_due_at=None, load_status=LoadStatus.RUNNING) == "STALE"
    Loader.objects.filter(pk=loader.pk).update(end_at=now - hour)
    assert why() is None, "what is complete up to its end is not late"
    Loader.objects.filter(pk=loader.pk).update(end_at=None, enabled=False)
    assert why() is None
    Loader.objects.filter(pk=loader.pk).update(
        enabled=True, approval_status=ApprovalStatus.DRAFT, approved_version=None
    )
    assert why(next_due_at=now - hour) is None


def test_before_the_first_loader_the_page_says_what_comes_first(place: Place) -> None:
    Loader.objects.update(enabled=False, archived_at=timezone.now())
    text = home(place.people.admin).content.decode()
    assert reverse("admin:loaders_sourcedatabase_add") in text
    assert "There are no loaders yet" in text
    viewer = home(place.people.viewer).content.decode()
    assert "There are no loaders yet" in viewer
    assert reverse("admin:loaders_loader_add") not in viewer
