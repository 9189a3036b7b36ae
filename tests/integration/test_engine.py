"""One run after the other over real sources."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from execution.models import RunStatus
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    found: SourceServer = request.getfixturevalue(request.param)
    return found


def signals(loader_code: str = "ORDERS_HOURLY") -> list[tuple[Any, ...]]:
    """What stands in the target, by SQL of the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.load_time_stamp, c.segment_1, c.segment_2, s.rec_count, s.value_count, "
            "s.sum_val FROM signals.signals_history s JOIN signals.segment_combination c "
            "USING (segment_code) WHERE s.loader_code = %s ORDER BY 1, 2, 3",
            [loader_code],
        )
        return list(cursor.fetchall())


def test_a_window_is_loaded_with_its_segments_counts_and_watermark(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(
        source,
        (START + timedelta(minutes=5), "Riyadh", "web", 10.0),
        (START + timedelta(minutes=55), "Riyadh", "web", None),
        (START + 2 * HOUR, "جدة", "app", 2.5),
    )
    history = scene.run()
    assert history.status == RunStatus.SUCCESS, (history.error_code, history.error_message)
    assert signals() == [
        (START, "Riyadh", "web", 2, 1, 10.0),
        (START + 2 * HOUR, "جدة", "app", 1, 1, 2.5),
    ]
    scene.loader.state.refresh_from_db()
    assert scene.loader.state.last_load_timestamp == START + 2 * HOUR
    assert history.records_loaded == 2
