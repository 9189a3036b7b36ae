"""Pruning the audit trail: only what is old and sealed goes, and the rest still verifies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as portal_settings
from django.db import DatabaseError, connection
from structlog.testing import capture_logs

from audit import pruning, sealing
from audit.exceptions import AuditTamperedError, PruningNotGrantedError
from audit.models import AuditCheckpoint, AuditEvent, AuditSeal
from audit.pruning import prune_audit, prune_expired
from audit.retention import FLOOR, KEPT_ACTIONS
from audit.sealing import seal_all
from audit.verification import verify_audit
from core.clock import database_now
from core.database_roles import PRUNE_AUDIT
from tests.portal_database import APPLICATION, OWNER, PortalDatabase, migrate
from tests.support.audit import add_events, owner_of, seal_days_ago

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def granted(committed_db: PortalDatabase) -> PortalDatabase:
    """A database whose owner lets the application prune."""
    with owner_of(committed_db) as owner:
        owner.execute(f"GRANT EXECUTE ON FUNCTION {PRUNE_AUDIT} TO {APPLICATION}")
        for table in ("audit_event", "audit_seal", "audit_checkpoint"):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    return committed_db


def left(action: str) -> int:
    return AuditEvent.objects.filter(action=action).count()


def prune(days: int) -> int:
    return prune_audit(database_now() - timedelta(days=days))


def test_what_is_old_goes_and_the_chain_begins_at_a_checkpoint(granted: PortalDatabase) -> None:
    add_events(5, action="test.old")
    seal_days_ago(granted, 100)
    add_events(4, action="test.new")
    seal_all()
    head = AuditSeal.objects.get(pk=9).head.rpartition(":")[2]
    with capture_logs() as logs:
        assert prune(90) == 5
    assert (left("test.old"), left("test.new"), left("audit.prune")) == (0, 4, 1)
    found = verify_audit(heads={3: "0" * 64, 9: head})
    assert (found.finding, found.first, found.last.number) == (None, 6, 10)
    assert found.uncompared == (3,)
    assert AuditCheckpoint.objects.get(kind="PRUNED").number == 5
    assert [log["event"] for log in logs] == ["audit.pruned", "audit.sealed"]
    assert prune(90) == 0


def test_after_pruning_tampering_still_shows(granted: PortalDatabase) -> None:
    add_events(5, action="test.old")
    seal_days_ago(granted, 100)
    add_events(4)
    seal_all()
    prune(90)
    for tamper, fault, number in (
        ("UPDATE audit_checkpoint SET before = now() WHERE kind = 'PRUNED'", None, 5),
        ("DELETE FROM audit_checkpoint WHERE kind = 'PRUNED'", "SEAL_REMOVED", 1),
        ("DELETE FROM audit_seal WHERE number = 6", "SEAL_REMOVED", 1),
    ):
        with owner_of(granted) as owner:
            owner.execute(tamper)
        finding = verify_audit().finding
        assert finding is not None
        assert (finding.fault, finding.number) == (fault or "CHECKPOINT_CHANGED", number)


def test_who_edited_a_loader_is_never_forgotten(granted: PortalDatabase) -> None:
    for action in KEPT_ACTIONS:
        add_events(2, action=action, kind="loader")
    add_events(2, action="loader.run", kind="loader")
    seal_days_ago(granted, 400)
    assert prune(90) == 2
    assert AuditEvent.objects.filter(action__in=KEPT_ACTIONS).count() == 12
    found = verify_audit()
    assert (found.finding, found.seals, found.unsealed) == (None, 13, 0)


def test_the_database_keeps_what_the_code_says() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT loader.kept_audit_actions()")
        assert tuple(cursor.fetchone()[0]) == KEPT_ACTIONS


def test_what_is_kept_can_be_pruned_around_again(
    granted: PortalDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 4)
    add_events(5, action="loader.draft", kind="loader")
    add_events(9)
    seal_days_ago(granted, 200)
    assert prune(90) == 9
    assert (left("loader.draft"), left("test.act")) == (5, 0)
    assert verify_audit().finding is None


@pytest.mark.parametrize("days", [0, 29])
def test_nothing_younger_than_the_floor_goes_whoever_asks(
    granted: PortalDatabase, days: int
) -> None:
    add_events(3)
    seal_days_ago(granted, days)
    assert prune(0) == 0
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute("SELECT loader.prune_audit(99)")
    with psycopg.connect(granted.url(OWNER)) as owner:
        owner.execute("SET loaderportal.prunes_audit = 'yes'")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            owner.execute("DELETE FROM loader.audit_event")
    assert (left("test.act"), AuditSeal.objects.count()) == (3, 3)


def test_an_old_event_that_nobody_sealed_stays(granted: PortalDatabase) -> None:
    add_events(2)
    seal_days_ago(granted, 100)
    add_events(1, action="test.unsealed")
    with owner_of(granted) as owner:
        owner.execute("UPDATE audit_event SET at = at - interval '1 y' WHERE action LIKE '%sealed'")
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
        owner.execute("ALTER TABLE audit_seal ENABLE TRIGGER USER")
    assert prune(90) == 2
    assert left("test.unsealed") == 1


def test_a_trail_that_does_not_hold_is_not_pruned(granted: PortalDatabase) -> None:
    add_events(5)
    seal_days_ago(granted, 100)
    with owner_of(granted) as owner:
        owner.execute("UPDATE audit_event SET action = 'x' WHERE object_id = 'OBJECT_2'")
    with pytest.raises(AuditTamperedError, match=r"Event .* is not what was sealed as number 3"):
        prune(90)
    assert AuditEvent.objects.count() == 5
    finding = verify_audit().finding
    assert finding is not None
    assert finding.number == 3


def test_pruning_by_the_function_alone_shows(granted: PortalDatabase) -> None:
    add_events(5)
    seal_days_ago(granted, 100)
    with connection.cursor() as cursor:
        cursor.execute("SELECT loader.prune_audit(3)")
    finding = verify_audit().finding
    assert finding is not None
    assert (finding.fault, finding.number) == ("SEAL_REMOVED", 1)


def test_pruning_waits_for_a_sealer_and_sealers_go_away_from_pruning(
    granted: PortalDatabase,
) -> None:
    add_events(3)
    seal_days_ago(granted, 100)
    add_events(1)
    with psycopg.connect(granted.url()) as other, connection.cursor() as cursor:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [sealing._LOCK])
        cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(DatabaseError, match="lock timeout"):
            prune(90)
        cursor.execute("RESET lock_timeout")
        assert seal_all() == 0
    assert prune(90) == 3


# --- who may ------------------------------------------------------------------------------------


def test_where_events_are_kept_for_ever_the_application_can_not_prune(
    committed_db: PortalDatabase,
) -> None:
    add_events(3)
    seal_days_ago(committed_db, 100)
    assert prune_expired() == 0
    with pytest.raises(PruningNotGrantedError):
        prune(90)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="permission denied"):
        cursor.execute("SELECT loader.prune_audit(3)")
    assert left("test.act") == 3


def test_the_retention_grants_pruning_with_the_next_migration_and_zero_takes_it_back(
    committed_db: PortalDatabase, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(0) == portal_settings.AUDIT_RETENTION
    monkeypatch.setenv("LOADERPORTAL_AUDIT_RETENTION_DAYS", "45")
    migrate(committed_db)
    settings.AUDIT_RETENTION = timedelta(days=45)
    add_events(3)
    seal_days_ago(committed_db, 50)
    assert prune_expired() == 3
    assert FLOOR < settings.AUDIT_RETENTION
    monkeypatch.setenv("LOADERPORTAL_AUDIT_RETENTION_DAYS", "0")
    migrate(committed_db)
    with pytest.raises(PruningNotGrantedError):
        prune(90)
