"""A rotation killed half-way and resumed: every row stays readable, history included.

The short form has 600 rows; LOADERPORTAL_TEST_FULL=1 has 10,000.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from execution.models import LoadHistory, RunStatus, Trigger
from loaders import services
from loaders.models import Loader, SourceDatabase
from tests.portal_database import ROOT, PortalDatabase
from tests.support.definitions import fresh, make_draft, make_source
from tests.support.keys import BOTH, NEW, NEW_ID, OLD, OLD_ID, values_under
from tests.support.people import People
from tests.support.portal import portal_environment
from tests.support.replica import wait_until
from tests.support.scenes import START, order_sql

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
HISTORY_ROWS = 5_000 if IS_FULL else 300
"""Rows of version history, and as many executions with two encrypted texts each."""

HELD_ROWS = HISTORY_ROWS // 10
"""Executions that are locked until the kill, so that it can't come too late."""

_COPIES = """
DO $$ DECLARE names text;
BEGIN
    SELECT string_agg(quote_ident(column_name), ',') INTO names FROM information_schema.columns
    WHERE table_name = 'loader_definition_history' AND column_name <> 'history_id';
    EXECUTE format(
        'INSERT INTO loader.loader_definition_history (%1$s) SELECT %1$s FROM '
        '(SELECT * FROM loader.loader_definition_history LIMIT 1) one, generate_series(1, {n})',
        names);
END $$
"""


@pytest.fixture
def loader(committed_db: PortalDatabase, settings: Any) -> Loader:
    """An approved loader with a long history, all of it under the old key."""
    settings.ENCRYPTION_KEY = OLD
    people = People()
    made = make_draft(people, make_source(people))
    services.submit(user=people.operator, loader=made)
    version = services.approve(user=people.approver, loader=made)
    with connection.cursor() as cursor:
        cursor.execute(_COPIES.replace("{n}", str(HISTORY_ROWS)))
    LoadHistory.objects.bulk_create(
        LoadHistory(
            loader=made,
            version=version,
            trigger=Trigger.SCHEDULE,
            status=RunStatus.FAILED,
            source_db_code="SHOP",
            start_time=START + timedelta(minutes=n),
            query_from_time=START + timedelta(minutes=n),
            query_to_time=START + timedelta(minutes=n + 1),
            source_error=f"error {n}",
            stack_trace=f"trace {n}",
            correlation_id="x",
        )
        for n in range(HISTORY_ROWS)
    )
    settings.ENCRYPTION_KEY = BOTH
    return made


def start_rotation(database: PortalDatabase, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "rotate_keys", *words],
        cwd=ROOT,
        env=portal_environment(database, ENCRYPTION_KEY=BOTH),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def some_rows_held(database: PortalDatabase) -> Iterator[None]:
    with psycopg.connect(database.url()) as session:
        session.execute(
            "SELECT 1 FROM loader.load_history WHERE id IN (SELECT id FROM loader.load_history "
            f"ORDER BY start_time DESC LIMIT {HELD_ROWS}) FOR UPDATE"
        )
        yield
        session.rollback()


def assert_all_is_readable(loader: Loader) -> None:
    """Every row that was written under the old key, by its content."""
    assert SourceDatabase.objects.get().password == "x"
    assert {row.password for row in SourceDatabase.history.all()} == {"x"}
    sqls = [row.loader_sql for row in Loader.history.all()]
    assert len(sqls) > HISTORY_ROWS
    assert set(sqls) == {order_sql("POSTGRESQL")}
    texts = {
        (row.source_error, row.stack_trace) for row in LoadHistory.objects.order_by("start_time")
    }
    assert texts == {(f"error {n}", f"trace {n}") for n in range(HISTORY_ROWS)}
    assert services.approved_definition(fresh(loader))[0].number == 1


def test_a_rotation_killed_half_way_is_resumed_and_every_row_is_readable_at_each_moment(
    committed_db: PortalDatabase, loader: Loader, settings: Any
) -> None:
    everything = values_under(OLD_ID)
    with some_rows_held(committed_db):
        killed = start_rotation(committed_db, "--batch", "10")
        wait_until(
            lambda: values_under(NEW_ID) > everything // 3, seconds=120, what="a third is rotated"
        )
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    half, rest = values_under(NEW_ID), values_under(OLD_ID)
    assert half > 0
    assert rest > HELD_ROWS
    assert half + rest == everything
    for ring in (BOTH, f"{OLD},{NEW}"):
        settings.ENCRYPTION_KEY = ring
        assert_all_is_readable(loader)

    resumed = start_rotation(committed_db, "--json")
    out, errors = resumed.communicate(timeout=300)
    assert (resumed.returncode, errors) == (0, "")
    report = json.loads(out)
    assert report["keysStillNeeded"] == [NEW_ID]
    assert sum(table["current"] for table in report["tables"]) > 0, "it began anew"
    assert values_under(OLD_ID) == 0
    assert values_under(NEW_ID) == everything
    settings.ENCRYPTION_KEY = NEW
    assert_all_is_readable(loader)
