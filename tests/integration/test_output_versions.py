"""What a reload replaced is kept for a while, and compared (spec 6 "Purge")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection

from core.clock import database_now
from core.window import Window
from execution import engine
from execution.models import LoadHistory, RunStatus
from execution.services import restore_output
from loaders.models import LoaderState
from loaders.policies import PurgeStrategy
from signals import outputs
from signals.comparison import Kind, compare
from signals.exceptions import OutputNotFoundError
from signals.models import OutputVersion
from signals.outputs import delete_expired_outputs, get_output
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.outputs import (
    CONTENT,
    WINDOW,
    cancel_from_elsewhere,
    change_the_source,
    content,
    kept_content,
    kept_rows,
    loaded_scene,
    nothing_is_kept,
    reload,
    restore,
)
from tests.support.scenes import HOUR, START, Scene, add_orders
from tests.support.target import plant, signals


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return loaded_scene(postgres_source)


# --- what is kept -------------------------------------------------------------------------------


def test_a_reload_that_brings_something_else_keeps_what_stood_there(scene: Scene) -> None:
    before = content(f"{CONTENT}, load_history_id")
    change_the_source(scene)
    history = reload(scene)
    assert (history.status, history.records_purged, history.records_loaded) == ("SUCCESS", 3, 3)
    version = OutputVersion.objects.get()
    assert (version.loader_id, version.window, version.rows) == ("ORDERS_HOURLY", WINDOW, 3)
    assert version.replaced_by == history.pk
    assert version.expires_at - version.replaced_at == timedelta(days=30)
    assert kept_content(version, f"{CONTENT}, load_history_id") == before


def test_a_reload_that_brings_the_same_keeps_nothing(scene: Scene) -> None:
    history = reload(scene)
    assert (history.status, history.records_purged, history.records_loaded) == ("SUCCESS", 3, 3)
    assert nothing_is_kept()


def test_one_value_that_became_null_is_something_else(scene: Scene) -> None:
    scene.server.execute("UPDATE orders SET amount = NULL WHERE region = 'west'")
    reload(scene)
    assert OutputVersion.objects.get().rows == 3


def test_a_reload_that_only_brings_more_is_something_else(scene: Scene) -> None:
    add_orders(scene.server, (START + 5 * HOUR, "east", "web", 1.0))
    reload(scene)
    assert OutputVersion.objects.get().rows == 3


def test_where_nothing_stood_nothing_is_kept(scene: Scene) -> None:
    add_orders(scene.server, (START + 8 * HOUR, "east", "web", 1.0))
    reload(scene, window=Window(START + 7 * HOUR, START + 9 * HOUR))
    assert nothing_is_kept()


def test_only_the_loaders_own_rows_in_the_window_are_kept(scene: Scene) -> None:
    plant("ANOTHER_LOADER", 1)
    plant("ORDERS_HOURLY", 6)
    change_the_source(scene)
    reload(scene)
    assert (kept_rows(), len(signals("ANOTHER_LOADER")), len(signals())) == (3, 1, 4)


@pytest.mark.parametrize(
    "strategy", [PurgeStrategy.SKIP_DUPLICATES, PurgeStrategy.FAIL_ON_DUPLICATE]
)
def test_the_other_strategies_keep_nothing(scene: Scene, strategy: PurgeStrategy) -> None:
    change_the_source(scene)
    reload(scene, purge_strategy=strategy)
    assert nothing_is_kept()


def test_what_a_live_run_reads_again_by_design_is_not_kept(scene: Scene) -> None:
    LoaderState.objects.update(last_load_timestamp=START + 2 * HOUR)
    add_orders(scene.server, (START + 2 * HOUR, "west", "web", 9.0))
    history = live(scene)
    assert (history.status, history.records_purged) == (RunStatus.SUCCESS, 1)
    assert signals()[-1][5] == 12.0
    assert nothing_is_kept()


def live(scene: Scene) -> LoadHistory:
    """A live run whose loader reloads; the approved definition says otherwise."""
    history = scene.dispatch()
    LoadHistory.objects.filter(pk=history.pk).update(purge_strategy=PurgeStrategy.PURGE_AND_RELOAD)
    return scene.execute(history)


def test_a_live_run_that_changes_more_than_it_reads_again_keeps_its_whole_window(
    scene: Scene,
) -> None:
    LoaderState.objects.update(last_load_timestamp=START + HOUR)
    before = content()
    change_the_source(scene)
    scene.server.execute("DELETE FROM orders WHERE region = 'west'")
    assert live(scene).records_purged == 2
    version = OutputVersion.objects.get()
    assert (version.window.start, version.rows) == (START + HOUR, 2)
    restore(scene, version)
    assert content() == before


def test_a_live_run_that_changes_only_what_it_reads_again_keeps_nothing(scene: Scene) -> None:
    LoaderState.objects.update(last_load_timestamp=START + HOUR)
    add_orders(scene.server, (START + HOUR, "south", "web", 5.0))
    assert live(scene).records_purged == 2
    assert nothing_is_kept()


def test_a_run_that_fails_after_its_purge_keeps_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(f"{CONTENT}, load_history_id")
    change_the_source(scene)
    seen: list[int] = []
    real = outputs.settle

    def settle_then_be_cancelled(*arguments: Any, **named: Any) -> bool:
        made = real(*arguments, **named)
        seen.append(kept_rows())
        cancel_from_elsewhere()
        return made

    monkeypatch.setattr(engine, "settle", settle_then_be_cancelled)
    assert reload(scene).status == RunStatus.CANCELLED
    assert seen == [3]
    assert content(f"{CONTENT}, load_history_id") == before
    assert nothing_is_kept()


# --- comparing ----------------------------------------------------------------------------------


def test_a_comparison_counts_and_shows_what_changed(scene: Scene) -> None:
    change_the_source(scene)
    reload(scene)
    found = compare(OutputVersion.objects.get())
    assert (found.only_before, found.only_now, found.differing, found.same) == (1, 1, 1, 1)
    gone, other, new = found.examples
    assert (gone.kind, gone.segments[:2], gone.now) == (Kind.ONLY_BEFORE, ["north", "web"], None)
    assert (new.kind, new.segments[:2], new.before) == (Kind.ONLY_NOW, ["east", "app"], None)
    assert new.now == {
        "rec_count": 1,
        "value_count": 0,
        **dict.fromkeys(("sum_val", "avg_val", "max_val", "min_val")),
    }
    assert (other.kind, other.load_time_stamp) == (Kind.DIFFERING, START + HOUR)
    assert other.before is not None
    assert other.now is not None
    assert (other.before["sum_val"], other.now["sum_val"]) == (2.0, 7.0)


# --- expiry -------------------------------------------------------------------------------------


def replaced(scene: Scene) -> OutputVersion:
    change_the_source(scene)
    reload(scene)
    return OutputVersion.objects.latest("replaced_at")


def expire(database: PortalDatabase, version: OutputVersion, ago: timedelta) -> None:
    """As a superuser: the application can't."""
    with database.server.admin_connection(database.name) as owner:
        owner.execute(
            "UPDATE signals.output_version SET expires_at = %s WHERE id = %s",
            [database_now() - ago, version.pk],
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE output_version SET expires_at = now()",
        "DELETE FROM output_version",
        "UPDATE output_row SET rec_count = 0",
        "DELETE FROM output_row",
        "SELECT signals.drop_output(id, NULL) FROM output_version",
    ],
)
def test_the_application_can_not_touch_what_has_not_expired(scene: Scene, statement: str) -> None:
    replaced(scene)
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (kept_rows(), delete_expired_outputs()) == (3, 0)


def test_an_expired_version_is_gone_for_people_and_deleted_once_no_restore_can_need_it(
    scene: Scene, committed_db: PortalDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "BATCH", 2)
    version = replaced(scene)
    expire(committed_db, version, timedelta(minutes=1))
    with pytest.raises(OutputNotFoundError):
        get_output(version.pk, user=scene.people.operator)
    with pytest.raises(OutputNotFoundError):
        restore_output(user=scene.people.operator, version_id=version.pk)
    assert (delete_expired_outputs(), kept_rows()) == (0, 3)
    expire(committed_db, version, timedelta(days=1))
    assert delete_expired_outputs() == 1
    assert nothing_is_kept()


def test_a_restore_asked_for_in_time_finds_a_version_that_expires_while_it_waits(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    before = content()
    version = replaced(scene)
    history = restore_output(user=scene.people.operator, version_id=version.pk)
    expire(committed_db, version, timedelta(minutes=1))
    assert scene.execute(history).status == RunStatus.SUCCESS
    assert content() == before


def test_a_version_that_is_no_longer_whole_is_not_restored(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    version = replaced(scene)
    before = content()
    with committed_db.server.admin_connection(committed_db.name) as owner:
        owner.execute("DELETE FROM signals.output_row WHERE load_time_stamp = %s", [START + HOUR])
    history = restore(scene, version)
    assert (history.status, history.error_code) == (RunStatus.FAILED, "OUTPUT_NOT_FOUND")
    assert content() == before
