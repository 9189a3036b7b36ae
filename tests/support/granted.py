"""A portal with team grants on: what a test grants, and how it asks the API."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from loaders import services
from loaders.models import SourceDatabase
from tests.integration.test_api_access import client_of
from tests.support.place import Place
from tests.support.scenes import order_sql
from tests.support.teams import make_team

CODE, SOURCE = "ORDERS_HOURLY", "SHOP"
"""The place's loader and source."""

NEW = {
    "loaderCode": "ORDERS_NEW",
    "loaderSql": order_sql("POSTGRESQL"),
    "grainSeconds": 3600,
}
"""A loader that can be made."""


def with_team(place: Place, settings: Any) -> Place:
    """The place with the setting on and everybody in one team, which was granted nothing."""
    team = make_team(place.people, "Shop team", *vars(place.people).values())
    place.objects["team"] = team
    settings.OBJECT_PERMISSIONS = True
    return place


def source_of(place: Place) -> SourceDatabase:
    """The source of the place's loader."""
    source: SourceDatabase = place.objects["loaders_sourcedatabase"]
    return source


def give(place: Place, what: str) -> None:
    """Grant the team nothing, the loader, or its source, and no more than that."""
    for name, obj in (("loader", place.loader), ("source", source_of(place))):
        teams = [place.objects["team"]] if name == what else []
        services.set_teams(user=place.people.admin, obj=obj, teams=teams)


def ask(user: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Answer of the API, without its correlation id; what it did is undone."""
    client = client_of(user)
    with transaction.atomic():
        answer = client.generic(
            method, f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json"
        )
        transaction.set_rollback(True)
    found = json.loads(answer.content) if answer.content else None
    if isinstance(found, dict):
        found.pop("correlationId", None)
    return answer.status_code, found


def fresh(user: Any) -> Any:
    """The same person at their next request."""
    return type(user).objects.get(pk=user.pk)
