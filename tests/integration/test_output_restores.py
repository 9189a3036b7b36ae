"""An output version is put back by a run of its own (spec 6 "Purge")."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from accounts.roles import PermissionDeniedError
from audit.models import AuditEvent
from core.clock import database_now
from core.window import Window
from execution import engine
from execution.exceptions import LoaderAtCapacityError, WindowBeyondWatermarkError
from execution.models import CoverageInterval, LoadHistory, RunStatus, SourceBreaker, Trigger
from execution.services import restore_output
from loaders.models import LoaderState, SourceDatabase
from signals import writer
from signals.comparison import compare
from signals.models import OutputVersion
from signals.outputs import last_stamp_of
from tests.integration.test_approval_races import at_once
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.outputs import (
    WINDOW,
    cancel_from_elsewhere,
    content,
    dispatched,
    kept_content,
    kept_rows,
    reload,
    reloaded_scene,
    restore,
)
from tests.support.scenes import HOUR, START, Scene, add_orders

MINUTE = timedelta(minutes=1)


@pytest.fixture
def reloaded(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> tuple[Scene, OutputVersion]:
    return reloaded_scene(postgres_source)


@pytest.fixture
def scene(reloaded: tuple[Scene, OutputVersion]) -> Scene:
    return reloaded[0]


@pytest.fixture
def version(reloaded: tuple[Scene, OutputVersion]) -> OutputVersion:
    return reloaded[1]


def test_a_restore_and_another_one_back_give_the_rows_exactly(
    scene: Scene, version: OutputVersion
) -> None:
    first, second = kept_content(version), content()
    assert first != second
    assert compare(version).is_same is False
    history = restore(scene, version)
    assert (history.status, history.trigger, history.error_code) == ("SUCCESS", "RESTORE", "")
    assert (history.records_read, history.records_loaded, history.records_purged) == (3, 3, 3)
    assert (history.actual_from_time, history.actual_to_time) == (START, START + 2 * HOUR)
    assert history.metadata["outputVersion"] == str(version.pk)
    assert {"purge", "load", "compare"} <= set(history.metadata["phases"])
    assert content() == first
    assert content("load_time_stamp, segment_code, load_history_id")[0][2] == history.pk
    assert compare(version).is_same
    back = OutputVersion.objects.get(replaced_by=history.pk)
    assert restore(scene, back).status == RunStatus.SUCCESS
    assert content() == second


def test_a_restore_of_what_stands_there_anyway_keeps_nothing_more(
    scene: Scene, version: OutputVersion
) -> None:
    restore(scene, version)
    restore(scene, version)
    assert OutputVersion.objects.count() == 2


def test_a_restore_keeps_coverage_and_raises_the_data_version_but_moves_no_watermark(
    scene: Scene, version: OutputVersion
) -> None:
    add_orders(scene.server, (START + 4 * HOUR, "east", "web", 1.0))
    reload(scene)
    before = LoaderState.objects.values().get()
    restore(scene, version)
    after = LoaderState.objects.values().get()
    assert after == {**before, "data_version": before["data_version"] + 1}
    covered = CoverageInterval.objects.get()
    assert (covered.state, covered.rec_count, covered.range_to) == ("LOADED", 3, WINDOW.end)


def test_a_restore_does_not_ask_the_source(
    scene: Scene, version: OutputVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("the source was asked")

    now = database_now()
    SourceBreaker.objects.create(
        source=scene.source, failures=3, retry_at=now + 24 * HOUR, error_code="X"
    )
    dispatched(scene, trigger=Trigger.API, window=Window(START + 12 * HOUR, START + 13 * HOUR))
    hours = "-".join(f"{now + minutes * MINUTE:%H:%M}" for minutes in (-30, 30))
    SourceDatabase.objects.update(max_connections=1, blackout_hours=hours)
    monkeypatch.setattr(engine, "connect", fail)
    assert restore(scene, version).status == RunStatus.SUCCESS
    assert SourceBreaker.objects.get().failures == 3


def test_it_takes_an_operator_and_leaves_an_audit_event(
    scene: Scene, version: OutputVersion
) -> None:
    for person in (scene.people.viewer, scene.people.approver):
        with pytest.raises(PermissionDeniedError):
            restore_output(user=person, version_id=version.pk)
    history = restore(scene, version)
    event = AuditEvent.objects.get(action="output.restore")
    assert (event.object_id, event.actor) == ("ORDERS_HOURLY", scene.people.operator)
    assert event.after == {"outputId": str(version.pk), "executionId": str(history.pk)}


def test_no_restore_beside_a_run_over_the_same_window(scene: Scene, version: OutputVersion) -> None:
    running = dispatched(scene)
    with pytest.raises(LoaderAtCapacityError, match="part of this window"):
        restore(scene, version)
    assert not AuditEvent.objects.filter(action="output.restore").exists()
    assert scene.execute(running).status == RunStatus.SUCCESS


def test_of_two_restores_at_once_one_is_refused(scene: Scene, version: OutputVersion) -> None:
    ask = partial(restore_output, user=scene.people.operator, version_id=version.pk)
    assert sorted(at_once(ask, ask)) == ["LOADER_AT_CAPACITY", "done"]
    history = LoadHistory.objects.get(trigger=Trigger.RESTORE)
    assert scene.execute(history).status == RunStatus.SUCCESS
    assert content() == kept_content(version)


def test_a_cancelled_restore_leaves_everything_as_it_was(
    scene: Scene, version: OutputVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, coverage = content(), list(CoverageInterval.objects.values("state", "rec_count"))
    history = restore_output(user=scene.people.operator, version_id=version.pk)
    real = writer.put_back

    def put_back_then_be_cancelled(*arguments: Any, **named: Any) -> Any:
        written = real(*arguments, **named)
        cancel_from_elsewhere()
        return written

    monkeypatch.setattr(engine, "put_back", put_back_then_be_cancelled)
    assert scene.execute(history).status == RunStatus.CANCELLED
    assert content() == before
    assert (OutputVersion.objects.count(), kept_rows()) == (1, 3)
    assert list(CoverageInterval.objects.values("state", "rec_count")) == coverage


def test_a_version_comes_back_though_the_watermark_lies_in_its_window(
    scene: Scene, version: OutputVersion
) -> None:
    """As under MAX_TIMESTAMP, where the watermark is the last stamp that was found: what counts is
    that no row of the version lies beyond it."""
    last = last_stamp_of(version.pk)
    assert last is not None
    LoaderState.objects.update(last_load_timestamp=last)
    assert restore(scene, version).status == RunStatus.SUCCESS
    LoaderState.objects.update(last_load_timestamp=last - HOUR)
    with pytest.raises(WindowBeyondWatermarkError):
        restore(scene, OutputVersion.objects.latest("id"))
