"""What protects a source: read-only accounts, hours in which it is left alone, and what its profile
says (spec 2, 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import database_now
from execution.exceptions import NothingToLoadError
from execution.models import LoadHistory, Trigger
from execution.services import dispatch, run_now
from execution.windows import NotDue, NotDueReason
from loaders import services
from loaders.exceptions import SourceNotReadOnlyError, SourceTestFailedError
from loaders.models import LoaderState, SourceDatabase
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.people import People
from tests.support.scenes import Scene

SIMULATED = {"dbCode": "PRETEND", "dbType": "SIMULATED", "dbName": "shop"}


@pytest.fixture
def scene(committed_db: None, postgres_source: SourceServer) -> Scene:
    return Scene(postgres_source)


def verdict() -> tuple[str, bool]:
    source = SourceDatabase.objects.get()
    return source.read_only_verdict, source.read_only_checked_at is not None


def test_what_the_account_may_do_is_kept_with_the_source(scene: Scene) -> None:
    assert verdict() == ("UNKNOWN", False)
    status, answer = Client(scene.people.admin).post("admin/res/db-sources/SHOP/inspect")
    assert (status, answer["readOnlyVerdict"]) == (200, "READ_ONLY")
    assert verdict() == ("READ_ONLY", True)
    before = SourceDatabase.history.count()
    scene.server.execute(f"GRANT INSERT ON orders TO {scene.server.reader}")
    report = services.try_source(user=scene.people.admin, source=SourceDatabase.objects.get())
    assert report.privileges is not None
    assert verdict() == ("CAN_WRITE", True)
    assert SourceDatabase.objects.get().read_only_findings == list(report.privileges.findings)
    assert SourceDatabase.history.count() == before


def test_a_verdict_is_about_one_account_only(scene: Scene) -> None:
    admin = scene.people.admin
    services.inspect_source(user=admin, source=scene.source)
    source = SourceDatabase.objects.get()
    services.update_source(user=admin, source=source, values={"max_connections": 3})
    assert verdict() == ("READ_ONLY", True)
    services.update_source(user=admin, source=source, values={"user_name": "another"})
    assert verdict() == ("UNKNOWN", False)


def test_a_source_that_does_not_answer_keeps_its_verdict(scene: Scene) -> None:
    services.inspect_source(user=scene.people.admin, source=scene.source)
    source = SourceDatabase.objects.get()
    source.password = "wrong"
    source.save()
    with pytest.raises(SourceTestFailedError):
        services.inspect_source(user=scene.people.admin, source=source)
    assert verdict() == ("READ_ONLY", True)


def test_a_portal_may_demand_read_only_accounts(scene: Scene, settings: Any) -> None:
    settings.REQUIRE_READ_ONLY_SOURCES = True
    with pytest.raises(SourceNotReadOnlyError, match=r"docs/sources\.md"):
        scene.dispatch()
    services.inspect_source(user=scene.people.admin, source=scene.source)
    history = scene.run()
    assert history.status == "SUCCESS"
    SourceDatabase.objects.update(read_only_verdict="CAN_WRITE")
    with pytest.raises(SourceNotReadOnlyError):
        scene.dispatch()


def test_an_account_that_can_write_since_dispatch_runs_nothing(scene: Scene, settings: Any) -> None:
    services.inspect_source(user=scene.people.admin, source=scene.source)
    settings.REQUIRE_READ_ONLY_SOURCES = True
    history = scene.dispatch()
    SourceDatabase.objects.update(read_only_verdict="CAN_WRITE")
    assert scene.execute(history).error_code == "SOURCE_NOT_READ_ONLY"


def around_now(minutes_before: int, minutes_after: int) -> tuple[str, datetime]:
    """Blackout hours around the present minute (UTC), and when they end."""
    now = database_now().replace(second=0, microsecond=0)
    start, end = now - timedelta(minutes=minutes_before), now + timedelta(minutes=minutes_after)
    return f"{start:%H:%M}-{end:%H:%M}", end.astimezone(UTC)


def test_no_run_starts_in_a_blackout_and_the_loader_is_due_when_it_ends(scene: Scene) -> None:
    hours, end = around_now(5, 30)
    admin = scene.people.admin
    services.update_source(user=admin, source=scene.source, values={"blackout_hours": hours})
    outcome = dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE)
    assert outcome == NotDue(NotDueReason.BLACKOUT)
    assert LoaderState.objects.get().next_due_at == end
    with pytest.raises(NothingToLoadError, match="left alone at this hour"):
        run_now(user=scene.people.operator, loader=scene.loader, trigger=Trigger.MANUAL)
    assert not LoadHistory.objects.exists()
    values = {"blackout_hours": around_now(30, -5)[0]}
    services.update_source(user=admin, source=scene.source, values=values)
    assert isinstance(scene.dispatch(), LoadHistory)


@pytest.mark.django_db
def test_a_simulated_source_needs_no_address_and_no_password() -> None:
    admin = Client(People().admin)
    assert admin.post("admin/res/db-sources", SIMULATED)[0] == 201
    status, report = admin.post("admin/res/db-sources/PRETEND/test")
    assert (status, report["ok"]) == (200, True), report


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["host", "port", "dbName", "userName", "password"])
def test_a_real_source_needs_all_of_them(name: str) -> None:
    body: dict[str, Any] = {
        "dbCode": "SHOP",
        "dbType": "POSTGRESQL",
        "host": "db.example",
        "port": 5432,
        "dbName": "shop",
        "userName": "reader",
        "password": "x",
    }
    del body[name]
    status, problem = Client(People().admin).post("admin/res/db-sources", body)
    assert (status, list(problem["errors"])) == (422, [name])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blackoutHours", "at night"),
        ("timeZone", "Mars/Olympus"),
        ("retentionDays", 0),
        ("maxConnections", 0),
        ("readOnlyVerdict", "READ_ONLY"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    status, problem = Client(People().admin).post("admin/res/db-sources", SIMULATED | {name: value})
    assert (status, list(problem["errors"])) == (422, [name])


@pytest.mark.django_db
def test_the_seeds_pool_fields_are_accepted(settings: Any) -> None:
    admin = Client(People().admin)
    pool = {
        "minPoolSize": 1,
        "maxPoolSize": 7,
        "idleTimeoutSeconds": 30,
        "connectionTimeoutSeconds": 12,
        "leakDetectionThresholdSeconds": 0,
    }
    status, source = admin.post("admin/res/db-sources", {**SIMULATED, **pool})
    assert (status, source["maxConnections"], source["connectTimeoutSeconds"]) == (201, 7, 12)
    settings.THREAD_POOL_SIZE = 13
    plain = admin.post("admin/res/db-sources", {**SIMULATED, "dbCode": "PLAIN"})[1]
    assert (plain["maxConnections"], plain["allowTestQueries"]) == (3, False)
