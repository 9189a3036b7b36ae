"""Whatever runs, failures, backfills, waivers and retention do to a loader's time: coverage stays a
partition of it that agrees with the signals, by SQL of the test's own (spec 9)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import database_now
from execution.exceptions import GapNotFoundError, WaiverWithdrawnError
from execution.models import GapWaiver, LoadHistory, Trigger
from execution.services import verify_coverage, waive_gaps, withdraw_waiver
from execution.services.expiry import expire_signals
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, LoaderState
from tests.support.by_hand import ByHand
from tests.support.coverage import hour, hours, rows
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader

END = 24

_STAMPS = st.lists(st.integers(0, 5), max_size=5)
_SPAN = (st.integers(0, END - 6), st.integers(1, 6))
STEPS = st.one_of(
    st.tuples(st.just("run"), *_SPAN, _STAMPS, st.booleans()),
    st.tuples(st.just("backfill"), *_SPAN, _STAMPS),
    st.tuples(st.just("fail"), *_SPAN),
    st.tuples(st.just("waive"), *_SPAN),
    st.tuples(st.just("withdraw"), st.integers(0, 3)),
    st.tuples(st.just("retire"), st.integers(1, 8)),
)

OVERLAPS = """
SELECT count(*) FROM loader.coverage a JOIN loader.coverage b
ON a.loader_code = b.loader_code AND a.id <> b.id
AND a.range_from < b.range_to AND b.range_from < a.range_to
"""
UNMERGED = """
SELECT count(*) FROM loader.coverage a JOIN loader.coverage b
ON a.loader_code = b.loader_code AND a.range_to = b.range_from AND a.state = b.state
"""
MISCOUNTED = """
SELECT count(*) FROM loader.coverage c WHERE rec_count <> (
    SELECT count(*) FROM signals.signals_history s WHERE s.loader_code = c.loader_code
    AND s.load_time_stamp >= c.range_from AND s.load_time_stamp < c.range_to)
"""
OUTSIDE = """
SELECT count(*) FROM signals.signals_history s WHERE NOT EXISTS (
    SELECT 1 FROM loader.coverage c WHERE c.loader_code = s.loader_code AND c.state = 'LOADED'
    AND s.load_time_stamp >= c.range_from AND s.load_time_stamp < c.range_to)
"""
# Of each hour that was asked: something is known, unless a waiver over it was taken back. Then it
# is a gap again, whatever was known before.
ASKED_AND_NOT_KNOWN = """
SELECT count(*) FROM generate_series(0, 23) AS n
WHERE EXISTS (
    SELECT 1 FROM loader.load_history h WHERE h.status = 'SUCCESS'
    AND h.query_from_time <= %s + n * interval '1 hour'
    AND h.query_to_time > %s + n * interval '1 hour')
AND NOT EXISTS (
    SELECT 1 FROM loader.coverage c WHERE c.state NOT IN ('FAILED')
    AND c.range_from <= %s + n * interval '1 hour' AND c.range_to > %s + n * interval '1 hour')
AND NOT EXISTS (
    SELECT 1 FROM loader.gap_waiver w WHERE w.withdrawn_at IS NOT NULL
    AND w.range_from <= %s + n * interval '1 hour' AND w.range_to > %s + n * interval '1 hour')
"""


@pytest.fixture
def hand(db: None) -> ByHand:
    people = People()
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY")
    LoaderState.objects.update(last_load_timestamp=hour(END))
    hand = ByHand(loader)
    hand.people = people  # type: ignore[attr-defined]
    return hand


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=3, max_size=12), lost=st.sets(st.integers(0, END - 1)))
def test_coverage_stays_a_partition_that_agrees_with_the_signals(
    hand: ByHand, steps: list[tuple[Any, ...]], lost: set[int]
) -> None:
    retired = 0
    with transaction.atomic():
        for act, number, *rest in steps:
            retired = max(retired, number) if act == "retire" else retired
            is_span = act not in {"retire", "withdraw"}
            # Nothing is loaded any more where retention was.
            _take(hand, act, max(number, retired) if is_span else number, *rest)
            _is_sound()
        assert _told(hand) == set()
        _lose_and_find(hand, lost)
        transaction.set_rollback(True)


def _take(hand: ByHand, act: str, *values: Any) -> None:
    people: People = hand.people  # type: ignore[attr-defined]
    if act in {"run", "backfill"}:
        first, length, offsets, *keeps = values
        stamps = [first + offset for offset in offsets if offset < length]
        trigger = Trigger.BACKFILL if act == "backfill" else Trigger.SCHEDULE
        hand.run(first, first + length, stamps, trigger=trigger, keeps=bool(keeps and keeps[0]))
    elif act == "fail":
        hand.fail(values[0], values[0] + values[1])
    elif act == "waive":
        window = hours(values[0], values[0] + values[1])
        try:
            waive_gaps(user=people.operator, loader=hand.loader, window=window, reason="Closed.")
        except (GapNotFoundError, ValidationFailedError):
            return
    elif act == "withdraw":
        _withdraw(people, values[0])
    elif LoadHistory.objects.exists():
        _retire(hand.loader, values[0])


def _withdraw(people: People, number: int) -> None:
    waivers = list(GapWaiver.objects.order_by("pk")[number : number + 1])
    for waiver in waivers:
        try:
            withdraw_waiver(user=people.operator, waiver_id=waiver.pk, reason="Open after all.")
        except WaiverWithdrawnError:
            return


def _retire(loader: Loader, until: int) -> None:
    """As the retention of signals does it: coverage first."""
    expire_signals(loader=loader, until=hour(until))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM signals.signals_history WHERE load_time_stamp < %s", [hour(until)]
        )


def _is_sound() -> None:
    for statement in (OVERLAPS, UNMERGED, MISCOUNTED, OUTSIDE):
        assert rows(statement) == [(0,)], statement
    assert rows(ASKED_AND_NOT_KNOWN, [START] * 6) == [(0,)]


def _told(hand: ByHand, **options: Any) -> set[int]:
    """Hours in which verification finds something wrong."""
    people: People = hand.people  # type: ignore[attr-defined]
    parts = verify_coverage(user=people.admin, loader=hand.loader, end=database_now(), **options)
    return {
        n
        for part in parts
        for one in part.differences
        if one.fault.is_wrong
        for n in range(END)
        if one.window.contains(hour(n))
    }


def _lose_and_find(hand: ByHand, lost: set[int]) -> None:
    """What is deleted is found, and repaired into gaps that hold no signals of anybody's."""
    before = set(map(int, hand.standing()))
    hand.lose(lost)
    found = _told(hand, repair=True)
    assert found >= lost & before
    assert bool(found) == bool(lost & before)
    assert rows(MISCOUNTED) == [(0,)]
