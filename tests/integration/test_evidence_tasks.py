"""Evidence while its task runs: time limits, cancels, workers that are lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEvent
from backfill.services.submitting import Wanted
from backfill.services.submitting import submit as submit_backfill
from core.clock import database_now
from core.correlation import set_correlation_id
from execution.models import LoadHistory, RunStatus, Trial, TrialKind, Trigger
from execution.scheduler import cycle
from execution.services import request_cancel, request_trial
from execution.trials.gathering import MOST_ATTEMPTS, gather_waiting
from loaders.models import (
    EvidencePack,
    EvidenceStatus,
    Loader,
    LoaderState,
    LoaderVersion,
    SourceDatabase,
)
from loaders.services import approve, renew_evidence
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.gathering import codes, gathered, people_and_replica, submitted, work
from tests.support.people import People
from tests.support.scenes import START, Scene, add_orders, make_orders, make_source, order_sql


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def server(request: pytest.FixtureRequest) -> SourceServer:
    """A source of each kind."""
    server: SourceServer = request.getfixturevalue(request.param)
    make_orders(server)
    return server


def waiting(server: SourceServer) -> tuple[People, LoaderVersion]:
    """A version over an empty table of orders, whose evidence is to be gathered."""
    people = people_and_replica()
    make_orders(server)
    return people, submitted(people, make_source(server, people))


@pytest.mark.gathers_evidence
def test_a_query_over_its_time_shows(
    committed_db: PortalDatabase, server: SourceServer, settings: Any
) -> None:
    people = people_and_replica()
    settings.TRIAL_TIMEOUT = timedelta(seconds=1)
    add_orders(server, (START, "EU", "web", 1.0))
    server.execute("CREATE TABLE many (n integer)")
    server.execute_many("INSERT INTO many (n) VALUES (%s)", [(n,) for n in range(3000)])
    heavy = order_sql(server.db_type).replace(
        "FROM orders", "FROM orders CROSS JOIN many a CROSS JOIN many b CROSS JOIN many c"
    )
    version = submitted(people, make_source(server, people), loader_sql=heavy)

    report = gathered(version)

    assert report.failure_code == "SOURCE_TIMEOUT"
    assert codes(report) == {"SOURCE_TIMEOUT"}
    assert LoadHistory.objects.get().status == RunStatus.FAILED


@pytest.mark.gathers_evidence
def test_tasks_that_come_to_no_end_close_the_pack_as_incomplete(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    people, version = waiting(postgres_source)
    for _ in range(MOST_ATTEMPTS):
        assert gather_waiting() == 1
        assert gather_waiting() == 0  # one task at a time
        history = LoadHistory.objects.latest("start_time")
        request_cancel(user=people.operator, execution=history)
        assert work().status == RunStatus.CANCELLED
    assert gather_waiting() == 0

    report = EvidencePack.objects.get(version=version).findings()
    assert report is not None
    assert codes(report) == {"EVIDENCE_INCOMPLETE"}


def test_a_trial_whose_source_was_changed_meanwhile_is_called_off(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene = Scene(postgres_source)
    SourceDatabase.objects.update(allow_test_queries=True)
    request_trial(user=scene.people.operator, loader=scene.loader, kind=TrialKind.DRY_RUN)
    SourceDatabase.objects.update(db_name="elsewhere")

    assert work().status == RunStatus.CANCELLED
    assert Trial.objects.get().report is None
    assert scene.loader.state.consecutive_failures == 0


@pytest.mark.gathers_evidence
@pytest.mark.parametrize("in_blackout", [False, True])
def test_many_packs_that_wait_for_one_source_cost_the_cycle_little(
    committed_db: PortalDatabase,
    postgres_source: SourceServer,
    in_blackout: bool,  # noqa: FBT001
) -> None:
    people = people_and_replica()
    make_orders(postgres_source)
    source = make_source(postgres_source, people, max_connections=1)
    for number in range(12):
        submitted(people, source, loader_code=f"ORDERS_{number}")
    now = database_now()
    hours = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    SourceDatabase.objects.update(blackout_hours=hours if in_blackout else "")
    assert gather_waiting() == (0 if in_blackout else 1)

    with CaptureQueriesContext(connection) as queries:
        assert gather_waiting() == 0
    assert len(queries) < 30
    waiting = EvidencePack.objects.filter(note__contains="left alone")
    assert waiting.count() == (12 if in_blackout else 0)


@pytest.mark.gathers_evidence
def test_a_pack_whose_tasks_were_forgotten_is_tried_once_more(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    people = people_and_replica()
    make_orders(postgres_source)
    version = submitted(people, make_source(postgres_source, people))
    EvidencePack.objects.update(attempts=MOST_ATTEMPTS)

    assert codes(gathered(version)) == set()


@pytest.mark.gathers_evidence
def test_a_long_backfill_at_the_same_source_does_not_keep_a_pack_waiting(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    people = people_and_replica()
    make_orders(postgres_source)
    source = make_source(postgres_source, people, max_connections=1)
    values = {"enabled": True, "end_at": START + timedelta(days=9)}
    loaded = submitted(people, source, loader_code="LOADED", **values)
    gathered(loaded)
    approve(user=people.approver, loader=loaded.loader)
    LoaderState.objects.update(last_load_timestamp=START + timedelta(days=9), next_due_at=None)
    wanted = Wanted(START, START + timedelta(days=6))
    submit_backfill(user=people.operator, loader=Loader.objects.get(), wanted=wanted)
    assert cycle() is not None
    assert work().trigger == Trigger.BACKFILL

    version = submitted(people, source, loader_code="WAITS")
    assert cycle() is not None

    assert work().trigger == Trigger.DRY_RUN
    assert EvidencePack.objects.get(version=version).status == EvidenceStatus.FINISHED


@pytest.mark.gathers_evidence
def test_an_altered_version_is_audited_once_when_its_evidence_is_refused(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    _, version = waiting(postgres_source)
    Loader.objects.update(lateness_seconds=7)
    assert [gather_waiting() for _ in range(3)] == [0, 0, 0]
    assert "altered outside" in EvidencePack.objects.get(version=version).note
    assert AuditEvent.objects.filter(action="loader.refused").count() == 1


@pytest.mark.gathers_evidence
def test_evidence_is_gathered_under_the_id_of_who_asked_for_it(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    set_correlation_id("asked.by.submit")
    people, version = waiting(postgres_source)
    set_correlation_id("the.scheduler")
    assert gather_waiting() == 1
    assert LoadHistory.objects.get().correlation_id == "asked.by.submit"
    work()
    set_correlation_id("asked.again")
    renew_evidence(user=people.operator, version=version)
    set_correlation_id("the.scheduler")
    assert gather_waiting() == 1
    assert LoadHistory.objects.latest("start_time").correlation_id == "asked.again"
