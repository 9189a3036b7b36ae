"""Reading signals back: raw and in buckets, compared with figures computed on their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loaders.services import approve, submit, update_loader
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.scenes import HOUR, START, Scene, add_orders

EPOCH = int(START.timestamp())


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    """Half an hour apart: amounts 0, 1, 2 ... over two days, every third one NULL."""
    scene = Scene(postgres_source, max_query_period_seconds=3 * 86_400, end_at=START + 48 * HOUR)
    for n in range(96):
        amount = None if n % 3 == 0 else float(n)
        add_orders(postgres_source, (START + n * timedelta(minutes=30), "r", f"c{n % 2}", amount))
    assert scene.run().records_loaded == 96
    return scene


def ask(scene: Scene, **parameters: Any) -> Any:
    status, body = Client(scene.people.viewer).get(
        "signals/query",
        loaderCode="ORDERS_HOURLY",
        **{"fromEpoch": EPOCH, "toEpoch": EPOCH + 48 * 3600, **parameters},
    )
    assert status == 200, body
    return body


def test_raw_points_come_in_order_of_time_with_their_segment(scene: Scene) -> None:
    body = ask(scene)
    assert body["timeRange"] == {"from": EPOCH, "to": EPOCH + 48 * 3600}
    points = body["dataPoints"]
    assert len(points) == 96
    assert [p["timestamp"] for p in points] == [EPOCH + n // 2 * 3600 for n in range(96)]
    of_segment = ask(scene, segmentCode=points[0]["segmentCode"])["dataPoints"]
    assert len(of_segment) == 48


def test_the_average_of_a_bucket_counts_values_not_records(scene: Scene) -> None:
    first, *_ = ask(scene, aggregation="avg", bucket="1d")["dataPoints"]
    values = [float(n) for n in range(48) if n % 3]
    assert first == {
        "timestamp": EPOCH,
        "recCount": 48,
        "valueCount": len(values),
        "sumVal": sum(values),
        "avgVal": pytest.approx(sum(values) / len(values)),
        "maxVal": max(values),
        "minVal": min(values),
    }


@pytest.mark.parametrize(
    ("values", "shift"),
    [
        ({"time_zone": "Asia/Kolkata"}, timedelta(hours=5, minutes=30)),
        ({"offset_hours": -3}, timedelta(hours=3)),
        ({"offset_hours": 4}, timedelta(hours=-4)),
    ],
)
def test_a_day_is_one_of_the_loaders_zone(
    scene: Scene, values: dict[str, Any], shift: timedelta
) -> None:
    update_loader(user=scene.people.operator, loader=scene.loader, values=values)
    submit(user=scene.people.operator, loader=scene.loader)
    approve(user=scene.people.approver, loader=scene.loader)
    days: dict[int, int] = {}
    for n in range(96):
        local = START + n // 2 * HOUR + shift
        midnight = datetime(local.year, local.month, local.day, tzinfo=UTC) - shift
        days[int(midnight.timestamp())] = days.get(int(midnight.timestamp()), 0) + 1
    points = ask(scene, aggregation="sum", bucket="1d")["dataPoints"]
    assert {p["timestamp"]: p["recCount"] for p in points} == days


def test_more_than_limit_raw_points_are_refused_with_advice(scene: Scene) -> None:
    status, problem = Client(scene.people.viewer).get(
        "signals/query",
        loaderCode="ORDERS_HOURLY",
        fromEpoch=EPOCH,
        toEpoch=EPOCH + 48 * 3600,
        limit=95,
    )
    assert (status, problem["code"]) == (422, "QUERY_INVALID")
    assert "more than 95" in problem["detail"]


def test_the_end_of_the_range_is_not_part_of_it(scene: Scene) -> None:
    assert len(ask(scene, toEpoch=EPOCH + 3600)["dataPoints"]) == 2
