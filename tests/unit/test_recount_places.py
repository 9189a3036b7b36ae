"""Passes of re-counts leave places to live runs."""

from __future__ import annotations

from uuid import UUID

import pytest

from backfill.late.places import Places

SHOP, BANK = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("slots", "connections", "under_way", "is_free"),
    [
        (10, 4, [], True),
        (10, 4, [SHOP], True),
        (10, 4, [SHOP, SHOP], False),
        (10, 4, [BANK, BANK], True),
        (4, 4, [BANK, BANK], False),
        (1, 1, [], True),
        (1, 1, [BANK], False),
    ],
)
def test_a_pass_gets_half_of_the_places_and_one_at_least(
    *, slots: int, connections: int, under_way: list[UUID], is_free: bool
) -> None:
    assert Places(slots, under_way).is_free(SHOP, connections) is is_free


def test_what_is_handed_out_counts() -> None:
    places = Places(4, [])
    places.take(SHOP)
    assert not places.is_free(SHOP, 2)
    assert not places.is_full
    places.take(BANK)
    assert places.is_full
