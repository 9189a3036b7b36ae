"""Rollups say what the signals say, whatever committed last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution.models import RunStatus
from loaders.models import LoaderState
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.rollups import rolled_up, summed
from tests.support.scenes import HOUR, START, Scene, add_orders


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return Scene(postgres_source, max_query_period_seconds=3 * 86_400, end_at=START + 48 * HOUR)


def test_a_run_rolls_up_what_it_loads(scene: Scene, postgres_source: SourceServer) -> None:
    for n in range(96):
        amount = None if n % 3 == 0 else float(n)
        add_orders(postgres_source, (START + n * timedelta(minutes=30), "r", f"c{n % 2}", amount))
    history = scene.run()
    assert history.status == RunStatus.SUCCESS
    assert rolled_up() == summed()
    assert len(rolled_up()) == 48
    assert LoaderState.objects.get().data_version == 1
