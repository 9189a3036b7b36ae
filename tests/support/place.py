"""One of everything that has a page, and clients that are signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client

from accounts.roles import Role
from accounts.teams import create_team
from accounts.tokens import create_token
from audit.models import AuditEvent
from backfill.models import BackfillJob, GapScan
from backfill.states import JobStatus
from core.ids import uuid7
from execution.models import (
    CoverageInterval,
    Gap,
    GapWaiver,
    LoaderExecutionLock,
    LoadHistory,
    MaintenanceJob,
    Recount,
    Replica,
    RunStatus,
    Trial,
    Trigger,
)
from loaders.models import Loader, LoaderVersion
from loaders.services import create_source, submit, update_loader
from signals.models import LoaderSegment, OutputVersion, SegmentCombination
from tests.support.people import People
from tests.support.scenes import START, make_loader, order_sql

MARKER = "planted_marker_in_sql"
SECRET = "a-planted-source-password"
ACCOUNT = "planted_account_on_the_source"


class Place:
    """One of everything that has a page."""

    def __init__(self) -> None:
        self.people = People()
        source = create_source(
            user=self.people.admin,
            values={
                "db_code": "SHOP",
                "db_type": "POSTGRESQL",
                "host": "127.0.0.1",
                "port": 1,
                "db_name": "shop",
                "user_name": ACCOUNT,
                "password": SECRET,
            },
        )
        sql = order_sql("POSTGRESQL").replace("WHERE", f"WHERE region <> '{MARKER}' AND")
        loader = make_loader(self.people, source, "ORDERS_HOURLY", loader_sql=sql)
        self.loader: Loader = loader
        window = (START, START + timedelta(hours=1))
        self.execution = LoadHistory.objects.create(
            loader=loader,
            version=LoaderVersion.objects.get(),
            trigger=Trigger.SCHEDULE,
            status=RunStatus.FAILED,
            start_time=START,
            query_from_time=window[0],
            query_to_time=window[1],
            error_code="SOURCE_SQL_FAILED",
            source_error=f"the source quotes {MARKER}",
            stack_trace=f"a trace quotes {MARKER}",
            replica_name="secret-replica",
        )
        lock = LoaderExecutionLock.objects.create(
            loader=loader,
            load_history=self.execution,
            window_from=window[0],
            window_to=window[1],
            lease_until=START,
        )
        coverage = CoverageInterval.objects.create(
            loader=loader, range_from=window[0], range_to=window[1], state="FAILED"
        )
        Trial.objects.create(load_history=self.execution, kind="DRY_RUN", definition="{}")
        recount = Recount.objects.create(
            loader=loader,
            load_history=self.execution,
            state="WAITS",
            age_seconds=60,
            found_records=1,
            late_records=0,
            lost_records=1,
            grains=[(START.isoformat(), 2, 1)],
        )
        loader.state.last_load_timestamp = window[1]
        loader.state.save()
        waiver = GapWaiver.objects.create(
            loader=loader,
            range_from=window[0],
            range_to=window[1],
            reason="Nothing was sold.",
            waived_at=START,
        )
        scan = GapScan.objects.create(started_at=START, looked_from=START)
        output = OutputVersion.objects.create(
            loader=loader,
            window_from=window[0],
            window_to=window[1],
            replaced_at=START,
            replaced_by=self.execution.pk,
            rows=1,
            expires_at=START + timedelta(days=36_500),
        )
        segments = SegmentCombination.objects.create(
            segment_code=uuid7(), **{f"segment_{number}": "" for number in range(1, 11)}
        )
        LoaderSegment.objects.create(
            loader_code=loader.loader_code, segment_code=segments.segment_code
        )
        job = BackfillJob.objects.create(
            loader=loader,
            version=LoaderVersion.objects.get(),
            from_time=window[0],
            to_time=window[1],
            status=JobStatus.PENDING,
            requested_by=self.people.operator,
            correlation_id="a-backfill",
        )
        replica = Replica.objects.create(
            name="secret-replica",
            version="1",
            slots=1,
            pid=1,
            started_at=START,
            heartbeat_at=START,
        )
        upkeep = MaintenanceJob.objects.create(name="stale locks", holder="secret-replica")
        update_loader(user=self.people.operator, loader=loader, values={"lateness_seconds": 90})
        version = submit(user=self.people.operator, loader=loader)
        event = AuditEvent.objects.first()
        self.objects: dict[str, Any] = {
            "loaders_loader": loader,
            "loaders_loaderversion": version,
            "loaders_sourcedatabase": source,
            "execution_loadhistory": self.execution,
            "execution_coverageinterval": coverage,
            "execution_gap": Gap.objects.get(),
            "execution_gapwaiver": waiver,
            "backfill_gapscan": scan,
            "signals_outputversion": output,
            "signals_segmentcombination": segments,
            "execution_recount": recount,
            "execution_loaderexecutionlock": lock,
            "execution_replica": replica,
            "execution_maintenancejob": upkeep,
            "backfill_backfilljob": job,
            "audit_auditevent": event,
            "auth_user": self.people.viewer,
            "accounts_team": create_team(actor=self.people.admin, values={"name": "Shop"}),
        }

        self.tokens = {
            role: create_token(actor=self.user(role), name="export", role="viewer").row
            for role in Role
        }

    def user(self, role: Role) -> Any:
        return getattr(self.people, role.value)

    def key(self, name: str, role: Role) -> Any:
        """Of the row of a model that is there for this role: its own token, the one of all else."""
        return (self.tokens[role] if name == "accounts_apitoken" else self.objects[name]).pk


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client
