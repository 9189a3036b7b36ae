"""Coverage is recomputed from executions and signals, compared and repaired (spec 9)."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.roles import PermissionDeniedError
from audit.models import AuditEvent
from execution.comparison import Fault
from execution.models import CoverageInterval, LoadHistory, Trigger
from execution.services import verification, verify_coverage, waive_gaps
from tests.portal_database import PortalDatabase
from tests.support.by_hand import ByHand
from tests.support.coverage import cover, hour, hours, rows, stored
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader
from tests.support.target import plant

_HOUR = 3600.0


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def hand(people: People) -> ByHand:
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    for number in range(10):
        stamps = [] if number in {3, 4} else [number, number]
        hand.run(number, number + 1, stamps, moves_to=number + 1)
    return hand


def found(people: People, hand: ByHand, **options: Any) -> list[tuple[float, float, str, str, str]]:
    """Differences in hours: from, to, fault, what coverage says and what follows."""
    parts = verify_coverage(user=people.admin, loader=hand.loader, **options)
    return [
        (
            (one.window.start - START).total_seconds() / _HOUR,
            (one.window.end - START).total_seconds() / _HOUR,
            one.fault.value,
            one.told.value,
            one.found.value,
        )
        for part in parts
        for one in part.differences
    ]


def test_coverage_that_nobody_touched_is_right(people: People, hand: ByHand) -> None:
    assert found(people, hand) == []
    assert [state for _, _, state, _ in stored()] == ["LOADED", "UNVERIFIED", "LOADED"]


def test_a_run_whose_signals_were_deleted_leaves_a_gap_and_what_is_empty_stays_it(
    people: People, hand: ByHand
) -> None:
    hand.run(3, 5, trigger=Trigger.BACKFILL)
    hand.lose([6])
    assert found(people, hand) == [(6, 7, "SIGNALS_LOST", "LOADED", "MISSING")]
    assert len(stored()) == 3, "to look changes nothing"
    assert found(people, hand, repair=True) == [(6, 7, "SIGNALS_LOST", "LOADED", "MISSING")]
    assert stored() == [
        (0, 3, "LOADED", 6),
        (3, 5, "EMPTY", 0),
        (5, 6, "LOADED", 2),
        (7, 10, "LOADED", 6),
    ]
    assert found(people, hand, repair=True) == []
    event = AuditEvent.objects.get(action="coverage.repair")
    assert event.after["first"][0]["fault"] == "SIGNALS_LOST"


def test_one_row_of_many_is_missed_too(people: People, hand: ByHand) -> None:
    hand.run(2, 8, [2, 2, 3, 4, 5, 5, 6, 7], trigger=Trigger.BACKFILL)
    hand.run(4, 5, [4, 4], trigger=Trigger.BACKFILL)
    hand.lose([6])
    assert found(people, hand) == [
        (2, 4, "SIGNALS_LOST", "LOADED", "MISSING"),
        (5, 8, "SIGNALS_LOST", "LOADED", "MISSING"),
    ]


def test_signals_that_no_execution_loaded_are_told_by_their_grains(
    people: People, hand: ByHand
) -> None:
    LoadHistory.objects.update(start_time=START)
    plant("ORDERS_HOURLY", 2.5)
    plant("ORDERS_HOURLY", 3)
    assert found(people, hand) == [
        (2, 3, "SIGNALS_UNKNOWN", "LOADED", "MISSING"),
        (3, 4, "SIGNALS_UNKNOWN", "UNVERIFIED", "MISSING"),
    ]


def test_a_state_that_no_execution_brought_about_is_corrected(people: People, hand: ByHand) -> None:
    CoverageInterval.objects.filter(state="UNVERIFIED").update(state="EMPTY")
    CoverageInterval.objects.filter(range_from=hour(5)).update(range_from=hour(6))
    CoverageInterval.objects.filter(range_from=START).update(rec_count=5)
    LoadHistory.objects.update(start_time=START)
    wrong = [
        (3, 5, "STATE", "EMPTY", "UNVERIFIED"),
        (5, 6, "STATE", "MISSING", "LOADED"),
    ]
    assert found(people, hand) == [
        *wrong,
        (0, 3, "COUNT", "LOADED", "LOADED"),
        (6, 10, "COUNT", "LOADED", "LOADED"),
    ]
    assert found(people, hand, repair=True) == [*wrong, (0, 3, "COUNT", "LOADED", "LOADED")]
    assert stored() == [(0, 3, "LOADED", 6), (3, 5, "UNVERIFIED", 0), (5, 10, "LOADED", 10)]
    assert found(people, hand) == []


def test_what_was_loaded_before_the_oldest_execution_is_not_judged(
    people: People, hand: ByHand
) -> None:
    LoadHistory.objects.filter(query_from_time__lt=hour(2)).delete()
    assert found(people, hand, repair=True) == [(0, 2, "NOT_JUDGED", "LOADED", "LOADED")]
    assert stored()[0] == (0, 3, "LOADED", 6)


def test_waived_and_expired_stretches_are_left_alone(people: People, hand: ByHand) -> None:
    cover(hand.loader, (-3, 0, "EXPIRED"))
    hand.lose([6, 7])
    assert len(found(people, hand, repair=True)) == 1
    waive_gaps(user=people.operator, loader=hand.loader, window=hours(6, 7), reason="Gone.")
    assert found(people, hand) == []
    assert [state for _, _, state, _ in stored()].count("WAIVED") == 1


def test_a_line_of_many_runs_is_verified_in_parts(
    people: People, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.run(1, 9, [1, 2, 3, 8], trigger=Trigger.BACKFILL)
    hand.run(9, 12, [9, 10, 11], moves_to=12)
    monkeypatch.setattr(verification, "RUNS_A_PART", 2)
    parts = list(verify_coverage(user=people.admin, loader=hand.loader))
    assert len(parts) >= 3
    assert found(people, hand) == []
    hand.lose([3, 10])
    assert found(people, hand, repair=True)
    assert [(a, b) for a, b, state, _ in stored() if state == "LOADED"] == [(0, 1)]
    assert found(people, hand) == []


def test_a_line_that_grows_with_the_time_is_verified_to_its_end(people: People) -> None:
    endless = make_loader(people, make_source(people), "ORDERS_HOURLY", end_at=None)
    ByHand(endless).run(0, 4, [1, 2], moves_to=4)
    assert len(list(verify_coverage(user=people.admin, loader=endless))) == 1


def test_a_range_is_verified_alone(people: People, hand: ByHand) -> None:
    hand.lose([1, 8])
    assert found(people, hand, start=hour(5), end=hour(10)) == [
        (8, 9, "SIGNALS_LOST", "LOADED", "MISSING")
    ]


def test_a_run_that_commits_meanwhile_is_neither_reported_nor_repaired(
    committed_db: PortalDatabase,
) -> None:
    people = People()
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    hand.run(0, 4, [0, 1, 2, 3], moves_to=4)
    told: list[Any] = []

    def verify_elsewhere() -> None:
        try:
            told.extend(found(people, hand, repair=True))
        finally:
            connection.close()

    with transaction.atomic():
        hand.run(1, 6, [1, 4, 5], trigger=Trigger.BACKFILL)
        thread = threading.Thread(target=verify_elsewhere)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), "it waits for the commit"
    thread.join(timeout=10)
    assert (told, stored()) == ([], [(0, 6, "LOADED", 4)])


def test_everybody_may_look_and_operators_repair(people: People, hand: ByHand) -> None:
    assert list(verify_coverage(user=people.viewer, loader=hand.loader))
    with pytest.raises(PermissionDeniedError):
        list(verify_coverage(user=people.viewer, loader=hand.loader, repair=True))


def test_a_twentieth_of_the_windows_is_found_and_nothing_else(people: People) -> None:
    """The must-show, in short: 120 windows, some of which read their last grain again."""
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    chance = random.Random(6)
    for number in range(120):
        again = number - 1 if number and chance.random() < 0.3 else number
        stamps = [h for h in range(again, number + 1) for _ in range(chance.randint(1, 3))]
        hand.run(again, number + 1, stamps, moves_to=number + 1)
    lost = chance.sample(range(119), 6)
    before = rows("SELECT * FROM signals.signals_history")
    gone = hand.lose(lost)
    kept = rows("SELECT * FROM signals.signals_history")
    assert gone == len(before) - len(kept) > 0
    told = found(people, hand, repair=True)
    missing = {n for a, b, *_ in told for n in range(int(a), int(b))}
    assert missing >= set(lost)
    owners = _owner_by_hour()
    robbed = set(map(owners.__getitem__, lost))
    assert missing == {number for number, run in owners.items() if run in robbed}
    assert {one[2] for one in told} == {Fault.SIGNALS_LOST.value}
    assert rows("SELECT * FROM signals.signals_history") == kept


def _owner_by_hour() -> dict[int, Any]:
    """The last run over each hour, by SQL of the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (h.n) h.n, r.id FROM generate_series(0, 119) AS h (n) "
            "JOIN loader.load_history r ON r.query_from_time <= %s + h.n * interval '1 hour' "
            "AND r.query_to_time > %s + h.n * interval '1 hour' ORDER BY h.n, r.end_time DESC",
            [START, START],
        )
        return dict(cursor.fetchall())
