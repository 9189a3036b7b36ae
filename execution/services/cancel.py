"""Asking a run to stop."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import Permission, User, require
from audit.services import record
from execution.exceptions import NotCancellableError
from execution.models import LoaderExecutionLock, LoadHistory


@transaction.atomic
def request_cancel(*, user: User, execution: LoadHistory) -> None:
    """Ask the run's worker to stop the query on the source and roll back; it does so within
    seconds. Raises PermissionDeniedError, NotCancellableError."""
    require(user, Permission.RUN)
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
