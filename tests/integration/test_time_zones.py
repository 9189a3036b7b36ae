"""Every page shows times in the zone that the person chose, and says which (issue 9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Preferences
from accounts.roles import PermissionDeniedError, Role
from accounts.time_zone import (
    COOKIE,
    TimeZoneInvalidError,
    choose_time_zone,
    chosen_time_zone,
)
from backfill.models import BackfillJob
from tests.integration.test_admin_access import pages
from tests.support.place import Place, client_of
from tests.support.shown_times import ShownTimes

pytestmark = pytest.mark.django_db

ZONE = "Asia/Kathmandu"
"""5 h 45 min ahead: a time in another zone can't be taken for one in this."""

SWITCH = "/admin/time-zone/"


def shown_pages(client: Client, place: Place) -> Iterator[tuple[str, ShownTimes]]:
    """What each page shows of times."""
    for address, viewers in pages(place, Role.ADMIN):
        if Role.ADMIN in viewers and "/explorer/" not in address:
            yield address, ShownTimes(client.get(address).content.decode())


def test_every_time_on_every_page_is_in_the_zone_and_its_label_says_so(place: Place) -> None:
    client = client_of(place.people.admin)
    choose_time_zone(user=place.people.admin, choice=ZONE)
    wrong: list[tuple[str, str]] = []
    labels: set[str] = set()
    count = 0
    for address, shown in shown_pages(client, place):
        wrong += [(address, text) for text in shown.unmarked]
        labels |= set(shown.labels)
        for instant, text in shown.marked:
            local = datetime.fromisoformat(instant).astimezone(ZoneInfo(ZONE))
            count += 1
            if text not in f"{local:%Y-%m-%d %H:%M:%S}":
                wrong.append((address, text))
    assert wrong == []
    assert count > 40
    assert len({label for label in labels if ZONE in label}) > 20
    # Fields and filters are UTC, and so are the hours of the home page and the days of the board.
    in_utc = {"Start (UTC)", "End (UTC)", "From (UTC)", "To (UTC)", "Started (UTC)"}
    in_utc |= {"Last 24 hours (UTC)", "Hour (UTC)", "By started (UTC)"}
    others = {label for label in labels if ZONE not in label} - in_utc
    assert [label for label in others if "days (UTC), each in its worst state" not in label] == []


def test_the_switch_is_on_every_page_says_the_zone_and_leads_back(place: Place) -> None:
    client = client_of(place.people.viewer)
    here = "/admin/execution/loadhistory/?q=ORDERS"
    page = client.get(here).content.decode()
    assert 'data-zone="UTC"' in page
    assert f'href="{SWITCH}?next=/admin/execution/loadhistory/%3Fq%3DORDERS"' in page
    client.cookies[COOKIE] = "Asia/Riyadh"
    offered = client.get(SWITCH, {"next": here}).content.decode()
    assert "zone (Asia/Riyadh)" in offered
    done = client.post(SWITCH, {"time_zone": ZONE, "next": here})
    assert (done.status_code, done["Location"]) == (302, here)
    assert f'data-zone="{ZONE}"' in client.get(here).content.decode()
    elsewhere = client_of(place.people.viewer)
    assert f'data-zone="{ZONE}"' in elsewhere.get(here).content.decode()
    others = client_of(place.people.operator)
    assert 'data-zone="UTC"' in others.get(here).content.decode()


@pytest.mark.parametrize("next_", ["https://elsewhere.example/", "//elsewhere.example", ""])
def test_the_switch_leads_nowhere_else(place: Place, next_: str) -> None:
    client = client_of(place.people.viewer)
    done = client.post(SWITCH, {"time_zone": "UTC", "next": next_})
    assert done["Location"] == reverse("admin:index")


def test_the_browsers_zone_is_the_one_it_tells_and_utc_where_it_tells_none(place: Place) -> None:
    client = client_of(place.people.viewer)
    choose_time_zone(user=place.people.viewer, choice="browser")
    for told, shown in (
        ("", "UTC"),
        ("Asia/Riyadh", "Asia/Riyadh"),
        ("No/Zone", "UTC"),
        ("<script>", "UTC"),
    ):
        client.cookies[COOKIE] = told
        page = client.get("/admin/").content.decode()
        assert f'data-zone="{shown}"' in page, told
        assert "<script>No" not in page


def test_only_zones_of_the_list_are_chosen_and_only_by_people(place: Place) -> None:
    viewer = place.people.viewer
    for wrong in ("", "Mars/Olympus", "Etc/GMT+3", "x" * 100):
        with pytest.raises(TimeZoneInvalidError):
            choose_time_zone(user=viewer, choice=wrong)
        assert client_of(viewer).post(SWITCH, {"time_zone": wrong}).status_code == 200
    assert chosen_time_zone(viewer) == "UTC"
    viewer.groups.clear()
    with pytest.raises(PermissionDeniedError):
        choose_time_zone(user=type(viewer).objects.get(pk=viewer.pk), choice="UTC")
    assert not Preferences.objects.exists()
    assert Client().get(SWITCH).status_code == 302


def test_the_api_stays_utc_and_does_not_ask_for_the_zone(place: Place) -> None:
    choose_time_zone(user=place.people.viewer, choice=ZONE)
    client = client_of(place.people.viewer)
    answer = json.loads(client.get("/api/v1/executions").content)["results"][0]
    assert answer["queryFromTime"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_what_is_typed_is_utc_whatever_zone_is_shown_also_when_its_clocks_change(
    place: Place, day: str
) -> None:
    """02:30 does not exist on the one day in Berlin, and comes twice on the other."""
    operator = place.people.operator
    choose_time_zone(user=operator, choice="Europe/Berlin")
    loader = place.loader
    client = client_of(operator)
    typed = f"{day} 02:30"
    answer = client.post(
        reverse("admin:loaders_loader_do", args=[loader.pk, "dry-run"]),
        {"from_time": typed, "to_time": f"{day} 03:30"},
    )
    assert typed in answer.content.decode()
    assert BackfillJob.objects.count() == 1
