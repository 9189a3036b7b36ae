"""Aggregates of real data: a month of flights as signals a minute and airport, asked in every
bucket and in days of several zones, against totals of the flights themselves (issue 8).

In that month New York's clocks change. Cancelled flights have no delay: they count as records and
not as values, and a bucket of nothing else has no value at all.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from loaderportal.demo.flights import archive
from tests.support.people import person
from tests.support.signal_rows import Signal, make_external, put, segment, utc_bucket

MONTH = b"2013,3,"
FROM, TO = datetime(2013, 3, 3, 7, 13, tzinfo=UTC), datetime(2013, 3, 29, 16, 41, tzinfo=UTC)
AIRPORTS = ("EWR", "JFK", "LGA")
BUCKETS = (
    ("1m", 1, "avg"),
    ("5m", 5, "sum"),
    ("15m", 15, "min"),
    ("1h", 60, "max"),
    ("1d", 24 * 60, "avg"),
)
"""Each point has all values; the aggregation says which of them a chart is of."""

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Flight:
    """A scheduled departure, and how many minutes late it was; None if it was cancelled."""

    at: datetime
    airport: str
    delay: int | None


@cache
def flights() -> list[Flight]:
    """The month's flights, in order of time and airport."""
    with zipfile.ZipFile(archive()) as opened, opened.open("flights.csv") as lines:
        found = [_flight(line) for line in lines if line.startswith(MONTH)]
    return sorted(found, key=lambda flight: (flight.at, flight.airport))


def _flight(line: bytes) -> Flight:
    cells = line.decode().split(",")
    delay, airport, minute, hour = cells[5], cells[12], cells[17], cells[18].strip()
    at = datetime.fromisoformat(hour) + timedelta(minutes=int(minute))
    return Flight(at, airport, None if delay in {"", "NA"} else int(delay))


def signals() -> Iterator[Signal]:
    """What a loader makes of the flights that groups by minute and airport."""
    for (at, airport), members in groupby(flights(), lambda f: (f.at, f.airport)):
        found = total(members)
        yield Signal(
            at,
            segment(AIRPORTS.index(airport)),
            found["recCount"],
            found["valueCount"],
            found["sumVal"],
            found["avgVal"],
            found["maxVal"],
            found["minVal"],
        )


def total(members: Iterable[Flight]) -> dict[str, Any]:
    """Of flights, whatever lies between."""
    every = list(members)
    delays = [flight.delay for flight in every if flight.delay is not None]
    return {
        "recCount": len(every),
        "valueCount": len(delays),
        "sumVal": sum(delays) if delays else None,
        "avgVal": sum(delays) / len(delays) if delays else None,
        "maxVal": max(delays, default=None),
        "minVal": min(delays, default=None),
    }


def expected(
    bucket_of: Callable[[datetime], datetime], airport: str | None = None
) -> dict[int, dict[str, Any]]:
    """Totals of the flights between FROM and TO, by the epoch second of the bucket's beginning."""
    buckets: dict[int, list[Flight]] = {}
    for flight in flights():
        if FROM <= flight.at < TO and airport in {None, flight.airport}:
            buckets.setdefault(int(bucket_of(flight.at).timestamp()), []).append(flight)
    return {begin: _told(total(members)) for begin, members in buckets.items()}


def _told(of_bucket: dict[str, Any]) -> dict[str, Any]:
    """A bucket without any value says so by nulls alone."""
    return {**of_bucket, "valueCount": of_bucket["valueCount"] or None}


@pytest.fixture
def viewer() -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(person(Role.VIEWER))}")
    return client


def ask(viewer: APIClient, **parameters: Any) -> dict[int, dict[str, Any]]:
    window = {"fromEpoch": int(FROM.timestamp()), "toEpoch": int(TO.timestamp())}
    asked = {"loaderCode": "FLIGHTS", **window, "limit": 100_000, **parameters}
    answer = viewer.get("/api/v1/signals/query", asked)
    assert answer.status_code == 200, answer.content
    return {point.pop("timestamp"): point for point in answer.json()["dataPoints"]}


def nearly(totals: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The same, whose averages may differ in their last digits; all else is whole."""
    return {
        begin: {**values, "avgVal": values["avgVal"] and pytest.approx(values["avgVal"], rel=1e-13)}
        for begin, values in totals.items()
    }


def test_every_bucket_equals_the_flights_in_it(viewer: APIClient) -> None:
    make_external("FLIGHTS")
    put("FLIGHTS", list(signals()))
    for name, minutes, aggregation in BUCKETS:
        bucket_of = utc_bucket(timedelta(minutes=minutes))
        every = nearly(expected(bucket_of))
        assert len(every) > 20
        assert ask(viewer, aggregation=aggregation, bucket=name) == every, name
        of_one = nearly(expected(bucket_of, "LGA"))
        code = str(segment(AIRPORTS.index("LGA")))
        assert ask(viewer, aggregation="avg", bucket=name, segmentCode=code) == of_one, name


def test_the_flights_hold_what_makes_totals_hard() -> None:
    minutes = expected(utc_bucket(timedelta(minutes=1))).values()
    assert any(minute["valueCount"] is None for minute in minutes)
    assert any(0 < (minute["valueCount"] or 0) < minute["recCount"] for minute in minutes)
    assert any((minute["minVal"] or 0) < 0 for minute in minutes)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_a_day_of_a_zone_equals_the_flights_in_it(viewer: APIClient, zone: str) -> None:
    def day_of(at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)

    make_external("FLIGHTS", time_zone=zone)
    put("FLIGHTS", list(signals()))
    assert ask(viewer, aggregation="avg", bucket="1d") == nearly(expected(day_of))
