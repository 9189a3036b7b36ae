"""Recording that a run came to nothing: history, state, coverage, event, lock (spec 6)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from audit.models import LoaderEvent
from audit.services import emit
from core.clock import database_now
from core.correlation import set_correlation_id
from core.errors import DefinitionError, PortalError, TerminalError
from execution.coverage import Outcome
from execution.exceptions import (
    CaptureFailedError,
    ControlDatabaseError,
    LeaseExpiredError,
    LockLostError,
    NotClaimedError,
    RowCapExceededError,
    RunCancelledError,
    SourceClockBehindError,
    WatermarkMovedError,
)
from execution.hints import hint_cycle
from execution.models import (
    FAILURE_KIND,
    LoaderExecutionLock,
    LoadHistory,
    RunStatus,
    Trigger,
)
from execution.models.lock import LockQuerySet
from execution.retry import FailureKind, due_after_failure
from execution.services.breakers import note_failure, note_success
from execution.services.coverage import update_coverage
from execution.services.release import release_or_fail
from loaders.connectors.errors import (
    SourceAuthError,
    SourceBusyError,
    SourceConnectionLostError,
    SourceDataError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
    SourceTlsError,
    SourceUnreachableError,
)
from loaders.exceptions import (
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
)
from loaders.models import Loader, LoaderState, LoadStatus
from loaders.tampering import TAMPERED, report_tampering
from signals.exceptions import ColumnsChangedError, DuplicateKeyError, RowRejectedError

_OURS = (CaptureFailedError, ControlDatabaseError, LeaseExpiredError, NotClaimedError)
"""What the source has no part in: the window is tried again without the loader's own interval."""

_CALLED_OFF = (
    RunCancelledError,
    SourceClockBehindError,
    WatermarkMovedError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
)

_OF_SOURCE = (
    SourceAuthError,
    SourceBusyError,
    SourceConnectionLostError,
    SourceTlsError,
    SourceUnreachableError,
)
"""What any loader of the source would meet: it counts for the source's breaker."""

_SERVED = (
    ColumnsChangedError,
    DuplicateKeyError,
    RowCapExceededError,
    RowRejectedError,
    SourceDataError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
)
"""What only a source that serves can answer: it closes the source's breaker."""


@dataclass(frozen=True)
class Failure:
    """Why a run ended without data. `source_error` and `stack_trace` are stored encrypted."""

    code: str
    message: str
    kind: FailureKind
    is_of_source: bool = False
    has_served: bool = False
    source_error: str | None = None
    stack_trace: str | None = None

    @classmethod
    def of(cls, error: PortalError, *, stack_trace: str | None = None) -> Failure:
        """From an error of the run. A loader that was disabled or edited between dispatch and claim
        did not fail: its run is called off."""
        return cls(
            code=error.code,
            message=error.message,
            kind=_kind_of(error),
            is_of_source=isinstance(error, _OF_SOURCE),
            has_served=isinstance(error, _SERVED),
            source_error=getattr(error, "raw", None),
            stack_trace=stack_trace,
        )


def _kind_of(error: PortalError) -> FailureKind:
    if isinstance(error, _CALLED_OFF):
        return FailureKind.CALLED_OFF
    if isinstance(error, _OURS):
        return FailureKind.OF_PORTAL
    if isinstance(error, DefinitionError):
        return FailureKind.OF_DEFINITION
    return FailureKind.TERMINAL if isinstance(error, TerminalError) else FailureKind.TRANSIENT


def record_failure(lock_id: UUID, failure: Failure, *, among: LockQuerySet | None = None) -> bool:
    """Record the failure and release the lock, in one transaction; False if the lock is no longer
    held (or, where given, not one of `among`), in which case whoever took it records the end."""
    lock = LoaderExecutionLock.objects.select_related("load_history", "loader").get(pk=lock_id)
    set_correlation_id(lock.load_history.correlation_id)
    try:
        with transaction.atomic():
            state = LoaderState.objects.select_for_update(no_key=True).get(pk=lock.loader.pk)
            if lock.is_live:
                _fail_state(state, lock.loader, failure)
            if failure.is_of_source:
                note_failure(lock.load_history.source_db_code, failure.code)
            elif failure.has_served and lock.loader.source_database_id is not None:
                note_success(lock.loader.source_database_id)
            _fail_history(lock.load_history, failure)
            if failure.code == TAMPERED:
                report_tampering(lock.loader_id)
            release_or_fail(lock_id, among=among)
    except LockLostError:
        return False
    return True


def _fail_state(state: LoaderState, loader: Loader, failure: Failure) -> None:
    """A failing loader waits longer each time, or until a person acts; one whose run was called off
    just until its next turn, or until the time that somebody set meanwhile."""
    asked_for = state.next_due_at
    if failure.kind is FailureKind.CALLED_OFF:
        state.load_status = LoadStatus.IDLE
    else:
        state.load_status = LoadStatus.FAILED
        state.consecutive_failures += 1
    due_in = due_after_failure(
        failure.kind,
        state.consecutive_failures,
        max_attempts=loader.max_attempts,
        min_interval=timedelta(seconds=loader.min_interval_seconds),
        jitter=random.random(),
    )
    state.next_due_at = None if due_in is None else database_now() + due_in
    if failure.kind is FailureKind.CALLED_OFF and asked_for is not None:
        state.next_due_at = asked_for
    state.save()


def _fail_history(history: LoadHistory, failure: Failure) -> None:
    cancelled = failure.kind is FailureKind.CALLED_OFF
    if Trigger(history.trigger).loads:
        _tell_failure(history, failure, cancelled=cancelled)
    history = LoadHistory.objects.select_for_update(no_key=True).get(pk=history.pk)
    ended = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
    if ended not in LoadHistory.TRANSITIONS.get(RunStatus(history.status), ()):
        raise LockLostError("The run was ended by somebody else.")
    history.status = ended
    history.end_time = database_now()
    history.error_code = failure.code
    history.error_message = failure.message
    history.metadata = {**history.metadata, FAILURE_KIND: failure.kind.value}
    history.source_error = failure.source_error
    history.stack_trace = failure.stack_trace
    history.save()
    hint_cycle()


def _tell_failure(history: LoadHistory, failure: Failure, *, cancelled: bool) -> None:
    """Coverage and outbox; a trial has neither."""
    if not cancelled:
        update_coverage(
            loader_code=history.loader_id,
            window=history.window,
            outcome=Outcome.FAILURE,
            load_history_id=history.pk,
        )
    emit(
        kind=LoaderEvent.Kind.RUN_CANCELLED if cancelled else LoaderEvent.Kind.RUN_FAILED,
        loader_code=history.loader_id,
        execution_id=history.pk,
        window=history.window,
        details={"errorCode": failure.code},
    )
