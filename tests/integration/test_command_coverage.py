"""`manage.py coverage`."""

from __future__ import annotations

import pytest

from execution.models import Gap
from tests.support.by_hand import ByHand
from tests.support.commands import manage
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import make_loader

FAILED, REFUSED, INVALID, NOT_FOUND = 1, 3, 6, 4


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def hand(people: People) -> ByHand:
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY"))
    for number in range(4):
        hand.run(number, number + 1, [number] if number != 2 else [], moves_to=number + 1)
    return hand


def test_a_loaders_coverage_is_shown(hand: ByHand) -> None:
    outcome = manage("coverage", "ORDERS_HOURLY", "--to", "2026-01-01T04:00")
    assert "2026-01-01 02:00 → 03:00  1 h     No rows, asked once  0" in outcome.out
    document = manage("coverage", "ORDERS_HOURLY", "--to", "2026-01-01T04:00", "--json").document()
    assert [one["state"] for one in document["intervals"]] == ["LOADED", "UNVERIFIED", "LOADED"]
    few = manage("coverage", "ORDERS_HOURLY", "--most", "2", "--json").document()
    assert few["isCondensed"] is True


def test_verify_says_by_its_exit_code_whether_coverage_is_true_and_repair_makes_it_so(
    hand: ByHand, people: People
) -> None:
    assert manage("coverage", "--all", "--verify").code == 0
    hand.lose([3])
    outcome = manage("coverage", "ORDERS_HOURLY", "--verify")
    assert outcome.code == FAILED
    assert "Signals are gone" in outcome.out
    assert "Other totals" in outcome.out
    assert manage("coverage", "ORDERS_HOURLY", "--repair", as_user=people.viewer).code == REFUSED
    document = manage("coverage", "--all", "--repair", "--json").document()
    assert (document["ok"], document["differenceCount"], document["repairedCount"]) == (True, 2, 2)
    assert document["differences"][0]["expectedState"] == "MISSING"
    assert manage("coverage", "--all", "--verify").code == 0
    assert Gap.objects.filter(state="MISSING").count() == 1


def test_wrong_options_are_told(hand: ByHand) -> None:
    assert manage("coverage").code == INVALID
    assert manage("coverage", "--all").code == INVALID
    assert manage("coverage", "NO_SUCH").code == NOT_FOUND
    assert "a time reads" in manage("coverage", "ORDERS_HOURLY", "--from", "yesterday").err
