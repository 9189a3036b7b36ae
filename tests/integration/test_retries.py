"""What follows a failed run: tried again, left alone, or held until somebody acts (spec 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from core.clock import database_now
from execution import engine
from execution.models import LoadHistory, RunStatus, SourceBreaker, Trigger
from execution.services import dispatch, run_now
from execution.windows import NotDue, NotDueReason
from loaders import services
from loaders.connectors.errors import (
    SourceAuthError,
    SourceDataError,
    SourceError,
    SourceSqlError,
    SourceTimeoutError,
    SourceUnreachableError,
)
from loaders.models import Loader, LoaderState
from tests.servers import SourceServer
from tests.support.scenes import Scene

Fail = Callable[[type[SourceError]], None]


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source)
    Loader.objects.update(min_interval_seconds=1)
    return scene


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let every connection from now on fail so."""

    def install(error: type[SourceError]) -> None:
        def refuse(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(engine, "connect", refuse)

    return install


def wait_of(loader: Loader) -> float:
    """Seconds until the loader is due."""
    due = LoaderState.objects.get(pk=loader.pk).next_due_at
    assert due is not None
    return (due - database_now()).total_seconds()


def test_what_may_pass_is_tried_a_few_times_and_then_now_and_again(
    scene: Scene, fail: Fail
) -> None:
    fail(SourceTimeoutError)
    waits, attempts = [], []
    for _ in range(6):
        attempts.append(scene.run().attempt)
        waits.append(wait_of(scene.loader))
    assert attempts == [1, 2, 3, 4, 5, 6]
    for wait, least in zip(waits, (10, 20, 40, 80, 900, 900), strict=True):
        assert least - 1 < wait < least * 1.5 + 1


@pytest.mark.parametrize("error", [SourceDataError, SourceAuthError])
def test_what_will_not_pass_by_itself_is_looked_at_every_quarter_of_an_hour(
    scene: Scene, fail: Fail, error: type[SourceError]
) -> None:
    fail(error)
    scene.run()
    assert 899 < wait_of(scene.loader) < 931


REVIVALS: dict[str, Callable[[Scene], Any]] = {
    "run now": lambda s: run_now(user=s.people.operator, loader=s.loader, trigger=Trigger.MANUAL),
    "enabled again": lambda s: (
        services.disable(user=s.people.operator, loader=s.loader),
        services.enable(user=s.people.operator, loader=s.loader),
    ),
    "approved anew": lambda s: (
        services.update_loader(user=s.people.operator, loader=s.loader, values={"row_cap": 9}),
        services.submit(user=s.people.operator, loader=s.loader),
        services.approve(user=s.people.approver, loader=s.loader),
    ),
    "password changed": lambda s: services.update_source(
        user=s.people.admin, source=s.source, values={"password": "another"}
    ),
    "watermark moved": lambda s: services.move_watermark(
        user=s.people.operator, loader=s.loader, watermark=None, reason="mended"
    ),
}


@pytest.mark.parametrize("revival", REVIVALS)
def test_an_error_of_the_definition_waits_for_a_person(
    scene: Scene, fail: Fail, revival: str
) -> None:
    fail(SourceSqlError)
    assert scene.run().error_code == "SOURCE_SQL_FAILED"
    state = LoaderState.objects.get()
    assert (state.is_held, state.next_due_at) == (True, None)
    assert not Loader.objects.due(database_now() + timedelta(days=365)).exists()
    REVIVALS[revival](scene)
    assert not LoaderState.objects.get().is_held


def test_a_source_that_serves_nobody_is_left_alone(scene: Scene, fail: Fail) -> None:
    other = scene.add_loader("OTHER")
    fail(SourceUnreachableError)
    for _ in range(3):
        assert scene.run().error_code == "SOURCE_UNREACHABLE"
    breaker = SourceBreaker.objects.get()
    assert (breaker.failures, breaker.error_code) == (3, "SOURCE_UNREACHABLE")
    outcome = dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE)
    assert outcome == NotDue(NotDueReason.SOURCE_HELD)
    assert LoaderState.objects.get(pk=other.pk).next_due_at == breaker.retry_at


def hold(scene: Scene, *, seconds: int) -> None:
    """The source's breaker, open for so long from now."""
    retry_at = database_now() + timedelta(seconds=seconds)
    SourceBreaker.objects.create(source=scene.source, failures=3, retry_at=retry_at)


def test_one_run_probes_and_the_others_wait_for_it(scene: Scene) -> None:
    other = scene.add_loader("OTHER")
    hold(scene, seconds=-1)
    probe = scene.dispatch()
    assert dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE) == NotDue(
        NotDueReason.SOURCE_HELD
    )
    assert 58 < wait_of(other) < 61
    assert scene.execute(probe).status == RunStatus.SUCCESS
    assert isinstance(dispatch(loader_id=other.pk, trigger=Trigger.SCHEDULE), LoadHistory)
    assert SourceBreaker.objects.get().failures == 0


def test_a_loader_with_nothing_to_load_does_not_spend_the_probe(scene: Scene) -> None:
    midnight = database_now().replace(hour=0, minute=0, second=0, microsecond=0)
    day = 86_400
    idle = scene.add_loader("IDLE", end_at=None, grain_seconds=day, max_query_period_seconds=day)
    LoaderState.objects.filter(pk=idle.pk).update(last_load_timestamp=midnight)
    hold(scene, seconds=-1)
    outcome = dispatch(loader_id=idle.pk, trigger=Trigger.SCHEDULE)
    assert outcome == NotDue(NotDueReason.NOTHING_CLOSED)
    assert isinstance(dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE), LoadHistory)


def test_an_answer_that_the_source_served_closes_its_breaker(scene: Scene, fail: Fail) -> None:
    hold(scene, seconds=-1)
    fail(SourceSqlError)
    assert scene.run().error_code == "SOURCE_SQL_FAILED"
    assert SourceBreaker.objects.get().retry_at is None


def test_a_person_may_probe_at_any_time(scene: Scene) -> None:
    hold(scene, seconds=100)
    history = run_now(user=scene.people.operator, loader=scene.loader, trigger=Trigger.MANUAL)
    assert scene.execute(history).status == RunStatus.SUCCESS
    assert SourceBreaker.objects.get().retry_at is None


def test_a_failing_statement_holds_no_other_loader_up(scene: Scene, fail: Fail) -> None:
    fail(SourceTimeoutError)
    for _ in range(4):
        scene.run()
    assert not SourceBreaker.objects.exists()


def test_the_loaders_page_says_what_it_waits_for(scene: Scene, fail: Fail) -> None:
    browser = Browser()
    browser.force_login(scene.people.operator)
    address = reverse("admin:loaders_loader_change", args=[scene.loader.pk])
    hold(scene, seconds=100)
    assert "after 3 failures" in browser.get(address).content.decode()
    fail(SourceSqlError)
    run_now(user=scene.people.operator, loader=scene.loader, trigger=Trigger.MANUAL)
    scene.execute(LoadHistory.objects.get())
    assert "Held until somebody mends or runs it" in browser.get(address).content.decode()
