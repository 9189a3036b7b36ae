"""Lists of the API: what they can be narrowed to, and that more rows cost no more queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from accounts.roles import Role
from core.api.views import ListEndpoint
from execution.models import CoverageInterval, LoaderExecutionLock
from loaders.models import Loader, LoaderState, SourceDatabase
from tests.integration.test_api_access import ENDPOINTS, NOWHERE, client_of
from tests.support.many import add_more
from tests.support.place import Place
from tests.support.scenes import START

pytestmark = pytest.mark.django_db

LISTS_BESIDES = ("events", "governance")
"""Lists that are not made of a queryset."""


def get(place: Place, path: str, role: Role = Role.ADMIN) -> tuple[int, Any]:
    answer = client_of(place.user(role)).get(f"/api/v1/{path}")
    return answer.status_code, answer.json()


def found(place: Place, path: str, member: str) -> list[Any]:
    status, page = get(place, path)
    assert status == 200, page
    return [row[member] for row in page["results"]]


def lists_of(place: Place) -> list[str]:
    """Addresses of all lists, of what the place has."""
    kinds = {"backfill": "backfill_backfilljob", "gaps": "backfill_gapscan"}
    addresses = []
    for path, methods in ENDPOINTS.items():
        match: Any = resolve(f"/api/v1/{path}").func
        if "GET" in methods and (
            issubclass(match.view_class, ListEndpoint) or path in LISTS_BESIDES
        ):
            named = kinds.get(path.split("/", maxsplit=1)[0], "execution_loadhistory")
            key = str(place.objects[named].pk)
            addresses.append(path.replace("ORDERS", "ORDERS_HOURLY").replace(NOWHERE, key))
    return addresses


def test_no_list_asks_the_database_more_often_for_more_rows(place: Place) -> None:
    admin = client_of(place.people.admin)

    def cost(path: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as asked:
            page = admin.get(f"/api/v1/{path}").json()
        return len(asked), len(page["results"])

    add_more(place, 0, 3)
    few = {path: cost(path) for path in lists_of(place)}
    add_more(place, 3, 30)
    cost("events")  # they get their numbers by the first who reads them
    many = {path: cost(path) for path in lists_of(place)}
    assert len(few) >= 20
    assert [path for path in few if few[path][1] < 3 or many[path][1] < 30] == []
    assert {path: (few[path], many[path]) for path in few if many[path][0] > few[path][0]} == {}


def test_no_endpoint_takes_a_parameter_that_it_does_not_know(place: Place) -> None:
    client = client_of(place.people.admin)
    for path, methods in ENDPOINTS.items():
        for method in methods:
            answer = client.generic(method, f"/api/v1/{path}?noSuchThing=1")
            body = answer.json()
            assert (answer.status_code, body["code"]) == (422, "VALIDATION_FAILED"), path
            assert body["errors"]["noSuchThing"] == ["There is no parameter noSuchThing."], path


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("pageSize=0", "pageSize"),
        ("pageSize=501", "pageSize"),
        ("page_size=many", "pageSize"),
        ("pageSize=1&page_size=2", "pageSize"),
        ("loaderCode=A&loaderCode=B", "loaderCode"),
        ("status=SUCCESS&status=ASLEEP", "status"),
        ("status=,", "status"),
        ("fromTime=2026-01-02T00:00:00Z&toTime=2026-01-01T00:00:00Z", "toTime"),
        ("fromTime=yesterday", "fromTime"),
        ("page=2", "page"),
    ],
)
def test_a_value_that_can_not_be_meant_is_refused(place: Place, query: str, member: str) -> None:
    status, body = get(place, f"executions?{query}")
    assert (status, body["code"]) == (422, "VALIDATION_FAILED")
    assert list(body["errors"]) == [member]


def test_a_page_is_as_large_as_asked_for_and_the_next_one_keeps_the_filters(place: Place) -> None:
    add_more(place, 0, 3)
    for name in ("pageSize", "page_size"):
        _, page = get(place, f"executions?trigger=manual&{name}=4")
        assert len(page["results"]) == 4
        rest = client_of(place.people.admin).get(page["next"]).json()
        assert [row["trigger"] for row in rest["results"]] == ["MANUAL"] * 2
        assert rest["next"] is None


def test_executions_are_found_by_what_one_knows_of_them(place: Place) -> None:
    add_more(place, 0, 3)

    def starts(query: str, path: str = "executions") -> list[str]:
        return [at[8:10] for at in found(place, f"{path}?{query}", "startTime")]

    assert starts("loaderCode=MORE_001") == ["02"]
    assert starts("status=FAILED") == ["01"]
    assert starts("status=FAILED,SUCCESS") == starts("") == ["03"] * 2 + ["02"] * 2 + ["01"] * 3
    assert starts("status=failed&status=partial") == ["01"]
    assert starts("trigger=SCHEDULE") == ["01"]
    assert starts("errorCode=SOURCE_SQL_FAILED") == ["01"]
    assert starts("requestedBy=somebody-2") == ["03", "03"]
    assert starts("requestedBy=system") == ["01"]
    assert starts("requestedBy=nobody-knows-whom") == []
    assert starts("correlationId=c-1") == ["02", "02"]
    assert starts("sourceDatabase=SHOP&trigger=MANUAL&loaderCode=MORE_002") == ["03"]
    assert starts("fromTime=2026-01-02T00:00:00Z&toTime=2026-01-03T00:00:00Z") == ["02", "02"]
    assert starts("", "loaders/ORDERS_HOURLY/history") == ["03", "02", "01", "01"]
    assert starts("status=FAILED", "loaders/ORDERS_HOURLY/history") == ["01"]


def test_the_history_of_a_loader_is_its_part_of_all_executions(place: Place) -> None:
    add_more(place, 0, 2)
    for role in Role:
        of_one = get(place, "loaders/ORDERS_HOURLY/history", role)
        assert of_one == get(place, "executions?loaderCode=ORDERS_HOURLY", role)
    assert get(place, "loaders/ORDERS_HOURLY/history?loaderCode=MORE_001")[0] == 422
    assert get(place, "loaders/NO_SUCH/history")[0] == 404


def test_loaders_are_found_by_what_one_knows_of_them(place: Place) -> None:
    add_more(place, 0, 2)
    Loader.objects.filter(loader_code="MORE_001").update(
        domain="Sales", owning_team="Shop", tags=["daily", "eu"], is_test=True, enabled=True
    )
    Loader.objects.filter(loader_code="MORE_000").update(description="Refunds of the web shop")

    def codes(query: str) -> list[str]:
        return sorted(found(place, f"loaders?{query}", "loaderCode"))

    more = ["MORE_000", "MORE_001"]
    assert codes("") == [*more, "ORDERS_HOURLY"]
    assert codes("approvalStatus=PENDING_APPROVAL") == ["ORDERS_HOURLY"]
    assert codes("approvalStatus=draft,approved") == more
    assert codes("loadStatus=IDLE") == [*more, "ORDERS_HOURLY"]
    assert codes("loadStatus=RUNNING,FAILED") == []
    assert codes("enabled=false") == ["MORE_000"]
    assert codes("kind=EXTERNAL") == []
    assert codes("sourceDatabase=SOURCE_001") == ["MORE_001"]
    assert codes("domain=Sales") == codes("tag=eu") == codes("isTest=true") == ["MORE_001"]
    assert codes("owningTeam=Shop") == ["MORE_001", "ORDERS_HOURLY"]
    assert codes("owningTeam=") == ["MORE_000"]
    assert codes("search=more_") == more
    assert codes("search=REFUNDS") == ["MORE_000"]
    assert codes("archived=true") == []


def test_loaders_come_in_the_order_asked_for_page_after_page(place: Place) -> None:
    add_more(place, 0, 3)
    for ordering, wanted in (
        ("loaderCode", ["MORE_000", "MORE_001", "MORE_002", "ORDERS_HOURLY"]),
        ("-loaderCode", ["ORDERS_HOURLY", "MORE_002", "MORE_001", "MORE_000"]),
        ("createdAt", ["ORDERS_HOURLY", "MORE_000", "MORE_001", "MORE_002"]),
        ("-createdAt", ["MORE_002", "MORE_001", "MORE_000", "ORDERS_HOURLY"]),
    ):
        seen: list[str] = []
        address = f"/api/v1/loaders?ordering={ordering}&pageSize=3"
        while address:
            page = client_of(place.people.viewer).get(address).json()
            seen += [row["loaderCode"] for row in page["results"]]
            address = page["next"]
        assert seen == wanted
    stray = page["previous"].replace("ordering=-createdAt", "ordering=loaderCode")
    assert client_of(place.people.viewer).get(stray).status_code == 200
    assert get(place, "loaders?ordering=loaderSql")[0] == 422


def test_other_lists_are_narrowed_too(place: Place) -> None:
    add_more(place, 0, 2)
    SourceDatabase.objects.filter(db_code="SHOP").update(read_only_verdict="READ_ONLY")
    assert found(place, "admin/res/db-sources?dbType=POSTGRESQL", "dbCode") == ["SHOP"]
    assert found(place, "admin/res/db-sources?readOnlyVerdict=READ_ONLY", "dbCode") == ["SHOP"]
    assert found(place, "admin/res/db-sources?search=source_001", "dbCode") == ["SOURCE_001"]
    assert found(place, "backfill?status=PENDING,PAUSED", "status") == ["PENDING"]
    assert found(place, "backfill?requestedBy=somebody-1", "requestedBy") == ["somebody-1"] * 2
    assert len(found(place, "recounts", "id")) == 5
    assert found(place, "recounts?loaderCode=MORE_001", "loaderCode") == ["MORE_001"]
    assert found(place, "recounts?state=waits,found", "state") == ["WAITS"]
    assert found(place, "loaders/ORDERS_HOURLY/recounts?state=WAITS", "state") == ["WAITS"]
    day = "fromTime=2026-01-02T00:30:00Z&toTime=2026-01-02T00:45:00Z&state=FAILED,MISSING"
    assert found(place, f"gaps?{day}", "fromTime") == ["2026-01-02T00:00:00Z"] * 2
    assert get(place, "loaders/ORDERS_HOURLY/gaps?loaderCode=MORE_001")[0] == 422


def test_locks_come_with_the_active_ones_first(place: Place) -> None:
    add_more(place, 0, 3)
    of_the_place = LoaderExecutionLock.objects.filter(loader=place.loader)
    released = of_the_place.exclude(load_history=place.execution).order_by("lock_id")
    for number, lock in enumerate(released):
        released.filter(pk=lock.pk).update(
            released=True, released_at=START.replace(hour=number + 1)
        )
    seen: list[Any] = []
    address = "/api/v1/locks?pageSize=2"
    while address:
        page = client_of(place.people.operator).get(address).json()
        seen += [(row["state"], (row["releasedAt"] or "")[11:13]) for row in page["results"]]
        address = page["next"]
    late_first = [("RELEASED", hour) for hour in ("03", "02", "01")]
    assert seen == [("ACTIVE", "")] * 4 + late_first
    assert found(place, "locks?state=active&loaderCode=MORE_002", "loaderCode") == ["MORE_002"]
    assert found(place, "locks?state=RELEASED", "released") == [True] * 3
    assert len(found(place, "locks?state=RELEASED,ACTIVE", "released")) == 7
    assert len(found(place, "locks?replicaName=replica-1", "lockId")) == 2
    (one,) = found(place, "locks?state=ACTIVE&loaderCode=MORE_001", "lockId")
    status, lock = get(place, f"locks/{one}", Role.APPROVER)
    assert (status, lock["lockId"], lock["windowFrom"]) == (200, one, "2026-01-03T00:00:00Z")
    assert get(place, f"locks/{NOWHERE}")[1]["code"] == "LOCK_NOT_FOUND"


def test_replicas_tell_who_works(place: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE replica SET heartbeat_at = clock_timestamp(), slots = 4;"
            "INSERT INTO scheduler_lease (name, holder, lease_until) "
            "VALUES ('cycle', 'secret-replica', clock_timestamp() + interval '1 minute') "
            "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, "
            "lease_until = excluded.lease_until;"
            "UPDATE loader_execution_lock SET replica_name = 'secret-replica'"
        )
    add_more(place, 0, 1)
    status, page = get(place, "replicas", Role.OPERATOR)
    lost, here = page["results"]
    assert (status, lost["name"], lost["state"]) == (200, "replica-0", "LOST")
    assert (lost["slotsTaken"], lost["isScheduling"]) == (2, False)
    assert (here["name"], here["state"], here["slots"]) == ("secret-replica", "LIVE", 4)
    assert (here["slotsTaken"], here["isScheduling"]) == (1, True)


def test_filters_that_narrow_most_are_served_by_an_index(place: Place) -> None:
    """The form for a million rows is in docs/benchmarks.md; the indexes are the same."""
    add_more(place, 0, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO load_history (id, loader_code, trigger, status, attempt, purge_strategy, "
            "source_db_code, replica_name, start_time, query_from_time, query_to_time, error_code, "
            "error_message, correlation_id, metadata) SELECT gen_random_uuid(), 'ORDERS_HOURLY', "
            "CASE WHEN n % 1000 = 0 THEN 'MANUAL' ELSE 'SCHEDULE' END, "
            "CASE WHEN n % 1000 = 1 THEN 'FAILED' ELSE 'SUCCESS' END, 1, 'FAIL_ON_DUPLICATE', "
            "'SHOP', '', now() - n * interval '1 s', now(), now(), "
            "CASE WHEN n % 1000 = 1 THEN 'DUPLICATE_DATA' ELSE '' END, '', 'c-' || n, '{}' "
            "FROM generate_series(1, 20000) AS n; ANALYZE load_history"
        )
    for query, index in (
        ("", "by_time"),
        ("loaderCode=MORE_000", "by_"),
        ("status=FAILED", "by_status"),
        ("status=CANCELLED", "by_status"),
        ("trigger=MANUAL", "by_trigger"),
        ("errorCode=DUPLICATE_DATA", "by_error"),
        ("correlationId=c-77", "by_correlation"),
        ("fromTime=2026-01-01T00:00:00Z&toTime=2026-01-02T00:00:00Z", "by_time"),
    ):
        plan = plan_of(place, f"executions?{query}")
        assert f"load_history_{index}" in plan, (query, plan)
        assert "Seq Scan on load_history" not in plan, query


def plan_of(place: Place, path: str) -> str:
    """How PostgreSQL finds the page's rows."""
    with CaptureQueriesContext(connection) as asked:
        assert get(place, path)[0] == 200
    (query,) = [one["sql"] for one in asked if '"load_history"."start_time" DESC' in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_pages_lead_through_more_rows_of_one_time_than_a_cursor_used_to_count(
    place: Place,
) -> None:
    values = {
        field.attname: getattr(place.loader, field.attname)
        for field in Loader._meta.concrete_fields
        if field.name not in {"id", "loader_code"}
    }
    codes = [f"SAME_{number:04}" for number in range(1600)]
    loaders = Loader.objects.bulk_create(Loader(**values, loader_code=code) for code in codes)
    end = START + timedelta(hours=1)
    LoaderState.objects.bulk_create(
        LoaderState(loader=loader, last_load_timestamp=end) for loader in loaders
    )
    CoverageInterval.objects.bulk_create(
        CoverageInterval(loader_id=code, range_from=START, range_to=end, state="FAILED")
        for code in codes
    )
    met: list[str] = []
    http, following = client_of(place.user(Role.VIEWER)), "/api/v1/gaps?pageSize=500"
    while following:
        page = http.get(following).json()
        met += [row["loaderCode"] for row in page["results"]]
        following = page["next"]
        assert len(met) <= 2000
    assert sorted(set(met) & set(codes)) == codes
    assert len(met) == len(set(met))
