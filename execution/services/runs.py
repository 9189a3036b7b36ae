"""A person or a machine asks for a run now."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import Permission, User, person_of
from audit.services import record
from execution.models import LoadHistory, Trigger
from execution.services.dispatch import dispatch, require_planned
from loaders.models import Loader
from loaders.services import require_on


def run_now(*, user: User, loader: Loader, trigger: Trigger) -> LoadHistory:
    """Dispatch the loader's next window now, without waiting for its turn or for the run.

    Raises PermissionDeniedError, LoaderNotFoundError, NothingToLoadError and what `dispatch`
    raises.
    """
    require_on(user, Permission.RUN, loader)
    with transaction.atomic():
        planned = dispatch(loader_id=loader.pk, trigger=trigger, requested_by=person_of(user))
        history = require_planned(planned, loader)
        record(
            actor=user,
            action="loader.run",
            object_type="loader",
            object_id=loader.loader_code,
            after={"executionId": str(history.pk), "trigger": trigger},
        )
    return history
