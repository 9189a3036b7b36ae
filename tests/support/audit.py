"""An audit trail to seal, and somebody who tampers with it as the database's owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit.models import AuditEvent
from audit.sealing import seal_all
from audit.services import record
from core.clock import database_now
from tests.portal_database import OWNER, PortalDatabase

TABLES = ("audit_event", "audit_seal", "audit_checkpoint")


def add_events(count: int, *, action: str = "test.act", kind: str = "test") -> list[AuditEvent]:
    """Events that differ, each committed on its own."""
    return [
        record(
            actor=None,
            action=action,
            object_type=kind,
            object_id=f"OBJECT_{number}",
            before={"note": f"before {number}"},
            after={"note": f"after {number}", "list": [1, 2.50, None, "é"]},
        )
        for number in range(count)
    ]


def add_many(count: int) -> None:
    """Events in one statement, for tests of size."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, actor_name, action, object_type, object_id, before,"
            " after, correlation_id) SELECT gen_random_uuid(), 'somebody', 'test.act', 'test',"
            " 'OBJECT_' || n, jsonb_build_object('note', n),"
            " jsonb_build_object('note', repeat('x', 200)), md5(n::text)"
            " FROM generate_series(1, %s) n",
            [count],
        )


@contextmanager
def owner_of(database: PortalDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A session of the owner, autocommitting, for whom the triggers are switched off."""
    with psycopg.connect(database.url(OWNER), autocommit=True) as session:
        session.execute("SET search_path = loader, public")
        for table in TABLES:
            session.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield session


def seal_days_ago(database: PortalDatabase, days: int) -> None:
    """Make all that is unsealed that old, and seal it as if it were then."""
    with owner_of(database) as owner:
        owner.execute(
            "UPDATE audit_event SET at = at - make_interval(days => %s) WHERE NOT EXISTS"
            " (SELECT FROM audit_seal s WHERE s.event_id = audit_event.id)",
            [days],
        )
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    then = database_now() - timedelta(days=days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.sealing.database_now", lambda: then)
        seal_all()
