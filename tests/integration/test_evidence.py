"""An approver approves from the pack alone: what is wrong with a definition shows in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import LoaderEvent
from core.errors import PortalError
from execution.models import CoverageInterval, LoadHistory, Trial, Trigger
from execution.services import shows_data
from execution.trials.gathering import gather_waiting
from loaders.exceptions import (
    EvidenceNotReadyError,
    InvalidTransitionError,
    ValidationFailedError,
)
from loaders.models import (
    EvidencePack,
    EvidenceStatus,
    Loader,
    LoaderVersion,
    SourceDatabase,
)
from loaders.services import renew_evidence, submit, update_loader
from loaders.trial_report import Severity
from signals.models import SignalsHistory
from tests.servers import SourceServer
from tests.support.gathering import approved, codes, gathered, people_and_replica, submitted
from tests.support.people import People
from tests.support.scenes import HOUR, START, add_orders, make_orders, make_source, order_sql

pytestmark = [pytest.mark.django_db, pytest.mark.gathers_evidence]


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def server(request: pytest.FixtureRequest) -> SourceServer:
    """A source of each kind."""
    server: SourceServer = request.getfixturevalue(request.param)
    make_orders(server)
    return server


@pytest.fixture
def people() -> People:
    """Everybody, and a replica with a free slot."""
    return people_and_replica()


def test_a_sound_definition_has_evidence_without_errors(
    server: SourceServer, people: People
) -> None:
    add_orders(
        server,
        (START + timedelta(minutes=5), "EU", "web", 2.5),
        (START + timedelta(minutes=6), "EU", "web", 1.5),
        (START + 2 * HOUR, "UK", "shop", None),
    )
    version = submitted(people, make_source(server, people))

    report = gathered(version)

    assert codes(report) == set()
    assert report.rows == 2
    assert not report.is_cut
    assert report.rows_per_day == 8  # two in six hours
    assert report.inferred_grain_seconds == 7200
    assert report.first_stamp == START.isoformat()
    assert report.explain
    assert report.total_ms is not None
    assert report.first_row_ms is not None
    assert report.source.can_write is False
    assert ("EU", "web") in {row[1:3] for row in report.sample}
    kinds = {column.name.upper(): column.kind for column in report.columns}
    assert kinds["LOAD_TIME_STAMP"] == "timestamp"
    assert kinds["REC_COUNT"] == "integer"
    assert kinds["SEGMENT_1"] == "text"
    assert kinds["SEGMENT_3"] == "empty"
    assert not SignalsHistory.objects.exists()
    assert approved(people, version).decision == "APPROVED"


def test_a_wrong_grain_is_an_error_that_the_pack_proves(
    server: SourceServer, people: People
) -> None:
    add_orders(server, *((START + timedelta(minutes=5 * n), "EU", "web", 1.0) for n in range(60)))
    version = submitted(people, make_source(server, people), grain_seconds=60)

    report = gathered(version)

    assert report.inferred_grain_seconds == 3600
    assert codes(report) == {"GRAIN_MISMATCH"}
    with pytest.raises(ValidationFailedError, match="GRAIN_MISMATCH"):
        approved(people, version)
    assert approved(people, version, comment="Only for a day.").decision == "APPROVED"


def test_data_that_comes_once_an_hour_is_not_taken_for_a_wrong_grain(
    server: SourceServer, people: People
) -> None:
    minute = order_sql(server.db_type)
    minute = minute.replace("date_trunc('hour', at)", "date_trunc('minute', at)")
    minute = minute.replace("%H:00:00", "%H:%i:00")
    add_orders(server, *((START + n * HOUR, "EU", "web", 1.0) for n in range(5)))
    version = submitted(people, make_source(server, people), grain_seconds=60, loader_sql=minute)

    report = gathered(version)

    assert codes(report) == set()
    assert codes(report, Severity.NOTE) == {"GRAIN_COARSE"}


def test_an_account_that_can_write_shows(server: SourceServer, people: People) -> None:
    source = make_source(server, people, user_name=server.writer, password=server.writer_password)
    version = submitted(people, source)

    report = gathered(version)

    assert "ACCOUNT_CAN_WRITE" in codes(report)
    assert report.source.privileges
    source.refresh_from_db()
    assert source.read_only_verdict == "CAN_WRITE"


def test_columns_that_changed_since_the_last_approval_show(
    server: SourceServer, people: People
) -> None:
    add_orders(server, (START, "EU", "web", 1.0))
    source = make_source(server, people)
    first = submitted(people, source)
    gathered(first)
    approved(people, first)
    server.execute("ALTER TABLE orders RENAME COLUMN region TO region_name")
    server.execute("ALTER TABLE orders ADD COLUMN region integer")
    server.execute("UPDATE orders SET region = 7")
    loader = Loader.objects.get()
    update_loader(user=people.operator, loader=loader, values={"lateness_seconds": 120})
    second = submit(user=people.operator, loader=Loader.objects.get())

    report = gathered(second)

    assert codes(report, Severity.WARNING) == {"COLUMN_DRIFT"}
    (finding,) = (f for f in report.findings if f.code == "COLUMN_DRIFT")
    assert finding.message == "Against version 1: SEGMENT_1 was text and is integer."


def test_rows_that_no_run_would_accept_show(server: SourceServer, people: People) -> None:
    text = order_sql(server.db_type).replace("SUM(amount)", "MAX(region)")
    add_orders(server, (START, "EU", "web", 1.0))
    version = submitted(people, make_source(server, people), loader_sql=text)

    report = gathered(version)

    assert codes(report) == {"ROW_REJECTED"}
    assert "SUM_VAL" in report.failure_message
    assert report.sample


def test_a_key_that_comes_twice_shows(server: SourceServer, people: People) -> None:
    twice = order_sql(server.db_type).replace("channel AS SEGMENT_2", "NULL AS SEGMENT_2")
    add_orders(server, (START, "EU", "web", 1.0), (START, "EU", "shop", 1.0))
    version = submitted(people, make_source(server, people), loader_sql=twice)

    assert codes(gathered(version)) == {"DUPLICATE_KEY"}


def test_a_source_that_is_away_is_recorded_and_the_approver_decides(
    server: SourceServer, people: People
) -> None:
    version = submitted(people, make_source(server, people, port=1))

    report = gathered(version)

    assert codes(report) == {"SOURCE_UNREACHABLE"}
    with pytest.raises(ValidationFailedError):
        approved(people, version)
    assert approved(people, version, comment="The source comes tomorrow.").number == 1


def test_a_source_that_refuses_names_its_account_only_to_those_who_may_see_it(
    server: SourceServer, people: People
) -> None:
    version = submitted(people, make_source(server, people, user_name="who_nobody_is"))

    report = gathered(version)

    assert codes(report) == {"SOURCE_AUTH_FAILED"}
    assert "who_nobody_is" in report.source_error
    assert "who_nobody_is" not in report.without_data().to_json()
    assert "who_nobody_is" not in LoadHistory.objects.get().error_message


def test_evidence_of_a_version_approved_meanwhile_stands_as_it_was(
    postgres_source: SourceServer, people: People
) -> None:
    make_orders(postgres_source)
    version = submitted(people, make_source(postgres_source, people))
    gathered(version)
    looked_at = LoaderVersion.objects.select_related("loader").get(pk=version.pk)
    approved(people, version)

    with pytest.raises(InvalidTransitionError, match="decided"):
        renew_evidence(user=people.operator, version=looked_at)
    assert EvidencePack.objects.get().status == EvidenceStatus.FINISHED


def test_a_source_that_lost_the_table_says_so_only_to_those_who_may_see_it(
    server: SourceServer, people: People
) -> None:
    source = make_source(server, people)
    version = submitted(people, source)
    server.execute("DROP TABLE orders")

    report = gathered(version)

    assert codes(report) <= {"SOURCE_SQL_FAILED", "SOURCE_PERMISSION_DENIED"}
    assert "orders" in report.source_error
    assert "orders" not in report.without_data().to_json()


def test_nobody_approves_before_the_evidence_is_complete(
    postgres_source: SourceServer, people: People
) -> None:
    make_orders(postgres_source)
    version = submitted(people, make_source(postgres_source, people))
    with pytest.raises(EvidenceNotReadyError):
        approved(people, version, comment="Never mind.")

    gathered(version)
    renew_evidence(user=people.approver, version=version)
    with pytest.raises(EvidenceNotReadyError):
        approved(people, version, comment="Never mind.")

    gathered(version)
    assert approved(people, version).decision == "APPROVED"


def test_a_pack_of_another_definition_is_no_evidence(
    postgres_source: SourceServer, people: People
) -> None:
    make_orders(postgres_source)
    source = make_source(postgres_source, people)
    version = submitted(people, source)
    gathered(version)
    update_loader(
        user=people.operator, loader=version.loader, values={"max_query_period_seconds": 7200}
    )
    second = submit(user=people.operator, loader=Loader.objects.get())
    EvidencePack.objects.get(version=second).delete()
    EvidencePack.objects.filter(version=version).update(version=second)

    with pytest.raises(EvidenceNotReadyError):
        approved(people, second)


def test_what_a_pack_waits_for_is_told(postgres_source: SourceServer, people: People) -> None:
    make_orders(postgres_source)
    source = make_source(postgres_source, people)
    version = submitted(people, source)
    SourceDatabase.objects.update(environment="elsewhere")

    assert gather_waiting() == 0

    pack = EvidencePack.objects.get(version=version)
    assert pack.status == EvidenceStatus.WAITING
    assert "another environment" in pack.note
    with pytest.raises(PortalError, match="another environment"):
        approved(people, version)


def test_a_trial_leaves_state_coverage_and_outbox_alone(
    postgres_source: SourceServer, people: People
) -> None:
    make_orders(postgres_source)
    version = submitted(people, make_source(postgres_source, people, port=1))
    gathered(version)

    history = LoadHistory.objects.get()
    assert history.trigger == Trigger.DRY_RUN
    assert not CoverageInterval.objects.exists()
    assert not LoaderEvent.objects.exists()
    assert version.loader.state.last_attempt_at is None
    assert version.loader.state.consecutive_failures == 0


def test_where_trials_are_not_allowed_only_who_approves_sees_the_data(
    postgres_source: SourceServer, people: People
) -> None:
    make_orders(postgres_source)
    add_orders(postgres_source, (START, "EU", "web", 1.0))
    version = submitted(people, make_source(postgres_source, people))
    gathered(version)
    trial = Trial.objects.get()
    assert not shows_data(people.operator, trial)
    assert not shows_data(people.viewer, trial)
    assert shows_data(people.approver, trial)
    assert shows_data(people.admin, trial)
    address = "/api/v1/loaders/ORDERS/versions/1/evidence"
    for user, rows in ((people.operator, 0), (people.approver, 1)):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
        assert len(client.get(address).json()["report"]["sample"]) == rows
    SourceDatabase.objects.update(allow_test_queries=True)
    assert shows_data(people.operator, Trial.objects.get())
