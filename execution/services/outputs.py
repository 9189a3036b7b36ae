"""Restoring an output version: a run like any other, whose rows the portal kept itself (spec 6)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.roles import Permission, User, person_of, require
from audit.services import record
from execution.models import OUTPUT_VERSION, LoadHistory, Trigger
from execution.services.dispatch import dispatch_window, require_planned
from loaders.policies import PurgeStrategy
from signals.outputs import get_output, last_stamp_of


@transaction.atomic
def restore_output(*, user: User, version_id: UUID) -> LoadHistory:
    """Queue a run that puts the version in the place of what stands in its window, without waiting
    for it. What it replaces becomes a version in turn.

    Raises PermissionDeniedError, OutputNotFoundError, and what `dispatch_window` raises.
    """
    require(user, Permission.RUN)
    version = get_output(version_id, user=user)
    loader = version.loader
    planned = dispatch_window(
        loader_id=loader.pk,
        window=version.window,
        trigger=Trigger.RESTORE,
        purge_strategy=PurgeStrategy.PURGE_AND_RELOAD,
        requested_by=person_of(user),
        metadata={OUTPUT_VERSION: str(version.pk)},
        last_stamp=last_stamp_of(version.pk),
    )
    history = require_planned(planned, loader)
    record(
        actor=user,
        action="output.restore",
        object_type="loader",
        object_id=loader.loader_code,
        after={"outputId": str(version.pk), "executionId": str(history.pk)},
    )
    return history
