"""A person declares a gap to be none, and takes that back (spec 9)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.roles import PermissionDeniedError
from audit.models import AuditEvent
from core.window import Window
from execution.coverage import Outcome
from execution.exceptions import GapNotFoundError, WaiverNotFoundError, WaiverWithdrawnError
from execution.models import Gap, GapWaiver, gap_id
from execution.services import waive_gaps, withdraw_waiver
from execution.services.coverage import update_coverage
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, LoaderState
from tests.portal_database import PortalDatabase
from tests.support.api import Client
from tests.support.coverage import cover, hour, hours, stored
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, make_loader

LINE = ((0, 4, "LOADED"), (6, 8, "FAILED"), (8, 9, "EMPTY"), (9, 10, "UNVERIFIED"))


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY")
    cover(loader, *LINE, watermark=12)
    return loader


def waive(people: People, loader: Loader, first: float, last: float) -> list[GapWaiver]:
    return waive_gaps(
        user=people.operator, loader=loader, window=hours(first, last), reason="Closed that day."
    )


def gaps() -> list[tuple[str, Window]]:
    return [(gap.state, gap.window) for gap in Gap.objects.order_by("range_from")]


def test_gaps_are_what_is_failed_missing_or_unverified_below_the_watermark(loader: Loader) -> None:
    assert gaps() == [
        ("MISSING", hours(4, 6)),
        ("FAILED", hours(6, 8)),
        ("UNVERIFIED", hours(9, 10)),
        ("MISSING", hours(10, 12)),
    ]


def test_a_start_before_the_first_window_is_missing_and_what_is_shorter_than_a_grain_is_not(
    loader: Loader,
) -> None:
    Loader.objects.update(start_at=hour(-2))
    LoaderState.objects.update(last_load_timestamp=hour(10.5))
    assert gaps()[0] == ("MISSING", hours(-2, 0))
    assert gaps()[-1] == ("UNVERIFIED", hours(9, 10))


def test_only_what_is_a_gap_is_waived_and_one_waiver_stands_for_an_unbroken_stretch(
    people: People, loader: Loader
) -> None:
    waivers = waive(people, loader, 2, 12)
    assert [waiver.window for waiver in waivers] == [hours(4, 8), hours(9, 12)]
    assert stored() == [
        (0, 4, "LOADED", 0),
        (4, 8, "WAIVED", 0),
        (8, 9, "EMPTY", 0),
        (9, 12, "WAIVED", 0),
    ]
    assert gaps() == []
    event = AuditEvent.objects.filter(action="gap.waive").latest("at")
    assert (event.actor_name, event.object_id) == ("operator-person", "ORDERS_HOURLY")
    assert event.after["reason"] == "Closed that day."


def test_a_withdrawn_waiver_leaves_a_gap_where_nothing_was_loaded_since(
    people: People, loader: Loader
) -> None:
    (waiver,) = waive(people, loader, 4, 8)
    with transaction.atomic():
        update_coverage(
            loader_code=loader.loader_code,
            window=hours(5, 6),
            outcome=Outcome.ROWS,
            load_history_id=waiver.pk,
            rec_count=3,
        )
    withdraw_waiver(user=people.operator, waiver_id=waiver.pk, reason="It was open after all.")
    assert gaps()[:2] == [("MISSING", hours(4, 5)), ("MISSING", hours(6, 8))]
    with pytest.raises(WaiverWithdrawnError):
        withdraw_waiver(user=people.operator, waiver_id=waiver.pk, reason="Again.")
    assert AuditEvent.objects.filter(action="gap.unwaive").count() == 1


@pytest.mark.parametrize(
    ("first", "last", "field"), [(4, 13, "to_time"), (4.5, 6, "from_time"), (4, 5.5, "to_time")]
)
def test_a_stretch_off_the_grain_or_beyond_the_watermark_is_refused(
    people: People, loader: Loader, first: float, last: float, field: str
) -> None:
    with pytest.raises(ValidationFailedError) as refused:
        waive(people, loader, first, last)
    assert list(refused.value.details["errors"]) == [field]
    assert len(gaps()) == 4


def test_what_is_no_gap_cannot_be_waived_and_a_reason_is_asked_for(
    people: People, loader: Loader
) -> None:
    with pytest.raises(GapNotFoundError):
        waive(people, loader, 0, 4)
    with pytest.raises(ValidationFailedError, match="reason"):
        waive_gaps(user=people.operator, loader=loader, window=hours(4, 6), reason=" ")
    for nobody in (people.viewer, people.approver):
        with pytest.raises(PermissionDeniedError):
            waive_gaps(user=nobody, loader=loader, window=hours(4, 6), reason="I say so.")
    assert not GapWaiver.objects.exists()


def test_a_watermark_off_the_grain_ends_the_gap_at_its_grain(
    people: People, loader: Loader
) -> None:
    LoaderState.objects.update(last_load_timestamp=hour(11.5))
    gap = Gap.objects.get(range_from=hour(10))
    assert gap.pk == gap_id(loader.loader_code, hours(10, 11.5))
    (waiver,) = waive_gaps(user=people.operator, loader=loader, window=gap.window, reason="No.")
    assert waiver.window == hours(10, 11)


def test_a_loader_without_watermark_has_no_gaps(people: People, loader: Loader) -> None:
    LoaderState.objects.update(last_load_timestamp=None)
    assert gaps() == []
    with pytest.raises(ValidationFailedError):
        waive(people, loader, 4, 6)


# --- the API ------------------------------------------------------------------------------------


def test_gaps_are_listed_waived_by_their_id_and_the_waiver_withdrawn(
    people: People, loader: Loader
) -> None:
    client = Client(people.operator)
    _, page = client.get("gaps", state="FAILED", minSeconds=3600)
    (gap,) = page["results"]
    assert gap["gapId"] == "ORDERS_HOURLY.20260101T060000Z.20260101T080000Z"
    assert (gap["fromTime"], gap["toTime"]) == ("2026-01-01T06:00:00Z", "2026-01-01T08:00:00Z")
    status, answer = client.post(f"gaps/{gap['gapId']}/waive", {"reason": "Closed."})
    assert (status, answer["results"][0]["waivedBy"]) == (201, "operator-person")
    status, problem = client.post(f"gaps/{gap['gapId']}/waive", {"reason": "Closed."})
    assert (status, problem["code"]) == (404, "GAP_NOT_FOUND")
    (waiver,) = client.get("loaders/ORDERS_HOURLY/waivers")[1]["results"]
    path = f"waivers/{waiver['waiverId']}/withdraw"
    assert client.post(path, {"reason": "Open."})[0] == 200
    assert client.post(path, {"reason": "Open."})[1]["code"] == "INVALID_TRANSITION"
    assert len(client.get("loaders/ORDERS_HOURLY/gaps")[1]["results"]) == 3
    _, page = client.get("loaders/ORDERS_HOURLY/gaps", page_size=2)
    assert (len(page["results"]), "cursor=" in page["next"]) == (2, True)


def test_a_stretch_is_waived_by_its_bounds_and_wrong_ones_are_told(
    people: People, loader: Loader
) -> None:
    client = Client(people.operator)
    body = {"fromTime": hour(3), "toTime": hour(7), "reason": "Closed."}
    status, answer = client.post("loaders/ORDERS_HOURLY/gaps/waive", body)
    assert (status, len(answer["results"])) == (201, 1)
    status, problem = client.post("loaders/ORDERS_HOURLY/gaps/waive", {**body, "toTime": hour(3)})
    assert (status, problem["errors"]) == (422, {"toTime": ["It must be after fromTime."]})
    assert (
        client.post("gaps/NO_SUCH.20260101T000000Z.20260101T010000Z/waive", {"reason": "x"})[1][
            "code"
        ]
        == "GAP_NOT_FOUND"
    )


def test_coverage_is_told_as_a_partition_and_condensed_where_it_is_too_much(
    people: People, loader: Loader
) -> None:
    client = Client(people.viewer)
    _, whole = client.get("loaders/ORDERS_HOURLY/coverage", toTime=hour(12))
    assert [interval["state"] for interval in whole["intervals"]] == [
        *("LOADED", "MISSING", "FAILED", "EMPTY", "UNVERIFIED", "MISSING")
    ]
    assert whole["isCondensed"] is False
    _, few = client.get("loaders/ORDERS_HOURLY/coverage", toTime=hour(12), maxIntervals=3)
    assert few["isCondensed"] is True
    assert [(one["fromTime"], one["state"]) for one in few["intervals"]] == [
        ("2026-01-01T00:00:00Z", "LOADED"),
        ("2026-01-01T04:00:00Z", "FAILED"),
        ("2026-01-01T08:00:00Z", "MISSING"),
    ]
    _, nothing = client.get("loaders/ORDERS_HOURLY/coverage", toTime=START - timedelta(days=1))
    assert nothing["intervals"] == []


# --- the losing side ----------------------------------------------------------------------------


def test_a_waiver_that_meets_a_commit_waits_for_it_and_waives_nothing_that_it_loaded(
    committed_db: PortalDatabase,
) -> None:
    people = People()
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY")
    cover(loader, *LINE, watermark=12)
    waived: list[Any] = []

    def waive_elsewhere() -> None:
        try:
            waived.extend(waive(people, loader, 4, 8))
        finally:
            connection.close()

    with transaction.atomic():
        LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
        thread = threading.Thread(target=waive_elsewhere)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), "it waits for the commit"
        update_coverage(
            loader_code=loader.loader_code,
            window=hours(4, 6),
            outcome=Outcome.ROWS,
            load_history_id=loader.pk,
            rec_count=3,
        )
    thread.join(timeout=10)
    assert [waiver.window for waiver in waived] == [hours(6, 8)]


def test_of_two_who_withdraw_a_waiver_one_is_told_that_it_was_withdrawn(
    people: People, loader: Loader
) -> None:
    (waiver,) = waive(people, loader, 4, 8)
    GapWaiver.objects.update(withdrawn_at=START)
    with pytest.raises(WaiverWithdrawnError):
        withdraw_waiver(user=people.admin, waiver_id=waiver.pk, reason="Too late.")
    assert stored()[1][2] == "WAIVED"
    with pytest.raises(WaiverNotFoundError):
        withdraw_waiver(user=people.admin, waiver_id=loader.pk, reason="None such.")
