"""Disabling a loader together with what runs of it (spec 3)."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import User
from audit.services import record
from execution.models import LOADING, LoaderExecutionLock
from loaders.models import Loader
from loaders.services import disable


@transaction.atomic
def disable_and_cancel(*, user: User, loader: Loader) -> int:
    """Let no new run of the loader start, and ask those under way to stop, backfills and restores
    too; they do so within seconds. A loader that is disabled already is no obstacle. Returns how
    many were asked. Raises what `disable` raises."""
    disable(user=user, loader=loader)
    active = LoaderExecutionLock.objects.active().filter(
        loader=loader, load_history__trigger__in=LOADING
    )
    asked = 0
    for lock_id, execution_id in list(active.values_list("pk", "load_history_id")):
        still_active = LoaderExecutionLock.objects.active().filter(pk=lock_id)
        if still_active.update(cancel_requested=True):
            asked += 1
            record(
                actor=user,
                action="execution.cancel",
                object_type="execution",
                object_id=str(execution_id),
            )
    return asked
