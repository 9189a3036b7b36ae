"""A worker's part in a trial: take what was frozen at the request, conduct it, record the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from django.db import transaction

from core.clock import database_now
from core.window import Window
from execution.exceptions import RunCancelledError
from execution.heartbeat import Heartbeat
from execution.models import (
    LoaderExecutionLock,
    LoadHistory,
    RunStatus,
    Stage,
    Trial,
    TrialKind,
)
from execution.services.claim import begin
from execution.services.dispatch import time_plan
from execution.services.release import release_after_load
from execution.services.trials import submitted_definition, watermark_of
from execution.trials.conduct import examine
from execution.trials.limits import limits_of, trial_timeout
from execution.trials.plan import Plan, Unwatched
from execution.trials.windows import widest_window
from loaders.connectors.privileges import PrivilegeReport
from loaders.definition import Definition
from loaders.models import Decision, Loader, LoaderVersion, SourceDatabase
from loaders.services import finish_evidence, keep_verdict, last_evidence
from loaders.trial_report import TrialReport
from signals.models import SignalsHistory

_TOLD_EVERY_SECONDS = 1.0


def run_trial(lock: LoaderExecutionLock, heartbeat: Heartbeat) -> None:
    """Conduct the trial of a lock that was just taken, and record what it found. Raises
    RunCancelledError where it was called off, LockLostError, and what the heartbeat says."""
    begin(lock)
    heartbeat.limit(trial_timeout().total_seconds())
    history = lock.load_history
    trial = Trial.objects.select_related("evidence__version").get(load_history=history)
    loader = Loader.objects.select_related("source_database").get(loader_code=lock.loader_id)
    definition = Definition(loader.pk, loader.loader_code, trial.definition)
    _check_still_wanted(trial, definition, loader)
    plan = plan_of(TrialKind(trial.kind), loader, definition, history.window)
    report = examine(plan, _Watched(trial, heartbeat), database_now())
    if heartbeat.reason is not None:
        raise heartbeat.reason
    if plan.kind is TrialKind.DRY_RUN:
        report = replace(report, standing=_standing(loader.loader_code, plan.window))
    _finish(lock, trial, report)
    _keep_verdict(loader, report)


def gather_now(version: LoaderVersion) -> None:
    """Gather a version's evidence in this process, for set-ups where no worker runs yet. Raises
    DefinitionTamperedError, and nothing that happens at the source."""
    loader = version.loader
    definition = submitted_definition(version)
    now = database_now()
    window = widest_window(time_plan(definition.settings()), watermark_of(loader), now)
    plan = plan_of(TrialKind.EVIDENCE, loader, definition, window)
    report = examine(plan, Unwatched(), now)
    finish_evidence(version.evidence.pk, report)
    _keep_verdict(loader, report)


def plan_of(kind: TrialKind, loader: Loader, definition: Definition, window: Window) -> Plan:
    """What a trial is to do."""
    earlier = last_evidence(loader) if kind is TrialKind.EVIDENCE else None
    source_id = loader.source.pk
    return Plan(
        kind=kind,
        loader_code=loader.loader_code,
        definition=definition,
        profile=loader.source.profile(),
        password=lambda: SourceDatabase.objects.only("password").get(pk=source_id).password,
        window=window,
        limits=limits_of(kind, definition["execution_timeout_seconds"]),
        min_interval=timedelta(seconds=loader.min_interval_seconds),
        earlier=None if earlier is None else earlier[1],
        earlier_number=None if earlier is None else earlier[0],
    )


def _standing(loader_code: str, window: Window) -> int:
    """How many signals a run over the window would meet."""
    signals = SignalsHistory.objects.filter(loader_code=loader_code)
    return signals.filter(load_time_stamp__gte=window.start, load_time_stamp__lt=window.end).count()


def _check_still_wanted(trial: Trial, definition: Definition, loader: Loader) -> None:
    """Raises RunCancelledError if the source is not the one that was looked at when the trial was
    asked for, or the version no longer waits for a decision."""
    if definition["source_database"] != loader.source.governed_values():
        raise RunCancelledError("The source was changed since the trial was asked for.")
    if trial.evidence is not None and trial.evidence.version.decision != Decision.PENDING:
        raise RunCancelledError("The version no longer waits for a decision.")


def _keep_verdict(loader: Loader, report: TrialReport) -> None:
    """The account was looked at anyway: the source remembers what was seen."""
    if report.source.server_version:
        found = PrivilegeReport(report.source.can_write, report.source.privileges)
        keep_verdict(loader.source, found)


class _Watched:
    """Tells people how far the trial has come, and the heartbeat how to end it."""

    def __init__(self, trial: Trial, heartbeat: Heartbeat) -> None:
        self._row = Trial.objects.filter(pk=trial.pk)
        self._heartbeat = heartbeat
        self._told_at = monotonic()

    def stage(self, stage: Stage) -> None:
        self._row.update(stage=stage)

    def rows(self, count: int) -> None:
        if monotonic() - self._told_at >= _TOLD_EVERY_SECONDS:
            self._row.update(rows_so_far=count)
            self._told_at = monotonic()

    def interrupts(self, stop: Callable[[], None]) -> None:
        self._heartbeat.interrupts(stop)


@transaction.atomic
def _finish(lock: LoaderExecutionLock, trial: Trial, report: TrialReport) -> None:
    """Pack, trial, history and, as the last statement, the lock; or nothing of it."""
    if trial.evidence_id is not None:
        finish_evidence(trial.evidence_id, report)
    trial.stage = Stage.ENDED
    trial.rows_so_far = report.rows
    trial.report = report.to_json()
    trial.save(update_fields=("stage", "rows_so_far", "report"))  # keys may be rotated meanwhile
    history = LoadHistory.objects.select_for_update(no_key=True).get(pk=lock.load_history_id)
    if history.status == RunStatus.RUNNING:
        history.status = RunStatus.FAILED if report.failure_code else RunStatus.SUCCESS
        history.end_time = database_now()
        history.records_read = report.rows
        history.error_code = report.failure_code
        history.error_message = report.failure_message
        history.source_error = report.source_error or None
        history.save()
    release_after_load(lock.pk)
