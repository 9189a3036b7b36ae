"""Two runs that bring the same new segment combinations in opposite order (spec 2)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from signals.models import LoaderSegment, SegmentCombination
from signals.segments import Cells, CombinationRegistry


def combination(name: str) -> Cells:
    return (name.encode(), *[None] * 9)


NORTH, SOUTH = combination("north"), combination("south")


@pytest.mark.parametrize("at_once", [True, False])
def test_neither_waits_for_the_other_though_both_runs_are_open(
    committed_db: None, *, at_once: bool
) -> None:
    """Each run keeps its own transaction open, as during its COPY, until the other has named what
    both have: whoever waited for the other's transaction would wait for ever."""
    step = Barrier(2, timeout=20)

    def run(orders: list[list[Cells]]) -> list[bytes]:
        registry = CombinationRegistry("ORDERS_HOURLY")
        codes: list[bytes] = []
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '10s'")
                for batch in orders:
                    codes += registry.codes_of(batch)
                    step.wait()
                    registry.commit_new()
                step.wait()
        finally:
            registry.close()
            connection.close()
        return codes

    there, back = ([[NORTH, SOUTH]], [[SOUTH, NORTH]])
    if not at_once:
        there, back = ([[NORTH], [SOUTH]], [[SOUTH], [NORTH]])
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(run, there), pool.submit(run, back)
        assert one.result(timeout=30) == other.result(timeout=30)[::-1]
    named = SegmentCombination.objects.filter(segment_1__in=["north", "south"])
    brought = LoaderSegment.objects.filter(loader_code="ORDERS_HOURLY")
    assert set(brought.values_list("segment_code", flat=True)) == {c.segment_code for c in named}
    assert len(named) == 2
