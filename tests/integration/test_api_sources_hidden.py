"""Viewers learn which source a loader reads, and not where it is or who signs in there."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.roles import Role
from loaders import services
from loaders.models import LoaderVersion
from tests.support.api import Client
from tests.support.place import ACCOUNT, Place, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(place: Place) -> Place:
    """Its loader's version 2 waits, over the same source at another address."""
    source = place.objects["loaders_sourcedatabase"]
    services.update_source(user=place.people.admin, source=source, values={"host": "moved.example"})
    services.submit(user=place.people.operator, loader=place.loader)
    return place


@pytest.mark.parametrize("role", list(Role))
def test_versions_and_what_changed_hide_the_sources_address_from_viewers(
    place: Place, role: Role
) -> None:
    client = Client(place.user(role))
    latest = LoaderVersion.objects.latest("number").number
    _, version = client.get(f"loaders/ORDERS_HOURLY/versions/{latest}")
    _, diff = client.get("loaders/ORDERS_HOURLY/diff", **{"from": 1, "to": latest})
    seen = json.dumps([version, diff])
    page = client_of(place.user(role)).get(
        reverse(
            "admin:loaders_loaderversion_change",
            args=[LoaderVersion.objects.get(number=latest).pk],
        )
    )
    review = page.content.decode()
    source = version["definition"]["sourceDatabase"]
    assert source["dbCode"] == "SHOP"
    assert "SHOP" in review
    if role is Role.VIEWER:
        assert source == {"dbCode": "SHOP"}
        for hidden in ("moved.example", "127.0.0.1", ACCOUNT):
            assert hidden not in seen
            assert hidden not in review
    else:
        assert (source["host"], source["userName"]) == ("moved.example", ACCOUNT)
        assert ["127.0.0.1", "moved.example"] in [
            [change["before"], change["after"]] for change in diff["changes"]
        ]
        assert "moved.example" in review


@pytest.mark.parametrize("role", list(Role))
def test_the_sidebar_offers_sources_to_those_who_may_open_them(place: Place, role: Role) -> None:
    home = client_of(place.user(role)).get(reverse("admin:index")).content.decode()
    offered = reverse("admin:loaders_sourcedatabase_changelist") in home
    assert offered is (role is not Role.VIEWER)
