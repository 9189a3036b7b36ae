"""A draft that was submitted, and its evidence gathered as scheduler and worker do it."""

from __future__ import annotations

from typing import Any

from core.clock import ClockTimestamp
from execution import engine
from execution.models import LoaderExecutionLock, LoadHistory, Replica
from execution.trials.gathering import gather_waiting
from loaders.models import EvidencePack, LoaderVersion, SourceDatabase
from loaders.services import approve, create_loader, submit
from loaders.trial_report import Severity, TrialReport
from tests.support.people import People
from tests.support.scenes import START, order_sql


def people_and_replica() -> People:
    """Everybody, and a replica with free slots."""
    Replica.objects.create(
        name="test-replica", version="test", slots=10, pid=1, started_at=START, heartbeat_at=START
    )
    Replica.objects.update(heartbeat_at=ClockTimestamp())
    return People()


def submitted(people: People, source: SourceDatabase, **values: Any) -> LoaderVersion:
    """A draft over the orders, submitted by the operator."""
    loader = create_loader(
        user=people.operator,
        values={
            "loader_code": "ORDERS",
            "source_database": source,
            "loader_sql": order_sql(source.db_type),
            "description": "Orders by region and channel.",
            "owning_team": "Shop",
            "contact": "shop@example.org",
            "grain_seconds": 3600,
            "max_query_period_seconds": 6 * 3600,
            "start_at": START,
            **values,
        },
    )
    return submit(user=people.operator, loader=loader)


def gathered(version: LoaderVersion) -> TrialReport:
    """The report after the scheduler has queued the task and a worker has done it."""
    assert gather_waiting() == 1
    work()
    report = EvidencePack.objects.get(version=version).findings()
    assert report is not None
    return report


def work() -> LoadHistory:
    """Do what is queued."""
    lock = LoaderExecutionLock.objects.active().get()
    engine.run(lock.pk)
    history = LoadHistory.objects.get(pk=lock.load_history_id)
    assert history.error_code != "INTERNAL_ERROR", history.stack_trace
    return history


def codes(report: TrialReport, severity: Severity = Severity.ERROR) -> set[str]:
    """What was found, by severity."""
    return {finding.code for finding in report.findings if finding.severity is severity}


def approved(people: People, version: LoaderVersion, comment: str = "") -> LoaderVersion:
    """Decide as the approver."""
    return approve(user=people.approver, loader=version.loader, comment=comment)
