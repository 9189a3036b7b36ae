"""One run after the other over real sources."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution import engine
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from execution.models.lock import LoaderExecutionLock
from execution.services import dispatch
from execution.windows import NotDue, NotDueReason
from loaders.models import LoaderState
from loaders.policies import PurgeStrategy, WatermarkPolicy
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of
from tests.support.target import plant, signals

pytestmark = pytest.mark.usefixtures("committed_db")

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """The same test on both kinds of source."""
    found: SourceServer = request.getfixturevalue(request.param)
    return found


def test_a_window_is_loaded_with_its_segments_counts_and_watermark(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(
        source,
        (START + 5 * MINUTE, "Riyadh", "web", 10.0),
        (START + 55 * MINUTE, "Riyadh", "web", None),
        (START + 2 * HOUR, "جدة", "app", 2.5),
        (START + 6 * HOUR, "Riyadh", "web", 99.0),
    )
    history = scene.run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    assert signals() == [
        (START, "Riyadh", "web", 2, 1, 10.0),
        (START + 2 * HOUR, "جدة", "app", 1, 1, 2.5),
    ]
    assert (history.records_read, history.records_loaded, history.records_purged) == (2, 2, 0)
    assert (history.actual_from_time, history.actual_to_time) == (START, START + 2 * HOUR)
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert state.last_load_timestamp == START + 2 * HOUR
    assert state.load_status == "IDLE"
    assert not LoaderExecutionLock.objects.active().exists()


def test_a_day_is_caught_up_window_by_window_and_equals_the_source(source: SourceServer) -> None:
    scene = Scene(source)
    for hour in range(24):
        for minute in (0, 20, 59):
            add_orders(source, (START + hour * HOUR + minute * MINUTE, "Riyadh", "web", 1.0 * hour))
    runs = 0
    while isinstance(
        outcome := dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE), LoadHistory
    ):
        engine.run(lock_id_of(outcome))
        runs += 1
        assert runs < 10
    assert outcome == NotDue(NotDueReason.ENDED)
    assert [(row[0], row[3], row[5]) for row in signals()] == [
        (START + hour * HOUR, 3, 3.0 * hour) for hour in range(24)
    ]
    covered = CoverageInterval.objects.get()
    assert (covered.range_from, covered.range_to) == (START, START + 24 * HOUR)
    assert (covered.state, covered.rec_count) == ("LOADED", 24)
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert (state.last_load_timestamp, state.next_due_at) == (START + 24 * HOUR, None)


def test_a_quiet_stretch_moves_the_watermark_and_stays_unverified(source: SourceServer) -> None:
    scene = Scene(source)
    history = scene.run()
    assert (history.status, history.records_loaded) == (RunStatus.SUCCESS, 0)
    assert history.actual_from_time is None
    assert CoverageInterval.objects.get().state == "UNVERIFIED"
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert state.last_load_timestamp == START + 6 * HOUR


def test_rows_read_again_at_the_watermark_replace_their_predecessors(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(source, (START + 3 * HOUR, "Riyadh", "web", 1.0))
    scene.run()
    add_orders(source, (START + 3 * HOUR + MINUTE, "Riyadh", "web", 5.0))
    history = scene.run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    assert signals() == [(START + 3 * HOUR, "Riyadh", "web", 2, 2, 6.0)]
    assert history.records_purged == 1


def test_fail_on_duplicate_fails_says_how_many_and_shows_nothing(source: SourceServer) -> None:
    scene = Scene(source)
    plant("ORDERS_HOURLY", 1)
    plant("ORDERS_HOURLY", 2)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "DUPLICATE_DATA")
    assert "2 signals already stand" in history.error_message
    assert [row[1] for row in signals()] == ["planted", "planted"]
    assert CoverageInterval.objects.get().state == "FAILED"
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert (state.load_status, state.consecutive_failures) == ("FAILED", 1)
    assert state.last_load_timestamp is None


def test_purge_and_reload_replaces_the_window_of_this_loader_and_nothing_else(
    source: SourceServer,
) -> None:
    scene = Scene(source, purge_strategy=PurgeStrategy.PURGE_AND_RELOAD)
    plant("ORDERS_HOURLY", 0)
    plant("ORDERS_HOURLY", 5.75)
    plant("ORDERS_HOURLY", 6)
    plant("ANOTHER_LOADER", 1)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.records_purged) == (RunStatus.SUCCESS, 2)
    assert [(row[0], row[1]) for row in signals()] == [
        (START, "Riyadh"),
        (START + 6 * HOUR, "planted"),
    ]
    assert len(signals("ANOTHER_LOADER")) == 1


def test_skip_duplicates_leaves_standing_rows_and_adds_the_others(source: SourceServer) -> None:
    scene = Scene(
        source,
        purge_strategy=PurgeStrategy.SKIP_DUPLICATES,
        watermark_policy=WatermarkPolicy.WINDOW_END,
    )
    add_orders(source, (START, "Riyadh", "web", 1.0), (START + HOUR, "Riyadh", "web", 2.0))
    scene.run()
    LoaderState.objects.update(last_load_timestamp=None)
    add_orders(source, (START, "Riyadh", "web", 5.0), (START + 2 * HOUR, "Riyadh", "web", 3.0))
    history = scene.run()
    assert (history.records_read, history.records_loaded) == (3, 1)
    assert [row[5] for row in signals()] == [1.0, 2.0, 3.0]
