"""A run that meets more rows than its loader may bring: cut short, never doubled (spec 6)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from execution.models import CoverageInterval, RunStatus
from loaders.models import LoaderState
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders


def scene_with(server: SourceServer, cap: int) -> Scene:
    """Six hours in one window, three segments in each hour."""
    scene = Scene(server, row_cap=cap, watermark_policy="WINDOW_END", lateness_seconds=1)
    add_orders(
        server,
        *(
            (START + hour * HOUR + timedelta(minutes=1), f"region {n}", "web", 1.0)
            for hour in range(6)
            for n in range(3)
        ),
    )
    return scene


def stamps() -> list[tuple[datetime, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT load_time_stamp, count(*) FROM signals_history GROUP BY 1 ORDER BY 1"
        )
        return list(cursor.fetchall())


@pytest.mark.parametrize("kind", ["postgres_source", "mariadb_source"])
def test_a_window_is_halved_until_it_fits_and_the_rest_follows(
    committed_db: None, kind: str, request: pytest.FixtureRequest
) -> None:
    scene = scene_with(request.getfixturevalue(kind), cap=9)
    first = scene.run()
    assert (first.status, first.records_loaded) == (RunStatus.PARTIAL, 9)
    assert first.window.end == START + 3 * HOUR
    state = LoaderState.objects.get()
    assert state.last_load_timestamp == START + 3 * HOUR
    assert state.next_due_at == state.last_attempt_at
    second = scene.run()
    assert second.window.start == START + 3 * HOUR
    assert (second.status, second.records_loaded) == (RunStatus.SUCCESS, 9)
    assert stamps() == [(START + hour * HOUR, 3) for hour in range(6)]
    loaded = CoverageInterval.objects.filter(state="LOADED").get()
    assert (loaded.range_from, loaded.range_to) == (START, START + 9 * HOUR)


def test_a_result_of_exactly_the_cap_is_whole(
    committed_db: None, postgres_source: SourceServer
) -> None:
    scene = scene_with(postgres_source, cap=18)
    assert scene.run().status == RunStatus.SUCCESS


def test_a_grain_over_the_cap_fails_and_shows_nothing(
    committed_db: None, postgres_source: SourceServer
) -> None:
    scene = scene_with(postgres_source, cap=2)
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "ROW_CAP_EXCEEDED")
    assert "limit of 2 rows" in history.error_message
    assert stamps() == []
    assert LoaderState.objects.get().is_held


def test_where_the_time_went_is_told(committed_db: None, postgres_source: SourceServer) -> None:
    phases = scene_with(postgres_source, cap=18).run().metadata["phases"]
    assert set(phases) == {"connect", "purge", "load", "rollup"}
    assert all(milliseconds >= 0 for milliseconds in phases.values())
