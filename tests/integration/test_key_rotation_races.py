"""Rotation beside people who edit, beside another rotation, and against locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from accounts import key_rotation
from accounts.key_rotation import RotationReport, rotate_keys
from accounts.roles import SYSTEM
from audit.models import AuditEvent
from core import rotation
from loaders.models import SourceDatabase
from loaders.services import create_source, update_source
from tests.portal_database import OWNER, PortalDatabase
from tests.support.commands import manage
from tests.support.keys import BOTH, NEW, NEW_ID, OLD, OLD_ID, values_under
from tests.support.people import People

SOURCES = 20
SIMULATED = {
    "db_type": "SIMULATED",
    "host": "-",
    "port": 1,
    "db_name": "events",
    "user_name": "-",
    "password": "x",
}
ROWS = 2 * SOURCES
"""Each source has a row of history."""


@pytest.fixture
def people(committed_db: PortalDatabase, settings: Any) -> People:
    """With sources of the old key, which stands behind the new one now."""
    settings.ENCRYPTION_KEY = OLD
    people = People()
    for number in range(SOURCES):
        create_source(user=people.admin, values={**SIMULATED, "db_code": f"SHOP_{number:02}"})
    settings.ENCRYPTION_KEY = BOTH
    return people


def rotate(told: Callable[[int, int], None] = lambda done, total: None) -> RotationReport:
    return rotate_keys(user=SYSTEM, batch=3, progress=told)


def source(code: str = "SHOP_07") -> SourceDatabase:
    return SourceDatabase.objects.get(db_code=code)


@contextmanager
def in_a_thread(act: Callable[[], None]) -> Iterator[None]:
    def perform() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=perform)
    thread.start()
    yield
    thread.join()


@contextmanager
def holding(database: PortalDatabase, statement: str, role: str) -> Iterator[None]:
    with psycopg.connect(database.url(role)) as session:
        session.execute(statement)
        yield
        session.rollback()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rotation, key_rotation):
        monkeypatch.setattr(module, "WAITS", (0, 0.01))
    monkeypatch.setattr(rotation, "LOCK_TIMEOUT", "50ms")


def test_an_edit_under_way_wins_and_the_other_rows_do_not_wait_for_it(people: People) -> None:
    begun, may_commit = threading.Event(), threading.Event()

    def edit() -> None:
        with transaction.atomic():
            update_source(user=people.admin, source=source(), values={"password": "edited"})
            begun.set()
            assert may_commit.wait(60)

    def told(done: int, total: int) -> None:
        if values_under(OLD_ID) == 1:
            may_commit.set()

    with in_a_thread(edit):
        assert begun.wait(60)
        report = rotate(told)
    assert may_commit.is_set()
    assert report.remaining == 0
    assert sum(table.rotated for table in report.tables) == ROWS - 1
    assert source().password == "edited"
    assert values_under(OLD_ID) == 0


def test_a_row_saved_as_it_was_read_before_keeps_its_value_and_is_rotated_once_more(
    people: People,
) -> None:
    read_before = source()
    saved: list[int] = []

    def told(done: int, total: int) -> None:
        if done == total and not saved:
            read_before.port = 5433
            read_before.save()
            saved.append(values_under(OLD_ID))

    report = rotate(told)
    assert saved == [2], "the row and its new row of history"
    assert report.remaining == 0
    assert sum(table.rotated for table in report.tables) == ROWS + 2
    assert values_under(OLD_ID) == 0
    assert (source().password, source().port) == ("x", 5433)


def test_two_rotations_at_once_share_the_work(people: People) -> None:
    reports: list[RotationReport] = []
    barrier = threading.Barrier(2)

    def both() -> None:
        barrier.wait()
        reports.append(rotate())

    with in_a_thread(both), in_a_thread(both):
        pass
    assert [report.remaining for report in reports] == [0, 0]
    assert sum(table.rotated for report in reports for table in report.tables) == ROWS
    assert values_under(NEW_ID) == ROWS
    assert {each.password for each in SourceDatabase.objects.all()} == {"x"}


def test_a_reader_with_either_order_of_the_keys_reads_at_every_moment(
    people: People, settings: Any
) -> None:
    states: set[tuple[int, int]] = set()

    def told(done: int, total: int) -> None:
        states.add((values_under(OLD_ID), values_under(NEW_ID)))
        for ring in (f"{OLD},{NEW}", BOTH):
            settings.ENCRYPTION_KEY = ring
            assert {each.password for each in SourceDatabase.objects.all()} == {"x"}
            assert {each.password for each in SourceDatabase.history.all()} == {"x"}

    rotate(told)
    assert len(states) > 10
    assert all(old + new == ROWS for old, new in states)


def test_a_row_that_somebody_holds_is_left_for_the_next_run(
    people: People, committed_db: PortalDatabase, impatient: None
) -> None:
    locked = "SELECT 1 FROM source_databases WHERE db_code = 'SHOP_07' FOR UPDATE"
    with holding(committed_db, f"SET search_path = loader; {locked}", "portal_app"):
        outcome = manage("rotate_keys", "--batch", "3")
    assert outcome.code == 7
    assert outcome.out.endswith("Some rows were held by others. Run it again.\n")
    assert f"Keys still needed: {NEW_ID}, {OLD_ID}." in outcome.out
    assert values_under(OLD_ID) == 1
    assert manage("rotate_keys").code == 0
    assert values_under(OLD_ID) == 0


def test_a_table_that_stays_locked_ends_it_with_a_sentence_and_what_is_done_stays_done(
    people: People, committed_db: PortalDatabase, impatient: None
) -> None:
    with psycopg.connect(committed_db.url(OWNER)) as session:

        def told(done: int, total: int) -> None:
            if done == 6:
                session.execute("LOCK TABLE loader.source_databases IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(rotation.RotationBlockedError, match="source_databases stays locked"):
            rotate(told)
        session.rollback()
    assert (values_under(NEW_ID), values_under(OLD_ID)) == (6, ROWS - 6)
    assert rotate().remaining == 0


def test_one_broken_off_by_ctrl_c_says_in_the_audit_trail_how_far_it_came(people: People) -> None:
    def told(done: int, total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(told)
    event = AuditEvent.objects.get(action="keys.rotate")
    assert event.after["outcome"] == "interrupted"
    assert event.after["rotated"] == {"source_databases": 6}
