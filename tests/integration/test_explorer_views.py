"""What the explorer's page asks the console, and the filter that its links to runs use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.urls import reverse

from accounts.roles import Role
from core.window import Window
from execution.models import LoadHistory
from loaders import services
from signals.models import SignalsHistory
from signals.partitions import ensure_partitions
from tests.support.place import Place, client_of
from tests.support.scenes import HOUR, START
from tests.support.teams import make_team, simulated_source

pytestmark = pytest.mark.django_db

RUNS = reverse("admin:execution_loadhistory_changelist")


def get(place: Place, address: str, role: Role = Role.VIEWER) -> Any:
    return client_of(place.user(role)).get(address)


def found(place: Place, search: str) -> list[str]:
    answer = get(place, f"{reverse('explorer_loaders')}?search={quote(search)}").json()
    return [one["loaderCode"] for one in answer["loaders"]]


def test_loaders_are_found_by_code_first_and_by_description(place: Place) -> None:
    values = {"loader_sql": "x", "source_database": simulated_source(place.people, "OWN")}
    for code, description in (("A_SHOP", "Sales"), ("SALES", "Daily"), ("GONE", "Sales of then")):
        services.create_loader(
            user=place.people.admin,
            values={**values, "loader_code": code, "description": description},
        )
    services.archive_loader(
        user=place.people.admin, loader=services.get_loader("GONE", user=place.people.admin)
    )
    assert found(place, "sal") == ["SALES", "A_SHOP"]
    assert found(place, "") == ["A_SHOP", "ORDERS_HOURLY", "SALES"]
    assert found(place, "%") == []


def test_a_loaders_facts_say_between_when_it_has_signals(place: Place) -> None:
    address = reverse("explorer_loader", args=["ORDERS_HOURLY"])
    facts = get(place, address).json()
    assert (facts["grainSeconds"], facts["firstSignal"], facts["lastSignal"]) == (3600, None, None)
    ensure_partitions(Window(START, START + HOUR))
    for at in (START, START + HOUR, START + 2 * HOUR):
        SignalsHistory.objects.create(
            loader_code="ORDERS_HOURLY",
            load_time_stamp=at,
            segment_code=place.loader.pk,
            load_history_id=place.execution.pk,
        )
    facts = get(place, address).json()
    epoch = int(START.timestamp())
    assert (facts["firstSignal"], facts["lastSignal"]) == (epoch, epoch + 7200)
    assert client_of(place.people.viewer).get(facts["executions"]).status_code == 200


@pytest.mark.parametrize(
    ("own", "of_source", "told"),
    [
        ({}, "", (None, 0)),
        ({}, "Europe/Berlin", ("Europe/Berlin", None)),
        ({"time_zone": "Asia/Kolkata"}, "Europe/Berlin", ("Asia/Kolkata", None)),
        ({"offset_hours": Decimal("-5.5")}, "Europe/Berlin", (None, 19_800)),
        ({"offset_hours": Decimal("3.5")}, "", (None, -12_600)),
    ],
)
def test_a_loaders_facts_tell_the_zone_of_its_days(
    place: Place, own: dict[str, Any], of_source: str, told: tuple[str | None, int | None]
) -> None:
    values = {"loader_sql": "x", "loader_code": "DAYS"}
    source = simulated_source(place.people, "OWN")
    source.time_zone = of_source
    source.save()
    services.create_loader(
        user=place.people.admin, values={**values, **own, "source_database": source}
    )
    facts = get(place, reverse("explorer_loader", args=["DAYS"])).json()
    assert (facts["timeZone"], facts["utcOffsetSeconds"]) == told


def test_a_loader_that_is_hidden_answers_as_one_that_is_not_there(
    place: Place, settings: Any
) -> None:
    make_team(place.people, "Another team", place.people.operator)
    settings.OBJECT_PERMISSIONS = True
    codes = ("ORDERS_HOURLY", "ORDERS_ABSENT")
    hidden, absent = (
        get(place, reverse("explorer_loader", args=[code]), Role.OPERATOR) for code in codes
    )
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["code"] == "LOADER_NOT_FOUND"
    assert hidden.json()["detail"].replace(*codes) == absent.json()["detail"]
    listed = get(place, reverse("explorer_loaders"), Role.OPERATOR).json()
    assert listed == {"loaders": [], "more": False}


@pytest.mark.parametrize(
    ("window", "runs"),
    [
        ("2026-01-01T00:30:00Z/2026-01-01T00:31:00Z", 1),
        ("2026-01-01T01:00:00Z/2026-01-01T02:00:00Z", 0),
        ("2025-12-31T23:00:00/2026-01-01T00:00:00", 0),
        ("2025-12-31T23:00:00/2026-01-01T03:00:01+03:00", 1),
        ("2026-01-01/nonsense", 1),
        ("2026-01-01T01:00:00Z/2026-01-01T00:00:00Z", 1),
        ("0001-01-01T00:00:00+14:00/9999-12-31T23:59:59-14:00", 1),
        ("2026-13-01T00:00:00Z/2026-14-01T00:00:00Z", 1),
    ],
)
def test_runs_are_narrowed_to_those_of_a_part_of_time_and_by_nonsense_not_at_all(
    place: Place, window: str, runs: int
) -> None:
    LoadHistory.objects.exclude(pk=place.execution.pk).delete()
    answer = get(place, f"{RUNS}?window={quote(window)}")
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == runs
