"""Totals by quarter of an hour are compared with the signals and repaired (spec 8, 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.roles import PermissionDeniedError
from audit.models import AuditEvent
from core.window import Window
from execution.comparison import Fault
from execution.models import LoaderExecutionLock, LoadHistory, Trigger
from execution.services import verify_totals
from loaders.models import Loader
from signals import rollup_check
from signals.rollups import WIDTH, rebuild
from tests.support.people import People
from tests.support.rollups import rolled_up, summed
from tests.support.scenes import HOUR, START
from tests.support.signal_rows import (
    Signal,
    insert,
    make_external,
    put,
    segment,
    some_signals,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    """Three hours of signals a minute, and a neighbour's."""
    loader = make_external("SENSORS")
    put("SENSORS", some_signals(START, 180, MINUTE))
    make_external("NEIGHBOURS")
    put("NEIGHBOURS", some_signals(START, 60, MINUTE))
    return loader


def wrong(people: People, loader: Loader, **options: Any) -> list[tuple[float, float, int, int]]:
    """Stretches in hours, what totals tell of their signals, and how many stand."""
    found = [
        one
        for part in verify_totals(user=people.admin, loader=loader, **options)
        for one in part.differences
    ]
    assert {one.fault for one in found} <= {Fault.TOTALS}
    return [
        (
            (one.window.start - START) / HOUR,
            (one.window.end - START) / HOUR,
            one.signals_told or 0,
            one.signals_found or 0,
        )
        for one in found
    ]


def alter(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.rowcount > 0


def at(hours: float) -> datetime:
    return START + hours * HOUR


def test_totals_that_nobody_touched_are_right(people: People, loader: Loader) -> None:
    assert wrong(people, loader) == []
    assert wrong(people, make_external("EMPTY")) == []


def test_whatever_is_changed_behind_the_portals_back_is_found_and_repaired(
    people: People, loader: Loader
) -> None:
    mine = "loader_code = 'SENSORS' AND"
    alter(f"DELETE FROM signals.signals_history WHERE {mine} load_time_stamp < %s", at(0.5))
    alter(f"DELETE FROM signals.signals_rollup WHERE {mine} bucket_start = %s", at(0.75))
    alter(
        f"UPDATE signals.signals_history SET sum_val = sum_val + 0.001 WHERE {mine} "
        "load_time_stamp >= %s AND load_time_stamp < %s",
        *(at(1.25), at(1.5)),
    )
    alter(f"UPDATE signals.signals_rollup SET max_val = NULL WHERE {mine} bucket_start = %s", at(2))
    insert("SENSORS", some_signals(at(3.5), 1, MINUTE))
    expected = [
        (0, 0.5, 30, 0),
        (0.75, 1, 0, 15),
        (1.25, 1.5, 15, 15),
        (2, 2.25, 15, 15),
        (3.5, 3.75, 0, 1),
    ]
    assert wrong(people, loader) == expected
    assert wrong(people, loader, start=at(0.3), end=at(1.3)) == [(0.25, 0.5, 15, 0), *expected[1:3]]
    assert wrong(people, loader, repair=True) == expected
    assert wrong(people, loader) == []
    assert rolled_up() == summed()
    assert AuditEvent.objects.filter(action="signals.totals_repair").count() == len(expected)


def test_the_last_bits_of_a_sum_are_no_difference(people: People, loader: Loader) -> None:
    alter("UPDATE signals.signals_rollup SET sum_val = sum_val * (1 + 1e-14)")
    assert wrong(people, loader) == []
    alter("UPDATE signals.signals_rollup SET sum_val = sum_val * (1 + 1e-6)")
    assert len(wrong(people, loader)) == 1, "all in a row"


def test_a_long_line_is_read_by_month(people: People, loader: Loader) -> None:
    put("SENSORS", some_signals(at(24 * 70), 10, MINUTE))
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE bucket_start >= %s", at(24 * 70))
    assert wrong(people, loader) == [(24 * 70, 24 * 70 + WIDTH / HOUR, 7, 10)]


def test_sums_at_the_edge_of_what_a_number_holds_are_compared(
    people: People, loader: Loader
) -> None:
    huge = Signal(at(5), segment(1), sum_val=1.7e308)
    put("SENSORS", [huge, replace(huge, segment=segment(2))])
    uncounted = Signal(at(6), segment(1), value_count=None, sum_val=1e300)
    put("SENSORS", [uncounted, Signal(at(6), segment(2), sum_val=2.0)])
    assert wrong(people, loader) == []
    alter("UPDATE signals.signals_rollup SET sum_val = 1 WHERE bucket_start = %s", at(5))
    alter("UPDATE signals.signals_rollup SET counted_sum = 3 WHERE bucket_start = %s", at(6))
    assert wrong(people, loader) == [(5, 5.25, 2, 2), (6, 6.25, 2, 2)]


def test_what_a_run_is_at_is_left_to_its_commit(people: People, loader: Loader) -> None:
    run = LoadHistory.objects.create(
        loader=loader,
        trigger=Trigger.BACKFILL,
        start_time=START,
        query_from_time=at(1),
        query_to_time=at(2),
    )
    lock = LoaderExecutionLock.objects.create(
        loader=loader,
        load_history=run,
        window_from=at(1),
        window_to=at(2),
        lease_until=at(3),
    )
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE bucket_start = %s", at(1.75))
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE bucket_start = %s", at(2))
    parts = list(verify_totals(user=people.admin, loader=loader, repair=True))
    assert [part.repaired for part in parts] == [False], "one stretch, a part of it the run's"
    assert len(wrong(people, loader)) == 1
    lock.released = True
    lock.save()
    parts = list(verify_totals(user=people.admin, loader=loader, repair=True))
    assert all(part.repaired for part in parts)
    assert wrong(people, loader) == []


def test_what_somebody_else_puts_right_meanwhile_is_neither_repaired_nor_told(
    people: People, loader: Loader
) -> None:
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE bucket_start = %s", at(0.5))
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE bucket_start = %s", at(1.5))
    found = verify_totals(user=people.admin, loader=loader, repair=True)
    assert next(found).repaired
    rebuild(loader_code="SENSORS", window=Window(at(1.5), at(1.75)))
    assert list(found) == []
    assert AuditEvent.objects.filter(action="signals.totals_repair").count() == 1


def test_a_stretch_to_repair_is_no_longer_than_can_be_added_up_at_once(
    people: People, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_check, "MOST_JOINED", 50)
    alter("UPDATE signals.signals_rollup SET signals = 7 WHERE loader_code = 'SENSORS'")
    assert [stretch[:2] for stretch in wrong(people, loader)] == [
        (0, 0.75),
        (0.75, 1.5),
        (1.5, 2.25),
        (2.25, 3),
    ]


def test_who_may_only_look_repairs_nothing(people: People, loader: Loader) -> None:
    alter("UPDATE signals.signals_rollup SET signals = 7")
    assert list(verify_totals(user=people.viewer, loader=loader))
    with pytest.raises(PermissionDeniedError):
        list(verify_totals(user=people.viewer, loader=loader, repair=True))
