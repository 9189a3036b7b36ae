"""The accounts of sources are looked at anew each day, by the system."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from audit.models import AuditEvent
from core.clock import database_now
from execution.maintenance.jobs import ACCOUNTS
from execution.maintenance.registry import registered
from loaders.connectors import connection_test
from loaders.connectors.base import SourceProfile
from loaders.connectors.connection_test import ConnectionReport
from loaders.connectors.privileges import PrivilegeReport
from loaders.models import ReadOnlyVerdict, SourceDatabase
from loaders.services import account_looks, create_source, look_at_accounts, update_source
from tests.servers import SourceServer
from tests.support.people import People
from tests.support.scenes import make_source
from tests.support.teams import simulated_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People()


def add_silent(people: People, code: str, **values: Any) -> SourceDatabase:
    """A source where nothing listens."""
    given = {"db_code": code, "db_type": "POSTGRESQL", "host": "127.0.0.1", "port": 1}
    given |= {"db_name": "x", "user_name": "reader", "password": "hush", **values}
    return create_source(user=people.admin, values=given)


def tried() -> list[str]:
    """Sources by their tries, oldest first; each is the system's act."""
    events = AuditEvent.objects.filter(action="source.test").order_by("at")
    assert {(event.actor, event.actor_name) for event in events} <= {(None, "system")}
    return [event.object_id for event in events]


def answer(monkeypatch: pytest.MonkeyPatch, *, can_write: bool | None) -> list[SourceProfile]:
    """Let every source answer that its account can write, or not, or that nobody knows."""
    asked: list[SourceProfile] = []

    def report(profile: SourceProfile, _: str) -> ConnectionReport:
        asked.append(profile)
        return ConnectionReport(profile.db_code, ok=True, privileges=PrivilegeReport(can_write, ()))

    monkeypatch.setattr(connection_test, "test_connection", report)
    return asked


def verdict_of(code: str) -> str:
    return SourceDatabase.objects.get(db_code=code).read_only_verdict


def days_pass(days: float) -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    patch.setattr(account_looks, "EVERY", account_looks.EVERY - timedelta(days=days))
    return patch


def test_rights_that_were_given_later_are_found(
    people: People, postgres_source: SourceServer
) -> None:
    make_source(postgres_source, people)
    assert registered()[ACCOUNTS].function() == 1
    assert verdict_of("SHOP") == ReadOnlyVerdict.READ_ONLY
    postgres_source.execute("CREATE TABLE mine (id int)")
    postgres_source.execute(f"GRANT INSERT ON mine TO {postgres_source.reader}")
    assert look_at_accounts() == 0
    patch = days_pass(1)
    try:
        assert look_at_accounts() == 1
    finally:
        patch.undo()
    assert verdict_of("SHOP") == ReadOnlyVerdict.CAN_WRITE
    assert tried() == ["SHOP", "SHOP"]


def test_a_source_that_does_not_answer_keeps_no_other_waiting_and_has_its_verdict(
    people: People,
) -> None:
    add_silent(people, "A_SILENT")
    add_silent(people, "B_DAMAGED")
    rows = SourceDatabase.objects
    stolen = rows.filter(db_code="A_SILENT").values_list("password", flat=True)[0]
    rows.filter(db_code="B_DAMAGED").update(password=stolen)
    rows.filter(db_code="A_SILENT").update(read_only_verdict="READ_ONLY")
    simulated_source(people, "C_MADE_UP")
    assert look_at_accounts() == 3
    assert tried() == ["A_SILENT", "C_MADE_UP"]
    assert verdict_of("A_SILENT") == verdict_of("C_MADE_UP") == ReadOnlyVerdict.READ_ONLY
    assert look_at_accounts() == 1  # the one that could not be asked at all


def test_blackout_hours_are_left_alone_and_made_up_for_later(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, can_write=False)
    now = database_now()
    hours = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    source = add_silent(people, "NIGHTLY", blackout_hours=hours)
    assert (look_at_accounts(), tried()) == (0, [])
    SourceDatabase.objects.filter(pk=source.pk).update(blackout_hours="")
    assert (look_at_accounts(), tried()) == (1, ["NIGHTLY"])


def test_it_is_short_of_patience_and_of_time(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_silent(people, "SLOW", connect_timeout_seconds=120, idle_read_timeout_seconds=600)
    add_silent(people, "QUICK", connect_timeout_seconds=2, idle_read_timeout_seconds=3)
    asked = answer(monkeypatch, can_write=False)
    monkeypatch.setattr(account_looks, "BUDGET_SECONDS", 0.0)
    assert (look_at_accounts(), asked) == (0, [])
    monkeypatch.undo()
    asked = answer(monkeypatch, can_write=False)
    assert look_at_accounts() == 2
    assert {p.db_code: (p.connect_timeout_seconds, p.idle_read_timeout_seconds) for p in asked} == {
        "SLOW": (5, 10),
        "QUICK": (2, 3),
    }


def test_rights_that_could_not_be_read_overwrite_no_verdict(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verdict in ReadOnlyVerdict:
        source = add_silent(people, verdict)
        SourceDatabase.objects.filter(pk=source.pk).update(read_only_verdict=verdict)
    answer(monkeypatch, can_write=None)
    assert look_at_accounts() == 3
    assert [verdict_of(verdict) for verdict in ReadOnlyVerdict] == list(ReadOnlyVerdict)
    checked = dict(SourceDatabase.objects.values_list("db_code", "read_only_checked_at"))
    assert {code for code, at in checked.items() if at is not None} == {"UNKNOWN"}


def test_a_source_that_was_changed_is_looked_at_again_the_same_day(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = add_silent(people, "MOVED")
    answer(monkeypatch, can_write=False)
    assert look_at_accounts() == 1
    update_source(user=people.admin, source=source, values={"port": 2})
    assert verdict_of("MOVED") == ReadOnlyVerdict.UNKNOWN
    assert look_at_accounts() == 1
    assert verdict_of("MOVED") == ReadOnlyVerdict.READ_ONLY


def test_a_source_of_another_environment_is_left_alone(
    people: People, settings: LazySettings
) -> None:
    simulated_source(people, "STAGING")
    settings.DEPLOYMENT_ENVIRONMENT = "elsewhere"
    assert look_at_accounts() == 0
