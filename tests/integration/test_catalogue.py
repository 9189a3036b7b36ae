"""The service and the endpoint that tell a source's tables and columns: who may ask, how seldom the
source is asked, and what is said when it does not answer (spec 1, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from accounts.roles import PermissionDeniedError
from audit.models import AuditEvent
from core.clock import database_now
from loaders import services
from loaders.connectors.catalogue import Catalogue
from loaders.exceptions import CatalogueNotReadError, SourceNotReadOnlyError
from loaders.models import SourceDatabase
from loaders.services.catalogue import _key
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.people import People
from tests.support.scenes import make_orders, make_source
from tests.support.teams import simulated_source

pytestmark = pytest.mark.django_db

ADDRESS = "admin/res/db-sources/SHOP/catalogue"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def people() -> People:
    return People()


def looks() -> list[Any]:
    events = AuditEvent.objects.filter(action="source.catalogue").order_by("pk")
    return [(event.object_id, event.after) for event in events]


def read(people: People, source: SourceDatabase) -> Catalogue:
    return services.read_catalogue(user=people.operator, source=source)


def test_a_source_is_asked_once_for_all_who_ask_within_minutes(
    people: People, postgres_source: SourceServer
) -> None:
    make_source(postgres_source, people)
    make_orders(postgres_source)
    for user in (people.operator, people.admin):
        status, answer = Client(user).get(ADDRESS)
        assert (status, answer["defaultSchema"], answer["isCut"]) == (200, "public", False)
        (orders,) = answer["tables"]
        assert (orders["schema"], orders["name"]) == ("public", "orders")
        assert orders["columns"][0] == {"name": "at", "type": "timestamp with time zone"}
    assert looks() == [("SHOP", {"code": "", "columns": 4})]


def test_another_account_is_another_catalogue(
    people: People, postgres_source: SourceServer
) -> None:
    source = make_source(postgres_source, people)
    read(people, source)
    postgres_source.execute("CREATE TABLE added (n int)")
    assert read(people, source).tables == ()
    renamed = services.update_source(user=people.admin, source=source, values={"host": "localhost"})
    assert [table.name for table in read(people, renamed).tables] == ["added"]


def test_a_source_that_does_not_answer_is_left_alone_for_a_while(
    people: People, postgres_source: SourceServer
) -> None:
    source = make_source(postgres_source, people, host="127.0.0.1", port=1)
    for _ in range(2):
        status, answer = Client(people.operator).get(ADDRESS)
        assert (status, answer["code"]) == (409, "CATALOGUE_NOT_READ")
        assert "could not be reached" in answer["detail"]
        assert "127.0.0.1" not in answer["detail"]
    assert looks() == [("SHOP", {"code": "SOURCE_UNREACHABLE", "columns": None})]
    cache.delete(_key(source))
    with pytest.raises(CatalogueNotReadError):
        read(people, source)
    assert len(looks()) == 2


def test_a_second_look_at_the_same_time_is_refused(people: People) -> None:
    source = simulated_source(people, "PRETEND")
    cache.add(f"{_key(source)}:look", "", 60)
    with pytest.raises(CatalogueNotReadError, match="being read already"):
        read(people, source)
    cache.delete(f"{_key(source)}:look")
    assert [table.name for table in read(people, source).tables] == ["simulated_events"]


def test_nobody_asks_a_source_in_its_blackout_hours(people: People) -> None:
    source = simulated_source(people, "PRETEND")
    now = database_now()
    hours = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    source = services.update_source(
        user=people.admin, source=source, values={"blackout_hours": hours}
    )
    with pytest.raises(CatalogueNotReadError, match="left alone"):
        read(people, source)
    assert looks() == []


def test_who_may_not_edit_loaders_learns_nothing(people: People, settings: Any) -> None:
    source = simulated_source(people, "PRETEND")
    for user in (people.viewer, people.approver):
        with pytest.raises(PermissionDeniedError):
            services.read_catalogue(user=user, source=source)
    settings.REQUIRE_READ_ONLY_SOURCES = True
    with pytest.raises(SourceNotReadOnlyError):
        read(people, source)
    settings.OBJECT_PERMISSIONS = True
    status, answer = Client(people.operator).get("admin/res/db-sources/PRETEND/catalogue")
    assert (status, answer["code"]) == (404, "SOURCE_NOT_FOUND")
