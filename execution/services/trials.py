"""Trials: test queries and dry runs that people ask for, evidence that approvals need (spec 3, 4).

A trial is dispatched, claimed, cancelled and reaped as a run is, under the same caps; it reads
what a draft says and writes no signal, no coverage and no watermark.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.object_access import reachable
from accounts.roles import Permission, User, person_of
from audit.services import record
from core.clock import database_now
from core.correlation import correlation_id
from core.window import Window
from execution.exceptions import (
    LoaderAtCapacityError,
    NothingToLoadError,
    TrialNotFoundError,
    TrialsNotAllowedError,
)
from execution.hints import hint_execution
from execution.models import LoaderExecutionLock, LoadHistory, Trial, TrialKind, Trigger
from execution.services.caps import check_shared_caps
from execution.services.dispatch import time_plan
from execution.trials.windows import check_window, widest_window
from loaders.definition import Definition
from loaders.exceptions import DefinitionTamperedError, LoaderIsExternalError
from loaders.models import EvidencePack, Loader, LoaderState, LoaderVersion
from loaders.policies import LoaderKind
from loaders.services import check_source, may_see_evidence, require_on, show_sql
from loaders.services.archiving import locked_loader
from loaders.validation import check, check_runnable, check_statement


@transaction.atomic
def request_trial(
    *,
    user: User,
    loader: Loader,
    kind: TrialKind,
    window: Window | None = None,
    sql: str | None = None,
) -> LoadHistory:
    """Queue a test query or a dry run of the loader's definition as it stands, approved or not,
    without waiting for it. `sql` is tried in place of the loader's own; `window` is the widest that
    its next runs would read unless given.

    Raises PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError, LoaderIsExternalError,
    TrialsNotAllowedError (the source does not allow it), SqlInvalidError, ValidationFailedError,
    TrialWindowError, NothingToLoadError (the source is to be left alone now),
    LoaderAtCapacityError, and what `check_source` raises.
    """
    if kind == TrialKind.EVIDENCE:
        raise ValueError("evidence is gathered for a version, not for a person")
    require_on(user, Permission.EDIT_LOADERS, loader)
    loader = locked_loader(loader)
    if sql is not None:
        loader.loader_sql = sql
    _check_definition(loader)
    if not loader.source.allow_test_queries:
        raise TrialsNotAllowedError(
            f"Source {loader.source.db_code} does not allow statements that nobody has approved. "
            "An administrator may allow test queries there."
        )
    definition = Definition.of(loader)
    history = _hand_out(loader, kind, definition, window=window, requested_by=user)
    record(
        actor=user,
        action="trial.request",
        object_type="loader",
        object_id=loader.loader_code,
        after={"kind": kind, "executionId": str(history.pk), "ownSql": sql is not None},
    )
    return history


@transaction.atomic
def request_evidence(pack: EvidencePack) -> LoadHistory:
    """Queue the task that gathers a pack. What is tried is what was submitted, found unaltered.

    Raises what `request_trial` raises about source, window and caps.
    """
    version = LoaderVersion.objects.select_related("loader__source_database").get(
        pk=pack.version_id
    )
    loader = version.loader
    definition = submitted_definition(version)
    check_source(loader.source)
    return _hand_out(loader, TrialKind.EVIDENCE, definition, pack=pack, version=version)


def submitted_definition(version: LoaderVersion) -> Definition:
    """The version's definition, if it is what was submitted and what its loader holds now; the
    source's address is the loader's present one then. Raises DefinitionTamperedError."""
    loader = version.loader
    definition = Definition.of(loader)
    if definition.values != version.definition or not definition.matches(
        version.digest, version.number
    ):
        raise DefinitionTamperedError(
            f"The definition of {loader.loader_code} was altered outside the portal after it was "
            "submitted. Save and submit it again.",
            loader_code=loader.loader_code,
        )
    return definition


def trials_of(user: User) -> QuerySet[Trial]:
    """The trials of loaders that the user reaches, newest first."""
    executions = reachable(user, LoadHistory.objects.filter(trial__isnull=False))
    found: QuerySet[Trial] = Trial.objects.filter(load_history__in=executions).select_related(
        "load_history__loader", "load_history__requested_by"
    )
    return found


def get_trial(execution_id: UUID, *, user: User) -> Trial:
    """The trial of an execution. Raises TrialNotFoundError."""
    found = trials_of(user).filter(load_history_id=execution_id).first()
    if found is None:
        raise TrialNotFoundError(f"There is no trial {execution_id}, or it is past its days.")
    return found


def shows_data(user: User, trial: Trial) -> bool:
    """Whether the user may see the data in a trial's report; if so, the audit trail now says that
    the user did."""
    loader = trial.load_history.loader
    if trial.kind == TrialKind.EVIDENCE and not may_see_evidence(user, loader):
        return False
    return show_sql(user=user, loader_code=loader.loader_code)


def _check_definition(loader: Loader) -> None:
    if loader.kind != LoaderKind.SQL:
        raise LoaderIsExternalError(
            f"{loader.loader_code} gets its signals from another system: there is nothing to try."
        )
    check(loader)
    check_runnable(loader)
    check_statement(loader)
    check_source(loader.source)


def _hand_out(
    loader: Loader,
    kind: TrialKind,
    definition: Definition,
    *,
    window: Window | None = None,
    requested_by: User | None = None,
    pack: EvidencePack | None = None,
    version: LoaderVersion | None = None,
) -> LoadHistory:
    """Execution, trial, lock with lease, and hint."""
    now = database_now()
    plan = time_plan(definition.settings())
    if window is None:
        window = widest_window(plan, watermark_of(loader), now)
    else:
        check_window(window, plan, now)
    if loader.source.blackout_end(now) is not None:
        raise NothingToLoadError(f"Source {loader.source.db_code} is to be left alone now.")
    check_shared_caps(loader, Trigger.DRY_RUN)
    _check_one_at_a_time(loader)
    history = LoadHistory.objects.create(
        loader=loader,
        version=version,
        trigger=Trigger.DRY_RUN,
        requested_by=person_of(requested_by),
        source_db_code=loader.source.db_code,
        start_time=now,
        query_from_time=window.start,
        query_to_time=window.end,
        correlation_id=correlation_id(),
    )
    Trial.objects.create(
        load_history=history, kind=kind, evidence=pack, definition=definition.values
    )
    lock = LoaderExecutionLock.objects.create(
        loader=loader,
        load_history=history,
        is_live=False,
        window_from=window.start,
        window_to=window.end,
        lease_until=now + settings.LEASE,
    )
    hint_execution(lock.lock_id)
    return history


def watermark_of(loader: Loader) -> datetime | None:
    """How far the loader's live runs have come."""
    return LoaderState.objects.values_list("last_load_timestamp", flat=True).get(pk=loader.pk)


def _check_one_at_a_time(loader: Loader) -> None:
    """Under the lock of the caps, so that two requests at once make one trial."""
    active = LoaderExecutionLock.objects.active().filter(
        loader=loader, load_history__trigger=Trigger.DRY_RUN
    )
    if active.exists():
        raise LoaderAtCapacityError(
            f"{loader.loader_code} is being tried already. Wait for that to end, or cancel it."
        )
