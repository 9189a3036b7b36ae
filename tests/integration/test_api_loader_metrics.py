"""Figures of a loader at the API, its draft's verdict, and the seeds' paths."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.roles import Role
from audit.models import AuditEvent
from core.clock import database_now
from execution.models import LoadHistory, RunStatus, Trigger
from loaders.models import Loader, LoaderState
from loaders.services import create_loader, set_teams
from tests.integration.test_api_access import client_of
from tests.support.place import ACCOUNT, MARKER, SECRET, Place
from tests.support.scenes import START
from tests.support.teams import make_team

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
METRICS = "loaders/ORDERS_HOURLY/metrics"


def get(place: Place, path: str, role: Role = Role.VIEWER) -> tuple[int, Any]:
    answer = client_of(place.user(role)).get(f"/api/v1/{path}")
    return answer.status_code, answer.json()


def ran(place: Place, start: Any, status: RunStatus, **values: Any) -> None:
    """A run that waited two seconds; `took` seconds if it ended."""
    took = values.pop("took", None)
    LoadHistory.objects.create(
        **{
            "loader": place.loader,
            "trigger": Trigger.SCHEDULE,
            "status": status,
            "start_time": start,
            "claimed_at": start + 2 * SECOND,
            "end_time": None if took is None else start + (2 + took) * SECOND,
            "query_from_time": START,
            "query_to_time": START + timedelta(hours=1),
            **values,
        }
    )


def test_the_figures_of_a_day_and_a_week(place: Place) -> None:
    now = database_now()
    hour, day = timedelta(hours=1), timedelta(days=1)
    for took in range(1, 21):
        ran(
            place, now - took * hour, RunStatus.SUCCESS, took=took, records_read=5, records_loaded=4
        )
    ran(place, now - hour, RunStatus.PARTIAL, took=40, records_loaded=1, records_purged=7)
    ran(place, now - 2 * day, RunStatus.FAILED, took=100)
    ran(place, now - SECOND, RunStatus.RUNNING, claimed_at=None)
    ran(place, now - 8 * day, RunStatus.FAILED, took=1000)
    ran(place, now - hour, RunStatus.FAILED, took=1000, trigger=Trigger.DRY_RUN)
    ran(place, now - hour, RunStatus.FAILED, took=1000, trigger=Trigger.RECOUNT)
    status, seen = get(place, METRICS)
    assert status == 200
    of_a_day, of_a_week = seen["periods"]
    assert of_a_day["runsByStatus"] == {
        "RUNNING": 1,
        "SUCCESS": 20,
        "PARTIAL": 1,
        "FAILED": 0,
        "CANCELLED": 0,
    }
    assert (of_a_day["runs"], of_a_day["successRate"]) == (22, 1.0)
    assert of_a_day["durationSeconds"] == {"p50": 11.0, "p95": 20.0, "max": 40.0}
    assert of_a_day["queueWaitSeconds"] == {"p50": 2.0, "p95": 2.0, "max": 2.0}
    assert (of_a_day["recordsRead"], of_a_day["recordsLoaded"]) == (100, 81)
    assert of_a_day["recordsPurged"] == 7
    assert (of_a_week["runsByStatus"]["FAILED"], of_a_week["durationSeconds"]["max"]) == (1, 100.0)
    assert of_a_week["successRate"] == round(21 / 22, 4)


def test_where_a_loader_stands(place: Place) -> None:
    now = database_now()
    Loader.objects.update(
        approval_status="APPROVED",
        approved_version=place.loader.versions.earliest("number"),
        freshness_target_seconds=60,
        end_at=None,
    )
    LoaderState.objects.update(
        last_load_timestamp=now - timedelta(hours=2),
        next_due_at=now - timedelta(minutes=5),
        consecutive_failures=3,
        load_status="FAILED",
    )
    _, seen = get(place, METRICS)
    assert 7200 <= seen["lagSeconds"] < 7260
    assert 300 <= seen["overdueSeconds"] < 360
    assert (seen["isOverdue"], seen["isFresh"]) == (True, False)
    assert (seen["consecutiveFailures"], seen["loadStatus"]) == (3, "FAILED")
    for period in seen["periods"]:
        assert (period["runs"], period["successRate"], period["durationSeconds"]) == (0, None, None)


def test_a_period_of_ones_own(place: Place) -> None:
    span = "fromTime=2026-01-01T00:00:00Z&toTime=2026-01-02T00:00:00Z"
    _, seen = get(place, f"{METRICS}?{span}")
    (period,) = seen["periods"]
    assert (period["runs"], period["successRate"]) == (1, 0.0)
    assert period["fromTime"] == "2026-01-01T00:00:00Z"
    for refused in (
        "fromTime=2026-01-01T00:00:00Z",
        "toTime=2026-01-01T00:00:00Z",
        "fromTime=2026-01-02T00:00:00Z&toTime=2026-01-02T00:00:00Z",
        "fromTime=2026-01-01T00:00:00Z&toTime=2026-02-02T00:00:01Z",
    ):
        assert get(place, f"{METRICS}?{refused}")[0] == 422, refused


def validate(place: Place, code: str = "ORDERS_HOURLY", role: Role = Role.OPERATOR) -> Any:
    path = f"/api/v1/loaders/{code}/validate"
    return client_of(place.user(role)).post(path, {}, format="json")


def test_the_draft_is_validated_as_a_statement_is(place: Place) -> None:
    for role in (Role.OPERATOR, Role.APPROVER):
        answer = validate(place, role=role)
        assert (answer.status_code, answer.json()["isValid"]) == (200, True)
    loader = Loader.objects.get(pk=place.loader.pk)
    loader.loader_sql = "DELETE FROM orders"
    loader.save()
    verdict = validate(place).json()
    body = {"sql": "DELETE FROM orders", "dbType": "POSTGRESQL"}
    same = client_of(place.people.operator).post("/api/v1/sql/validate", body, format="json")
    assert verdict == same.json()
    assert verdict["isValid"] is False
    assert {"code", "message", "line", "column"} == verdict["errors"][0].keys()


def test_what_has_no_statement_has_no_verdict(place: Place) -> None:
    create_loader(user=place.people.admin, values={"loader_code": "POSTED", "kind": "EXTERNAL"})
    assert validate(place, "POSTED").json()["code"] == "LOADER_IS_EXTERNAL"
    assert validate(place, "NO_SUCH").json()["code"] == "LOADER_NOT_FOUND"
    assert validate(place, role=Role.VIEWER).status_code == 403


def test_the_paths_of_the_seeds_answer_as_the_others_do(place: Place) -> None:
    for role in Role:
        assert get(place, "res/loaders/loaders", role) == get(place, "loaders", role)
        status, seen = get(place, "res/loaders/ORDERS_HOURLY", role)
        source = seen.pop("source", None)
        assert (status, seen) == get(place, "loaders/ORDERS_HOURLY", role)
        assert (source is None) == ("loaderSql" not in seen) == (role is Role.VIEWER)
        if source is not None:
            assert source["userName"] == ACCOUNT
            assert (source["dbCode"], source["host"], source["dbName"]) == (
                "SHOP",
                "127.0.0.1",
                "shop",
            )
    assert get(place, "res/loaders/NO_SUCH")[1]["code"] == "LOADER_NOT_FOUND"


def test_who_reads_sql_by_the_path_of_the_seeds_leaves_a_trace(place: Place) -> None:
    before = AuditEvent.objects.filter(action="loader.view_sql").count()
    answer = client_of(place.people.operator).get("/api/v1/res/loaders/ORDERS_HOURLY")
    assert MARKER in answer.json()["loaderSql"]
    assert SECRET not in answer.content.decode()
    assert AuditEvent.objects.filter(action="loader.view_sql").count() == before + 1


def test_the_source_of_a_loader_is_not_shown_to_whom_only_the_loader_was_granted(
    place: Place, settings: Any
) -> None:
    settings.OBJECT_PERMISSIONS = True
    team = make_team(place.people, "Orders", place.people.operator)
    set_teams(user=place.people.admin, obj=place.loader, teams=[team])
    status, seen = get(place, "res/loaders/ORDERS_HOURLY", Role.OPERATOR)
    assert (status, "source" in seen, "loaderSql" in seen) == (200, False, True)
