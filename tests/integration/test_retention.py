"""Retention: what is old goes, what is needed stays, and nothing wrong is left in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEvent
from backfill.models import BackfillJob, BackfillRun, GapScan
from backfill.services.work import bounds_of, settings_of
from core.clock import database_now
from core.retention import silently
from execution.maintenance import history as executions
from execution.maintenance import locks, signals_retention
from execution.maintenance.history import delete_old_executions
from execution.maintenance.registry import registered
from execution.maintenance.signals_retention import drop_old_months
from execution.models import LoadHistory, Recount, RecountState, Replica, Trigger
from execution.services import verify_coverage
from loaderportal import retention
from loaders.models import Loader
from signals.exceptions import PartitionBusyError
from signals.partitions import drop_month, ensure_partitions, months_before
from tests.portal_database import PortalDatabase
from tests.support.by_hand import ByHand
from tests.support.commands import manage
from tests.support.coverage import hour, hours, rows, stored
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2024, 2, 1, tzinfo=UTC)
TURN = (FEBRUARY - START) / timedelta(hours=1)
"""The turn of these months, in hours of the scene."""

LONG_AGO = datetime(2023, 5, 1, tzinfo=UTC)


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return make_loader(people, make_source(people), "ORDERS_HOURLY")


@pytest.fixture
def hand(loader: Loader) -> ByHand:
    """A loader that loaded over the turn of the month: 30 rows before it, 18 behind it."""
    hand = ByHand(loader)
    hand.run(TURN - 24, TURN - 6, [TURN - 24 + n for n in range(18)])
    hand.run(TURN - 6, TURN + 6, [TURN - 6 + n for n in range(12)] + [TURN - 1] * 6)
    hand.run(TURN + 6, TURN + 18, [TURN + 6 + n for n in range(12)], moves_to=TURN + 17)
    return hand


def keep_signals_since(settings: Any, since: datetime) -> None:
    settings.SIGNALS_RETENTION = database_now() - since


def partitions() -> list[str]:
    found = rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE "
        "i.inhparent = 'signals.signals_history'::regclass AND c.relname < 'signals_history_y2025'"
    )
    return sorted(name for (name,) in found)


def wrong(people: People, loader: Loader) -> list[Any]:
    parts = verify_coverage(user=people.admin, loader=loader, end=hour(TURN + 24))
    return [one for part in parts for one in part.differences if one.fault.is_wrong]


# --- signals ------------------------------------------------------------------------------------


def test_a_month_past_its_retention_goes_and_its_time_is_expired(
    people: People, hand: ByHand, settings: Any
) -> None:
    keep_signals_since(settings, FEBRUARY + timedelta(days=5))
    assert wrong(people, hand.loader) == []
    assert drop_old_months() == 1
    assert partitions() == ["signals_history_y2024m02"]
    assert hand.standing() == [TURN + n for n in range(18)]
    assert [(first - TURN, last - TURN, *rest) for first, last, *rest in stored()] == [
        (-24, 0, "EXPIRED", 0),
        (0, 18, "LOADED", 18),
    ]
    assert wrong(people, hand.loader) == []
    (event,) = AuditEvent.objects.filter(action="signals.expire")
    assert (event.object_id, event.actor_name) == ("2024-01", "system")
    assert drop_old_months() == 0
    assert registered()["old signals"].function is drop_old_months


def test_a_month_whose_last_day_is_younger_stays_and_zero_keeps_all(
    hand: ByHand, settings: Any
) -> None:
    keep_signals_since(settings, FEBRUARY - timedelta(seconds=1))
    assert drop_old_months() == 0
    settings.SIGNALS_RETENTION = timedelta(0)
    assert drop_old_months() == 0
    assert len(hand.standing()) == 48
    assert {state for _, _, state, _ in stored()} == {"LOADED"}


def test_what_was_loaded_meanwhile_is_expired_before_its_month_goes(
    hand: ByHand, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_signals_since(settings, FEBRUARY)
    expire, calls = signals_retention._expire, []

    def load_behind_it(until: datetime) -> None:
        calls.append(until)
        expire(until)
        if len(calls) == 1:
            hand.run(TURN - 10, TURN - 8, [TURN - 10], trigger=Trigger.BACKFILL)

    monkeypatch.setattr(signals_retention, "_expire", load_behind_it)
    monkeypatch.setattr(signals_retention, "PAUSE_SECONDS", 0)
    assert drop_old_months() == 1
    assert calls == [FEBRUARY, FEBRUARY]
    assert [state for _, _, state, _ in stored()] == ["EXPIRED", "LOADED"]


def test_a_grain_over_the_turn_of_the_month_goes_as_a_whole(hand: ByHand, settings: Any) -> None:
    Loader.objects.update(grain_seconds=None, offset_hours=-3)  # a day begins at 21:00 UTC
    keep_signals_since(settings, FEBRUARY)
    hand.run(TURN + 18, TURN + 30, [TURN + 25])
    assert drop_old_months() == 1
    assert [(first - TURN, state, count) for first, _, state, count in stored()] == [
        (-24, "EXPIRED", 0),
        (21, "LOADED", 1),
    ]


def test_loads_that_hold_the_table_are_not_disturbed_and_nothing_is_wrong_meanwhile(
    committed_db: PortalDatabase, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People()
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    hand.run(TURN - 2, TURN + 2, [TURN - 2, TURN + 1], moves_to=TURN + 1)
    keep_signals_since(settings, FEBRUARY)
    monkeypatch.setattr(signals_retention, "ATTEMPTS", 1)
    with committed_db.server.admin_connection(committed_db.name) as owner:
        owner.execute("ALTER FUNCTION signals.drop_month SET lock_timeout = '100ms'")
    with psycopg.connect(committed_db.url()) as load:
        load.execute("SELECT count(*) FROM signals.signals_history")
        with pytest.raises(PartitionBusyError):
            drop_old_months()
    assert len(hand.standing()) == 2
    assert [state for _, _, state, _ in stored()] == ["EXPIRED", "LOADED"]
    assert wrong(people, hand.loader) == []
    assert drop_old_months() == 1
    assert hand.standing() == [TURN + 1]


def test_the_database_drops_no_month_that_is_young_and_none_that_holds_something_else(
    committed_db: PortalDatabase,
) -> None:
    last_month = database_now() - timedelta(days=31)
    with pytest.raises(DatabaseError, match="30 days at least"), transaction.atomic():
        drop_month(last_month)
    with committed_db.server.admin_connection(committed_db.name) as owner:
        owner.execute(
            "CREATE TABLE signals.signals_history_y2020m01 PARTITION OF signals.signals_history "
            "FOR VALUES FROM ('2020-01-01') TO ('2020-03-01')"
        )
    with pytest.raises(DatabaseError, match="something else"), transaction.atomic():
        drop_month(datetime(2020, 1, 1, tzinfo=UTC))
    assert drop_month(datetime(2019, 1, 1, tzinfo=UTC)) is False


def test_months_are_listed_oldest_first(db: None) -> None:
    ensure_partitions(hours(TURN - 24 * 50, TURN))
    assert months_before(FEBRUARY) == [datetime(2023, 12, 1, tzinfo=UTC), JANUARY]


def test_a_backfill_knows_since_when_signals_are_kept(hand: ByHand, settings: Any) -> None:
    governed = settings_of(hand.loader, hand.version)
    assert bounds_of(hand.loader, governed, database_now()).kept_since is None
    keep_signals_since(settings, FEBRUARY + timedelta(hours=5))
    assert bounds_of(hand.loader, governed, database_now()).kept_since == FEBRUARY


# --- executions ---------------------------------------------------------------------------------


def age(*found: LoadHistory) -> None:
    LoadHistory.objects.filter(pk__in=[one.pk for one in found]).update(start_time=LONG_AGO)


def test_old_executions_go_and_verification_judges_only_what_the_rest_tells(
    people: People, hand: ByHand, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(*LoadHistory.objects.order_by("pk")[:2])
    monkeypatch.setattr(executions, "BATCH", 1)
    told: list[int] = []
    assert delete_old_executions(told.append) == sum(told) == 2
    assert LoadHistory.objects.count() == 1
    assert wrong(people, hand.loader) == []
    assert delete_old_executions() == 0
    LoadHistory.objects.update(start_time=LONG_AGO)
    settings.HISTORY_RETENTION = timedelta(0)
    assert delete_old_executions() == 0


def test_what_is_still_needed_stays(people: People, hand: ByHand) -> None:
    first, second, third = LoadHistory.objects.order_by("pk")
    age(first, second, third)
    job = BackfillJob.objects.create(
        loader=hand.loader,
        version=hand.version,
        from_time=hour(TURN),
        to_time=hour(TURN + 6),
        requested_by=people.operator,
    )
    run = BackfillRun.objects.create(
        job=job,
        load_history=second,
        window_from=hour(TURN),
        window_to=hour(TURN + 6),
        dispatched_at=database_now(),
    )
    assert delete_old_executions() == 0  # or what is left of the loader's history had a hole
    BackfillRun.objects.update(status="SUCCESS")
    waits, same = (recount_of(one, state) for one, state in ((first, "WAITS"), (third, "SAME")))
    assert delete_old_executions() == 2
    assert list(LoadHistory.objects.all()) == [first]
    assert list(Recount.objects.all()) == [waits]
    assert same != waits
    run.refresh_from_db()
    assert run.load_history is None
    LoadHistory.objects.update(status="RUNNING")
    Recount.objects.update(state=RecountState.DECLINED)
    assert delete_old_executions() == 0


def recount_of(execution: LoadHistory, state: str) -> Recount:
    LoadHistory.objects.filter(pk=execution.pk).update(trigger=Trigger.RECOUNT)
    return Recount.objects.create(
        loader_id=execution.loader_id,
        load_history=execution,
        state=state,
        age_seconds=1,
        found_records=0,
        late_records=0,
        lost_records=0,
    )


def test_two_at_once_delete_each_execution_once(
    committed_db: PortalDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People()
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    age(*(hand.fail(n, n + 1) for n in range(40)))
    monkeypatch.setattr(executions, "BATCH", 3)

    def delete() -> int:
        try:
            return delete_old_executions()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        counts = [one.result(60) for one in [pool.submit(delete) for _ in range(2)]]
    assert sum(counts) == 40
    assert not LoadHistory.objects.exists()


# --- all of it ----------------------------------------------------------------------------------


def make_old_things(people: People, hand: ByHand) -> None:
    age(*LoadHistory.objects.all())
    GapScan.objects.create(started_at=LONG_AGO, looked_from=LONG_AGO)
    Replica.objects.create(
        name="gone", version="0", slots=1, pid=1, started_at=LONG_AGO, heartbeat_at=LONG_AGO
    )
    Session.objects.create(session_key="over", session_data="", expire_date=LONG_AGO)


def test_the_command_tells_what_would_go_and_removes_it(
    people: People, hand: ByHand, settings: Any
) -> None:
    make_old_things(people, hand)
    keep_signals_since(settings, FEBRUARY)
    due = {"executions": 3, "signals": 1, "gap scans": 1, "ended sessions": 1}
    due["gone replicas and failed tasks"] = 1
    dry = manage("prune", "--dry-run", "--json", as_user=people.admin)
    assert (dry.code, dry.err) == (0, "")
    assert {one["name"]: one["count"] for one in dry.document()["results"] if one["count"]} == due
    assert (LoadHistory.objects.count(), len(hand.standing())) == (3, 48)
    done = manage("prune", "--json", as_user=people.admin).document()
    assert {one["name"]: one["count"] for one in done["results"] if one["count"]} == due
    assert not LoadHistory.objects.exists()
    (event,) = AuditEvent.objects.filter(action="retention.prune")
    assert event.after == {"removed": due}
    again = manage("prune")
    assert again.code == 0
    assert {line.split("  ")[0] for line in again.out.splitlines()[1:]} == {
        one["name"] for one in done["results"]
    }


def test_one_table_that_is_busy_keeps_no_other_waiting(
    people: People, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old_things(people, hand)

    def busy() -> int:
        raise PartitionBusyError("Loads hold the table.")

    monkeypatch.setattr(locks, "delete_released_locks", busy)
    outcome = manage("prune", "--json")
    assert outcome.code == 7
    first, *rest = outcome.document()["results"]
    assert first["error"] == {"code": "PARTITION_BUSY", "message": "Loads hold the table."}
    assert not any(one["error"] for one in rest)
    assert not LoadHistory.objects.exists()


def test_rows_that_others_hold_are_left_for_the_next_time(committed_db: PortalDatabase) -> None:
    people = People()
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    age(hand.fail(0, 1))
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    with psycopg.connect(committed_db.url()) as other:
        other.execute("SELECT FROM loader.load_history FOR UPDATE")
        outcome = manage("prune", "--json")
    (error,) = [one["error"] for one in outcome.document()["results"] if one["error"]]
    assert (outcome.code, error["code"]) == (7, "RETENTION_BUSY")
    assert manage("prune").code == 0
    assert not LoadHistory.objects.exists()


def test_progress_is_told_on_standard_error_only(people: People, hand: ByHand) -> None:
    make_old_things(people, hand)
    outcome = manage("prune")
    assert "] 100% of 3 executions (executions)" in outcome.err
    assert "%" not in outcome.out


def test_every_table_is_removed_from_or_kept_for_a_reason() -> None:
    emptied = [table for entry in retention.retained() for table in entry.tables]
    assert len(emptied) == len(set(emptied))
    ours = {"audit", "accounts", "core", "loaders", "signals", "execution", "backfill"}
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ours and not model._meta.proxy
    }
    people = {table for table in tables if table.startswith("accounts_") or "team" in table}
    assert tables - people == (set(emptied) & tables) | set(retention.FOR_EVER)
    assert not set(emptied) & set(retention.FOR_EVER)


def test_nothing_is_counted_or_removed_where_all_is_kept_for_ever(db: None, settings: Any) -> None:
    for name in ("HISTORY", "SIGNALS", "GAP_SCAN", "AUDIT"):
        setattr(settings, f"{name}_RETENTION", timedelta(0))
    for entry in retention.retained():
        if entry.kept is None:
            assert (entry.count(), entry.prune(silently)) == (0, 0), entry.name
