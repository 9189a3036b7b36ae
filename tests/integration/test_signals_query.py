"""The query of signals: raw points, buckets compared with figures computed apart, bad questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from core.window import Window
from loaders.models import SourceDatabase
from signals import query as limits
from signals.raw import RawSignals
from tests.support.people import person
from tests.support.signal_rows import (
    Signal,
    insert,
    make_external,
    put,
    segment,
    some_signals,
    totals,
    utc_bucket,
)

START = datetime(2026, 3, 27, 22, 3, tzinfo=UTC)
STEP = timedelta(minutes=7)
SIGNALS = some_signals(START, 700, STEP)
"""Three days and a half, over the night in which Europe's clocks change."""

FROM, TO = START + timedelta(minutes=40), START + timedelta(hours=78, minutes=11)
INSIDE = [signal for signal in SIGNALS if FROM <= signal.at < TO]
pytestmark = pytest.mark.django_db


class Reader:
    """A viewer who asks one loader."""

    def __init__(self, code: str = "SENSORS") -> None:
        self.code = code
        self.http = APIClient()
        self.http.credentials(
            HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(person(Role.VIEWER))}"
        )

    def send(self, **parameters: Any) -> Any:
        asked = {
            "loaderCode": self.code,
            "fromEpoch": int(FROM.timestamp()),
            "toEpoch": int(TO.timestamp()),
            **parameters,
        }
        return self.http.get("/api/v1/signals/query", asked)

    def ask(self, **parameters: Any) -> Any:
        response = self.send(**parameters)
        assert response.status_code == 200, response.content
        return response.json()


def reader(**loader: Any) -> Reader:
    make_external("SENSORS", **loader)
    put("SENSORS", SIGNALS)
    return Reader()


def told(points: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {point.pop("timestamp"): point for point in points}


def close_to(expected: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {
        begin: {
            name: pytest.approx(value, rel=1e-12, abs=1e-9) if isinstance(value, float) else value
            for name, value in values.items()
        }
        for begin, values in expected.items()
    }


def test_raw_points_come_in_order_of_time_with_their_segment_and_their_nulls() -> None:
    body = reader().ask()
    assert (body["reduced"], body["method"], body["pointsBefore"]) == (False, None, len(INSIDE))
    assert body["timeRange"] == {"from": int(FROM.timestamp()), "to": int(TO.timestamp())}
    assert body["dataPoints"] == [
        {
            "timestamp": int(signal.at.timestamp()),
            "segmentCode": str(signal.segment),
            "recCount": signal.rec_count,
            "valueCount": signal.value_count,
            "sumVal": signal.sum_val,
            "avgVal": signal.avg_val,
            "maxVal": signal.max_val,
            "minVal": signal.min_val,
        }
        for signal in INSIDE
    ]


def test_a_bucket_says_what_its_signals_say() -> None:
    viewer = reader()
    for name, minutes in (("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60)):
        expected = totals(INSIDE, utc_bucket(timedelta(minutes=minutes)))
        answer = viewer.ask(aggregation="avg", bucket=name)
        assert told(answer["dataPoints"]) == close_to(expected), name


@pytest.mark.parametrize(
    ("zone", "loader"),
    [
        ("Asia/Kolkata", {"time_zone": "Asia/Kolkata"}),
        ("Asia/Kathmandu", {"time_zone": "Asia/Kathmandu"}),
        ("Europe/Berlin", {"time_zone": "Europe/Berlin"}),
        ("UTC", {}),
        (timedelta(hours=5, minutes=30), {"offset_hours": -5.5}),
        (timedelta(hours=-4), {"offset_hours": 4}),
        (timedelta(hours=3, minutes=6), {"offset_hours": -3.1}),
        ("Asia/Tehran", {"of_source": "Asia/Tehran"}),
    ],
)
def test_a_day_is_one_of_the_loaders_zone(zone: str | timedelta, loader: dict[str, Any]) -> None:
    def day_of(at: datetime) -> datetime:
        if isinstance(zone, timedelta):
            return utc_bucket(timedelta(days=1))(at + zone) - zone
        local = at.astimezone(ZoneInfo(zone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    if of_source := loader.get("of_source"):
        loader = {"source_database": SourceDatabase.objects.create(time_zone=of_source)}
    answer = reader(**loader).ask(aggregation="sum", bucket="1d")
    assert told(answer["dataPoints"]) == close_to(totals(INSIDE, day_of))


def test_segments_are_totalled_together_or_each_on_its_own() -> None:
    viewer = reader()
    insert("SENSORS", [Signal(FROM, segment(9), sum_val=1e6)])
    both = [str(segment(0)), str(segment(1))]
    hour = utc_bucket(timedelta(hours=1))
    answer = viewer.ask(aggregation="max", bucket="1h", segmentCode=both)
    assert told(answer["dataPoints"]) == close_to(totals(INSIDE, hour))
    answer = viewer.ask(aggregation="max", bucket="1h", segmentCode=both, groupBy="segment")
    for code in both:
        own = [point for point in answer["dataPoints"] if point["segmentCode"] == code]
        members = [signal for signal in INSIDE if str(signal.segment) == code]
        expected = {begin: {**t, "segmentCode": code} for begin, t in totals(members, hour).items()}
        assert told(own) == close_to(expected)


def test_sums_that_no_number_can_hold_are_null_and_counts_stay_at_the_most() -> None:
    viewer = reader()
    large = Signal(FROM, segment(5), 2**63 - 1, 2**63 - 1, 1.7e308, 1.0, 1.7e308, 1.7e308)
    put("SENSORS", [large, Signal(FROM, segment(6), 5, 5, 1.7e308, 1.0, 1.0, 1.0)])
    for width in ("1m", "1h"):
        point = viewer.ask(aggregation="avg", bucket=width)["dataPoints"][0]
        assert (point["sumVal"], point["avgVal"], point["maxVal"]) == (None, None, 1.7e308)
        assert point["recCount"] == 2**63 - 1


def test_a_bucket_without_signals_has_no_point_and_a_loader_without_signals_none() -> None:
    make_external("SENSORS")
    put("SENSORS", [Signal(FROM, segment(1)), Signal(FROM + timedelta(hours=5), segment(1))])
    make_external("QUIET")
    viewer = Reader()
    assert len(viewer.ask(aggregation="sum", bucket="1h")["dataPoints"]) == 2
    viewer.code = "QUIET"
    for parameters in ({}, {"aggregation": "sum", "bucket": "1h"}, {"segmentCode": str(uuid4())}):
        assert viewer.ask(**parameters)["dataPoints"] == []


def test_fractions_of_a_second_are_told() -> None:
    make_external("SENSORS")
    put("SENSORS", [Signal(FROM + timedelta(milliseconds=250), segment(1))])
    (point,) = Reader().ask()["dataPoints"]
    assert point["timestamp"] == FROM.timestamp() + 0.25


def test_signals_between_seconds_are_found_again_when_they_are_reduced() -> None:
    make_external("SENSORS")
    put("SENSORS", some_signals(FROM, 300, timedelta(seconds=7, microseconds=333_333)))
    viewer = Reader()
    every = viewer.ask()["dataPoints"]
    kept = viewer.ask(limit=100)["dataPoints"]
    assert 90 <= len(kept) <= 100
    assert all(point in every for point in kept)


VALUES = ("recCount", "valueCount", "sumVal", "avgVal", "maxVal", "minVal")


@pytest.mark.parametrize("value", ["avgVal", "recCount"])
def test_more_points_than_the_limit_are_reduced_and_no_extreme_is_lost(value: str) -> None:
    viewer = reader()
    every = viewer.ask()["dataPoints"]
    body = viewer.ask(limit=90, value=value)
    assert (body["reduced"], body["method"], body["reducedBy"]) == (True, "LTTB", "segment")
    assert (body["pointsBefore"], body["value"]) == (len(INSIDE), value)
    kept = body["dataPoints"]
    assert 80 <= len(kept) <= 90
    assert all(point in every for point in kept)
    assert [p["timestamp"] for p in kept] == sorted(p["timestamp"] for p in kept)
    assert {p["segmentCode"] for p in kept} == {str(segment(0)), str(segment(1))}
    for name in VALUES:
        was, left = ([p[name] for p in some if p[name] is not None] for some in (every, kept))
        assert (max(left), min(left)) == (max(was), min(was)), name


def test_buckets_over_the_limit_are_reduced_too() -> None:
    viewer = reader()
    every = viewer.ask(aggregation="max", bucket="1m")["dataPoints"]
    body = viewer.ask(aggregation="max", bucket="1m", limit=60)
    assert (body["value"], body["pointsBefore"]) == ("maxVal", len(every))
    kept = body["dataPoints"]
    assert 50 <= len(kept) <= 60
    assert all(point in every for point in kept)
    for name in VALUES:
        was, left = ([p[name] for p in some if p[name] is not None] for some in (every, kept))
        assert (max(left), min(left)) == (max(was), min(was)), name


def test_a_limit_however_small_is_kept() -> None:
    viewer = reader()
    for limit in (1, 2, 3, 7, len(INSIDE) - 1):
        assert 1 <= len(viewer.ask(limit=limit)["dataPoints"]) <= limit


def test_more_signals_than_can_be_looked_at_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = reader()
    monkeypatch.setattr(limits, "MOST_REDUCED", 300)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = viewer.send(limit=10)
    assert (response.status_code, response.json()["code"]) == (422, "QUERY_INVALID")
    assert "less time" in response.json()["detail"]
    assert not [q for q in queries if "FROM signals_history" in q["sql"]]
    response = viewer.send(limit=10, segmentCode=[str(segment(0)), str(segment(1))])
    assert response.status_code == 422
    monkeypatch.setattr(limits, "MOST_TOTALLED", 300)
    assert viewer.send(aggregation="avg", bucket="1m").status_code == 422
    assert viewer.send(aggregation="avg", bucket="1h").status_code == 200


def test_a_query_that_takes_too_long_is_ended_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(*_: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        return 0

    viewer = reader()
    monkeypatch.setattr(limits, "LONGEST_SECONDS", "0.02")
    monkeypatch.setattr(limits, "signals_within", sleep)
    response = viewer.send()
    assert (response.status_code, response.json()["code"]) == (503, "QUERY_TIMEOUT")


@pytest.mark.parametrize(
    ("asked", "status", "names"),
    [
        ({"loaderCode": "NOBODY"}, 404, "NOBODY"),
        ({"fromEpoch": 60, "toEpoch": 0}, 422, "fromEpoch must be less"),
        ({"fromEpoch": 60, "toEpoch": 60}, 422, "fromEpoch must be less"),
        ({"fromEpoch": 0, "toEpoch": 100 * 365 * 86_400}, 422, "20 years"),
        ({"fromEpoch": -1}, 422, "1970"),
        ({"toEpoch": 10**30}, 422, "1970"),
        ({"toEpoch": "9" * 2000}, 422, "toEpoch"),
        ({"toEpoch": "NaN"}, 422, "toEpoch"),
        ({"fromEpoch": "-Infinity"}, 422, "fromEpoch"),
        ({"fromEpoch": "yesterday"}, 422, "fromEpoch"),
        ({"fromEpoch": ""}, 422, "fromEpoch"),
        ({"fromEpoch": 0, "aggregation": "avg", "bucket": "1m"}, 422, "20 years"),
        (
            {"fromEpoch": 1_200_000_000, "aggregation": "avg", "bucket": "1m"},
            422,
            "wider bucket or less time",
        ),
        ({"aggregation": "avg"}, 422, "Say by bucket"),
        ({"aggregation": "median", "bucket": "1h"}, 422, "aggregation"),
        ({"aggregation": "avg", "bucket": "2h"}, 422, "bucket"),
        ({"bucket": "1h"}, 422, "Raw signals have no buckets"),
        ({"limit": 0}, 422, "limit must lie between"),
        ({"limit": 100_001}, 422, "limit must lie between"),
        ({"limit": "1e3"}, 422, "limit"),
        ({"value": "loaderCode"}, 422, "value"),
        ({"segmentCode": "north"}, 422, "segmentCode"),
        ({"segmentCode": [str(segment(n)) for n in range(21)]}, 422, "at most 20"),
        ({"aggregation": "avg", "bucket": "1h", "groupBy": "segment"}, 422, "segmentCode"),
        ({"buckets": "1h"}, 422, "There is no parameter buckets"),
    ],
)
def test_a_bad_question_is_told_what_to_do_and_reads_no_signal(
    asked: dict[str, Any], status: int, names: str
) -> None:
    make_external("SENSORS")
    viewer = Reader()
    with CaptureQueriesContext(connection) as queries:
        response = viewer.send(**asked)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert names in response.content.decode()
    assert not [q for q in queries if "signals_" in q["sql"]]


def test_a_combination_that_a_commit_brings_while_signals_are_read_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_external("SENSORS")
    put("SENSORS", some_signals(FROM, 200, timedelta(seconds=60)))
    extremes = RawSignals._extremes

    def after_a_commit(self: RawSignals, names: Sequence[str], most: int) -> Any:
        insert("SENSORS", [Signal(FROM, segment(9), max_val=1e6)])
        return extremes(self, names, most)

    monkeypatch.setattr(RawSignals, "_extremes", after_a_commit)
    window = Window(FROM, FROM + timedelta(days=1))
    points, before, _ = RawSignals("SENSORS", window, ()).reduced("sum_val", 60)
    assert before == 200
    assert len(points.stamps) <= 60
    assert 1e6 in points.numbers("max_val")
