"""Another system posts signals of an EXTERNAL loader (spec 8)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditEvent, LoaderEvent
from core.window import Window
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from execution.services import verify_coverage, verify_totals
from loaders import services
from loaders.models import Loader, LoaderState
from signals.models import LoaderSegment, SegmentCombination, SignalsHistory
from tests.portal_database import PortalDatabase
from tests.support.api import Client
from tests.support.definitions import make_draft, make_source
from tests.support.external import body_of, external_draft, external_loader, signal
from tests.support.people import People
from tests.support.place import client_of
from tests.support.rollups import rolled_up, summed
from tests.support.scenes import START
from tests.support.target import signals

BULK = "res/signals/bulk"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def people(committed_db: PortalDatabase) -> People:
    """Segments are committed before a post is."""
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    return external_loader(people)


@pytest.fixture
def operator(people: People, loader: Loader) -> Client:
    return Client(people.operator)


def refused(client: Client, *posted: Any, code: str = "POSTED") -> tuple[int, str]:
    """Status and code of a post that must leave nothing behind."""
    status, answer = client.post(BULK, {"loaderCode": code, "signals": list(posted)})
    assert signals(code) == []
    assert not LoadHistory.objects.exists()
    return status, answer["code"]


def test_a_post_stores_its_signals_with_all_that_a_run_leaves(
    operator: Client, people: People
) -> None:
    status, answer = operator.post(
        BULK, body_of(signal(2, "web", "EU"), signal(0, "app"), signal(1, recCount=None))
    )
    assert status == 201, answer
    (told,) = answer.pop("executions")
    assert answer == {"loaderCode": "POSTED", "received": 3, "inserted": 3, "replaced": 0}
    assert signals("POSTED") == [
        (START, "app", "", 3, 3, 4.5),
        (START + MINUTE, "", "", None, None, 4.5),
        (START + 2 * MINUTE, "web", "EU", 3, 3, 4.5),
    ]
    run = LoadHistory.objects.get()
    assert {str(run.pk), *SignalsHistory.objects.values_list("load_history_id", flat=True)} == {
        told["executionId"],
        run.pk,
    }
    assert (run.trigger, run.status, run.requested_by) == (
        Trigger.API,
        RunStatus.SUCCESS,
        people.operator,
    )
    assert run.window == Window(START, START + 3 * MINUTE)
    assert (run.records_read, run.records_loaded, run.records_purged) == (3, 3, 0)
    assert run.actual_to_time == START + 2 * MINUTE
    state = LoaderState.objects.get()
    assert (state.last_load_timestamp, state.data_version) == (START + 2 * MINUTE, 1)
    assert state.last_success_timestamp is not None
    covered = CoverageInterval.objects.get()
    assert (covered.range_from, covered.range_to, covered.rec_count) == (
        START,
        START + 3 * MINUTE,
        3,
    )
    event = LoaderEvent.objects.get(kind="RUN_FINISHED")
    assert (event.execution_id, event.details["recordsLoaded"]) == (run.pk, 3)
    audited = AuditEvent.objects.get(action="signals.post")
    assert (audited.actor, audited.after["signals"]) == (people.operator, 3)
    assert audited.correlation_id == run.correlation_id == event.correlation_id
    assert rolled_up() == summed()
    brought = LoaderSegment.objects.filter(loader_code="POSTED").values("segment_code")
    assert SegmentCombination.objects.filter(segment_code__in=brought).count() == 3


def test_the_same_again_gives_the_same_data(operator: Client, people: People) -> None:
    body = body_of(*(signal(n, f"s{n % 3}") for n in range(30)))
    operator.post(BULK, body)
    before, totals = signals("POSTED"), rolled_up()
    status, answer = operator.post(BULK, body)
    assert (status, answer["inserted"], answer["replaced"]) == (201, 0, 30)
    assert (signals("POSTED"), rolled_up()) == (before, totals)
    assert CoverageInterval.objects.get().rec_count == 30
    state = LoaderState.objects.get()
    assert (state.data_version, state.last_load_timestamp) == (2, START + 29 * MINUTE)
    assert_verified(people)


def test_same_keys_are_replaced_and_all_others_stay(operator: Client, people: People) -> None:
    operator.post(BULK, body_of(signal(0, "a"), signal(1, "a"), signal(1, "b")))
    status, answer = operator.post(
        BULK, body_of(signal(1, "b", recCount=9), signal(1, "c"), signal(3, "a"))
    )
    assert (status, answer["inserted"], answer["replaced"]) == (201, 2, 1)
    assert [row[1:4] for row in signals("POSTED")] == [
        ("a", "", 3),
        ("a", "", 3),
        ("b", "", 9),
        ("c", "", 3),
        ("a", "", 3),
    ]
    assert rolled_up() == summed()
    assert_verified(people)


def test_a_late_post_leaves_the_watermark_where_it_is(operator: Client, people: People) -> None:
    operator.post(BULK, body_of(signal(500)))
    operator.post(BULK, body_of(signal(10), signal(30)))
    assert LoaderState.objects.get().last_load_timestamp == START + 500 * MINUTE
    assert [row.range_from for row in CoverageInterval.objects.order_by("range_from")] == [
        START + 10 * MINUTE,
        START + 500 * MINUTE,
    ]
    assert_verified(people)


def test_a_post_over_months_makes_partitions_and_an_execution_a_stretch(
    operator: Client, people: People
) -> None:
    minutes = (0, 40 * 1440, 80 * 1440, 80 * 1440 + 60)
    status, answer = operator.post(BULK, body_of(*map(signal, minutes)))
    assert (status, len(answer["executions"])) == (201, 3)
    assert [one["recordsLoaded"] for one in answer["executions"]] == [1, 1, 2]
    assert len(signals("POSTED")) == 4
    assert LoaderState.objects.get().data_version == 1
    assert_verified(people)


def test_what_was_posted_is_shown_as_what_was_run_is(
    operator: Client, people: People, loader: Loader
) -> None:
    operator.post(BULK, body_of(signal(0), signal(1), signal(5000)))
    first = LoadHistory.objects.order_by("query_from_time")[0]
    for page, key in (
        ("execution_loadhistory_change", first.pk),
        ("loaders_loader_change", loader.pk),
        ("loaders_loader_coverage", loader.pk),
    ):
        shown = client_of(people.viewer).get(reverse(f"admin:{page}", args=[key]))
        assert (shown.status_code, "POSTED" in shown.content.decode()) == (200, True), page
    viewer = Client(people.viewer)
    assert viewer.get(f"executions/{first.pk}")[1]["purgeStrategy"] == "REPLACE_KEYS"
    assert len(viewer.get("loaders/POSTED/history")[1]["results"]) == 2
    assert viewer.get("loaders/POSTED/metrics")[0] == 200
    states = [one["state"] for one in viewer.get("loaders/POSTED/coverage")[1]["intervals"]]
    assert states[:3] == ["LOADED", "MISSING", "LOADED"]
    assert viewer.get("gaps", loaderCode="POSTED")[1]["results"] != []
    assert operator.post("loaders/POSTED/run")[1]["code"] == "LOADER_IS_EXTERNAL"


def assert_verified(people: People) -> None:
    """Coverage says what follows from executions and signals, and totals what the signals say."""
    loader = Loader.objects.get(loader_code="POSTED")
    parts = [
        *verify_coverage(user=people.admin, loader=loader),
        *verify_totals(user=people.admin, loader=loader),
    ]
    assert [one for part in parts for one in part.differences if one.fault.is_wrong] == []


def test_one_faulty_signal_keeps_all_of_them_out_and_is_told_by_its_index(
    operator: Client,
) -> None:
    assert refused(operator, signal(0), signal(1, sumVal="x")) == (422, "VALIDATION_FAILED")
    _, answer = operator.post(BULK, body_of(signal(0), signal(0, "x", recCount=-1)))
    (fault,) = answer["errors"]["signals"]
    assert (fault["index"], fault["field"], answer["errorCount"]) == (1, "recCount", 1)


def test_other_bodies_are_refused_saying_what_to_do(operator: Client) -> None:
    bodies: list[Any] = [
        {},
        {"loaderCode": "POSTED"},
        {"loaderCode": "POSTED", "signals": {}},
        {"loaderCode": "POSTED", "signals": []},
        {"loaderCode": "POSTED", "signals": [{}] * 10_001},
        {"loaderCode": "POSTED", "signals": [signal(0)], "purge": True},
        {"loaderCode": "POSTED", "signals": [signal(2**40)]},
        {"loaderCode": "POSTED", "signals": [signal(n * 1501) for n in range(-101, 0)]},
    ]
    for body in bodies:
        status, answer = operator.post(BULK, body)
        assert (status, bool(answer["detail"])) == (422, True)
    assert not LoadHistory.objects.exists()


def test_what_is_no_json_is_malformed(people: People, loader: Loader) -> None:
    for number in ("NaN", "Infinity", "-Infinity", "", "01", '"\xff"'):
        text = '{"loaderCode": "POSTED", "signals": [{"sumVal": ' + number + "}]}"
        answer = send(people, text.encode("latin-1")).json()
        assert answer["code"] == "MALFORMED_BODY", number


def test_a_deep_or_a_long_body_is_refused_unread(people: People, loader: Loader) -> None:
    for path in (BULK, "loaders"):
        assert send(people, "[" * 100_000, path).json()["code"] == "MALFORMED_BODY"
    for path, size in ((BULK, 16 * 1024 * 1024), ("loaders", 2_621_440)):
        answer = send(people, '{"signals": "' + "x" * size + '"}', path)
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert send(people, '{"signals": "' + "x" * 3_000_000 + '"}').status_code == 422


def send(people: People, text: Any, path: str = BULK) -> Any:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(people.operator)}")
    return client.generic("POST", f"/api/v1/{path}", text, content_type="application/json")


def test_only_a_loader_in_force_takes_posts(people: People) -> None:
    client = Client(people.operator)
    draft = external_draft(people)
    assert refused(client, signal(0)) == (409, "LOADER_NOT_APPROVED")
    services.submit(user=people.admin, loader=draft)
    assert refused(client, signal(0)) == (409, "LOADER_NOT_APPROVED")
    services.approve(user=people.approver, loader=draft)
    services.disable(user=people.operator, loader=draft)
    assert refused(client, signal(0)) == (409, "LOADER_DISABLED")
    services.enable(user=people.operator, loader=draft)
    services.update_loader(user=people.admin, loader=draft, values={"lateness_seconds": 5})
    assert refused(client, signal(0)) == (409, "LOADER_NOT_APPROVED")
    services.archive_loader(user=people.admin, loader=draft)
    assert refused(client, signal(0)) == (409, "LOADER_ARCHIVED")
    assert refused(client, signal(0), code="NOBODYS") == (404, "LOADER_NOT_FOUND")


def test_a_definition_changed_behind_the_portals_back_takes_no_posts(
    operator: Client, loader: Loader
) -> None:
    Loader.objects.filter(pk=loader.pk).update(grain_seconds=1)
    assert refused(operator, signal(0)) == (409, "DEFINITION_TAMPERED")


def test_an_sql_loader_takes_no_posts_nor_does_one_of_another_team(
    operator: Client, people: People, settings: Any
) -> None:
    make_draft(people, make_source(people))
    assert refused(operator, signal(0), code="ORDERS") == (409, "LOADER_NOT_EXTERNAL")
    settings.OBJECT_PERMISSIONS = True
    assert refused(operator, signal(0)) == (404, "LOADER_NOT_FOUND")


def test_a_month_that_retention_takes_meanwhile_is_told_as_passing(
    operator: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("execution.services.external.prepare", lambda *_: None)
    assert refused(operator, signal(0)) == (503, "PARTITION_BUSY")
    monkeypatch.undo()
    assert operator.post(BULK, body_of(signal(0)))[0] == 201


def test_the_loaders_start_and_end_hold_for_posts(people: People) -> None:
    external_loader(people, start_at=START, end_at=START + 90 * MINUTE, grain_seconds=3600)
    client = Client(people.operator)
    assert refused(client, signal(-60)) == (422, "VALIDATION_FAILED")
    assert refused(client, signal(1)) == (422, "VALIDATION_FAILED")
    assert refused(client, signal(120)) == (422, "VALIDATION_FAILED")
    assert client.post(BULK, body_of(signal(0), signal(60)))[0] == 201


def test_a_key_makes_a_post_count_once(people: People, loader: Loader) -> None:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(people.operator)}")
    headers = {"Idempotency-Key": "a-post"}
    body = body_of(signal(0), signal(40 * 1440))
    first, again = (
        client.post(f"/api/v1/{BULK}", body, format="json", headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert LoaderState.objects.get().data_version == 1
    body["signals"][0]["recCount"] = 4
    other = client.post(f"/api/v1/{BULK}", body, format="json", headers=headers)
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_ten_thousand_signals_take_about_a_second(people: People, loader: Loader) -> None:
    rows = [signal(n, f"segment {n % 50}", "web", "x" * 20) for n in range(10_000)]
    client = Client(people.operator)
    client.post(BULK, body_of(signal(0)))
    started = time.perf_counter()
    status, answer = client.post(BULK, body_of(*rows))
    took = time.perf_counter() - started
    assert (status, answer["received"]) == (201, 10_000)
    assert took < 20, took  # its processors are shared


def test_posts_at_once_lose_nothing_and_wait_for_one_another(
    people: People, loader: Loader
) -> None:
    clients = [Client(people.operator) for _ in range(4)]

    def post(number: int) -> int:
        order = range(200) if number % 2 else reversed(range(200))
        rows = [signal(n, f"s{n % 7}", recCount=number) for n in order]
        try:
            return clients[number].post(BULK, body_of(*rows, signal(300 + number)))[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(post, range(4))) == [201] * 4
    assert len(signals("POSTED")) == 204
    assert len({row[3] for row in signals("POSTED")[:200]}) == 1
    assert LoaderState.objects.get().data_version == 4
    assert rolled_up() == summed()
    assert CoverageInterval.objects.get(range_from=START).rec_count == 204
    assert_verified(people)


def test_a_post_that_meets_a_disabling_comes_before_or_not_at_all(
    people: People, loader: Loader
) -> None:
    client = Client(people.operator)

    def disable() -> None:
        try:
            services.disable(user=people.operator, loader=loader)
        finally:
            connection.close()

    def post() -> tuple[int, Any]:
        try:
            return client.post(BULK, body_of(signal(0)))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        off, posted = pool.submit(disable), pool.submit(post)
        off.result()
        status, answer = posted.result()
    assert (status, len(signals("POSTED"))) in {(201, 1), (409, 0)}, answer
    assert client.post(BULK, body_of(signal(1)))[1]["code"] == "LOADER_DISABLED"
