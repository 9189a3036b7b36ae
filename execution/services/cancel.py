"""Asking a run to stop."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.object_access import reaches
from accounts.roles import Permission, User, require
from audit.services import record
from execution.exceptions import ExecutionNotFoundError, NotCancellableError
from execution.models import LoaderExecutionLock, LoadHistory


def no_execution(execution_id: UUID) -> ExecutionNotFoundError:
    """The answer about an execution that is not there, or not for this user."""
    return ExecutionNotFoundError(f"There is no execution {execution_id}.")


@transaction.atomic
def request_cancel(*, user: User, execution: LoadHistory) -> None:
    """Ask the run's worker to stop the query on the source and roll back; it does so within
    seconds. Raises PermissionDeniedError, ExecutionNotFoundError, NotCancellableError."""
    require(user, Permission.RUN)
    if not reaches(user, execution):
        raise no_execution(execution.pk)
    asked = (
        LoaderExecutionLock.objects.active()
        .filter(load_history=execution)
        .update(cancel_requested=True)
    )
    if not asked:
        raise NotCancellableError("The execution has ended; there is nothing to cancel.")
    record(
        actor=user,
        action="execution.cancel",
        object_type="execution",
        object_id=str(execution.pk),
    )
