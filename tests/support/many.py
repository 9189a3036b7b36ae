"""More of everything that a list of the API shows, each with persons and loaders of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from accounts.roles import Role
from accounts.tokens import create_token
from audit.models import LoaderEvent
from audit.services import emit, record
from backfill.gaps import Fate
from backfill.models import BackfillJob, BackfillRun, GapFinding, GapScan
from backfill.states import JobStatus
from execution.models import (
    CoverageInterval,
    GapWaiver,
    LoaderExecutionLock,
    LoadHistory,
    Recount,
    Replica,
    RunStatus,
    Trigger,
)
from loaders.models import Decision, Loader, LoaderState, LoaderVersion, SourceDatabase
from signals.models import OutputVersion, SegmentCombination, SegmentDescription
from tests.support.people import person
from tests.support.place import Place
from tests.support.scenes import HOUR, START, order_sql

DAY = timedelta(days=1)


def add_more(place: Place, first: int, last: int) -> None:
    """One more of everything for each number from `first` to before `last`."""
    for number in range(first, last):
        somebody = person(Role.OPERATOR, f"somebody-{number}")
        loader = _loader(place, number, somebody)
        for owner in (place.loader, loader):
            execution = _execution(owner, number, somebody)
            _around_an_execution(owner, execution, number, somebody)
            _job(owner, number, somebody)
        _of_the_place(place, number, somebody)


def _loader(place: Place, number: int, somebody: Any) -> Loader:
    source = SourceDatabase.objects.create(
        db_code=f"SOURCE_{number:03}", db_type="SIMULATED", db_name="shop"
    )
    loader = Loader.objects.create(
        loader_code=f"MORE_{number:03}",
        loader_sql=order_sql("POSTGRESQL"),
        source_database=source,
    )
    LoaderState.objects.create(loader=loader)
    version = _version(loader, 1, somebody, place.people.approver)
    Loader.objects.filter(pk=loader.pk).update(approved_version=version)
    return loader


def _version(loader: Loader, number: int, somebody: Any, approver: Any) -> LoaderVersion:
    return LoaderVersion.objects.create(
        loader=loader,
        number=number,
        definition="{}",
        digest="",
        submitted_by=somebody,
        decided_by=approver,
        decision=Decision.REJECTED,
    )


def _execution(loader: Loader, number: int, somebody: Any) -> LoadHistory:
    start = START + number * DAY
    return LoadHistory.objects.create(
        loader=loader,
        version=loader.versions.earliest("number"),
        trigger=Trigger.MANUAL,
        status=RunStatus.SUCCESS,
        requested_by=somebody,
        source_db_code="SHOP",
        start_time=start,
        query_from_time=start,
        query_to_time=start + HOUR,
        correlation_id=f"c-{number}",
    )


def _around_an_execution(
    loader: Loader, execution: LoadHistory, number: int, somebody: Any
) -> None:
    start = START + (number + 1) * DAY
    LoaderExecutionLock.objects.create(
        loader=loader,
        load_history=execution,
        is_live=False,
        window_from=start,
        window_to=start + HOUR,
        lease_until=start,
        replica_name=f"replica-{number}",
    )
    Recount.objects.create(
        loader=loader,
        load_history=execution,
        state="DECLINED",
        age_seconds=60,
        found_records=1,
        late_records=0,
        lost_records=0,
        decided_by=somebody,
    )
    GapWaiver.objects.create(
        loader=loader,
        range_from=start,
        range_to=start + HOUR,
        reason="Nothing was sold.",
        waived_by=somebody,
        withdrawn_by=somebody,
        waived_at=start,
    )
    OutputVersion.objects.create(
        loader=loader,
        window_from=start,
        window_to=start + HOUR,
        replaced_at=start,
        replaced_by=execution.pk,
        rows=1,
        expires_at=start + 36_500 * DAY,
    )
    LoaderState.objects.filter(loader=loader).update(last_load_timestamp=start + DAY)
    CoverageInterval.objects.create(
        loader=loader, range_from=start, range_to=start + HOUR, state="FAILED"
    )


def _job(loader: Loader, number: int, somebody: Any) -> BackfillJob:
    start = START + (number + 1) * DAY
    return BackfillJob.objects.create(
        loader=loader,
        version=loader.versions.earliest("number"),
        from_time=start,
        to_time=start + HOUR,
        status=JobStatus.SUCCESS,
        requested_by=somebody,
        decided_by=somebody,
        correlation_id="a-backfill",
    )


def _of_the_place(place: Place, number: int, somebody: Any) -> None:
    start = START + (number + 1) * DAY
    _version(place.loader, 100 + number, somebody, place.people.approver)
    job, scan = place.objects["backfill_backfilljob"], place.objects["backfill_gapscan"]
    execution = LoadHistory.objects.filter(requested_by=somebody).earliest("id")
    BackfillRun.objects.create(
        job=job,
        load_history=execution,
        window_from=start,
        window_to=start + HOUR,
        status=RunStatus.SUCCESS,
        dispatched_at=start,
    )
    GapScan.objects.create(started_at=start, looked_from=START, requested_by=somebody)
    GapFinding.objects.create(
        scan=scan,
        loader_code=place.loader.loader_code,
        range_from=start,
        range_to=start + HOUR,
        fate=Fate.SUBMITTED,
        job=job,
    )
    Replica.objects.create(
        name=f"replica-{number}",
        version="1",
        slots=1,
        pid=1,
        started_at=START,
        heartbeat_at=START,
    )
    segments = {f"segment_{n}": "" for n in range(1, 11)}
    code = UUID(int=number + 1)
    SegmentCombination.objects.create(segment_code=code, **{**segments, "segment_1": f"{number}"})
    SegmentDescription.objects.create(segment_code=code, description=f"Region {number}")
    create_token(actor=somebody, name="export", role="viewer")
    create_token(actor=place.people.admin, name=f"export-{number}", role="viewer")
    record(actor=somebody, action="test", object_type="loader", object_id=place.loader.loader_code)
    emit(kind=LoaderEvent.Kind.RUN_FINISHED, loader_code=place.loader.loader_code)
