"""Late data: what comes after a window was loaded is found, and loaded again; fewer records wait
for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent
from backfill.models import BackfillJob, RecountPass
from backfill.services.recount_passes import recount_due, request_recount
from backfill.services.recounts import (
    decline_recount,
    lateness_of,
    reload_recount,
    settle_found,
)
from core.clock import database_now
from core.window import Window
from execution.exceptions import LoaderAtCapacityError, WindowBeyondWatermarkError
from execution.models import (
    CoverageInterval,
    LoadHistory,
    Recount,
    RecountState,
    SourceBreaker,
    Trigger,
)
from execution.recount.counting import Difference
from execution.scheduler import cycle
from loaders.exceptions import InvalidTransitionError, ValidationFailedError
from loaders.models import Loader, LoaderState, SourceDatabase
from loaders.services import approve, disable, submit, update_loader
from signals.models import SignalsHistory
from tests.servers import SourceServer
from tests.support.gathering import work
from tests.support.scenes import HOUR, START, Scene, add_orders

FIRST = Window(START, START + 6 * HOUR)
LATE = (START + timedelta(minutes=70), "EU", "web", 4.0)


@pytest.fixture
def scene(committed_db: Any, request: pytest.FixtureRequest) -> Scene:
    """An hourly loader whose first six hours are loaded: two orders at 0:05, one at 1:05. Over
    PostgreSQL, unless a test is parametrised otherwise."""
    kind = getattr(request, "param", "postgres_source")
    server: SourceServer = request.getfixturevalue(kind)
    scene = Scene(server, watermark_policy="WINDOW_END")
    for minutes in (5, 6, 65):
        add_orders(server, (START + timedelta(minutes=minutes), "EU", "web", 1.0))
    assert scene.run().records_loaded == 2
    LoaderState.objects.update(next_due_at=None)  # passes go after live runs
    return scene


def recounted(scene: Scene) -> Recount:
    """The window, asked again by the operator."""
    request_recount(user=scene.people.operator, loader=scene.loader, window=FIRST)
    history = work()
    assert (history.status, history.trigger) == ("SUCCESS", Trigger.RECOUNT)
    return Recount.objects.get(load_history=history)


def let_backfills_run(scene: Scene) -> None:
    """Until no job is left over."""
    while BackfillJob.objects.active().exists():
        scene.beat()
        cycle()
        for history in LoadHistory.objects.filter(status="RUNNING"):
            scene.execute(history)


def test_what_is_as_loaded_changes_nothing(scene: Scene) -> None:
    before = list(CoverageInterval.objects.values_list("state", "range_from", "range_to"))
    recount = recounted(scene)
    assert recount.state == RecountState.SAME
    assert (recount.found_records, recount.late_records, recount.lost_records) == (3, 0, 0)
    assert settle_found() == 0
    assert list(CoverageInterval.objects.values_list("state", "range_from", "range_to")) == before


@pytest.mark.parametrize("scene", ["postgres_source", "mariadb_source"], indirect=True)
def test_late_records_are_found_and_just_their_grain_is_loaded_again(scene: Scene) -> None:
    add_orders(scene.server, LATE)
    untouched = SignalsHistory.objects.get(load_time_stamp=START).load_history_id

    recount = recounted(scene)
    assert recount.state == RecountState.FOUND
    assert recount.differences == [Difference(START + HOUR, 1, 2)]
    assert settle_found() == 1
    assert settle_found() == 0
    job = BackfillJob.objects.get()
    assert (job.window, job.origin) == (Window(START + HOUR, START + 2 * HOUR), "re-count")
    let_backfills_run(scene)

    assert SignalsHistory.objects.get(load_time_stamp=START + HOUR).rec_count == 2
    assert SignalsHistory.objects.get(load_time_stamp=START).load_history_id == untouched
    assert recounted(scene).state == RecountState.SAME


def test_fewer_records_wait_for_a_person(scene: Scene) -> None:
    scene.server.execute("DELETE FROM orders WHERE amount = 1.0")
    recount = recounted(scene)
    assert (recount.state, recount.lost_records) == (RecountState.WAITS, 3)
    assert settle_found() == 0
    assert not BackfillJob.objects.exists()

    with pytest.raises(ValidationFailedError):
        reload_recount(user=scene.people.operator, recount=recount, reason=" ")
    reload_recount(user=scene.people.operator, recount=recount, reason="Test orders.")
    with pytest.raises(InvalidTransitionError) as refused:
        decline_recount(user=scene.people.operator, recount=recount, reason="No.")
    assert refused.value.details == {"from": "RELOADED", "to": "DECLINED", "allowed": []}
    event = AuditEvent.objects.get(action="recount.decide")
    assert event.after["reason"] == "Test orders."
    let_backfills_run(scene)
    assert not SignalsHistory.objects.exists()


def test_what_was_never_loaded_is_loaded_and_not_called_late(scene: Scene) -> None:
    add_orders(scene.server, (START + 8 * HOUR, "EU", "web", 1.0))
    LoaderState.objects.update(last_load_timestamp=START + 12 * HOUR)
    window = Window(START + 6 * HOUR, START + 12 * HOUR)
    request_recount(user=scene.people.operator, loader=scene.loader, window=window)
    work()
    recount = Recount.objects.get()
    assert (recount.state, recount.late_records) == (RecountState.FOUND, 0)
    assert lateness_of(scene.loader)[1] is None
    assert settle_found() == 1


@pytest.mark.parametrize("state", ["WAIVED", "EXPIRED"])
def test_what_was_given_up_is_not_brought_back(scene: Scene, state: str) -> None:
    add_orders(scene.server, LATE)
    CoverageInterval.objects.update(state=state)
    assert recounted(scene).state == RecountState.SAME


def test_a_list_that_was_cut_does_not_keep_the_rest_from_being_loaded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.recount.task.MOST_DIFFERENCES", 1)
    add_orders(scene.server, LATE, (START + 3 * HOUR, "EU", "web", 1.0))
    recount = recounted(scene)
    assert (recount.is_cut, len(recount.differences)) == (True, 1)
    assert settle_found() == 1
    let_backfills_run(scene)
    assert recounted(scene).state == RecountState.SAME


def test_what_the_source_no_longer_has_keeps_nothing_from_being_loaded(scene: Scene) -> None:
    add_orders(scene.server, LATE)
    recounted(scene)
    add_orders(scene.server, (START + 3 * HOUR, "EU", "web", 1.0))
    recounted(scene)
    first, second = Recount.objects.order_by("load_history__start_time")
    Recount.objects.filter(pk=first.pk).update(grains=[(START.isoformat(), 1, 2)])
    age = database_now() - START - 2 * HOUR
    SourceDatabase.objects.update(retention_days=age.days)
    clock = START + 2 * HOUR + timedelta(days=age.days)
    with (
        patch("backfill.services.recounts.database_now", return_value=clock),
        patch("backfill.services.submitting.database_now", return_value=clock),
    ):
        assert settle_found() == 2
    states = dict(Recount.objects.values_list("pk", "state"))
    assert states == {first.pk: RecountState.DECLINED, second.pk: RecountState.RELOADED}
    assert BackfillJob.objects.get().window == Window(START + 3 * HOUR, START + 4 * HOUR)


def test_whole_grains_are_loaded_again_though_the_grain_is_finer_meanwhile(scene: Scene) -> None:
    add_orders(scene.server, LATE)
    recounted(scene)
    people, loader = scene.people, scene.loader
    update_loader(user=people.operator, loader=loader, values={"grain_seconds": 60})
    submit(user=people.operator, loader=Loader.objects.get())
    approve(user=people.approver, loader=Loader.objects.get())
    assert settle_found() == 1
    assert BackfillJob.objects.get().window == Window(START + HOUR, START + 2 * HOUR)


def test_a_person_may_leave_what_is_loaded(scene: Scene) -> None:
    scene.server.execute("DELETE FROM orders WHERE amount = 1.0")
    recount = recounted(scene)
    decline_recount(user=scene.people.operator, recount=recount, reason="The source was cleaned.")
    assert Recount.objects.get().state == RecountState.DECLINED
    assert SignalsHistory.objects.count() == 2
    assert not BackfillJob.objects.exists()


def test_a_re_count_keeps_runs_off_its_window_and_stays_below_the_watermark(scene: Scene) -> None:
    with pytest.raises(WindowBeyondWatermarkError):
        request_recount(
            user=scene.people.operator,
            loader=scene.loader,
            window=Window(START + 6 * HOUR, START + 12 * HOUR),
        )
    request_recount(user=scene.people.operator, loader=scene.loader, window=FIRST)
    with pytest.raises(LoaderAtCapacityError):
        request_recount(user=scene.people.operator, loader=scene.loader, window=FIRST)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(START, START + 7 * HOUR), "longest"),
        (Window(START - 6 * HOUR, START), "begins at"),
    ],
)
def test_a_source_is_not_asked_for_what_no_run_would_read(
    scene: Scene, window: Window, words: str
) -> None:
    LoaderState.objects.update(last_load_timestamp=START + 12 * HOUR)
    with pytest.raises(ValidationFailedError, match=words):
        request_recount(user=scene.people.operator, loader=scene.loader, window=window)


def test_a_re_count_that_fails_tells_nothing_about_coverage(scene: Scene) -> None:
    before = list(CoverageInterval.objects.values_list("state", "range_from", "range_to"))
    scene.server.execute("DROP TABLE orders")
    request_recount(user=scene.people.operator, loader=scene.loader, window=FIRST)
    history = work()
    assert history.status == "FAILED"
    assert not Recount.objects.exists()
    assert list(CoverageInterval.objects.values_list("state", "range_from", "range_to")) == before
    scene.loader.state.refresh_from_db()
    assert scene.loader.state.consecutive_failures == 0


def test_passes_ask_for_what_is_old_enough_once(scene: Scene) -> None:
    assert recount_due() == 0  # a pass begins with what is old enough now
    course = RecountPass.objects.get()
    course.counted_until = START
    course.save()

    assert recount_due() == 1
    assert recount_due() == 0
    assert work().window == FIRST
    assert recount_due() == 0
    course.refresh_from_db()
    assert course.counted_until == FIRST.end


def test_a_pass_rests_after_a_failure_and_goes_on_with_the_same_window(scene: Scene) -> None:
    recount_due()
    RecountPass.objects.update(counted_until=START)
    scene.server.execute("ALTER TABLE orders RENAME TO away")
    assert recount_due() == 1
    assert work().status == "FAILED"
    assert recount_due() == 0
    course = RecountPass.objects.get()
    assert course.rests_until is not None
    assert course.rests_until > database_now()
    scene.server.execute("ALTER TABLE away RENAME TO orders")
    RecountPass.objects.update(rests_until=database_now())
    assert recount_due() == 1
    assert work().window == FIRST


def test_a_window_that_always_fails_does_not_hold_a_pass_for_ever(scene: Scene) -> None:
    recount_due()
    RecountPass.objects.update(counted_until=START)
    LoaderState.objects.update(last_load_timestamp=START + 12 * HOUR)
    scene.server.execute("ALTER TABLE orders RENAME TO away")
    rests = []
    for _ in range(5):
        assert recount_due() == 1
        history = work()
        assert (history.status, history.window) == ("FAILED", FIRST)
        recount_due()
        course = RecountPass.objects.get()
        if course.rests_until is not None and history.end_time is not None:
            rests.append(round((course.rests_until - history.end_time) / HOUR))
            RecountPass.objects.update(rests_until=database_now())
    assert rests == [1, 2, 4, 8]
    assert work().window == Window(FIRST.end, FIRST.end + 6 * HOUR)


def test_passes_leave_a_source_alone_that_serves_nobody(scene: Scene) -> None:
    recount_due()
    RecountPass.objects.update(counted_until=START)
    held = database_now() + HOUR
    breaker = SourceBreaker.objects.create(source=scene.source, failures=9, retry_at=held)
    assert recount_due() == 0
    recounted(scene)  # a person's goes through, and its success lets the others
    breaker.refresh_from_db()
    assert breaker.failures == 0
    assert recount_due() == 1


def test_a_live_run_that_is_due_goes_before_a_pass(scene: Scene) -> None:
    recount_due()
    RecountPass.objects.update(counted_until=START)
    LoaderState.objects.update(next_due_at=database_now())
    assert recount_due() == 0
    report = cycle()
    assert report is not None
    assert report.dispatched == [scene.loader.loader_code]
    work()
    LoaderState.objects.update(next_due_at=database_now() + HOUR)
    assert recount_due() == 1


def test_passes_leave_places_of_a_source_to_live_runs(scene: Scene) -> None:
    SourceDatabase.objects.update(max_connections=2)
    other = scene.add_loader("OTHER", watermark_policy="WINDOW_END")
    states = LoaderState.objects.filter(loader=other)
    states.update(last_load_timestamp=FIRST.end, next_due_at=None)
    recount_due()
    RecountPass.objects.update(counted_until=START)
    assert recount_due() == 1
    states.update(next_due_at=database_now())
    assert scene.dispatch(other).status == "RUNNING"


def test_a_disabled_loader_is_not_asked(scene: Scene) -> None:
    recount_due()
    RecountPass.objects.update(counted_until=START)
    disable(user=scene.people.operator, loader=scene.loader)
    assert recount_due() == 0


def test_lateness_is_told_by_api_and_page(scene: Scene) -> None:
    add_orders(scene.server, LATE)
    recount = recounted(scene)
    buckets, wanted = lateness_of(scene.loader)
    assert [(bucket.late, bucket.records) for bucket in buckets] == [(1, 4)]
    assert wanted == timedelta(hours=24)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(scene.people.viewer)}")
    told = client.get("/api/v1/loaders/ORDERS_HOURLY/lateness").json()
    assert told["suggestedLatenessSeconds"] == 86400
    listed = client.get("/api/v1/loaders/ORDERS_HOURLY/recounts").json()["results"]
    assert [one["lateRecords"] for one in listed] == [1]
    client.force_login(scene.people.operator)
    page = client.get(f"/admin/execution/recount/{recount.pk}/change/").content.decode()
    assert "2026-01-01 01:00:00" in page
    asked = client.post(
        "/api/v1/loaders/ORDERS_HOURLY/recounts",
        {"fromTime": "2026-01-01T06:00:00Z", "toTime": "2026-01-01T00:00:00Z"},
        format="json",
    )
    assert asked.status_code == 403  # a viewer's token
