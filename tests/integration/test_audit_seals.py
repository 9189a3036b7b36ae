"""The sealer: every committed event gets one seal, whoever is at work beside it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from structlog.testing import capture_logs

from audit import sealing
from audit.event_text import COLUMNS, event_text, instant, instant_of
from audit.models import AuditCheckpoint, AuditEvent, AuditSeal
from audit.sealing import count_unsealed, lock_chain, seal_all, seal_recent
from audit.services import record
from audit.verification import verify_audit
from core.clock import database_now
from core.keyring import Keyring
from execution.maintenance import Every
from execution.maintenance.jobs import LATE_SEALS, SEALS
from execution.maintenance.registry import registered
from tests.portal_database import PortalDatabase
from tests.support.audit import add_events, add_many, owner_of
from tests.support.people import People
from tests.support.place import client_of

pytestmark = pytest.mark.usefixtures("committed_db")

INSERT = (
    "INSERT INTO loader.audit_event (id, at, actor_name, action, object_type, object_id, before,"
    " after, correlation_id) VALUES (gen_random_uuid(), clock_timestamp() - make_interval(secs =>"
    " %s), 'late', 'test.late', 'test', 'LATE', '{}', '{}', 'c') RETURNING id"
)


@contextmanager
def other_session(database: PortalDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A second session of the application, whose statements give up after five seconds."""
    options = "-c statement_timeout=5s"
    with psycopg.connect(database.url(), options=options) as session:
        yield session
        session.rollback()


def sealed_ids() -> list[Any]:
    return list(AuditSeal.objects.order_by("number").values_list("event_id", flat=True))


def test_every_event_is_sealed_once_in_order_and_the_head_is_logged() -> None:
    events = add_events(5)
    with capture_logs() as logs:
        assert (seal_recent(), seal_recent(), seal_all()) == (5, 0, 0)
    assert sealed_ids() == [event.pk for event in events]
    assert list(AuditSeal.objects.order_by("number").values_list("pk", flat=True)) == [
        1,
        2,
        3,
        4,
        5,
    ]
    head = AuditSeal.objects.get(pk=5).head
    assert AuditCheckpoint.objects.get().head == head
    (told,) = [log for log in logs if log["event"] == "audit.sealed"]
    assert (told["sequence"], told["head"]) == (5, f"5:{head.rpartition(':')[2]}")
    found = verify_audit(heads={5: head.rpartition(":")[2]})
    assert (found.finding, found.seals, found.unsealed) == (None, 5, 0)


def test_many_batches_make_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)
    add_many(30)
    assert seal_all() == 30
    assert verify_audit().seals == AuditSeal.objects.count() == 30
    assert AuditCheckpoint.objects.count() >= 5


def test_the_sealed_text_holds_every_column_of_the_event() -> None:
    stored = [str(field.column) for field in AuditEvent._meta.concrete_fields]
    assert sorted(COLUMNS) == sorted(stored)
    add_events(1)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {event_text('e')} FROM audit_event e")
        before = cursor.fetchone()
        cursor.execute("SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'")
        cursor.execute(f"SELECT {event_text('e')} FROM audit_event e")
        assert cursor.fetchone() == before
        cursor.execute("RESET timezone; RESET datestyle")
        now = database_now()
        cursor.execute(f"SELECT {instant('%s::timestamptz')}", [now])
        assert cursor.fetchone() == (instant_of(now),)


@pytest.mark.parametrize("seconds_ago", [0, 3600])
def test_an_event_that_commits_late_is_sealed_behind_later_ones(
    committed_db: PortalDatabase, seconds_ago: int
) -> None:
    with other_session(committed_db) as late:
        row = late.execute(INSERT, [seconds_ago]).fetchone()
        assert row is not None
        add_events(3)
        assert seal_recent() == 3
        late.commit()
    assert seal_recent() == 1
    assert sealed_ids()[-1] == row[0]
    assert verify_audit().finding is None


def test_an_event_that_commits_after_days_is_left_to_the_hourly_job(
    committed_db: PortalDatabase,
) -> None:
    with other_session(committed_db) as late:
        late.execute(INSERT, [3 * 86_400])
        late.commit()
    assert seal_recent() == 0
    found = verify_audit()
    assert (found.finding, found.unsealed, found.unsealed_late) == (None, 1, 1)
    assert seal_all() == 1


@pytest.mark.parametrize("at", ["infinity", "-infinity", "4000-01-01", "0044-03-15 BC"])
def test_an_event_of_an_impossible_time_does_not_stop_the_sealer(at: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, at, actor_name, action, object_type, object_id, before,"
            " after, correlation_id) VALUES (gen_random_uuid(), %s, 'a', 'a', 'a', 'a', '{}', '{}',"
            " 'a')",
            [at],
        )
    add_events(1)
    assert seal_all() + seal_all() == 2
    assert verify_audit().finding is None
    assert verify_audit().unsealed == 0


def test_a_rolled_back_event_gets_no_seal() -> None:
    add_events(1)
    with transaction.atomic():
        add_events(1)
        transaction.set_rollback(True)
    assert seal_all() == 1


def test_writers_do_not_wait_for_a_sealer_nor_it_for_them(committed_db: PortalDatabase) -> None:
    add_events(3)
    with other_session(committed_db) as writer:
        writer.execute(INSERT, [0])  # an open transaction
        assert seal_recent() == 3
        with transaction.atomic():  # a sealer in the middle of its work
            assert lock_chain(waits=False)
            tip = sealing.chain_tip()
            sealing.extend_chain(tip, sealing.events_with([record_one()]))
            writer.execute(INSERT, [0])
            writer.commit()
    assert seal_recent() == 2
    assert verify_audit().finding is None


def record_one() -> Any:
    return record(actor=None, action="test.act", object_type="test", object_id="ONE").pk


def test_no_writer_waits_while_a_sealer_seals_much(committed_db: PortalDatabase) -> None:
    add_many(3000)
    done = threading.Event()
    waited: list[float] = []

    def write() -> None:
        with psycopg.connect(
            committed_db.url(), autocommit=True, options="-c lock_timeout=50ms"
        ) as session:
            while not done.is_set():
                start = time.monotonic()
                session.execute(INSERT, [0])  # a lock held against it would end it after 50 ms
                waited.append(time.monotonic() - start)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            assert seal_all() >= 3000
        finally:
            done.set()
        for writer in writers:
            writer.result(60)
    assert len(waited) > 20
    seal_all()
    found = verify_audit()
    assert (found.finding, found.seals) == (None, 3000 + len(waited))


def test_a_trail_that_grows_while_it_is_verified_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 5)
    add_many(1000)
    done = threading.Event()

    def seal() -> int:
        try:
            return seal_all()
        finally:
            done.set()
            connection.close()

    seen: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        sealer = pool.submit(seal)
        while not done.is_set():
            found = verify_audit()
            assert found.finding is None
            seen.append(found.seals)
        assert sealer.result(60) == 1000
    assert any(0 < number < 1000 for number in seen)


def test_of_two_sealers_at_once_one_goes_away_and_no_event_is_sealed_twice(
    committed_db: PortalDatabase,
) -> None:
    add_events(2)
    with other_session(committed_db) as first:
        first.execute("SELECT pg_advisory_xact_lock(hashtext('audit.sealing'))")
        assert seal_recent() == 0
    assert seal_recent() == 2


def test_many_sealers_at_once_make_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)
    add_many(400)
    barrier = threading.Barrier(4)

    def work(_: int) -> int:
        barrier.wait(30)
        try:
            return seal_all()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sealed = sum(pool.map(work, range(4)))
    assert sealed + seal_all() == 400
    assert verify_audit().seals == 400


def test_a_chain_goes_on_under_a_new_key_and_the_old_one_still_verifies(settings: Any) -> None:
    add_events(2)
    seal_all()
    old = settings.ENCRYPTION_KEY
    new = base64.b64encode(bytes(32)).decode()
    settings.ENCRYPTION_KEY = f"{new},{old}"
    add_events(2)
    seal_all()
    new_id = Keyring.parse(new).digest(b"").split(":")[1]
    assert AuditSeal.objects.get(pk=3).head.split(":")[1] == new_id
    assert verify_audit().finding is None
    settings.ENCRYPTION_KEY = new
    finding = verify_audit().finding
    assert finding is not None
    assert (finding.fault, finding.number) == ("KEY_UNKNOWN", 1)


@pytest.mark.parametrize("table", ["audit_seal", "audit_checkpoint"])
@pytest.mark.parametrize("change", ["UPDATE {} SET head = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_neither_role_changes_seals_or_checkpoints(
    committed_db: PortalDatabase, table: str, change: str
) -> None:
    add_events(1)
    seal_all()
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute(change.format(table))
    with owner_of(committed_db) as owner:
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            owner.execute(change.format(table))


def test_sealing_is_upkeep_of_every_half_minute_and_of_every_hour() -> None:
    jobs = registered()
    assert jobs[SEALS].schedule == Every(timedelta(seconds=30))
    assert jobs[LATE_SEALS].schedule == Every(timedelta(hours=1))
    add_events(1)
    assert jobs[SEALS].function() == 1
    assert count_unsealed() == 0


def test_the_audit_page_tells_of_the_last_seal() -> None:
    client = client_of(People().admin)
    page = client.get("/admin/audit/auditevent/").content.decode()
    assert "No event is sealed yet." in page
    add_events(1)
    seal_all()
    last = AuditSeal.objects.latest("number").number
    add_events(2)
    page = client.get("/admin/audit/auditevent/").content.decode()
    assert f"Last seal: {last}," in page
    assert "2 recent events not sealed yet." in page
