"""Gaps that the source has no data for any more, and signals that retention took (spec 9)."""

from __future__ import annotations

import pytest

from execution.maintenance.jobs import EXPIRED_GAPS
from execution.maintenance.registry import registered
from execution.services.expiry import expire_gaps, expire_signals
from loaders.models import Loader, SourceDatabase
from tests.support.coverage import cover, hour, stored
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader

LINE = ((0, 4, "LOADED"), (6, 8, "FAILED"), (8, 9, "EMPTY"), (9, 10, "UNVERIFIED"))


@pytest.fixture
def loader(db: None) -> Loader:
    people = People()
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY")
    cover(loader, *LINE, watermark=12)
    return loader


def test_a_gap_before_what_the_source_keeps_expires_and_the_rest_stays(loader: Loader) -> None:
    SourceDatabase.objects.update(retention_days=1)
    assert expire_gaps() == 1
    assert stored() == [
        (0, 4, "LOADED", 0),
        (4, 8, "EXPIRED", 0),
        (8, 9, "EMPTY", 0),
        (9, 12, "EXPIRED", 0),
    ]
    assert expire_gaps() == 0


def test_a_source_that_does_not_say_how_long_it_keeps_data_keeps_it(loader: Loader) -> None:
    assert expire_gaps() == 0
    SourceDatabase.objects.update(retention_days=36_500)
    assert expire_gaps() == 0
    assert registered()[EXPIRED_GAPS].function is expire_gaps


def test_what_lies_beyond_the_watermark_is_not_given_up(loader: Loader) -> None:
    cover(loader, (14, 15, "FAILED"))
    SourceDatabase.objects.update(retention_days=1)
    expire_gaps()
    assert stored()[-1] == (14, 15, "FAILED", 0)


def test_signals_that_retention_took_leave_an_expired_stretch(loader: Loader) -> None:
    expire_signals(loader=loader, until=hour(7))
    assert stored()[:2] == [(0, 7, "EXPIRED", 0), (7, 8, "FAILED", 0)]
    expire_signals(loader=loader, until=START)
    assert len(stored()) == 4
